"""The sign-in's pages: authorize, admin consent, device code."""

from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from simulator.entra.service import AskAccount, AskConsent, Decision, Go
from simulator.rendering import HEADERS, STATIC, render
from simulator.state import SimulatorState
from simulator.tenant import DELEGATED
from simulator.wire import read_form

from .errors import SignInError

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


def refusal(error: SignInError) -> web.Response:
    """Show the page on which a sign-in stops."""
    title = _TITLES.get(error.code, "Sign-in stopped")
    return render("message.html", status=400, title=title, text=error.text)


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
        web.static("/static", STATIC),
    ]


def _close(text: str) -> web.Response:
    return render("message.html", title="You can close this page", text=text)


def _go(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location} | HEADERS)


def _decision(form: dict[str, str]) -> Decision | None:
    decision = form.get("decision")
    return cast("Decision", decision) if decision in {"accept", "deny", "cancel"} else None
