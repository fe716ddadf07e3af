"""The dashboard: server-rendered pages over a running service, with `mount(app)`.

`routes/` has one file per page. `session` and `session_user` are login and permissions; the other
modules prepare what the pages show, and `rendering` puts it into the `templates/`.

All resources come from the service itself; the only script is htmx (0BSD, 2.0.11,
`static/htmx.min.js`).
"""

from polyrec.dashboard.mount import mount

__all__ = ["mount"]
