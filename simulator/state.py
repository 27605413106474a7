"""A simulated tenant: its clock, faults and services."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from .clock import Clock
from .clouds import CloudName, Deployment
from .entra.authorize import Redirect
from .entra.consent import Decision
from .entra.errors import SignInError
from .entra.service import Entra
from .faults import Faults
from .graph.service import Graph
from .request_log import Request
from .states import Vocabulary
from .tenant import Tenant


class SimulatorState:
    """A tenant with sign-in and Graph, served by `Simulator`."""

    def __init__(
        self, cloud: CloudName, now: Callable[[], datetime] | None, vocabulary: Vocabulary
    ) -> None:
        """Create the tenant; `now` replaces the system's clock."""
        self.clock = Clock(now)
        self.tenant = Tenant(self.clock, vocabulary)
        self.requests: list[Request] = []
        self.faults = Faults()
        self.deployment = Deployment(cloud)
        self.entra = Entra(self.tenant, self.clock, self.deployment)
        self.graph = Graph(self.tenant, self.clock, self.deployment, self.entra.tokens)
        self.stopping = asyncio.Event()
        """Set when the simulator stops, to end responses that would never end."""

    @property
    def url(self) -> str:
        """The address for browsers, plain http."""
        return self.deployment.url

    @property
    def tls_url(self) -> str:
        """The address for clients: login host and Graph root."""
        return self.deployment.tls_url

    def advance(self, seconds: float) -> None:
        """Advance the clock, but not the time of tokens."""
        self.clock.advance(seconds)

    def skew_clock(self, seconds: float) -> None:
        """Set the clock ahead, also for tokens."""
        self.clock.skew(seconds)

    async def authorize(
        self, url: str, account: str = "robin", decision: Decision = "accept"
    ) -> str:
        """Sign in at an authorize URL; return the redirect.

        Accounts are the keys of `tenant.people`, "stranger" and "personal". Raises SignInError, with the text of
        the page, where Microsoft's page would show an error.
        """
        parts = urlsplit(url)
        fault = self.faults.find("GET", parts.path)
        if fault and (code := fault.options.get("aadsts")):
            raise SignInError(code)
        authority = parts.path.split("/")[1]
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            request = self.entra.authorize_endpoint.read(authority, params)
            step = self.entra.authorize_endpoint.step(request, account, decision)
        except SignInError as error:
            if error.location is None:
                raise
            return error.location
        return cast("Redirect", step).location

    def enter_device_code(
        self, user_code: str, account: str = "robin", decision: Decision = "accept"
    ) -> None:
        """Enter a device code; raises SignInError."""
        self.entra.device_code_endpoint.enter(user_code, account, decision)

    def revoke(self, person_key: str) -> None:
        """Revoke a person's refresh tokens (AADSTS50173)."""
        self.entra.tokens.revoke(person_key)

    def change_password(self, person_key: str) -> None:
        """Change a password, which revokes public clients' refresh tokens."""
        self.entra.tokens.change_password(person_key)

    def expire_access_tokens(self) -> None:
        """Expire all access tokens issued so far."""
        self.entra.tokens.expire_access_tokens()
