"""Keep what was costly to make, and what people did.

The content-addressed feature cache, the state of parts, and the service's database: users, items,
feedback and the log of every change (`database`, `tables`, `records`, `feedback`, `log`, `writer`).
"""
