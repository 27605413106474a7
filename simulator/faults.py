"""Faults on demand: slow, broken, rejected and lost responses."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
import json as jsonlib
from typing import Final, Literal, TypedDict, Unpack

from aiohttp import web

from .entra.errors import SignInError
from .graph.errors import GraphError, error_body
from .graph.messages import ERROR_TYPE, JSON_TYPE
from .graph.service import Graph
from .wire import Handler

type Body = Literal[
    "error",
    "empty",
    "html",
    "truncated",
    "wrong_type",
    "null",
    "no_presence",
    "deep",
    "not_unicode",
    "huge",
]
type Loss = Literal["close", "reset", "hang", "stall", "drip"]

SHORT_NAMES: Final = {
    "authorize": "* /*/oauth2/v2.0/authorize",
    "token": "POST /*/oauth2/v2.0/token",
    "devicecode": "POST /*/oauth2/v2.0/devicecode",
    "discovery": "GET /*/.well-known/openid-configuration",
    "keys": "GET /*/discovery/v2.0/keys",
    "graph": "* /[vb]*",
}
"""Short names for globs over "METHOD /path"."""

DRIP_INTERVAL: Final = 0.05
"""Seconds between two bytes of a response with `drip`."""

HUGE: Final = 20_000_000
"""Length of the `id` in a huge body."""

_CODES: Final = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    423: "Locked",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
    509: "BandwidthLimitExceeded",
}
_RAW: Final[dict[Body, bytes]] = {
    "empty": b"",
    "html": b"<html><head><title>Sorry</title></head><body><h1>Our services aren't available</h1></body></html>",
    "truncated": b'{"id": "fa8bf3dc-eca7-46b7-bad1-db199b62afc3", "availability": "Avail',
    "wrong_type": b'["unexpected", 42]',
    "null": b"null",
    "deep": b"[" * 200_000,
    "no_presence": b'{"id": "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"}',
    "not_unicode": b'{"id": "\xff\xfe\x00"}',
}


class Options(TypedDict, total=False):
    """Effects of a fault."""

    latency: float
    """Seconds of real time before anything else happens."""
    status: int
    """HTTP status; 200 when only `body` or `json` is given."""
    body: Body
    """The body of the response; by default, an error body in Microsoft's format."""
    json: object
    """A custom JSON body, instead of `body`."""
    content: bytes
    """A custom body in bytes, instead of `body`."""
    code: str
    message: str
    """`code` and `message` of the error body."""
    headers: dict[str, str]
    retry_after: int | str | datetime | timedelta
    """Retry-After: seconds or text are sent unchanged, a time or a timedelta from now as an HTTP date."""
    loss: Loss
    """Close the connection before the response, reset it within the body, hang before it or stall within it.

    `hang` and `stall` last until the client gives up or the fault ends; until then `drip` sends single bytes.
    """
    aadsts: int
    """The AADSTS code of a sign-in error; the authorize page shows it."""
    error: str
    suberror: str
    """The OAuth error and suberror, instead of those in SIGN_IN_ERRORS."""
    claims: str
    """A claims challenge (the JSON of `claims`, base64 encoded by the caller): 401 insufficient_claims."""
    applied: bool
    """Process the request before the fault, as if only the response is lost."""


@dataclass(eq=False)
class Fault:
    """A fault, active for `times` hits or until it is removed."""

    match: str
    times: int | None
    options: Options
    hits: int = 0
    hanging: int = 0
    """The number of requests that it is delaying."""
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when it is removed."""
    _home: list[Fault] = field(default_factory=list, repr=False)

    @contextmanager
    def counted_as_hanging(self) -> Iterator[None]:
        """Count a request as delayed."""
        self.hanging += 1
        try:
            yield
        finally:
            self.hanging -= 1

    @property
    def live(self) -> bool:
        """Whether the fault is active."""
        return self.times is None or self.hits < self.times

    def remove(self) -> None:
        """Remove the fault; harmless if it has ended."""
        self.ended.set()
        if self in self._home:
            self._home.remove(self)

    def is_about(self, method: str, path: str) -> bool:
        """Whether the fault matches such requests, active or not."""
        return fnmatchcase(f"{method} {path}", SHORT_NAMES.get(self.match, self.match))

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault applies to a request."""
        return self.live and self.is_about(method, path)


class Faults:
    """The faults of a simulator; the newest match applies."""

    def __init__(self) -> None:
        """Initialize."""
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        """Iterate over the active faults."""
        return iter([fault for fault in self._faults if fault.live])

    def add(self, match: str, *, times: int | None = None, **options: Unpack[Options]) -> Fault:
        """Add a fault for "METHOD /path" (a glob) or a name of SHORT_NAMES."""
        if unknown := options.keys() - Options.__annotations__.keys():
            raise ValueError(f"unknown options of a fault: {sorted(unknown)}")
        fault = Fault(match, times, options, _home=self._faults)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        for fault in list(self._faults):
            fault.remove()

    def find(self, method: str, path: str) -> Fault | None:
        """Find the fault of a request and count the hit."""
        fault = next(
            (known for known in reversed(self._faults) if known.matches(method, path)), None
        )
        if fault:
            fault.hits += 1
        return fault


async def apply(
    fault: Fault, request: web.Request, handler: Handler, graph: Graph, stopping: asyncio.Event
) -> web.StreamResponse:
    """Respond to a request as its fault defines."""
    options = fault.options
    if options.get("latency"):
        await asyncio.sleep(options["latency"])
    if not options.keys() - {"latency", "applied", "headers"}:
        response = await handler(request)
        response.headers.update(options.get("headers", {}))
        return response
    if options.get("applied"):
        await handler(request)
    if "loss" in options:
        return await _lose(options["loss"], fault, request, stopping)
    return respond(options, graph)


def respond(options: Options, graph: Graph) -> web.Response:
    """Build the response of a fault."""
    headers = dict(options.get("headers", {}))
    if "retry_after" in options:
        after = options["retry_after"]
        if isinstance(after, timedelta):
            after = graph.clock.now() + after
        if isinstance(after, datetime):
            after = format_datetime(after, usegmt=True)
        headers["Retry-After"] = str(after)
    if "aadsts" in options:
        error = SignInError(
            options["aadsts"], error=options.get("error", ""), suberror=options.get("suberror", "")
        )
        status = options.get("status", error.kind.status)
        return web.json_response(error.body(graph.clock.now()), status=status, headers=headers)
    if "claims" in options:
        headers["WWW-Authenticate"] = (
            f'Bearer realm="", authorization_uri="{graph.deployment.url}/common/oauth2/v2.0/authorize", '
            f'error="insufficient_claims", claims="{options["claims"]}"'
        )
    status = options.get("status", 401 if "claims" in options else 200)
    if "json" in options:
        content = jsonlib.dumps(options["json"]).encode()
    elif "content" in options:
        content = options["content"]
    else:
        body = options.get("body", "error")
        content = _error(options, status, graph) if body == "error" else _raw(body)
    kind = ERROR_TYPE if status >= 400 else JSON_TYPE
    if options.get("body") == "html":
        kind = "text/html"
    return web.Response(body=content, status=status, headers={"Content-Type": kind} | headers)


def _raw(body: Body) -> bytes:
    return b'{"id": "%s"}' % (b"x" * HUGE) if body == "huge" else _RAW[body]


def _error(options: Options, status: int, graph: Graph) -> bytes:
    code = options.get("code", _CODES.get(status, "UnknownError"))
    error = GraphError(status, code, options.get("message", "Simulated fault."))
    ids = dict.fromkeys(("request-id", "client-request-id"), "00000000-0000-0000-0000-000000000000")
    return jsonlib.dumps(error_body(error, graph.clock.now(), ids)).encode()


async def _lose(
    loss: Loss, fault: Fault, request: web.Request, stopping: asyncio.Event
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE, "Content-Length": "1000"})
    if loss in {"reset", "stall"}:
        await response.prepare(request)
        await response.write(_RAW["truncated"])
    if loss == "drip":
        response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
        await response.prepare(request)
        with fault.counted_as_hanging(), suppress(ConnectionError):
            while not (fault.ended.is_set() or stopping.is_set()):
                await response.write(b" ")
                await asyncio.sleep(DRIP_INTERVAL)
    if loss in {"hang", "stall"}:
        await _hang(fault, stopping)
    if request.transport:
        request.transport.abort()
    return response


async def _hang(fault: Fault, stopping: asyncio.Event) -> None:
    """Wait until the fault or the simulator ends."""
    # The server cancels this when the client gives up.
    ends = [asyncio.ensure_future(event.wait()) for event in (fault.ended, stopping)]
    try:
        with fault.counted_as_hanging():
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
