"""Files of version 0.1.0 load: entry, store, and entity registry."""

from datetime import UTC, datetime
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ms_teams_presence.const import DOMAIN
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.states import state

# Written by that version, but with new tokens.
WRITTEN: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("data").joinpath("version_0_1_0.json").read_text()
)
AN_HOUR_LATER: Final = datetime(2026, 11, 25, 12, 36, tzinfo=UTC)


async def async_upgrade(
    hass: HomeAssistant, clock: HomeClock, account: Account, hass_storage: dict[str, Any]
) -> MockConfigEntry:
    """Start with version 0.1.0's files and a valid token."""
    clock.freezer.move_to(AN_HOUR_LATER)
    signed_in = await account.async_sign_in(colleagues=True)
    token = signed_in.data["token"]
    await hass.config_entries.async_remove(signed_in.entry_id)
    written = WRITTEN["entry"]
    entry = MockConfigEntry(
        **{key: value for key, value in written.items() if key not in {"data", "subentries"}},
        data=written["data"] | {"token": token},
        subentries_data=[
            cast("ConfigSubentryData", subentry | {"data": MappingProxyType(subentry["data"])})
            for subentry in written["subentries"]
        ],
    )
    hass_storage[WRITTEN["store"]["key"]] = WRITTEN["store"]
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    return entry


async def test_the_entry_loads_with_its_people_options_and_preferences(
    hass: HomeAssistant, clock: HomeClock, account: Account, hass_storage: dict[str, Any]
) -> None:
    entry = await async_upgrade(hass, clock, account, hass_storage)

    assert entry.state is ConfigEntryState.LOADED
    assert (entry.version, entry.minor_version) == (1, 2)
    # Of `poll_interval` and `hold_session`.
    assert entry.options == {"hold_session": True}
    assert state(hass, "sensor.robin_example_availability") == "available"
    assert state(hass, "sensor.alex_example_availability") == "available"
    preferred = hass.states.get("select.robin_example_preferred_presence")
    assert preferred is not None
    assert preferred.state == "busy"
    assert preferred.attributes["expires_at"] == datetime(2026, 11, 26, 11, 36, 32, 529515, UTC)


async def test_the_entities_have_the_unique_ids_that_they_had(
    hass: HomeAssistant, clock: HomeClock, account: Account, hass_storage: dict[str, Any]
) -> None:
    entry = await async_upgrade(hass, clock, account, hass_storage)
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)

    assert {entity.unique_id for entity in entities} == set(WRITTEN["entities"].values())


async def test_the_session_is_cleared_when_version_0_1_0_would_have_cleared_it(
    hass: HomeAssistant, clock: HomeClock, account: Account, hass_storage: dict[str, Any]
) -> None:
    await async_upgrade(hass, clock, account, hass_storage)
    stored = hass_storage[WRITTEN["store"]["key"]]["data"]["sessions"]
    assert len(stored) == 1
    for _ in range(5):
        await clock.async_advance(15 * 60)

    assert hass_storage[WRITTEN["store"]["key"]]["data"]["sessions"] == {}


async def test_the_store_keeps_its_names_so_that_version_0_1_0_reads_it_again(
    hass: HomeAssistant, clock: HomeClock, account: Account, hass_storage: dict[str, Any]
) -> None:
    await async_upgrade(hass, clock, account, hass_storage)
    for action, data in (
        ("set_preferred_presence", {"availability": "away"}),
        ("set_presence", {"activity": "in_a_call"}),
    ):
        await hass.services.async_call(
            DOMAIN,
            action,
            data,
            target={"entity_id": "sensor.robin_example_availability"},
            blocking=True,
        )
    stored = hass_storage[WRITTEN["store"]["key"]]["data"]

    for kind, items in WRITTEN["store"]["data"].items():
        (before,), (after,) = items.values(), stored[kind].values()
        assert after.keys() == before.keys() - {"not_before"}


async def test_an_entry_of_a_later_minor_version_loads_as_it_is(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    entry = await account.async_sign_in()
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(entry, minor_version=7, options={"later": 1})
    assert await hass.config_entries.async_setup(entry.entry_id)

    assert (entry.minor_version, dict(entry.options)) == (7, {"later": 1})
