"""What runs beside the requests: model updates, encoding of new items, refits."""
