"""ASGI middlewares: API keys and load, size and time of bodies, request log; log format."""
