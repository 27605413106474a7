"""The authorize endpoint: authorization code flow with PKCE."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import hashlib
import re
import secrets
from typing import Final
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import App, Person, Platform, Tenant
from simulator.wire import Form, base64url

from .authorities import Authorities
from .consent import Consent, Decision
from .errors import SignInError, reject_resource, require
from .scopes import Scopes, parse_scopes

CODE_LIFETIME: Final = timedelta(minutes=10)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True)
class AuthorizeRequest:
    """A checked authorize request."""

    authority: str
    app: App
    redirect_uri: str
    platform: Platform
    scopes: Scopes
    response_mode: str
    state: str | None
    nonce: str | None
    challenge: str | None
    challenge_method: str
    prompt: str
    login_hint: str | None

    def location(self, **fields: str) -> str:
        """Return the redirect; form_post is shown as a query."""
        if self.state is not None:
            fields["state"] = self.state
        mark = "#" if self.response_mode == "fragment" else "?"
        uri = self.redirect_uri
        # Without a path, the address gets a slash, but not in a form.
        if self.response_mode != "form_post" and not urlsplit(uri).path:
            uri = urlsplit(uri)._replace(path="/").geturl()
        if mark in uri:
            mark = "&"
        return f"{uri}{mark}{urlencode(fields)}"


@dataclass(frozen=True)
class AskAccount:
    """The page asks for an account."""


@dataclass(frozen=True)
class AskConsent:
    """The page asks for consent."""

    person: Person
    scopes: list[str]


@dataclass(frozen=True)
class Redirect:
    """The page redirects to the app."""

    location: str


type Step = AskAccount | AskConsent | Redirect


@dataclass
class AuthorizationCode:
    """An authorization code."""

    request: AuthorizeRequest
    person: Person
    expires: datetime
    redeemed: bool = False


@dataclass
class AuthorizeEndpoint:
    """The authorize endpoint and the codes it issued."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment
    authorities: Authorities
    consent: Consent
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)

    def read(self, authority: str, params: Form) -> AuthorizeRequest:
        """Check a request; errors before a trusted redirect URI stay on the page."""
        self.authorities.check(authority)
        app = self.authorities.find_app(authority, params.get("client_id", ""))
        redirect_uri = params.get("redirect_uri", "")
        if not redirect_uri:
            raise SignInError(900971)
        platform = app.find_platform(redirect_uri)
        if platform is None:
            raise SignInError(50011, redirect_uri)
        request = AuthorizeRequest(
            authority,
            app,
            redirect_uri,
            platform,
            Scopes(),
            params.get("response_mode", "query"),
            params.get("state"),
            params.get("nonce"),
            params.get("code_challenge"),
            params.get("code_challenge_method", "plain"),
            params.get("prompt", ""),
            params.get("login_hint"),
        )
        try:
            _check(request, params)
            scopes = parse_scopes(params.get("scope", ""), app, self.deployment)
        except SignInError as error:
            error.location = self._error_location(request, error)
            raise
        return replace(request, scopes=scopes)

    def step(
        self, request: AuthorizeRequest, account: str | None, decision: Decision | None
    ) -> Step:
        """Return the next step of the page: account, consent, redirect."""
        if decision == "cancel":
            text = "the user canceled the authentication"
            return Redirect(
                request.location(
                    error="access_denied", error_subcode="cancel", error_description=text
                )
            )
        silent = request.prompt == "none"
        if account is None and silent:
            hinted = self.tenant.find_by_address(request.login_hint or "")
            if hinted is None:
                return self._error(request, SignInError(50058))
            account = hinted.key
        if account is None:
            return AskAccount()
        return self._step_with_account(request, account, decision, silent=silent)

    def _step_with_account(
        self, request: AuthorizeRequest, account: str, decision: Decision | None, *, silent: bool
    ) -> Step:
        person = self.consent.find_person(request.app, request.authority, account)
        missing = self.consent.missing(request.app, person, request.scopes)
        if decision == "deny":
            return self._error(request, SignInError(65004))
        if silent and missing:
            return self._error(request, SignInError(65001, error="interaction_required"))
        requested = sorted(request.scopes.graph) if request.prompt == "consent" else missing
        if requested and decision is None:
            return AskConsent(person, requested)
        self.consent.grant(request.app, person, requested)
        return self._issue_code(request, person)

    def _issue_code(self, request: AuthorizeRequest, person: Person) -> Redirect:
        code = secrets.token_urlsafe(48)
        self.codes[code] = AuthorizationCode(request, person, self.clock.now() + CODE_LIFETIME)
        return Redirect(request.location(code=code, session_state=str(uuid4())))

    def _error(self, request: AuthorizeRequest, error: SignInError) -> Redirect:
        return Redirect(self._error_location(request, error))

    def _error_location(self, request: AuthorizeRequest, error: SignInError) -> str:
        description = str(error.body(self.clock.now())["error_description"])
        return request.location(error=error.kind.error, error_description=description)


def code_challenge(verifier: str, method: str) -> str:
    """Derive the challenge of a code verifier (PKCE)."""
    if method == "plain":
        return verifier
    return base64url(hashlib.sha256(verifier.encode()).digest())


def _check(request: AuthorizeRequest, params: Form) -> None:
    require(params, "response_type", "scope")
    reject_resource(params)
    types = set(params["response_type"].split())
    if types != {"code"}:
        # No app here has the implicit grant.
        raise SignInError(700054 if "id_token" in types else 70005, params["response_type"])
    if request.response_mode not in {"query", "fragment", "form_post"}:
        raise SignInError(70007, request.response_mode)
    if request.prompt not in {"", "login", "none", "consent", "select_account"}:
        raise SignInError(90023, "prompt")
    _check_challenge(request, params)


def _check_challenge(request: AuthorizeRequest, params: Form) -> None:
    if request.challenge is None:
        if "code_challenge_method" in params:
            raise SignInError(50147)
        if request.platform == "spa":
            raise SignInError(9002325)
    elif request.challenge_method not in {"plain", "S256"}:
        raise SignInError(9002313, "code_challenge_method")
    elif not _CHALLENGE.fullmatch(request.challenge):
        raise SignInError(501491)
