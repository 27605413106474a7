"""Home Assistant's test harness with somebody to disturb in it."""

import logging

from homeassistant.core import HomeAssistant
import pytest

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

from .names import Names
from .stage import Stage


@pytest.fixture
def stage(
    hass: HomeAssistant,
    clock: HomeClock,  # noqa: F811
    account: Account,  # noqa: F811
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    """Return a home in which nobody is signed in yet, and its log."""
    for name in ("homeassistant", f"custom_components.{DOMAIN}"):
        caplog.set_level(logging.INFO, name)
    # In its debug mode the loop complains of callbacks that take as long as the clock was moved, and
    # of connections that the simulator could not take.
    hass.loop.set_debug(False)
    names = Names()
    names.take_over(monkeypatch)
    return Stage(hass, clock, account, simulator, caplog, names)
