"""Coming and going: unload, reload, removal, diagnostics."""

import subprocess
import sys
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.coordinator import PresenceConfigEntry
from simulator import Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock

SELECT = "select.robin_example_preferred_presence"


async def test_unload_leaves_nothing_that_polls(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    simulator.requests.clear()
    await clock.async_advance(3600)

    assert not simulator.requests


async def test_reload_brings_everything_back(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    before = {state.entity_id for state in hass.states.async_all()}
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert {state.entity_id for state in hass.states.async_all()} == before


async def test_removal_leaves_no_residue(
    hass: HomeAssistant, entry: PresenceConfigEntry, hass_storage: dict[str, Any]
) -> None:
    await hass.services.async_call(
        "select", "select_option", {"entity_id": SELECT, "option": "busy"}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert f"{DOMAIN}.{entry.entry_id}" in hass_storage

    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not [key for key in hass_storage if DOMAIN in key]
    assert not hass.states.async_all()
    assert not [
        entity for entity in er.async_get(hass).entities.values() if entity.platform == DOMAIN
    ]
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


async def test_the_actions_are_there_without_an_account(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})

    assert set(hass.services.async_services()[DOMAIN]) == {
        "clear_preferred_presence",
        "clear_presence",
        "clear_status_message",
        "clear_work_location",
        "get_presence",
        "set_preferred_presence",
        "set_presence",
        "set_status_message",
        "set_work_location",
    }


async def test_diagnostics_help_and_give_nothing_away(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    account: Account,
    simulator: Simulator,
) -> None:
    robin = simulator.tenant.people["robin"]
    robin.set_status_message("Very private")
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await account.async_sign_in()
    diagnostics: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    assert diagnostics["entry"]["access"] == "read_write"
    assert diagnostics["polls"]["failures_in_a_row"] == 0
    assert diagnostics["people"][0]["presence"]["availability"] == "available"
    text = str(diagnostics)
    token = entry.data["token"]
    for secret in (
        token["access_token"],
        token["refresh_token"],
        robin.id,
        robin.name,
        robin.address,
        simulator.tenant.id,
        entry.data["client_id"],
        "Very private",
    ):
        assert secret not in text


async def test_system_health_tells_where_to_look(hass: HomeAssistant, account: Account) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await account.async_sign_in()
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    reachable = [await info.pop(key) for key in ("can_reach_sign_in", "can_reach_graph")]

    assert reachable == ["ok", "ok"]
    assert info.pop("last_poll") is not None
    assert info == {"accounts": 1, "accounts_loaded": 1, "people": 1, "throttled_for": 0}


def test_msal_is_not_imported_before_a_token_is_needed() -> None:
    modules = ("__init__", "config_flow", "coordinator", "people_flow", "repairs", "services")
    imports = "; ".join(f"import custom_components.{DOMAIN}.{module}" for module in modules)
    program = f"import homeassistant, sys; {imports}; sys.exit('msal' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
