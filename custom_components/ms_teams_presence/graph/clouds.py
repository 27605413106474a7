"""The national clouds that have a presence API: where to sign in, where Graph is, what it offers.

https://learn.microsoft.com/graph/deployments
"""

from dataclasses import dataclass
from typing import Final

# All that an app was granted for itself, which is the only thing it can ask for.
DEFAULT_SCOPE: Final = ".default"
# The cloud of nearly everybody.
DEFAULT_CLOUD: Final = "global"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One deployment of Microsoft's cloud; an app and its tokens belong to exactly one."""

    key: str
    """Name in a config entry; never renamed."""
    login: str
    """Root of Microsoft Entra, without a trailing slash."""
    graph: str
    """Root of Microsoft Graph, without a version or a trailing slash."""
    portal: str
    """Microsoft Entra admin center, where apps are registered."""
    resource: str = "https://graph.microsoft.com"
    """Whom tokens are for: Graph as Entra knows it, which is also its address in the real clouds."""
    has_work_location: bool = False
    """Whether presence carries a work location."""

    def authority(self, tenant: str) -> str:
        """Return the authority of a tenant: a directory id, a domain or `organizations`."""
        return f"{self.login}/{tenant}"

    def scope(self, permission: str) -> str:
        """Return the scope that stands for a permission on this cloud's Graph.

        Without a resource Entra takes a scope for the global Graph's, and shows it shorter.
        """
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
            resource="https://graph.microsoft.us",
        ),
        Cloud(
            key="us_gov_l5",
            login="https://login.microsoftonline.us",
            graph="https://dod-graph.microsoft.us",
            portal="https://entra.microsoft.us",
            resource="https://dod-graph.microsoft.us",
        ),
    )
}
