"""The simulator fixture for all tests."""

from collections.abc import AsyncIterator

import pytest

# Import this first: pytest's Home Assistant plugin has its own `custom_components` package.
from custom_components import ms_teams_presence  # noqa: F401
from simulator import Simulator
from simulator.clouds import CloudName
from tests.plugin import CERTIFICATE


@pytest.fixture
async def simulator(
    socket_enabled: None, request: pytest.FixtureRequest
) -> AsyncIterator[Simulator]:
    """Run a tenant in the global cloud or an indirect parameter's."""
    cloud: CloudName = getattr(request, "param", "global")
    async with Simulator(CERTIFICATE, cloud=cloud) as simulator:
        yield simulator
