"""What people see: the page that plays Teams, and the pages of the sign-in.

Everything is escaped by jinja2; whatever changes something is a POST from the page itself.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
import json
from pathlib import Path
from typing import Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web
import jinja2

from .engine import PINNED
from .entra.errors import SignInError
from .faults import Fault, Options
from .gestures import perform
from .identity import AskAccount, AskConsent, Decision, Go
from .state import SimulatorState
from .states import State
from .tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET,
    DELEGATED,
    PUBLIC_CLIENT_ID,
    App,
    Person,
)
from .wire import Handler, read_form

_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
# No frame-ancestors: Home Assistant's sidebar shows the page in a frame. No form-action: it would also bind where a
# sign-in redirects to.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_REFRESH: Final = 0.5
"""Seconds between two looks at the tenant while somebody watches the page."""
_SHOWN_REQUESTS: Final = 8

_WORDS: Final = {
    "Available": "Available",
    "AvailableInactive": "Available, inactive",
    "Away": "Away",
    "BeRightBack": "Be right back",
    "Busy": "Busy",
    "DoNotDisturb": "Do not disturb",
    "Focusing": "Focusing",
    "InACall": "In a call",
    "InAConferenceCall": "In a conference call",
    "InAMeeting": "In a meeting",
    "OffWork": "Appears offline",
    "Offline": "Offline",
    "OutOfOffice": "Out of office",
    "Presenting": "Presenting",
}
_PLACES: Final = {"office": "At the office", "remote": "Remote", "timeOff": "Time off"}
_SOURCES: Final = {"manual": "set by hand", "automatic": "detected", "scheduled": "planned"}

_TITLES: Final = {
    90094: "Need admin approval",
    90095: "Approval required",
    50072: "More information required",
    50074: "More information required",
    50076: "More information required",
    50079: "More information required",
    53000: "You can't get there from here",
    53001: "You can't get there from here",
    53003: "You can't access this right now",
    530032: "You can't access this right now",
    530035: "You can't access this right now",
}


@dataclass(frozen=True)
class Command:
    """A button of a person's card: its text, and the gesture behind it."""

    label: str
    gesture: str
    arguments: dict[str, object] = field(default_factory=dict)


COMMANDS: Final = {
    "join_call": Command("Join a call", "join_call"),
    "leave_call": Command("Leave the call", "leave_call"),
    "join_meeting": Command("Join a meeting", "join_meeting"),
    "leave_meeting": Command("Leave the meeting", "leave_meeting"),
    "present": Command("Present", "present"),
    "stop_presenting": Command("Stop presenting", "stop_presenting"),
    "focus": Command("Focus", "focus"),
    "stop_focusing": Command("Stop focusing", "stop_focusing"),
    "go_away": Command("Go away", "go_away"),
    "come_back": Command("Come back", "come_back"),
    "be_right_back": Command("Be right back", "be_right_back"),
    "do_not_disturb": Command("Do not disturb", "prefer", {"availability": "DoNotDisturb"}),
    "out_of_office": Command("Out of office", "set_out_of_office", {"on": True}),
    "in_office": Command("Back in office", "set_out_of_office", {"on": False}),
    "close_teams": Command("Close Teams", "close_teams"),
    "open_teams": Command("Open Teams", "open_teams"),
    "reset_status": Command("Reset status", "reset_status"),
    "at_office": Command("At the office", "set_work_location", {"location": "office"}),
    "at_home": Command("Remote", "set_work_location", {"location": "remote"}),
    "nowhere": Command("Clear location", "clear_work_location"),
    "clear_message": Command("Clear", "clear_status_message"),
}
"""The buttons, by the value they send."""


@dataclass(frozen=True)
class Trouble:
    """A switch of the panel: its text, and the fault behind it."""

    label: str
    match: str
    options: Options


TROUBLES: Final = {
    "unavailable": Trouble("Graph answers 503", "graph", {"status": 503}),
    "throttle": Trouble("Graph throttles", "graph", {"status": 429, "retry_after": 30}),
    "slow": Trouble("Graph is slow", "graph", {"latency": 4.0}),
    "lost": Trouble("Graph hangs up", "graph", {"loss": "close"}),
    "token": Trouble("Refresh is refused", "token", {"aadsts": 50173}),
    "blocked": Trouble("Access policy blocks sign-in", "authorize", {"aadsts": 53003}),
}
"""What can be switched on, by the value that the switch sends."""


def render(template: str, *, status: int = 200, **context: object) -> web.Response:
    """Answer with a page."""
    text = _TEMPLATES.get_template(template).render(context)
    return web.Response(text=text, content_type="text/html", status=status, headers=_HEADERS)


def refusal(error: SignInError) -> web.Response:
    """Show the page on which a sign-in stops."""
    title = _TITLES.get(error.code, "Sign-in stopped")
    return render("message.html", status=400, title=title, text=error.text)


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site sends to change something."""
    origin = request.headers.get("Origin")
    if request.method not in {"GET", "HEAD"} and origin and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This page only listens to itself.")
    return await handler(request)


# The pages of the sign-in


@dataclass(frozen=True)
class SignIn:
    """Authorize, admin consent, and the page where a device's code is typed."""

    simulator: SimulatorState

    async def authorize(self, request: web.Request) -> web.Response:
        """Ask for account and consent, then go back to the app."""
        identity = self.simulator.identity
        form = await read_form(request)
        try:
            wanted = identity.read_authorization(request.match_info["tenant"], request.query)
            step = identity.step(wanted, form.get("account"), _decision(form))
        except SignInError as error:
            return refusal(error) if error.location is None else _go(error.location)
        match step:
            case Go(location) if wanted.response_mode == "form_post":
                fields = parse_qsl(location.removeprefix(wanted.redirect_uri)[1:])
                return render("post.html", action=wanted.redirect_uri, fields=fields)
            case Go(location):
                return _go(location)
            case AskConsent(person, scopes):
                words = [(scope, DELEGATED[scope]) for scope in scopes]
                return render("consent.html", person=person, app=wanted.app, scopes=words)
            case AskAccount():
                return self._accounts(wanted.app.name, wanted.login_hint)

    async def admin_consent(self, request: web.Request) -> web.Response:
        """Ask an administrator, then go back to the app."""
        identity = self.simulator.identity
        segment = request.match_info["tenant"]
        form = await read_form(request)
        try:
            app, redirect_uri = identity.read_admin_consent(segment, request.query)
            if form.get("decision") == "accept":
                location = identity.consent_as_admin(segment, request.query)
                return _go(location) if location else _close("The app is approved for everybody.")
        except SignInError as error:
            return refusal(error)
        if form.get("decision") and not redirect_uri:
            return _close("The app was not approved.")
        if form.get("decision"):
            refused = {"error": "access_denied", "error_subcode": "cancel"}
            state = {"state": request.query["state"]} if "state" in request.query else {}
            return _go(f"{redirect_uri}?{urlencode(refused | state)}")
        words = [(scope, DELEGATED[scope]) for scope in sorted(app.delegated)]
        words += [(scope, "For the application itself") for scope in sorted(app.application)]
        return render("consent.html", person=None, app=app, scopes=words)

    async def device(self, request: web.Request) -> web.Response:
        """Take the code of another device, then account and consent."""
        form = await read_form(request)
        code = form.get("user_code", "")
        if not code:
            return render("device.html", problem="")
        try:
            found = self.simulator.identity.find_device_code(code)
            if "account" not in form and not _decision(form):
                return self._accounts(found.app.name, None, user_code=code)
            if (decision := _decision(form)) is None:
                identity = self.simulator.identity
                person = identity.person_for(found.app, found.segment, form["account"])
                scopes = identity.missing_consent(found.app, person, found.scopes)
                words = [(scope, DELEGATED[scope]) for scope in scopes]
                return render(
                    "consent.html", person=person, app=found.app, scopes=words, user_code=code
                )
            self.simulator.enter_device_code(code, form.get("account", ""), decision)
        except SignInError as error:
            if error.code in {70018, 70019, 90120}:
                return render("device.html", problem=error.text)
            return refusal(error)
        text = "The device was not let in." if decision != "accept" else "You are signed in."
        return _close(text)

    def _accounts(self, app: str, hint: str | None, user_code: str = "") -> web.Response:
        people = list(self.simulator.tenant.people.values())
        people.sort(key=lambda person: person.address != hint)
        return render("account.html", people=people, app=app, user_code=user_code)


def sign_in_routes(simulator: SimulatorState) -> list[web.AbstractRouteDef]:
    """Return the pages that a sign-in shows."""
    pages = SignIn(simulator)
    return [
        web.get("/{tenant}/oauth2/v2.0/authorize", pages.authorize),
        web.post("/{tenant}/oauth2/v2.0/authorize", pages.authorize),
        web.get("/{tenant}/adminconsent", pages.admin_consent),
        web.post("/{tenant}/adminconsent", pages.admin_consent),
        web.get("/device", pages.device),
        web.post("/device", pages.device),
        web.static("/static", _HERE / "static"),
    ]


def _close(text: str) -> web.Response:
    return render("message.html", title="You can close this page", text=text)


def _go(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location} | _HEADERS)


def _decision(form: dict[str, str]) -> Decision | None:
    decision = form.get("decision")
    return cast("Decision", decision) if decision in {"accept", "deny", "cancel"} else None


# The page that plays Teams


@dataclass(frozen=True)
class Line:
    """A fact on a card, and until when it holds."""

    name: str
    text: str
    ends: datetime | None = None


@dataclass(frozen=True)
class Card:
    """What a card shows."""

    person: Person
    state: State
    words: str
    badge: str
    message: str
    pinned: bool
    lines: list[Line]
    buttons: list[tuple[str, str, bool]]


def card(person: Person, apps: Mapping[str, App]) -> Card:
    """Say in words what Graph would say of somebody."""
    state = person.state
    message = person.status_message
    content = message.content if message else ""
    away_from_office = person.is_out_of_office and state.availability == "Available"
    return Card(
        person,
        State(person.availability, person.activity),
        _WORDS[state.activity],
        "outofoffice" if away_from_office else state.availability.lower(),
        content.removesuffix(PINNED),
        content.endswith(PINNED),
        _lines(person, apps),
        [(name, COMMANDS[name].label, pressed) for name, pressed in _buttons(person)],
    )


def _lines(person: Person, apps: Mapping[str, App]) -> list[Line]:
    lines: list[Line] = []
    message = person.status_message
    if message:
        lines.append(
            Line("Message", "shown until" if message.expires else "stays", message.expires)
        )
    if preference := person.preference:
        lines.append(Line("Prefers", _WORDS[preference.state.activity], preference.ends))
    if person.is_out_of_office:
        lines.append(Line("Mailbox", person.out_of_office_message or "Out of office"))
    if place := person.work_location:
        lines.append(Line("Works", f"{_PLACES[place.type]} ({_SOURCES[place.source]})"))
    if person.client:
        lines.append(Line("Teams", _WORDS[person.client.state.activity]))
    for session, state in person.sessions:
        app = apps.get(session.app_id)
        name = app.name if app else session.app_id
        lines.append(Line("App", f"{_WORDS[state.activity]}, by {name}", session.ends))
    if not (person.client or person.sessions):
        lines.append(Line("Sessions", "none, so a preference has no effect"))
    return lines


def _buttons(person: Person) -> list[tuple[str, bool]]:
    """Name the buttons that make sense now, and tell which show something that is on."""
    client = person.client
    preferred = person.preference.state.availability if person.preference else ""
    place = person.work_location.type if person.work_location else ""

    def either(on: bool, off_name: str, on_name: str) -> tuple[str, bool]:  # noqa: FBT001
        return (on_name if on else off_name, on)

    return [
        either(bool(client and client.call), "join_call", "leave_call"),
        either(bool(client and client.meeting), "join_meeting", "leave_meeting"),
        either(bool(client and client.presenting), "present", "stop_presenting"),
        either(bool(client and client.focusing), "focus", "stop_focusing"),
        either(bool(client and client.away), "go_away", "come_back"),
        ("be_right_back", preferred == "BeRightBack"),
        ("do_not_disturb", preferred == "DoNotDisturb"),
        either(person.is_out_of_office, "out_of_office", "in_office"),
        either(place == "office", "at_office", "nowhere"),
        either(place == "remote", "at_home", "nowhere"),
        ("reset_status", False),
        ("close_teams" if client else "open_teams", False),
    ]


@dataclass(frozen=True)
class Home:
    """The page that plays Teams, and what its buttons send."""

    simulator: SimulatorState
    troubles: dict[str, Fault] = field(default_factory=dict)

    async def show(self, request: web.Request) -> web.Response:
        """Show the whole page."""
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
        """Render the parts that change by themselves, by their place on the page."""
        simulator = self.simulator
        people = simulator.tenant.people.items()
        template = _TEMPLATES.get_template("card.html")
        parts = {
            f"person-{key}": template.render(card=card(person, simulator.tenant.apps))
            for key, person in people
        }
        switches = [
            (name, trouble.label, name in self.troubles and self.troubles[name] in simulator.faults)
            for name, trouble in TROUBLES.items()
        ]
        graph = [entry for entry in simulator.requests if entry.path[:2] in {"/v", "/b"}]
        parts["panel"] = _TEMPLATES.get_template("panel.html").render(
            now=simulator.clock.now().replace(second=0, microsecond=0),
            tenant=simulator.tenant,
            switches=switches,
            requests=graph[: -_SHOWN_REQUESTS - 1 : -1],
        )
        return parts

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send the changed parts for as long as somebody watches."""
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"} | _HEADERS)
        await answer.prepare(request)
        sent: dict[str, str] = {}
        while not self.simulator.stopping.is_set():
            live = self.live()
            changed = {name: html for name, html in live.items() if sent.get(name) != html}
            if changed:
                await answer.write(f"data: {json.dumps(changed)}\n\n".encode())
            sent = live
            try:
                async with asyncio.timeout(_REFRESH):
                    await self.simulator.stopping.wait()
            except TimeoutError:
                continue
        return answer

    async def command(self, request: web.Request) -> web.Response:
        """Carry out a person's button."""
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
            raise web.HTTPBadRequest(text="This button is not known.")
        return self._done(request)

    async def panel(self, request: web.Request) -> web.Response:
        """Carry out a button of the panel."""
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
            case {"trouble": name} if name in TROUBLES:
                self._switch(name)
            case _:
                raise web.HTTPBadRequest(text="This button is not known.")
        return self._done(request)

    def _switch(self, name: str) -> None:
        fault = self.troubles.pop(name, None)
        if fault and fault in self.simulator.faults:
            fault.remove()
            return
        trouble = TROUBLES[name]
        self.troubles[name] = self.simulator.faults.add(trouble.match, **trouble.options)

    def _done(self, request: web.Request) -> web.Response:
        if "application/json" in request.headers.get("Accept", ""):
            return web.json_response(self.live(), headers=_HEADERS)
        return web.Response(status=303, headers={"Location": "/"})


def routes(simulator: SimulatorState) -> list[web.RouteDef]:
    """Return the page that plays Teams."""
    home = Home(simulator)

    async def health(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def favicon(request: web.Request) -> web.FileResponse:
        return web.FileResponse(_HERE / "static" / "icon.svg")

    return [
        web.get("/", home.show),
        web.get("/events", home.events),
        web.post("/people/{key}", home.command),
        web.post("/panel", home.panel),
        web.get("/health", health),
        web.get("/favicon.ico", favicon),
    ]
