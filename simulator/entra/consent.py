"""Consent: sign-in to apps and permissions that are granted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import urlencode

from simulator.tenant import ADMIN_ONLY, App, Person, Tenant
from simulator.wire import Form

from .authorities import Authorities, is_shared
from .errors import SignInError, require
from .scopes import Scopes, parse_scopes

type Decision = Literal["accept", "deny", "cancel"]

OUTSIDERS: Final = ("stranger", "personal")
"""Accounts outside of the tenant: of another organization, and a personal one."""


@dataclass(frozen=True)
class AdminConsentRequest:
    """A checked admin-consent request; the redirect URI may be empty."""

    app: App
    redirect_uri: str
    state: str | None
    scopes: frozenset[str] = frozenset()
    """Delegated permissions to grant."""
    application: frozenset[str] = frozenset()
    """Application permissions to grant."""
    is_v2: bool = False

    def location(self, **fields: str) -> str | None:
        """Return the redirect, None without a redirect URI."""
        # The page "Grant tenant-wide admin consent" has links without one.
        if not self.redirect_uri:
            return None
        if self.state is not None:
            fields["state"] = self.state
        return f"{self.redirect_uri}?{urlencode(fields)}"


@dataclass(frozen=True)
class Consent:
    """The consent of the tenant's people and administrators."""

    tenant: Tenant
    authorities: Authorities

    def find_person(self, app: App, authority: str, account: str) -> Person:
        """Find the person of an account, or reject it for the app."""
        if account == "personal":
            raise SignInError(500200)
        person = self.tenant.people.get(account)
        if account in OUTSIDERS or (person and person.guest and is_shared(authority)):
            raise SignInError(50020)
        if person is None:
            raise SignInError(50034, account)
        if not person.enabled:
            raise SignInError(50057)
        if app.assignment_required and person.key not in app.assigned:
            raise SignInError(50105)
        return person

    def missing(self, app: App, person: Person, scopes: Scopes) -> list[str]:
        """List the permissions to ask for, or raise if only an administrator may grant them."""
        missing = scopes.missing(self.tenant.granted(app, person))
        if missing and (self.tenant.user_consent == "blocked" or missing & ADMIN_ONLY):
            raise SignInError(90095 if self.tenant.admin_consent_requests else 90094)
        return sorted(missing)

    def grant(self, app: App, person: Person, permissions: Iterable[str]) -> None:
        """Grant an app a person's permissions."""
        self.tenant.consents.setdefault((app.id, person.key), set()).update(permissions)

    def read_admin_request(self, authority: str, params: Form) -> AdminConsentRequest:
        """Check an admin-consent request."""
        self.authorities.check(authority)
        app = self.authorities.find_app(authority, params.get("client_id", ""))
        redirect_uri = params.get("redirect_uri", "")
        if redirect_uri and app.find_platform(redirect_uri) is None:
            raise SignInError(50011, redirect_uri)
        return AdminConsentRequest(
            app,
            redirect_uri,
            params.get("state"),
            frozenset(app.delegated),
            frozenset(app.application),
        )

    def read_admin_request_v2(self, authority: str, params: Form) -> AdminConsentRequest:
        """Check an admin-consent request that names its scopes."""
        require(params, "redirect_uri", "scope")
        request = self.read_admin_request(authority, params)
        requested = parse_scopes(params["scope"], request.app, self.authorities.deployment)
        return replace(
            request,
            scopes=requested.graph if self.tenant.admin_consent == "requested" else request.scopes,
            # Only .default includes them.
            application=request.application if requested.default else frozenset(),
            is_v2=True,
        )

    def grant_as_admin(self, request: AdminConsentRequest) -> str | None:
        """Grant an app permissions for the whole tenant and return the redirect."""
        request.app.admin_consented |= request.scopes
        fields = {"admin_consent": "True", "tenant": self.tenant.id}
        if request.is_v2:
            resource = self.authorities.deployment.resource
            fields["scope"] = " ".join(f"{resource}/{name}" for name in sorted(request.scopes))
        return request.location(**fields)

    def decline_as_admin(self, request: AdminConsentRequest) -> str | None:
        """Return the redirect of a declined request."""
        if not request.is_v2:
            return request.location(
                error="permission_denied", error_description="The admin canceled the request"
            )
        return request.location(
            error="consent_required",
            error_description=SignInError(65004).text,
            admin_consent="True",
            tenant=self.tenant.id,
        )
