"""National clouds, and several accounts at once."""

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph.clouds import CLOUDS
from simulator import Simulator
from simulator.tenant import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add
from tests.home.states import state
from tests.home.test_application import async_sign_in

ROBIN = "sensor.robin_example_availability"

every_cloud = pytest.mark.parametrize(
    "simulator", ["global", "us_gov_l4", "us_gov_l5"], indirect=True
)


@every_cloud
async def test_every_cloud_from_the_sign_in_to_a_message(
    hass: HomeAssistant, account: Account, simulator: Simulator
) -> None:
    robin = simulator.tenant.people["robin"]
    robin.join_call()
    await account.async_sign_in()
    await hass.services.async_call(
        DOMAIN,
        "set_status_message",
        {"message": "Hello"},
        target={"entity_id": ROBIN},
        blocking=True,
    )
    await hass.async_block_till_done(wait_background_tasks=True)

    assert state(hass, ROBIN) == "busy"
    assert state(hass, "binary_sensor.robin_example_in_a_call") == "on"
    assert state(hass, "binary_sensor.robin_example_out_of_office") == "off"
    assert state(hass, "sensor.robin_example_status_message") == "Hello"
    location = hass.states.get("sensor.robin_example_work_location")
    assert (location is not None) == CLOUDS["simulator"].has_work_location


@every_cloud
async def test_every_cloud_accepts_the_organizations_app(
    hass: HomeAssistant, account: Account, simulator: Simulator
) -> None:
    alex = simulator.tenant.people["alex"]
    entry = await async_sign_in(account)
    await async_add(hass, entry, "alex", alex)

    assert state(hass, "sensor.alex_example_availability") == "available"


async def test_a_cloud_that_does_not_match_the_tenant_is_explained(account: Account) -> None:
    account.simulator.faults.add("discovery", aadsts=90038)
    flow = await account.async_fill()

    assert flow["errors"] == {"advanced": "wrong_cloud"}


async def test_one_account_fails_while_the_other_keeps_working(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator
) -> None:
    await account.async_sign_in("robin")
    await account.async_sign_in(
        "alex", client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )
    simulator.revoke("alex")
    simulator.expire_access_tokens()
    simulator.tenant.people["robin"].join_call()
    for _ in range(4):
        await clock.async_advance(16)

    assert state(hass, "sensor.alex_example_availability") == STATE_UNAVAILABLE
    assert state(hass, ROBIN) == "busy"
