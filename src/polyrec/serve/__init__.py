"""Serve a bundle over HTTP, with a state that is alive.

settings    how a service runs
app         the application: routes, errors, start and stop
service     what the routes stand on: database, writer, live state
routes/     one file per kind of route, one line each in ROUTERS
schemas     bodies in and out, with Gorse's field names
errors      statuses and bodies of what goes wrong
observe     what is kept of every request: number, figures, log lines; protecting headers
access      who may ask what: keys with scopes, rates, load
rates       token buckets
metrics     figures for Prometheus
logs        JSON lines
gate        what every request passes: paths that are text, bodies of bounded size
cursor      signed places in a listing
recommend   query -> filters -> ranking -> fallback chain
diversity   maximal marginal relevance
neighbours  items and users that are near
live        histories, catalogue and popularity, kept up to date from the log
catalogue   the items as they stand now: hidden, categories, labels, times
labels      which items have which label or number
popularity  what was popular of late
model       a bundle and the items added since: immutable, swapped by one assignment
keeper      the thread that follows the database and the pointer: new items, new bundles
intake      the queue of items whose content waits to be read
reading     content as the bundle's encoders, aligner, imputer and fuser read it
uploads     files from outside: spooled, bounded, told by their bytes
search      items by content
slots       bounds how much costly work is under way
gather      the database as tables to train on
refit       the next bundle
schedule    when it is trained
seed        what an empty database takes over from a bundle
"""
