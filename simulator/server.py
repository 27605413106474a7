"""The simulator's sockets, apps and middlewares."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime
import re
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from . import control, faults, page
from .clouds import CloudName
from .entra import pages, routes as entra_routes
from .entra.errors import SignInError
from .graph import routes as graph_routes
from .outages import OUTAGES, Outage
from .request_log import Request
from .state import SimulatorState
from .states import Vocabulary
from .tls import Certificate
from .wire import Handler

LOOPBACK_HOSTS: Final = ("127.0.0.1", "[::1]", "localhost")
"""Hosts that DNS rebinding can't use."""


class Simulator(SimulatorState):
    """A Microsoft tenant on loopback, as async context manager."""

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
        name: str = "",
    ) -> None:
        """Initialize; port 0 is any, `now` replaces the clock.

        A `name` replaces the address in URLs; the certificate and the resolver have to include it. Requests are rejected
        unless their `Host` is that name or a loopback host.
        """
        super().__init__(cloud, now, vocabulary)
        self._certificate = certificate
        self._host = host
        self._name = name or host
        self._hosts = {*LOOPBACK_HOSTS, name} - {""}
        self._ports = (port, tls_port)
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Start listening."""
        self.stopping.clear()
        port, tls_port = self._ports
        tls_port = await self._listen(self._https_app(), tls_port, secure=True)
        port = await self._listen(self._http_app(), port, secure=False)
        self.deployment.tls_url = f"https://{self._name}:{tls_port}"
        self.deployment.url = f"http://{self._name}:{port}"
        # Keep the ports after a stop, like a service after an outage.
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
        """Replace the service by an outage; its state survives."""
        await self.stop()
        try:
            async with OUTAGES[outage](self._host, self._ports[1]):
                yield
        finally:
            await self.start()

    @asynccontextmanager
    async def presenting(self, certificate: Certificate) -> AsyncIterator[None]:
        """Present another certificate."""
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
        app = web.Application(middlewares=[self._check_host, self._record, self._apply_fault])
        app.add_routes(graph_routes.routes(self.graph))
        app.add_routes(entra_routes.routes(self.entra))
        # The page is for browsers, but a client may build its address from the login host.
        app.add_routes(pages.routes(self.entra))
        app.add_routes([graph_routes.fallback(self.graph)])
        return app

    def _http_app(self) -> web.Application:
        app = web.Application(
            middlewares=[self._check_host, page.same_origin, self._apply_page_fault]
        )
        app.add_routes(control.routes(self))
        app.add_routes(page.routes(self))
        app.add_routes(pages.routes(self.entra))
        return app

    @web.middleware
    async def _check_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Not request.host: without the header, that is this machine's name.
        names = [re.sub(r":\d*\Z", "", host).lower() for host in request.headers.getall("Host", ())]
        if len(names) != 1 or names[0] not in self._hosts:
            raise web.HTTPMisdirectedRequest(
                text="The simulator only accepts requests to loopback hosts."
            )
        return await handler(request)

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        entry = await Request.create(request, self.clock)
        self.requests.append(entry)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            entry.status = error.status
            raise
        if not response.prepared:
            # The simulator's clock, which a client may compare with its own.
            date = format_datetime(self.clock.now(), usegmt=True)
            response.headers.setdefault("Date", date)
        lost = request.transport is None or request.transport.is_closing()
        entry.status = None if lost else response.status
        return response

    @web.middleware
    async def _apply_fault(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self.faults.find(request.method, request.path)
        if fault is None:
            return await handler(request)
        return await faults.apply(fault, request, handler, self.graph, self.stopping)

    @web.middleware
    async def _apply_page_fault(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Faults apply only to Microsoft's pages, not to the simulator's own.
        if not request.path.endswith("/oauth2/v2.0/authorize"):
            return await handler(request)
        fault = self.faults.find(request.method, request.path)
        if fault is None:
            return await handler(request)
        if code := fault.options.get("aadsts"):
            return pages.error_page(SignInError(code))
        return await faults.apply(fault, request, handler, self.graph, self.stopping)
