"""Fixtures for the fault tests."""

from collections.abc import AsyncIterator
import logging
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
import pytest_socket

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.conftest import (  # noqa: F401  # pytest finds fixtures by their names here
    _home,
    account,
    clock,
    cloud,
)
from tests.name_server import NameServer, name_server
from tests.network import DEAD, GOOD
from tests.plugin import CERTIFICATE, NAME

from .stage import Stage


@pytest.fixture
async def simulator(socket_enabled: None) -> AsyncIterator[Simulator]:
    """Run a simulator with a host name."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", GOOD, *DEAD])
    async with Simulator(CERTIFICATE, GOOD, name=NAME) as simulator:
        yield simulator


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """Run the name server for Home Assistant."""
    async with name_server(monkeypatch, {NAME: [GOOD]}) as server:
        yield server


@pytest.fixture
def stage(
    hass: HomeAssistant,
    clock: HomeClock,  # noqa: F811
    account: Account,  # noqa: F811
    simulator: Simulator,
    names: NameServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    hass_storage: dict[str, Any],
) -> Stage:
    """Return a home without an account, and its log."""
    for name in ("homeassistant", f"custom_components.{DOMAIN}"):
        caplog.set_level(logging.INFO, name)
    # In debug mode the loop warns about callbacks that seem slow when the clock moves, and about
    # connections that the simulator could not accept.
    hass.loop.set_debug(False)
    return Stage(hass, clock, account, simulator, caplog, names, monkeypatch, hass_storage)
