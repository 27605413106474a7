"""The page in place of Teams."""

import asyncio
from dataclasses import dataclass, field
import json
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from .card import COMMANDS, card
from .faults import Fault, Options
from .gestures import perform
from .rendering import HEADERS, STATIC, TEMPLATES, render
from .state import SimulatorState
from .tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET,
    PUBLIC_CLIENT_ID,
)
from .wire import Handler, read_form

_REFRESH: Final = 0.5
"""Seconds between two updates of an open page."""
_SHOWN_REQUESTS: Final = 8


@dataclass(frozen=True)
class FaultSwitch:
    """A switch of the panel: label and fault."""

    label: str
    match: str
    options: Options


FAULT_SWITCHES: Final = {
    "unavailable": FaultSwitch("Graph responds with 503", "graph", {"status": 503}),
    "throttle": FaultSwitch("Graph throttles", "graph", {"status": 429, "retry_after": 30}),
    "slow": FaultSwitch("Graph is slow", "graph", {"latency": 4.0}),
    "lost": FaultSwitch("Graph hangs up", "graph", {"loss": "close"}),
    "no_presence": FaultSwitch(
        "Graph leaves the presence out", "GET /v1.0/me/presence", {"body": "no_presence"}
    ),
    "token": FaultSwitch("Refresh is rejected", "token", {"aadsts": 50173}),
    "blocked": FaultSwitch("Access policy blocks sign-in", "authorize", {"aadsts": 53003}),
}
"""The switches, by the value that they send."""

READ_SWITCHES: Final[dict[str, tuple[str, str, float | bool]]] = {
    "lag": ("Reads lag by 20 s", "lag", 20),
    "linger": ("Ended messages linger for 5 min", "message_lingers", 300),
    "sanitize": ("Messages come back escaped", "sanitizes", True),
}
"""Switches of how presences are read: label, property of the reads, value."""


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Reject changes that another site sends."""
    origin = request.headers.get("Origin")
    if request.method not in {"GET", "HEAD"} and origin and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="The page rejects requests of other sites.")
    return await handler(request)


@dataclass(frozen=True)
class Page:
    """The page and its buttons."""

    simulator: SimulatorState
    active: dict[str, Fault] = field(default_factory=dict)

    async def show(self, request: web.Request) -> web.Response:
        """Render the whole page."""
        people = self.simulator.tenant.people.values()
        registrations = [
            ("Directory (tenant) id", self.simulator.tenant.id),
            ("Client id", PUBLIC_CLIENT_ID),
            ("Client id with a secret", CONFIDENTIAL_CLIENT_ID),
            ("Its secret", CONFIDENTIAL_CLIENT_SECRET),
            ("The organization's app", DAEMON_CLIENT_ID),
            ("Its secret", DAEMON_CLIENT_SECRET),
        ]
        return render("home.html", people=people, live=self.live(), registrations=registrations)

    def live(self) -> dict[str, str]:
        """Render the live parts of the page, by element."""
        simulator = self.simulator
        people = simulator.tenant.people.items()
        template = TEMPLATES.get_template("card.html")
        parts = {
            f"person-{key}": template.render(card=card(person, simulator.tenant.apps))
            for key, person in people
        }
        switches = [
            (name, switch.label, name in self.active and self.active[name] in simulator.faults)
            for name, switch in FAULT_SWITCHES.items()
        ]
        switches += [
            (name, label, bool(getattr(simulator.graph.reads, kind)))
            for name, (label, kind, _) in READ_SWITCHES.items()
        ]
        graph = [entry for entry in simulator.requests if entry.path[:2] in {"/v", "/b"}]
        parts["panel"] = TEMPLATES.get_template("panel.html").render(
            now=simulator.clock.now().replace(second=0, microsecond=0),
            tenant=simulator.tenant,
            switches=switches,
            requests=graph[: -_SHOWN_REQUESTS - 1 : -1],
        )
        return parts

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream the changed parts."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"} | HEADERS)
        await response.prepare(request)
        sent: dict[str, str] = {}
        while not self.simulator.stopping.is_set():
            live = self.live()
            changed = {name: html for name, html in live.items() if sent.get(name) != html}
            if changed:
                await response.write(f"data: {json.dumps(changed)}\n\n".encode())
            sent = live
            try:
                async with asyncio.timeout(_REFRESH):
                    await self.simulator.stopping.wait()
            except TimeoutError:
                continue
        return response

    async def command(self, request: web.Request) -> web.Response:
        """Perform a person's button."""
        person = self.simulator.tenant.people.get(request.match_info["key"])
        form = await read_form(request)
        if person is None:
            raise web.HTTPNotFound
        if "message" in form:
            minutes = form.get("minutes", "")
            expires: dict[str, object] = (
                {"expires": 60 * int(minutes)} if minutes.isdecimal() else {}
            )
            arguments = {"text": form["message"][:280], "pinned": "pinned" in form} | expires
            perform(person, "set_status_message", arguments)
        elif command := COMMANDS.get(form.get("command", "")):
            perform(person, command.gesture, command.arguments)
        else:
            raise web.HTTPBadRequest(text="Unknown button.")
        return self._done(request)

    async def panel(self, request: web.Request) -> web.Response:
        """Perform a button of the panel."""
        simulator = self.simulator
        match await read_form(request):
            case {"advance": seconds} if seconds.isdecimal():
                simulator.advance(int(seconds))
            case {"vocabulary": "classic" | "modern" as vocabulary}:
                simulator.tenant.vocabulary = vocabulary
            case {"user_consent": "allowed" | "blocked" as consent}:
                simulator.tenant.user_consent = consent
            case {"tokens": "expire"}:
                simulator.expire_access_tokens()
            case {"trouble": name} if name in FAULT_SWITCHES:
                self._switch(name)
            case {"trouble": name} if name in READ_SWITCHES:
                _, kind, value = READ_SWITCHES[name]
                reads = simulator.graph.reads
                setattr(reads, kind, type(value)() if getattr(reads, kind) else value)
            case _:
                raise web.HTTPBadRequest(text="Unknown button.")
        return self._done(request)

    def _switch(self, name: str) -> None:
        fault = self.active.pop(name, None)
        if fault and fault in self.simulator.faults:
            fault.remove()
            return
        switch = FAULT_SWITCHES[name]
        self.active[name] = self.simulator.faults.add(switch.match, **switch.options)

    def _done(self, request: web.Request) -> web.Response:
        if "application/json" in request.headers.get("Accept", ""):
            return web.json_response(self.live(), headers=HEADERS)
        return web.Response(status=303, headers={"Location": "/"})


def routes(simulator: SimulatorState) -> list[web.RouteDef]:
    """List the paths of the page."""
    page = Page(simulator)

    async def health(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def favicon(request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "icon.svg")

    return [
        web.get("/", page.show),
        web.get("/events", page.events),
        web.post("/people/{key}", page.command),
        web.post("/panel", page.panel),
        web.get("/health", health),
        web.get("/favicon.ico", favicon),
    ]
