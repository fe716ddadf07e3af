"""HTTP: bodies, parameters, errors, routes."""
