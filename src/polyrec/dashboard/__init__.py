"""Pages for people, over a running service.

mount       puts the pages onto an application
session     who looks: signed cookies, and tokens that forms carry
visitor     what a request's visitor may see and do
page        templates, and the headers that every page has
contents    pictures, sounds and videos of items
cards       items as a person sees them
reasons     why an item is recommended, in shares
figures     what the overview tells
routes/     one file per page

Everything comes from the service itself: no outside request, and no script but htmx (0BSD, 2.0.11,
`static/htmx.min.js`).
"""

from polyrec.dashboard.mount import mount

__all__ = ["mount"]
