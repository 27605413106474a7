"""An app registration in Microsoft Entra, and the permissions to request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from yarl import URL

from ..graph.clouds import CLOUDS, DEFAULT_SCOPE, Cloud
from ..graph.text import plain_text
from .errors import SignInError

ACCESS_READ: Final = "read"
ACCESS_READ_WRITE: Final = "read_write"
SIGN_IN_APPLICATION: Final = "application"

# The tenant of personal accounts, which have no presence.
_PERSONAL_TENANT: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
# An account without a person or the person's name.
_NAMELESS: Final = "Microsoft Teams"


def _title(name: str, domain: str) -> str:
    return f"{name} ({domain})" if domain else name


@dataclass(frozen=True, kw_only=True, slots=True)
class AppRegistration:
    """An app registration and the permissions to request."""

    cloud: Cloud
    tenant: str
    """Directory id, a domain of the directory, or `organizations` for a multitenant app."""
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    """None for a public client or with a certificate."""
    certificate: str | None = field(default=None, repr=False)
    """Certificate chain and private key, PEM; for app-only access."""
    access: str
    """`read` or `read_write`."""
    include_colleagues: bool = False
    """Whether to request the presence of other people than the signed-in one."""
    is_app_only: bool = False
    """Whether the app signs in without a user."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the registration of a form's or config entry's data."""
        return cls(
            cloud=CLOUDS[data["cloud"]],
            tenant=data["tenant"],
            client_id=data["client_id"],
            client_secret=data.get("client_secret") or None,
            certificate=data.get("certificate") or None,
            access=data["access"],
            include_colleagues=data.get("colleagues", False),
            is_app_only=data["sign_in"] == SIGN_IN_APPLICATION,
        )

    @property
    def permissions(self) -> list[str]:
        """Return the least-privileged permissions, delegated or application.

        `Presence.ReadWrite` does not include reading.
        https://learn.microsoft.com/graph/permissions-reference
        """
        others = ["Presence.Read.All", "User.ReadBasic.All"]
        can_write = self.access == ACCESS_READ_WRITE
        if self.is_app_only:
            return others + ["Presence.ReadWrite.All"] * can_write
        return (
            ["Presence.Read"]
            + ["Presence.ReadWrite"] * can_write
            + others * self.include_colleagues
        )

    def admin_consent_url(self, redirect_url: str) -> str:
        """Return the page where an administrator consents for the whole tenant.

        https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
        https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
        """
        authority = self.cloud.authority(self.tenant)
        if self.is_app_only:
            # Its permissions have to be in the registration, which has no redirect URI.
            return str(URL(f"{authority}/adminconsent") % {"client_id": self.client_id})
        # The other page consents to the registration's permissions only, and it may have none.
        scopes = " ".join(f"{self.cloud.resource}/{name}" for name in self.permissions)
        return str(
            URL(f"{authority}/v2.0/adminconsent")
            % {"client_id": self.client_id, "scope": scopes, "redirect_uri": redirect_url}
        )

    @property
    def title(self) -> str:
        """Return the config entry's title, without a directory ID."""
        return _title(_NAMELESS, self.tenant if "." in self.tenant else "")

    @property
    def scopes(self) -> list[str]:
        """Return the scopes to request; app-only access can only request `.default`."""
        permissions = [DEFAULT_SCOPE] if self.is_app_only else self.permissions
        return [self.cloud.scope(permission) for permission in permissions]

    def missing_permissions(self, token: Mapping[str, Any]) -> list[str]:
        """Return requested permissions that were not granted."""
        # Entra writes scopes short or in full, in any case.
        granted = {scope.rpartition("/")[2].lower() for scope in token["scope"].split()}
        return [name for name in self.permissions if name.lower() not in granted]


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Claims of the id token."""

    tenant_id: str
    object_id: str
    name: str
    domain: str

    @property
    def title(self) -> str:
        """Return the config entry's title, which tells it from a colleague's."""
        return _title(self.name, self.domain)

    @property
    def unique_id(self) -> str:
        """Return the unique id of the config entry."""
        return f"{self.tenant_id}.{self.object_id}"

    @classmethod
    def from_claims(cls, claims: object) -> Self:
        """Read the claims; raises `SignInError` for a personal account or without ids.

        Ids are in lower case, because Microsoft uses both cases.
        https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
        """
        if not isinstance(claims, dict):
            raise SignInError("unexpected_answer")
        tenant_id, object_id, name, username = (
            plain_text(claims.get(claim)) for claim in ("tid", "oid", "name", "preferred_username")
        )
        if tenant_id.lower() == _PERSONAL_TENANT:
            raise SignInError("personal_account")
        if not tenant_id or not object_id:
            raise SignInError("unexpected_answer")
        return cls(
            tenant_id=tenant_id.lower(),
            object_id=object_id.lower(),
            name=name or username or _NAMELESS,
            domain=username.rpartition("@")[2] if name and "@" in username else "",
        )
