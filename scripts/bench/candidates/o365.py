"""The library O365, with a token that is there.

It blocks: in Home Assistant each poll would cost a thread on top, which is not counted here.
"""

from typing import override

from O365 import Account, MSGraphProtocol
from O365.teams import Teams
from O365.utils.token import MemoryTokenBackend

from scripts.bench.memory import Memory
from scripts.bench.worker import Access, Candidate


class O365(Candidate):
    """Its account and its Teams."""

    def __init__(self, access: Access) -> None:
        """Make an account whose session has the token, for another host."""
        super().__init__()

        class Protocol(MSGraphProtocol):  # type: ignore[misc]
            _protocol_url = f"{access.tls_url}/"

        self._account = Account(
            "no-sign-in-is-made",
            auth_flow_type="public",
            protocol=Protocol,
            token_backend=MemoryTokenBackend(),
            # Otherwise it would sleep for a fifth of a second before each request.
            requests_delay=0,
        )
        connection = self._account.connection
        connection.session = connection.get_session()
        connection.update_session_auth_header(access.token)
        self._teams: Teams = self._account.teams()

    @override
    async def poll(self) -> str:
        return str(self._teams.get_my_presence().availability)


async def start(access: Access, memory: Memory) -> Candidate:
    """Return the account."""
    return O365(access)
