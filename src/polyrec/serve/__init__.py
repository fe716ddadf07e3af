"""Serve a bundle over HTTP, with Gorse's routes.

`run` starts the workers, `app` builds the application of one worker, and `service` is what its
routes use: database, writer, live state. A request passes `middleware/` (keys, limits, log), then
`api/` (routes, bodies, errors) and `ranking/` (lists, neighbours, search). `state/` holds the model
and the live catalogue, histories and popularity; `background/` encodes new items, loads new bundles
and trains them. Imports go down: api, middleware, ranking, background, state.
"""
