"""National clouds, and the simulator as one of them."""

from dataclasses import dataclass
from typing import Final, Literal

type CloudName = Literal["global", "us_gov_l4", "us_gov_l5"]


@dataclass(frozen=True)
class Cloud:
    """A national cloud: the audience of its tokens, and whether presence is complete."""

    resource: str
    complete: bool


CLOUDS: Final[dict[CloudName, Cloud]] = {
    "global": Cloud("https://graph.microsoft.com", complete=True),
    "us_gov_l4": Cloud("https://graph.microsoft.us", complete=False),
    "us_gov_l5": Cloud("https://dod-graph.microsoft.us", complete=False),
}


@dataclass
class Deployment:
    """A cloud and its addresses, which are known once the simulator has started."""

    cloud: CloudName
    url: str = ""
    """For browsers, plain http."""
    tls_url: str = ""
    """For clients: login host and Graph root alike."""

    @property
    def resource(self) -> str:
        """The audience of access tokens for Graph."""
        return CLOUDS[self.cloud].resource

    @property
    def complete(self) -> bool:
        """Whether presences have all of their properties."""
        return CLOUDS[self.cloud].complete

    def issuer(self, tenant_id: str) -> str:
        """Return the issuer of a tenant's tokens."""
        return f"{self.tls_url}/{tenant_id}/v2.0"
