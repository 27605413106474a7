"""The https endpoints of the sign-in."""

import base64
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from simulator.wire import Json, read_form

from .errors import SignInError
from .keys import key_set
from .pages import error_page
from .service import Entra


def routes(entra: Entra) -> list[web.RouteDef]:
    """List metadata, keys, token and device code endpoints."""

    def respond(request: web.Request, decide: Callable[[str], Json]) -> web.Response:
        headers = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
        try:
            return web.json_response(decide(request.match_info["tenant"]), headers=headers)
        except SignInError as error:
            body = error.body(entra.clock.now(), request.headers.get("client-request-id", ""))
            return web.json_response(body, status=error.kind.status, headers=headers)

    async def metadata(request: web.Request) -> web.Response:
        return respond(request, entra.authorities.metadata)

    async def keys(request: web.Request) -> web.Response:
        return respond(request, lambda tenant: key_set(entra.authorities.issuer(tenant)))

    async def device_code(request: web.Request) -> web.Response:
        form = await _urlencoded(request)
        endpoint = entra.device_code_endpoint
        return respond(request, lambda tenant: endpoint.respond(tenant, form))

    async def token(request: web.Request) -> web.Response:
        form = _basic(request.headers.get("Authorization", "")) | await _urlencoded(request)
        origin = request.headers.get("Origin")
        endpoint = entra.token_endpoint
        return respond(request, lambda tenant: endpoint.respond(tenant, form, origin))

    async def wrong_method(request: web.Request) -> web.Response:
        return error_page(SignInError(900561, f"a {request.method} request was received"))

    async def instance(request: web.Request) -> web.Response:
        return respond(request, lambda _: entra.authorities.instance(request.query))

    return [
        web.get("/{tenant:common}/discovery/instance", instance),
        web.get("/{tenant}/v2.0/.well-known/openid-configuration", metadata),
        web.get("/{tenant}/discovery/v2.0/keys", keys),
        web.post("/{tenant}/oauth2/v2.0/devicecode", device_code),
        web.post("/{tenant}/oauth2/v2.0/token", token),
        web.route("*", "/{tenant}/oauth2/v2.0/devicecode", wrong_method),
        web.route("*", "/{tenant}/oauth2/v2.0/token", wrong_method),
    ]


async def _urlencoded(request: web.Request) -> dict[str, str]:
    """Parse a form; Entra reads no other content type."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return await read_form(request)


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
