"""Find the nearest vectors."""
