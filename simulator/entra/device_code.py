"""The device code endpoint: device authorization grant."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
import secrets
from typing import Final, Literal

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import App, Person
from simulator.wire import Form, Json

from .authorities import Authorities
from .consent import Consent, Decision
from .errors import SignInError, reject_resource, require
from .scopes import Scopes, parse_scopes

DEVICE_CODE_LIFETIME: Final = timedelta(minutes=15)


@dataclass
class DeviceCode:
    """A device code and its status."""

    app: App
    authority: str
    scopes: Scopes
    user_code: str
    expires: datetime
    status: Literal["pending", "accepted", "declined", "redeemed"] = "pending"
    person: Person | None = None


@dataclass
class DeviceCodeEndpoint:
    """The device code endpoint and the codes it issued."""

    clock: Clock
    deployment: Deployment
    authorities: Authorities
    consent: Consent
    interval: int = 5
    """Requested seconds between polls; not enforced."""
    codes: dict[str, DeviceCode] = field(default_factory=dict)

    def respond(self, authority: str, form: Form) -> Json:
        """Issue a device code."""
        self.authorities.check(authority)
        app = self.authorities.find_app(authority, form.get("client_id", ""))
        reject_resource(form)
        require(form, "scope")
        scopes = parse_scopes(form["scope"], app, self.deployment)
        device_code = secrets.token_urlsafe(64)
        user_code = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(9))
        self.codes[device_code] = DeviceCode(
            app, authority, scopes, user_code, self.clock.now() + DEVICE_CODE_LIFETIME
        )
        page = f"{self.deployment.url}/device"
        return {
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": int(DEVICE_CODE_LIFETIME.total_seconds()),
            "interval": self.interval,
            "message": f"To sign in, open {page} and enter the code {user_code}.",
        }

    def find(self, user_code: str) -> DeviceCode:
        """Find the pending device code of a user code."""
        wanted = user_code.strip().upper()
        found = next((code for code in self.codes.values() if code.user_code == wanted), None)
        if found is None:
            raise SignInError(70018)
        if found.status != "pending":
            raise SignInError(90120)
        if self.clock.now() >= found.expires:
            raise SignInError(70019)
        return found

    def enter(self, user_code: str, account: str, decision: Decision) -> None:
        """Enter a user code; accepting also consents."""
        found = self.find(user_code)
        if decision != "accept":
            found.status = "declined"
            return
        person = self.consent.find_person(found.app, found.authority, account)
        missing = self.consent.missing(found.app, person, found.scopes)
        self.consent.grant(found.app, person, missing)
        found.person = person
        found.status = "accepted"
