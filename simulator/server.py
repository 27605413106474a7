"""The simulator as a whole: what listens where, from start to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
import json
from types import TracebackType
from typing import Final, Self, cast
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from . import control, faults, graph, identity, pages
from .clock import Clock
from .clouds import CloudName, Deployment
from .entra.errors import SignInError
from .faults import Faults
from .graph import Graph
from .identity import Decision, Go, Identity
from .outages import OUTAGES, Outage
from .states import Vocabulary
from .tenant import Tenant
from .tls import Certificate
from .wire import Handler

LOGGED_FIELDS: Final = ("grant_type", "client_id", "scope", "redirect_uri", "claims")
"""What the log keeps of a sign-in form: nothing that could be used again."""


@dataclass
class Request:
    """One https request; `status` is None while, or because, nothing was answered."""

    method: str
    path: str
    query: dict[str, str]
    json: object
    at: datetime
    status: int | None = None


class Simulator:
    """A Microsoft tenant on loopback; `async with` starts and stops it."""

    def __init__(  # noqa: PLR0917
        self,
        certificate: Certificate,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        cloud: CloudName = "global",
        now: Callable[[], datetime] | None = None,
        *,
        vocabulary: Vocabulary = "classic",
    ) -> None:
        """Prepare a tenant; port 0 takes a free one, `now` replaces the system's clock."""
        self.clock = Clock(now)
        self.tenant = Tenant(self.clock, vocabulary)
        self.requests: list[Request] = []
        self.faults = Faults()
        self.deployment = Deployment(cloud)
        self.identity = Identity(self.tenant, self.clock, self.deployment)
        self.graph = Graph(self.tenant, self.clock, self.deployment, self.identity)
        self._certificate = certificate
        self._host = host
        self._ports = (port, tls_port)
        self._runners: list[web.AppRunner] = []
        self.stopping = asyncio.Event()
        """Set when the simulator stops, for answers that would otherwise never end."""

    @property
    def url(self) -> str:
        """The address for browsers, plain http."""
        return self.deployment.url

    @property
    def tls_url(self) -> str:
        """The address for servers: login host and Graph root alike."""
        return self.deployment.tls_url

    async def start(self) -> None:
        """Listen."""
        self.stopping.clear()
        port, tls_port = self._ports
        tls_port = await self._listen(self._https_app(), tls_port, secure=True)
        port = await self._listen(self._http_app(), port, secure=False)
        self.deployment.tls_url = f"https://{self._host}:{tls_port}"
        self.deployment.url = f"http://{self._host}:{port}"
        # After a stop it comes back where it was, like a service after an outage.
        self._ports = (port, tls_port)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self.stopping.set()
        while self._runners:
            await self._runners.pop().cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    @asynccontextmanager
    async def outage(self, outage: Outage) -> AsyncIterator[None]:
        """Be out of reach for a while; what was known is known afterwards."""
        await self.stop()
        try:
            async with OUTAGES[outage](self._host, self._ports[1]):
                yield
        finally:
            await self.start()

    @asynccontextmanager
    async def presenting(self, certificate: Certificate) -> AsyncIterator[None]:
        """Prove who it is with another certificate for a while."""
        usual = self._certificate
        await self.stop()
        self._certificate = certificate
        await self.start()
        try:
            yield
        finally:
            await self.stop()
            self._certificate = usual
            await self.start()

    async def _listen(self, app: web.Application, port: int, *, secure: bool) -> int:
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        self._runners.append(runner)
        context = self._certificate.server_context() if secure else None
        site = web.TCPSite(runner, self._host, port, ssl_context=context)
        await site.start()
        return int(runner.addresses[0][1])

    def _https_app(self) -> web.Application:
        app = web.Application(middlewares=[self._record, self._trouble])
        app.add_routes(graph.routes(self.graph))
        app.add_routes(identity.routes(self.identity))
        # The page is for browsers, but a client may build its address from the login host.
        app.add_routes(pages.sign_in_routes(self))
        app.add_routes([graph.fallback(self.graph)])
        return app

    def _http_app(self) -> web.Application:
        app = web.Application(middlewares=[pages.same_origin, self._page_trouble])
        app.add_routes(control.routes(self))
        app.add_routes(pages.routes(self))
        app.add_routes(pages.sign_in_routes(self))
        return app

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        entry = Request(
            request.method,
            request.path,
            dict(request.query),
            await _logged_body(request),
            self.clock.now(),
        )
        self.requests.append(entry)
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            entry.status = error.status
            raise
        if not answer.prepared:
            # The clock of the machine that answers, which a client may compare with its own.
            date = format_datetime(self.clock.now(), usegmt=True)
            answer.headers.setdefault("Date", date)
        lost = request.transport is None or request.transport.is_closing()
        entry.status = None if lost else answer.status
        return answer

    @web.middleware
    async def _trouble(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self.faults.find(request.method, request.path)
        if fault is None:
            return await handler(request)
        return await faults.suffer(fault, request, handler, self.graph, self.stopping)

    @web.middleware
    async def _page_trouble(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Only the pages of the sign-in can fail here: the rest of this port is ours, not Microsoft's.
        if not request.path.endswith("/oauth2/v2.0/authorize"):
            return await handler(request)
        fault = self.faults.find(request.method, request.path)
        if fault is None:
            return await handler(request)
        if code := fault.options.get("aadsts"):
            return pages.refusal(SignInError(code))
        return await faults.suffer(fault, request, handler, self.graph, self.stopping)

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock; access tokens keep to the time their clients live in."""
        self.clock.advance(seconds)

    def disagree(self, seconds: float) -> None:
        """Put the simulator's clock ahead of its clients'; tokens are judged by it, too."""
        self.clock.disagree(seconds)

    async def authorize(
        self, url: str, account: str = "robin", decision: Decision = "accept"
    ) -> str:
        """Play the browser at an authorize URL and return where it is sent.

        Accounts are the keys of `tenant.people`, "stranger" and "personal". Raises SignInError, with the text of
        the page, where Microsoft's page would stop.
        """
        parts = urlsplit(url)
        fault = self.faults.find("GET", parts.path)
        if fault and (code := fault.options.get("aadsts")):
            raise SignInError(code)
        segment = parts.path.split("/")[1]
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            request = self.identity.read_authorization(segment, params)
            step = self.identity.step(request, account, decision)
        except SignInError as error:
            if error.location is None:
                raise
            return error.location
        return cast("Go", step).location

    def enter_device_code(
        self, user_code: str, account: str = "robin", decision: Decision = "accept"
    ) -> None:
        """Play the second device: type the code, choose the account, answer. Raises SignInError."""
        self.identity.enter_device_code(user_code, account, decision)

    def revoke(self, person_key: str) -> None:
        """Refuse the refresh tokens that somebody has so far (AADSTS50173)."""
        self.identity.revoke(person_key)

    def change_password(self, person_key: str) -> None:
        """Let somebody choose a new password, which ends what public clients have of the old one."""
        self.identity.change_password(person_key)

    def expire_access_tokens(self) -> None:
        """Let Graph answer 401 to every access token issued so far."""
        self.identity.expire_access_tokens()


async def _logged_body(request: web.Request) -> object:
    if request.content_type == "application/json":
        try:
            return cast("object", json.loads(await request.read()))
        except ValueError:
            return None
    if request.content_type == "application/x-www-form-urlencoded":
        form = await request.post()
        return {name: str(form[name]) for name in LOGGED_FIELDS if name in form}
    return None
