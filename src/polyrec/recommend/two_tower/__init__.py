"""A network for users and one for items."""
