"""What every ring of the tests builds on: one simulator for each test, over real sockets."""

from collections.abc import AsyncIterator

import pytest

# Imported before Home Assistant looks for custom integrations: the test package has a directory of
# that name too, and the first one imported wins.
from custom_components import ms_teams_presence  # noqa: F401
from simulator import Simulator
from simulator.clouds import CloudName
from tests.plugin import CERTIFICATE


@pytest.fixture
async def simulator(
    socket_enabled: None, request: pytest.FixtureRequest
) -> AsyncIterator[Simulator]:
    """Run a Microsoft tenant on loopback, in the global cloud or the one of an indirect parameter."""
    cloud: CloudName = getattr(request, "param", "global")
    async with Simulator(CERTIFICATE, cloud=cloud) as simulator:
        yield simulator
