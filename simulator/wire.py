"""Types and helpers for HTTP."""

import base64
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

type Form = Mapping[str, str]
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type Json = dict[str, object]


def base64url(data: bytes) -> str:
    """Encode for a URL, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def read_form(request: web.Request) -> dict[str, str]:
    """Parse the fields of a form."""
    return {name: str(value) for name, value in (await request.post()).items()}
