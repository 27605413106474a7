"""The sign-in's pages: authorize, admin consent, device code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import parse_qsl

from aiohttp import web

from simulator.rendering import HEADERS, STATIC, render
from simulator.tenant import DELEGATED, App, Person
from simulator.wire import Form, read_form

from .authorize import AskAccount, AskConsent, Redirect
from .consent import Decision
from .errors import SignInError
from .service import Entra

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


def error_page(error: SignInError) -> web.Response:
    """Show an error of the sign-in."""
    title = _TITLES.get(error.code, "Sign-in stopped")
    return render("message.html", status=400, title=title, text=error.text)


@dataclass(frozen=True)
class SignInPages:
    """The pages of a sign-in service."""

    entra: Entra

    async def authorize(self, request: web.Request) -> web.Response:
        """Ask for account and consent; redirect to the app."""
        endpoint = self.entra.authorize_endpoint
        form = await read_form(request)
        try:
            wanted = endpoint.read(request.match_info["tenant"], request.query)
            step = endpoint.step(wanted, form.get("account"), _decision(form))
        except SignInError as error:
            return error_page(error) if error.location is None else _redirect(error.location)
        match step:
            case Redirect(location) if wanted.response_mode == "form_post":
                fields = parse_qsl(location.removeprefix(wanted.redirect_uri)[1:])
                return render("post.html", action=wanted.redirect_uri, fields=fields)
            case Redirect(location):
                return _redirect(location)
            case AskConsent(person, scopes):
                return _ask_consent(wanted.app, person, scopes)
            case AskAccount():
                return self._ask_account(wanted.app, wanted.login_hint)

    async def admin_consent(self, request: web.Request) -> web.Response:
        """Ask for admin consent; redirect to the app."""
        consent = self.entra.consent
        form = await read_form(request)
        is_v2 = "/v2.0/" in request.path
        read = consent.read_admin_request_v2 if is_v2 else consent.read_admin_request
        try:
            wanted = read(request.match_info["tenant"], request.query)
        except SignInError as error:
            return error_page(error)
        decision = form.get("decision")
        if not decision:
            permissions = [(scope, DELEGATED[scope]) for scope in sorted(wanted.scopes)]
            permissions += [
                (scope, "For the application itself") for scope in sorted(wanted.application)
            ]
            return render(
                "consent.html", person=None, app=wanted.app, scopes=permissions, user_code=""
            )
        if decision == "accept":
            location = consent.grant_as_admin(wanted)
            text = "The app is approved for everyone."
        else:
            location = consent.decline_as_admin(wanted)
            text = "The app was not approved."
        return _redirect(location) if location else _close(text)

    async def logout(self, request: web.Request) -> web.Response:
        """Sign out; redirect to a registered URI."""
        try:
            self.entra.authorities.check(request.match_info["tenant"])
        except SignInError as error:
            return error_page(error)
        form = await read_form(request)
        uri = form.get("post_logout_redirect_uri") or request.query.get("post_logout_redirect_uri")
        if uri and any(app.find_platform(uri) for app in self.entra.tenant.apps.values()):
            return _redirect(uri)
        return _close("You signed out of your account.")

    async def device(self, request: web.Request) -> web.Response:
        """Ask for device code, account and consent."""
        form = await read_form(request)
        code = form.get("user_code", "")
        if not code:
            return render("device.html", problem="")
        endpoint = self.entra.device_code_endpoint
        decision = _decision(form)
        try:
            found = endpoint.find(code)
            if "account" not in form and not decision:
                return self._ask_account(found.app, None, user_code=code)
            if decision is None:
                consent = self.entra.consent
                person = consent.find_person(found.app, found.authority, form["account"])
                scopes = consent.missing(found.app, person, found.scopes)
                return _ask_consent(found.app, person, scopes, user_code=code)
            endpoint.enter(code, form.get("account", ""), decision)
        except SignInError as error:
            if error.code in {70018, 70019, 90120}:
                return render("device.html", problem=error.text)
            return error_page(error)
        text = "The device was not let in." if decision != "accept" else "You are signed in."
        return _close(text)

    def _ask_account(self, app: App, hint: str | None, user_code: str = "") -> web.Response:
        people = sorted(
            self.entra.tenant.people.values(), key=lambda person: person.address != hint
        )
        return render("account.html", people=people, app=app.name, user_code=user_code)


def routes(entra: Entra) -> list[web.AbstractRouteDef]:
    """List the sign-in's pages and static files."""
    pages = SignInPages(entra)
    return [
        web.get("/{tenant}/oauth2/v2.0/authorize", pages.authorize),
        web.post("/{tenant}/oauth2/v2.0/authorize", pages.authorize),
        web.get("/{tenant}/adminconsent", pages.admin_consent),
        web.post("/{tenant}/adminconsent", pages.admin_consent),
        web.get("/{tenant}/v2.0/adminconsent", pages.admin_consent),
        web.post("/{tenant}/v2.0/adminconsent", pages.admin_consent),
        web.get("/{tenant}/oauth2/v2.0/logout", pages.logout),
        web.post("/{tenant}/oauth2/v2.0/logout", pages.logout),
        web.get("/device", pages.device),
        web.post("/device", pages.device),
        web.static("/static", STATIC),
    ]


def _ask_consent(
    app: App, person: Person, scopes: Sequence[str], user_code: str = ""
) -> web.Response:
    permissions = [(scope, DELEGATED[scope]) for scope in scopes]
    return render("consent.html", person=person, app=app, scopes=permissions, user_code=user_code)


def _close(text: str) -> web.Response:
    return render("message.html", title="You can close this page", text=text)


def _redirect(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location} | HEADERS)


def _decision(form: Form) -> Decision | None:
    decision = form.get("decision")
    return cast("Decision", decision) if decision in {"accept", "deny", "cancel"} else None
