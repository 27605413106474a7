"""The sign-in service: its endpoints and their state.

Built from the pages "OAuth 2.0 authorization code flow", "device authorization grant", "client credentials flow",
"Refresh tokens in the Microsoft identity platform" and "Microsoft Entra authentication and authorization error
codes".
"""

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.tenant import Tenant

from .authorities import Authorities
from .authorize import AuthorizeEndpoint
from .client_authentication import ClientAuthentication
from .consent import Consent
from .device_code import DeviceCodeEndpoint
from .token_endpoint import TokenEndpoint
from .tokens import Tokens


class Entra:
    """The sign-in service of one tenant in one cloud."""

    def __init__(self, tenant: Tenant, clock: Clock, deployment: Deployment) -> None:
        """Create the endpoints."""
        self.tenant = tenant
        self.clock = clock
        self.authorities = Authorities(tenant, deployment)
        self.consent = Consent(tenant, self.authorities)
        self.tokens = Tokens(tenant, clock, deployment)
        self.authorize_endpoint = AuthorizeEndpoint(
            tenant, clock, deployment, self.authorities, self.consent
        )
        self.device_code_endpoint = DeviceCodeEndpoint(
            clock, deployment, self.authorities, self.consent
        )
        self.token_endpoint = TokenEndpoint(
            tenant,
            clock,
            deployment,
            self.authorities,
            self.authorize_endpoint,
            self.device_code_endpoint,
            ClientAuthentication(tenant, clock, deployment),
            self.tokens,
        )
