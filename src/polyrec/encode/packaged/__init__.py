"""Pretrained models that come as Python packages: the table of them, and how they are installed."""
