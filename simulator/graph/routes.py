"""The https endpoints of Graph."""

from collections.abc import Awaitable, Callable
import json

from aiohttp import web

from .messages import GraphRequest
from .service import VERSIONS, Graph


def _handler(graph: Graph) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        response = graph.respond(
            GraphRequest(request.method, request.raw_path, request.headers, body)
        )
        headers = response.all_headers
        if response.body is None:
            return web.Response(status=response.status, headers=headers)
        text = json.dumps(response.body, ensure_ascii=False).encode(errors="replace")
        return web.Response(status=response.status, headers=headers, body=text)

    return handle


def routes(graph: Graph) -> list[web.RouteDef]:
    """List the paths of known versions."""
    handle = _handler(graph)
    return [web.route("*", f"/{version}/{{rest:.*}}", handle) for version in VERSIONS]


def fallback(graph: Graph) -> web.RouteDef:
    """Let Graph reject all other paths."""
    return web.route("*", "/{rest:.*}", _handler(graph))
