"""HTTP: routes, bodies, parameters, errors, OpenAPI, metrics."""
