"""Microsoft's library msgraph-sdk, with its default middleware."""

from typing import Any, override

from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient

# Otherwise imported by the first poll.
import msgraph.generated.models.presence
import msgraph.generated.users.item.presence.presence_request_builder
import msgraph.generated.users.item.user_item_request_builder  # noqa: F401

from scripts.bench.memory import Memory
from scripts.bench.worker import Access, Candidate


class _Token(AccessTokenProvider):  # type: ignore[misc]
    """Provides an existing token."""

    def __init__(self, token: str) -> None:
        """Initialize."""
        self._token = token

    @override
    async def get_authorization_token(
        self, uri: str, additional_authentication_context: dict[str, Any] | None = None
    ) -> str:
        return self._token

    @override
    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator([])


class GraphSdk(Candidate):
    """The client of msgraph-sdk."""

    def __init__(self, access: Access) -> None:
        """Create a client as documented, for the simulator's host."""
        super().__init__()
        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(_Token(access.token)))
        adapter.base_url = f"{access.tls_url}/v1.0"
        self._client = GraphServiceClient(request_adapter=adapter)

    @override
    async def poll(self) -> str:
        presence = await self._client.me.presence.get()
        return str(presence.availability)


async def start(access: Access, memory: Memory) -> Candidate:
    """Create the candidate."""
    return GraphSdk(access)
