"""Networks over the graph of users and items."""
