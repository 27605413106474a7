"""Unload, reload and removal."""

import subprocess
import sys
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Simulator
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


def test_msal_is_not_imported_before_a_token_is_needed() -> None:
    modules = ("__init__", "config_flow", "coordinator", "subentry_flow", "repairs", "services")
    imports = "; ".join(f"import custom_components.{DOMAIN}.{module}" for module in modules)
    program = f"import homeassistant, sys; {imports}; sys.exit('msal' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
