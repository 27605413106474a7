"""The library O365, with an existing token.

It blocks. In Home Assistant each poll would also need a thread, which is not counted here.
"""

from typing import override

from O365 import Account, MSGraphProtocol
from O365.teams import Teams
from O365.utils.token import MemoryTokenBackend

from scripts.bench.memory import Memory
from scripts.bench.worker import Access, Candidate


class O365(Candidate):
    """The account of O365."""

    def __init__(self, access: Access) -> None:
        """Create an account with the token and simulator's host."""
        super().__init__()

        class Protocol(MSGraphProtocol):  # type: ignore[misc]
            _protocol_url = f"{access.tls_url}/"

        self._account = Account(
            "no-sign-in-is-made",
            auth_flow_type="public",
            protocol=Protocol,
            token_backend=MemoryTokenBackend(),
            # The default is a pause of 0.2 s before each request.
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
    """Create the candidate."""
    return O365(access)
