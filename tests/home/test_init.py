"""Unload, reload and removal."""

import asyncio
from itertools import pairwise
import logging
import subprocess
import sys
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_RESTORED, EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add

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


@pytest.fixture
async def crowd(hass: HomeAssistant, account: Account, simulator: Simulator) -> PresenceConfigEntry:
    """Sign in with 25 colleagues, and unload the account."""
    entry = await account.async_sign_in(colleagues=True)
    people = [
        simulator.tenant.add_person(f"many{number}", f"Many {number:02}") for number in range(25)
    ]
    await async_add(hass, entry, "many", *people)
    assert await hass.config_entries.async_unload(entry.entry_id)
    return entry


def loaded(hass: HomeAssistant) -> int:
    """Return how many entities are loaded."""
    return sum(ATTR_RESTORED not in state.attributes for state in hass.states.async_all())


async def test_people_are_added_one_at_a_time(
    hass: HomeAssistant, crowd: PresenceConfigEntry
) -> None:
    set_up = hass.async_create_task(hass.config_entries.async_setup(crowd.entry_id))
    counts = [loaded(hass)]
    while not set_up.done():
        await asyncio.sleep(0)
        counts.append(loaded(hass))

    # Robin's and three of each colleague; four platforms add one person each.
    assert counts[0] == 0
    assert counts[-1] == 10 + 25 * 3
    assert max(after - before for before, after in pairwise(counts)) <= 10


async def test_a_colleague_removed_during_the_set_up_leaves_the_others(
    hass: HomeAssistant, crowd: PresenceConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    started = asyncio.Event()
    hass.bus.async_listen_once(EVENT_STATE_CHANGED, callback(lambda _: started.set()))
    set_up = hass.async_create_task(hass.config_entries.async_setup(crowd.entry_id))
    await started.wait()
    assert not set_up.done()
    hass.config_entries.async_remove_subentry(crowd, list(crowd.subentries)[-1])
    assert await set_up
    await hass.async_block_till_done(wait_background_tasks=True)

    assert loaded(hass) == len(hass.states.async_all()) == 10 + 24 * 3
    assert [
        record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR
    ] == []


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
