"""Microsoft's own library, msgraph-sdk, with its default middleware and a token that is there."""

from typing import Any, override

from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient

# What the first poll would import otherwise.
import msgraph.generated.models.presence
import msgraph.generated.users.item.presence.presence_request_builder
import msgraph.generated.users.item.user_item_request_builder  # noqa: F401

from scripts.bench.memory import Memory
from scripts.bench.worker import Access, Candidate


class _Token(AccessTokenProvider):  # type: ignore[misc]
    """A token without a sign-in."""

    def __init__(self, token: str) -> None:
        """Keep the token."""
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
    """The generated client."""

    def __init__(self, access: Access) -> None:
        """Make a client as Microsoft's documentation does, for another host."""
        super().__init__()
        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(_Token(access.token)))
        adapter.base_url = f"{access.tls_url}/v1.0"
        self._client = GraphServiceClient(request_adapter=adapter)

    @override
    async def poll(self) -> str:
        presence = await self._client.me.presence.get()
        return str(presence.availability)


async def start(access: Access, memory: Memory) -> Candidate:
    """Return the client."""
    return GraphSdk(access)
