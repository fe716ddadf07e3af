"""Recommenders that generate an item token by token, from a vocabulary shared by all items."""
