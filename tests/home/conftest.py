"""Fixtures with Home Assistant, the integration and the simulator."""

from collections.abc import Iterator
from dataclasses import replace

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence import account as account_module
from custom_components.ms_teams_presence.graph.clouds import CLOUDS, Cloud
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add


@pytest.fixture(autouse=True)
def _home(simulator: Simulator, enable_custom_integrations: None) -> None:
    """Enable the integration and stop Home Assistant before the simulator.

    Otherwise the simulator would wait for Home Assistant's open connections.
    """


@pytest.fixture
def cloud(simulator: Simulator) -> Iterator[Cloud]:
    """Add the simulator to the cloud table."""
    simulated = CLOUDS[simulator.deployment.cloud]
    cloud = replace(
        simulated,
        key="simulator",
        login=simulator.tls_url,
        graph=simulator.tls_url,
        portal=simulator.url,
    )
    CLOUDS[cloud.key] = cloud
    yield cloud
    del CLOUDS[cloud.key]


@pytest.fixture
def account(
    hass: HomeAssistant,
    cloud: Cloud,
    simulator: Simulator,
    hass_client_no_auth: ClientSessionGenerator,
    current_request_with_host: None,
) -> Account:
    """Return a user who can sign in to the simulator."""
    return Account(hass, simulator, hass_client_no_auth)


@pytest.fixture
def clock(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> HomeClock:
    """Freeze the time until the test advances it."""
    return HomeClock(hass, freezer)


@pytest.fixture
def robin(simulator: Simulator) -> Person:
    """Return the person who signs in."""
    return simulator.tenant.people["robin"]


@pytest.fixture
def alex(simulator: Simulator) -> Person:
    """Return a colleague."""
    return simulator.tenant.people["alex"]


@pytest.fixture(autouse=True)
def _no_pause_before_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry failed writes immediately."""
    monkeypatch.setattr(account_module, "_RETRY_DELAYS", (0.0, 0.0))


@pytest.fixture
async def entry(hass: HomeAssistant, account: Account) -> PresenceConfigEntry:
    """Sign in as Robin with write access."""
    return await account.async_sign_in()


@pytest.fixture
async def both(hass: HomeAssistant, account: Account, alex: Person) -> PresenceConfigEntry:
    """Sign in as Robin and add Alex."""
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    return entry
