"""Authorities: tenants in URLs, and their metadata."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from simulator.clouds import Deployment
from simulator.tenant import App, Tenant
from simulator.wire import Form, Json

from .errors import SignInError

SHARED_AUTHORITIES: Final = frozenset({"common", "organizations", "consumers"})


def is_shared(authority: str) -> bool:
    """Whether an authority serves more than one tenant."""
    return authority.lower() in SHARED_AUTHORITIES


@dataclass(frozen=True)
class Authorities:
    """The tenant's own authorities and the shared ones."""

    tenant: Tenant
    deployment: Deployment

    def check(self, authority: str) -> None:
        """Reject an unknown tenant."""
        if not is_shared(authority) and not self._is_own(authority):
            raise SignInError(90002, authority)

    def are_same(self, one: str, other: str) -> bool:
        """Whether authorities accept each other's codes."""
        return self._canonical(one) == self._canonical(other)

    def find_app(self, authority: str, client_id: str) -> App:
        """Find an app by client id, or reject it."""
        app = self.tenant.apps.get(client_id.lower())
        if not client_id:
            raise SignInError(900144, "client_id")
        if app is None:
            raise SignInError(700016, client_id)
        if not app.enabled:
            raise SignInError(7000112)
        if authority.lower() == "consumers":
            raise SignInError(9002332)
        if is_shared(authority) and not app.multi_tenant:
            raise SignInError(50194)
        return app

    def instance(self, params: Form) -> Json:
        """Serialize the instance discovery with the host's aliases."""
        base = self.deployment.tls_url
        host = urlsplit(base).netloc
        endpoint = params.get("authorization_endpoint", "")
        if not endpoint.startswith("https://"):
            raise SignInError(50050)
        if urlsplit(endpoint).netloc.lower() != host:
            raise SignInError(50049)
        return {
            "tenant_discovery_endpoint": f"{base}/common/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }

    def metadata(self, authority: str) -> Json:
        """Serialize the OpenID configuration of an authority."""
        self.check(authority)
        name = self._canonical(authority)
        base = f"{self.deployment.tls_url}/{name}"
        pages = f"{self.deployment.url}/{name}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": self.issuer(authority),
            "request_uri_parameter_supported": False,
            "userinfo_endpoint": f"{self.deployment.tls_url}/oidc/userinfo",
            "authorization_endpoint": f"{pages}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "http_logout_supported": True,
            "frontchannel_logout_supported": True,
            "end_session_endpoint": f"{pages}/oauth2/v2.0/logout",
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "preferred_username",
                "name",
                "tid",
                "ver",
            ],
            "tenant_region_scope": None,
            "cloud_instance_name": urlsplit(self.deployment.tls_url).netloc,
            "msgraph_host": urlsplit(self.deployment.resource).netloc,
        }

    def issuer(self, authority: str) -> str:
        """Return the issuer of an authority, a template if shared."""
        self.check(authority)
        return self.deployment.issuer("{tenantid}" if is_shared(authority) else self.tenant.id)

    def _canonical(self, authority: str) -> str:
        return self.tenant.id if self._is_own(authority) else authority.lower()

    def _is_own(self, authority: str) -> bool:
        return authority.lower() in {self.tenant.id, self.tenant.domain}
