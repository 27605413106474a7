"""National clouds that have a presence API.

https://learn.microsoft.com/graph/deployments
"""

from dataclasses import dataclass
import re
from typing import Final

from yarl import URL

# Every permission that an app was granted: app-only access can request nothing else.
DEFAULT_SCOPE: Final = ".default"
DEFAULT_CLOUD: Final = "global"

# Where the page is on which a device code is entered, in every cloud.
_DEVICE_LOGIN_ORIGINS: Final = frozenset(
    ("https", host, 443) for host in ("login.microsoft.com", "microsoft.com", "www.microsoft.com")
)
# No user info, white space, quotes, brackets or backslashes, which browsers read in their own ways.
_PLAIN_URL: Final = re.compile(r"https?://[\w.:\[\]-]+([/?][\w/?#%&=.,+:~$!;-]*)?", re.ASCII)
# Not documented as an interface, but many projects link there.
_REGISTER_FORM: Final = (
    "#view/Microsoft_AAD_RegisteredApps/CreateApplicationBlade/quickStartType~/null/isMSAApp~/false"
)


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A national cloud."""

    key: str
    """Name in a config entry; never renamed."""
    login: str
    """Root of Microsoft Entra, without a trailing slash."""
    graph: str
    """Root of Microsoft Graph, without a version or a trailing slash."""
    portal: str
    """Microsoft Entra admin center, where apps are registered."""
    teams: str = "https://teams.microsoft.com"
    """Microsoft Teams on the web."""
    resource: str = "https://graph.microsoft.com"
    """Audience of tokens, which is also Graph's address in the real clouds."""
    has_work_location: bool = False
    """Whether presence carries a work location."""

    @property
    def register_url(self) -> str:
        """Return Microsoft's form "Register an application"."""
        return f"{self.portal}/{_REGISTER_FORM}"

    def authority(self, tenant: str) -> str:
        """Return the authority of a tenant."""
        return f"{self.login}/{tenant}"

    def is_login_url(self, url: str) -> bool:
        """Return whether a request to this address goes to the login host."""
        return _origin(url) == _origin(self.login)

    def is_sign_in_page(self, url: str) -> bool:
        """Return whether a person may be sent to this address to sign in."""
        origins = {_origin(self.login), _origin(self.portal), *_DEVICE_LOGIN_ORIGINS} - {None}
        return _origin(url) in origins

    def scope(self, permission: str) -> str:
        """Return the scope of a permission on this cloud's Graph."""
        # Entra reads a scope without a resource as the global Graph's, and shows it shorter.
        if self.resource == Cloud.resource and permission != DEFAULT_SCOPE:
            return permission
        return f"{self.resource}/{permission}"


# China (21Vianet) has no presence API, so it is not offered.
CLOUDS: Final[dict[str, Cloud]] = {
    cloud.key: cloud
    for cloud in (
        Cloud(
            key=DEFAULT_CLOUD,
            login="https://login.microsoftonline.com",
            graph="https://graph.microsoft.com",
            portal="https://entra.microsoft.com",
            has_work_location=True,
        ),
        Cloud(
            key="us_gov_l4",
            login="https://login.microsoftonline.us",
            graph="https://graph.microsoft.us",
            portal="https://entra.microsoft.us",
            teams="https://gov.teams.microsoft.us",
            resource="https://graph.microsoft.us",
        ),
        Cloud(
            key="us_gov_l5",
            login="https://login.microsoftonline.us",
            graph="https://dod-graph.microsoft.us",
            portal="https://entra.microsoft.us",
            teams="https://dod.teams.microsoft.us",
            resource="https://dod-graph.microsoft.us",
        ),
    )
}


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port of an address; None if it is not a plain one."""
    try:
        parsed = URL(url) if _PLAIN_URL.fullmatch(url) else None
    except ValueError:
        return None
    return (parsed.scheme, parsed.host, parsed.port) if parsed else None
