"""Conditions."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ms_teams_presence.condition import CONDITIONS
from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.automations import (
    POLL,
    WAYS,
    Target,
    async_automate,
    async_get_for_automation_editor,
    async_lose,
    device_of,
    target_by,
)
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.home.states import state

IN_CALL = "binary_sensor.robin_example_in_a_call"
OUT_OF_OFFICE = "binary_sensor.robin_example_out_of_office"
ALEX_IN_CALL = "binary_sensor.alex_example_in_a_call"


class ConditionAutomation:
    """An automation that evaluates conditions on request."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize."""
        self.hass = hass
        self.seen: list[Event] = []

    async def async_create(self, target: Target, *names: str, **options: Any) -> None:
        """Create the automation, by default with all conditions."""
        actions = [
            {
                "if": {"condition": f"{DOMAIN}.{name}", "target": target, "options": options},
                "then": {"event": "seen", "event_data": {"condition": name}},
            }
            for name in names or CONDITIONS
        ]
        triggers = [{"trigger": "event", "event_type": "evaluate"}]
        self.seen = await async_automate(self.hass, triggers, actions)

    async def async_evaluate(self) -> set[str]:
        """Return the conditions that are true now."""
        self.seen.clear()
        self.hass.bus.async_fire("evaluate")
        await self.hass.async_block_till_done()
        return {event.data["condition"] for event in self.seen}


@pytest.fixture
def conditions(hass: HomeAssistant) -> ConditionAutomation:
    """Return an automation that is not created yet."""
    return ConditionAutomation(hass)


async def test_each_condition_is_true_only_in_its_state(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await conditions.async_create({"device_id": device_of(hass, IN_CALL)})
    day: list[tuple[Callable[[], None], set[str]]] = [
        (robin.open_teams, {"is_available"}),
        (robin.join_call, {"is_busy", "is_in_call"}),
        (robin.present, {"is_busy", "is_do_not_disturb", "is_in_call", "is_presenting"}),
        (robin.leave_call, {"is_available"}),
        (robin.join_meeting, {"is_busy", "is_in_meeting"}),
        (robin.set_out_of_office, {"is_busy", "is_in_meeting", "is_out_of_office"}),
        (robin.leave_meeting, {"is_available", "is_out_of_office"}),
        (lambda: robin.set_out_of_office(on=False), {"is_available"}),
        (robin.focus, {"is_busy", "is_do_not_disturb"}),
        (robin.stop_focusing, {"is_available"}),
        (robin.be_right_back, {"is_be_right_back"}),
        (robin.reset_status, {"is_available"}),
        (robin.go_away, {"is_away"}),
        (robin.close_teams, {"is_offline"}),
    ]
    opposites = {
        name: name.replace("is_", "is_not_", 1)
        for name in CONDITIONS
        if not name.startswith("is_not_")
    }
    assert {*opposites, *opposites.values()} == CONDITIONS.keys()
    seen: set[str] = set()
    for gesture, expected in day:
        gesture()
        await clock.async_advance(POLL)
        evaluated = await conditions.async_evaluate()
        assert evaluated == expected | {opposites[name] for name in opposites.keys() - expected}
        seen |= evaluated

    assert seen == set(CONDITIONS)
    assert complaints(caplog) == []


@pytest.mark.parametrize("way", WAYS)
async def test_each_target_selects_the_entity_of_the_person(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
    alex: Person,
    way: str,
) -> None:
    await conditions.async_create(target_by(hass, way, IN_CALL), "is_in_call")
    robin.set_out_of_office()
    alex.join_call()
    await clock.async_advance(POLL)
    assert state(hass, ALEX_IN_CALL) == state(hass, OUT_OF_OFFICE) == "on"
    assert await conditions.async_evaluate() == set()

    robin.join_call()
    await clock.async_advance(POLL)
    assert await conditions.async_evaluate() == {"is_in_call"}


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_other_entities_are_ignored(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
    behavior: str,
) -> None:
    other = er.async_get(hass).async_get_or_create(
        "binary_sensor", "telephone", "in_call", translation_key="in_call"
    )
    foreign = {other.entity_id, "binary_sensor.in_call"}
    for entity_id in foreign:
        hass.states.async_set(entity_id, "on")
    others = foreign.union(hass.states.async_entity_ids(["binary_sensor", "sensor"])) - {IN_CALL}
    assert OUT_OF_OFFICE in others
    await conditions.async_create({"entity_id": sorted(others)}, "is_in_call", behavior=behavior)
    robin.set_out_of_office()
    robin.present()
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == state(hass, OUT_OF_OFFICE) == "on"

    assert await conditions.async_evaluate() == set()


@pytest.mark.parametrize(
    ("behavior", "one", "two"),
    [("any", {"is_in_call"}, {"is_in_call"}), ("all", set(), {"is_in_call"})],
)
async def test_behavior_any_or_all_with_two_people(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
    alex: Person,
    behavior: str,
    one: set[str],
    two: set[str],
) -> None:
    people = {"device_id": [device_of(hass, IN_CALL), device_of(hass, ALEX_IN_CALL)]}
    await conditions.async_create(people, "is_in_call", behavior=behavior)
    assert await conditions.async_evaluate() == set()
    alex.join_call()
    await clock.async_advance(POLL)
    assert await conditions.async_evaluate() == one
    robin.join_call()
    await clock.async_advance(POLL)
    assert await conditions.async_evaluate() == two


async def test_for_requires_the_duration(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    await conditions.async_create(target, "is_in_call", "is_busy", **{"for": {"minutes": 10}})
    robin.join_call()
    await clock.async_advance(POLL)
    await clock.async_advance(300)
    assert await conditions.async_evaluate() == set()

    # The state changes from busy to do_not_disturb; both are busy.
    robin.present()
    await clock.async_advance(301)
    assert await conditions.async_evaluate() == {"is_in_call", "is_busy"}


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_conditions_are_false_while_the_state_is_unknown(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
    simulator: Simulator,
    behavior: str,
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    names = ("is_in_call", "is_busy", "is_not_available", "is_not_presenting")
    await conditions.async_create(target, *names, behavior=behavior)
    robin.join_call()
    await clock.async_advance(POLL)
    assert await conditions.async_evaluate() == set(names)

    failure = simulator.faults.add("GET /v1.0/me/presence", status=503)
    await async_lose(hass, clock, IN_CALL)
    assert await conditions.async_evaluate() == set()

    failure.remove()
    await clock.async_advance(POLL)
    assert await conditions.async_evaluate() == set(names)


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_a_disabled_entity_is_ignored_and_a_renamed_one_is_not(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    conditions: ConditionAutomation,
    robin: Person,
    behavior: str,
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    await conditions.async_create(target, "is_in_call", "is_out_of_office", behavior=behavior)
    registry = er.async_get(hass)
    registry.async_update_entity(OUT_OF_OFFICE, disabled_by=er.RegistryEntryDisabler.USER)
    registry.async_update_entity(IN_CALL, new_entity_id="binary_sensor.do_not_enter")
    robin.join_call()
    robin.set_out_of_office()
    await clock.async_advance(POLL)

    assert state(hass, "binary_sensor.do_not_enter") == "on"
    assert await conditions.async_evaluate() == {"is_in_call"}


async def test_a_reload_keeps_conditions_true(
    hass: HomeAssistant, entry: PresenceConfigEntry, conditions: ConditionAutomation, robin: Person
) -> None:
    await conditions.async_create({"device_id": device_of(hass, IN_CALL)}, "is_in_call")
    robin.join_call()
    await hass.config_entries.async_reload(entry.entry_id)
    assert await conditions.async_evaluate() == {"is_in_call"}

    await hass.config_entries.async_unload(entry.entry_id)
    assert await conditions.async_evaluate() == set()


async def test_the_automation_editor_lists_conditions(
    account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    described, for_person = await async_get_for_automation_editor(
        account, hass_ws_client, "condition"
    )

    assert described.keys() == CONDITIONS.keys()
    for name, description in described.items():
        assert description["fields"].keys() == {"behavior", "for"}, name
        assert [only["integration"] for only in description["target"]["entity"]] == [DOMAIN], name
    assert {f"{DOMAIN}.{name}" for name in CONDITIONS} <= for_person
