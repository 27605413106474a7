"""How apps authenticate: secrets and client assertions."""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
import jwt

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import App, Platform, Tenant
from simulator.wire import Form

from .errors import SignInError

_CLOCK_SKEW: Final = 300
"""Seconds; Microsoft's page does not define it."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class ClientAuthentication:
    """Client authentication at the token endpoint."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment

    def check(self, app: App, platform: Platform, form: Form, origin: str | None) -> None:
        """Check a client as its redirect URI's platform requires."""
        presented = bool(form.get("client_secret") or form.get("client_assertion"))
        if (platform == "spa") != bool(origin):
            raise SignInError(9002326 if origin else 9002327)
        if platform == "web":
            if not presented:
                raise SignInError(7000218)
            self.check_credential(app, form)
        elif presented:
            raise SignInError(700025)

    def check_credential(self, app: App, form: Form) -> None:
        """Check a secret or a client assertion."""
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise SignInError(9002313, "client_assertion_type")
            self._check_assertion(app, form["client_assertion"])
            return
        if not (app.secrets or app.certificates):
            raise SignInError(700025)
        secret = next(
            (known for known in app.secrets if known.value == form["client_secret"]), None
        )
        if secret is None:
            raise SignInError(7000215)
        if secret.expires and secret.expires <= self.clock.now():
            raise SignInError(7000222)

    def _check_assertion(self, app: App, assertion: str) -> None:
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.InvalidTokenError as error:
            raise SignInError(50027) from error
        certificate = next(
            (
                known
                for known in app.certificates
                # MSAL pads these, other libraries do not.
                if any(
                    str(header.get(name)).rstrip("=") == value
                    for name, value in known.key_ids().items()
                )
            ),
            None,
        )
        if certificate is None:
            raise SignInError(700027)
        base = self.deployment.tls_url
        audiences = [
            f"{base}/{name}/{end}"
            for name in (self.tenant.id, self.tenant.domain)
            for end in ("oauth2/v2.0/token", "v2.0")
        ]
        try:
            claims = jwt.decode(
                assertion,
                certificate.parsed.public_key(),  # type: ignore[arg-type]
                algorithms=["RS256", "PS256"],
                audience=audiences,
                options={
                    "require": ["exp", "iss", "sub", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidSignatureError, InvalidSignature) as error:
            raise SignInError(700027) from error
        except jwt.InvalidTokenError as error:
            raise SignInError(50027) from error
        expires, now = claims["exp"], self.clock.source().timestamp()
        starts = claims.get("nbf", 0)
        fresh = (
            isinstance(expires, int | float)
            and isinstance(starts, int | float)
            and starts - _CLOCK_SKEW <= now < expires
        )
        if claims["iss"] != claims["sub"]:
            raise SignInError(50048)
        if not fresh or (claims["iss"], claims["sub"]) != (app.id, app.id):
            raise SignInError(50027)
