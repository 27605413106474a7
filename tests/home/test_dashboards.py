"""The sensors of docs/dashboards.md count what they should."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.const import STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, label_registry as lr
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.documents import ROOT, rows, snippets
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.states import state

DOCUMENT = ROOT / "docs/dashboards.md"
(HISTORY_STATS,) = (one.content for one in snippets(DOCUMENT) if "sensor" in one.content)
(COUNTS,) = (one.content for one in snippets(DOCUMENT) if "template" in one.content)
TODAY = "sensor.robin_example_time_in_calls_today"
WEEK = "sensor.robin_example_time_in_calls_this_week"


@pytest.fixture(autouse=True)
def _home(recorder_mock: Any, simulator: Simulator, enable_custom_integrations: None) -> None:
    """Set up the recorder first; stop before the simulator."""


async def async_click(hass: HomeAssistant) -> None:
    """Fill in the helper's forms as in the documented table."""
    fields = {row[0]: [cell.strip("`") for cell in row[1:]] for row in rows(DOCUMENT, "Field")}
    flows = hass.config_entries.flow
    for number in range(2):
        given = {field.lower(): cells[number] for field, cells in fields.items()}
        flow = await flows.async_init("history_stats", context={"source": "user"})
        for user_input in (
            {"name": given["name"], "entity_id": given["entity"], "type": given["type"].lower()},
            {"state": [given["state"].lower()]},
            {
                "start": given["start"],
                "end": given["end"],
                "state_class": given["state class"].lower().replace(" ", "_"),
            },
        ):
            assert flow["type"] is FlowResultType.FORM
            flow = await flows.async_configure(flow["flow_id"], user_input)
        assert flow["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("by_clicks", [True, False], ids=["clicks", "yaml"])
async def test_time_in_calls(
    hass: HomeAssistant, clock: HomeClock, account: Account, robin: Person, *, by_clicks: bool
) -> None:
    # A Thursday, 08:00 in the home.
    clock.freezer.move_to(datetime(2031, 3, 6, 7, tzinfo=UTC))
    await hass.config.async_set_time_zone("Europe/Berlin")
    assert await async_setup_component(hass, "sensor", {} if by_clicks else HISTORY_STATS)
    entry = await account.async_sign_in()
    if by_clicks:
        await async_click(hass)
    await hass.async_block_till_done(wait_background_tasks=True)

    async def hours_after(minutes: float) -> tuple[float, float]:
        await clock.async_advance(60 * minutes)
        await async_wait_recording_done(hass)
        # A helper counts with the next change or minute.
        await clock.async_advance(61)
        return float(state(hass, TODAY)), float(state(hass, WEEK))

    assert await hours_after(0) == (0, 0)
    robin.join_call()
    await clock.async_advance(10)
    assert state(hass, "binary_sensor.robin_example_in_a_call") == STATE_ON
    await hours_after(30)
    robin.leave_call()
    today, week = await hours_after(1)
    assert today == week == pytest.approx(0.5, abs=0.06)
    # Friday.
    assert await hours_after(24 * 60) == (0, week)
    # Monday.
    assert await hours_after(3 * 24 * 60) == (0, 0)
    # Otherwise History Stats would still read from the recorder after it has stopped.
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_counts_of_a_label(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    robin: Person,
    alex: Person,
) -> None:
    label = lr.async_get(hass).async_create("Team").label_id
    registry = dr.async_get(hass)

    async def counts() -> list[int]:
        await clock.async_advance(16)
        names = ("in_a_call", "free", "in_the_office")
        return [int(state(hass, f"sensor.team_{name}")) for name in names]

    for device in dr.async_entries_for_config_entry(registry, both.entry_id):
        registry.async_update_device(device.id, labels={label})
    assert await async_setup_component(hass, "template", COUNTS)
    robin.set_work_location("office")
    assert await counts() == [0, 2, 1]
    robin.join_call()
    assert await counts() == [1, 1, 1]
    alex.join_call()
    assert await counts() == [2, 0, 1]


def test_the_demo_counts_time_in_calls_as_documented() -> None:
    demo = load_yaml_dict(ROOT / "scripts/live/demo_home/configuration.yaml")

    assert demo["sensor"] == HISTORY_STATS["sensor"]
