"""The simulator fixture for all tests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

# Import this first: pytest's Home Assistant plugin has its own `custom_components` package.
from custom_components import ms_teams_presence  # noqa: F401
from simulator import Simulator
from simulator.clouds import CloudName
from tests.plugin import CERTIFICATE

# What asyncio's debug mode reports of a client that leaves during the TLS handshake.
_CLIENT_LEFT: Final = "Error on transport creation for incoming connection"


@pytest.fixture
async def simulator(
    socket_enabled: None, request: pytest.FixtureRequest
) -> AsyncIterator[Simulator]:
    """Run a tenant in the global cloud or an indirect parameter's."""
    cloud: CloudName = getattr(request, "param", "global")
    loop = asyncio.get_running_loop()
    report = loop.call_exception_handler

    def report_others(context: dict[str, Any]) -> None:
        if context["message"] != _CLIENT_LEFT:
            report(context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "call_exception_handler", report_others)
        async with Simulator(CERTIFICATE, cloud=cloud) as simulator:
            yield simulator
