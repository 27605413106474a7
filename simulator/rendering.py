"""Render HTML pages; jinja2 escapes everything."""

from pathlib import Path
from typing import Final

from aiohttp import web
import jinja2

STATIC: Final = Path(__file__).parent / "static"
TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(STATIC.with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
# No frame-ancestors: Home Assistant's sidebar shows the page in a frame. No form-action: it would also block the
# redirects of a sign-in.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def render(template: str, *, status: int = 200, **context: object) -> web.Response:
    """Respond with a page."""
    text = TEMPLATES.get_template(template).render(context)
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)
