"""Large catalogues and many events."""
