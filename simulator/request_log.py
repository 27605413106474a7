"""The log of requests to the https endpoints."""

from dataclasses import dataclass
from datetime import datetime
import json
from typing import Final, Self, cast

from aiohttp import web

from .clock import Clock

LOGGED_FIELDS: Final = ("grant_type", "client_id", "scope", "redirect_uri", "claims")
"""Fields of sign-in forms in the log: none that could be used again."""


@dataclass
class Request:
    """An https request; `status` is None without a response."""

    method: str
    path: str
    query: dict[str, str]
    json: object
    at: datetime
    status: int | None = None

    @classmethod
    async def create(cls, request: web.Request, clock: Clock) -> Self:
        """Log a request without its secrets."""
        body = await _body(request)
        return cls(request.method, request.path, dict(request.query), body, clock.now())


async def _body(request: web.Request) -> object:
    if request.content_type == "application/json":
        try:
            return cast("object", json.loads(await request.read()))
        except ValueError:
            return None
    if request.content_type == "application/x-www-form-urlencoded":
        form = await request.post()
        return {name: str(form[name]) for name in LOGGED_FIELDS if name in form}
    return None
