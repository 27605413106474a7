"""The https endpoints of the sign-in."""

import base64
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from simulator.wire import Json, read_form

from .errors import SignInError
from .keys import key_set
from .service import Entra


def routes(entra: Entra) -> list[web.RouteDef]:
    """List metadata, keys, token and device code endpoints."""

    def respond(decide: Callable[[], Json]) -> web.Response:
        try:
            return web.json_response(decide(), headers={"Cache-Control": "no-store"})
        except SignInError as error:
            return web.json_response(error.body(entra.clock.now()), status=error.kind.status)

    async def metadata(request: web.Request) -> web.Response:
        return respond(lambda: entra.authorities.metadata(request.match_info["tenant"]))

    async def keys(request: web.Request) -> web.Response:
        return respond(key_set)

    async def device_code(request: web.Request) -> web.Response:
        form = await read_form(request)
        endpoint = entra.device_code_endpoint
        return respond(lambda: endpoint.respond(request.match_info["tenant"], form))

    async def token(request: web.Request) -> web.Response:
        form = _basic(request.headers.get("Authorization", "")) | await read_form(request)
        origin = request.headers.get("Origin")
        endpoint = entra.token_endpoint
        return respond(lambda: endpoint.respond(request.match_info["tenant"], form, origin))

    async def instance(request: web.Request) -> web.Response:
        return web.json_response(entra.authorities.instance())

    return [
        web.get("/common/discovery/instance", instance),
        web.get("/{tenant}/v2.0/.well-known/openid-configuration", metadata),
        web.get("/{tenant}/discovery/v2.0/keys", keys),
        web.post("/{tenant}/oauth2/v2.0/devicecode", device_code),
        web.post("/{tenant}/oauth2/v2.0/token", token),
    ]


def _basic(header: str) -> dict[str, str]:
    """Parse basic authentication (RFC 6749, section 2.3.1)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(credentials).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote(client_id), "client_secret": unquote(secret)}
