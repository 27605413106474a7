"""Triggers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from custom_components.ms_teams_presence.trigger import TRIGGERS
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

AVAILABILITY = "sensor.robin_example_availability"
STATUS_MESSAGE = "sensor.robin_example_status_message"
IN_CALL = "binary_sensor.robin_example_in_a_call"
IN_MEETING = "binary_sensor.robin_example_in_a_meeting"
OUT_OF_OFFICE = "binary_sensor.robin_example_out_of_office"
PRESENTING = "binary_sensor.robin_example_presenting"
ALEX_IN_CALL = "binary_sensor.alex_example_in_a_call"
ALEX_PRESENTING = "binary_sensor.alex_example_presenting"

FREE = ("became_available", AVAILABILITY)
LEFT_FREE = ("no_longer_available", AVAILABILITY)


async def async_create(
    hass: HomeAssistant, target: Target, *names: str, **options: Any
) -> list[Event]:
    """Create an automation, by default with all triggers."""
    triggers = [
        {"id": name, "trigger": f"{DOMAIN}.{name}", "target": target, "options": options}
        for name in names or TRIGGERS
    ]
    data = {"trigger": "{{ trigger.id }}", "entity_id": "{{ trigger.entity_id }}"}
    return await async_automate(hass, triggers, [{"event": "seen", "event_data": data}])


def fired(runs: list[Event]) -> list[tuple[str, str]]:
    """Return the triggers and entities since the last call."""
    triggered = sorted((run.data["trigger"], run.data["entity_id"]) for run in runs)
    runs.clear()
    return triggered


async def test_each_trigger_fires_only_on_its_change(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = await async_create(hass, {"device_id": device_of(hass, IN_CALL)})
    day: list[tuple[Callable[[], None], list[tuple[str, str]]]] = [
        (robin.join_call, [LEFT_FREE, ("became_busy", AVAILABILITY), ("joined_call", IN_CALL)]),
        (robin.set_out_of_office, [("became_out_of_office", OUT_OF_OFFICE)]),
        (
            robin.present,
            [("became_do_not_disturb", AVAILABILITY), ("started_presenting", PRESENTING)],
        ),
        (
            robin.stop_presenting,
            [("no_longer_do_not_disturb", AVAILABILITY), ("stopped_presenting", PRESENTING)],
        ),
        (
            robin.leave_call,
            [FREE, ("left_call", IN_CALL), ("no_longer_busy", AVAILABILITY)],
        ),
        (
            lambda: robin.set_out_of_office(on=False),
            [("no_longer_out_of_office", OUT_OF_OFFICE)],
        ),
        (robin.go_away, [LEFT_FREE, ("became_away", AVAILABILITY)]),
        (robin.come_back, [FREE, ("no_longer_away", AVAILABILITY)]),
        (
            robin.join_meeting,
            [LEFT_FREE, ("became_busy", AVAILABILITY), ("joined_meeting", IN_MEETING)],
        ),
        (
            robin.leave_meeting,
            [FREE, ("left_meeting", IN_MEETING), ("no_longer_busy", AVAILABILITY)],
        ),
        (
            robin.focus,
            [
                LEFT_FREE,
                ("became_busy", AVAILABILITY),
                ("became_do_not_disturb", AVAILABILITY),
            ],
        ),
        (
            robin.be_right_back,
            [
                ("became_be_right_back", AVAILABILITY),
                ("no_longer_busy", AVAILABILITY),
                ("no_longer_do_not_disturb", AVAILABILITY),
            ],
        ),
        (robin.stop_focusing, []),
        (robin.reset_status, [FREE, ("no_longer_be_right_back", AVAILABILITY)]),
        (
            lambda: robin.set_status_message("At lunch"),
            [("status_message_changed", STATUS_MESSAGE)],
        ),
        (robin.close_teams, [LEFT_FREE, ("became_offline", AVAILABILITY)]),
        (robin.open_teams, [FREE, ("no_longer_offline", AVAILABILITY)]),
    ]
    seen = []
    for gesture, _ in day:
        gesture()
        await clock.async_advance(POLL)
        seen.append(fired(runs))

    assert seen == [sorted(expected) for _, expected in day]
    assert {name for moment in seen for name, _ in moment} == set(TRIGGERS)
    assert complaints(caplog) == []


async def test_status_message_changed_fires_only_on_a_new_text(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    runs = await async_create(hass, {"device_id": device_of(hass, IN_CALL)})
    # A state is too short for the difference.
    long = "x" * 270
    day: list[tuple[Callable[[], None], int]] = [
        (lambda: robin.set_status_message(long), 1),
        (lambda: robin.set_status_message(long, timedelta(hours=1)), 0),
        (lambda: robin.set_status_message(f"{long}y", timedelta(hours=1)), 1),
        (robin.clear_status_message, 1),
        (robin.clear_status_message, 0),
    ]
    for gesture, times in day:
        gesture()
        await clock.async_advance(POLL)
        assert fired(runs) == [("status_message_changed", STATUS_MESSAGE)] * times


@pytest.mark.parametrize("way", WAYS)
async def test_each_target_selects_the_entity_of_the_person(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    robin: Person,
    alex: Person,
    way: str,
) -> None:
    runs = await async_create(hass, target_by(hass, way, IN_CALL), "joined_call")
    robin.set_out_of_office()
    alex.join_call()
    await clock.async_advance(POLL)
    assert state(hass, ALEX_IN_CALL) == state(hass, OUT_OF_OFFICE) == "on"
    assert fired(runs) == []

    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", IN_CALL)]


async def test_other_entities_of_the_person_do_not_fire(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    others = set(hass.states.async_entity_ids(["binary_sensor", "sensor"])) - {IN_CALL}
    assert {AVAILABILITY, OUT_OF_OFFICE, PRESENTING} <= others
    runs = await async_create(hass, {"entity_id": sorted(others)}, "joined_call", "left_call")
    robin.set_out_of_office()
    robin.present()
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == state(hass, OUT_OF_OFFICE) == state(hass, PRESENTING) == "on"
    robin.set_out_of_office(on=False)
    robin.leave_call()
    await clock.async_advance(POLL)

    assert state(hass, IN_CALL) == state(hass, OUT_OF_OFFICE) == state(hass, PRESENTING) == "off"
    assert fired(runs) == []


async def test_other_entities_do_not_fire(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    target: Target = {"device_id": device_of(hass, IN_CALL)}
    strange = er.async_get(hass).async_get_or_create(
        "binary_sensor",
        "telephone",
        "in_call",
        device_id=target["device_id"],
        original_name="In a call",
        translation_key="in_call",
    )
    # An entity of another integration, and one without a registry entry, such as a template.
    strangers = [strange.entity_id, "binary_sensor.in_call"]
    for entity_id in strangers:
        hass.states.async_set(entity_id, "off")
    target["entity_id"] = [*strangers, IN_CALL]
    runs = await async_create(hass, target, "joined_call")
    for entity_id in strangers:
        hass.states.async_set(entity_id, "on")
    await hass.async_block_till_done()
    assert fired(runs) == []

    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", IN_CALL)]


@pytest.mark.parametrize(
    ("behavior", "first", "second"),
    [
        ("each", [("joined_call", ALEX_IN_CALL)], [("joined_call", IN_CALL)]),
        ("first", [("joined_call", ALEX_IN_CALL)], []),
        ("all", [], [("joined_call", IN_CALL)]),
    ],
)
async def test_behavior_any_first_or_all_with_two_people(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    robin: Person,
    alex: Person,
    behavior: str,
    first: list[tuple[str, str]],
    second: list[tuple[str, str]],
) -> None:
    # All other entities of both people are off.
    people = [target_by(hass, "device", entity_id)["device_id"] for entity_id in (IN_CALL,)]
    people.append({"device_id": device_of(hass, ALEX_IN_CALL)}["device_id"])
    runs = await async_create(hass, {"device_id": people}, "joined_call", behavior=behavior)

    alex.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == first
    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == second


async def test_for_requires_the_duration(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    runs = await async_create(hass, target, "joined_call", **{"for": {"minutes": 10}})
    robin.join_call()
    await clock.async_advance(POLL)
    robin.leave_call()
    await clock.async_advance(POLL)
    await clock.async_advance(600)
    assert fired(runs) == []

    robin.join_call()
    await clock.async_advance(POLL)
    await clock.async_advance(590)
    assert fired(runs) == []
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", IN_CALL)]


async def test_unavailable_does_not_fire(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    runs = await async_create(
        hass, {"device_id": device_of(hass, IN_CALL)}, "joined_call", "left_call"
    )
    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", IN_CALL)]

    for gesture, after in ((robin.open_teams, "on"), (robin.leave_call, "off")):
        failure = simulator.faults.add("GET /v1.0/me/presence", status=503)
        await async_lose(hass, clock, IN_CALL)
        gesture()
        failure.remove()
        await clock.async_advance(POLL)
        assert state(hass, IN_CALL) == after
    assert fired(runs) == []

    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", IN_CALL)]


async def test_a_change_from_unknown_does_not_fire(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    runs = await async_create(hass, {"device_id": device_of(hass, IN_CALL)})
    unknown = {"id": robin.id, "availability": "Levitating", "activity": "Levitating"}
    failure = simulator.faults.add("GET /v1.0/me/presence", json=unknown)
    await clock.async_advance(POLL)
    assert state(hass, AVAILABILITY) == STATE_UNKNOWN
    robin.present()
    failure.remove()
    await clock.async_advance(POLL)
    assert state(hass, AVAILABILITY) == "do_not_disturb"

    assert fired(runs) == []


async def test_a_reload_during_a_call_does_not_fire(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    runs = await async_create(
        hass, {"device_id": device_of(hass, IN_CALL)}, "joined_call", "left_call"
    )
    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", IN_CALL)]
    await hass.config_entries.async_reload(entry.entry_id)
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == "on"
    assert fired(runs) == []

    robin.leave_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("left_call", IN_CALL)]


async def test_an_automation_created_before_the_account_fires(
    hass: HomeAssistant, clock: HomeClock, account: Account, robin: Person
) -> None:
    robin.join_call()
    runs = await async_create(hass, {"entity_id": IN_CALL}, "joined_call", "left_call")
    await account.async_sign_in()
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == "on"
    assert fired(runs) == []

    robin.leave_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("left_call", IN_CALL)]


async def test_a_renamed_entity_fires(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    runs = await async_create(hass, {"device_id": device_of(hass, IN_CALL)}, "joined_call")
    registry = er.async_get(hass)
    registry.async_update_entity(
        IN_CALL, new_entity_id="binary_sensor.do_not_enter", name="Do not enter"
    )
    registry.async_update_entity(OUT_OF_OFFICE, new_entity_id=IN_CALL, name="In a call")
    await hass.async_block_till_done(wait_background_tasks=True)
    robin.set_out_of_office()
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == "on"
    assert fired(runs) == []

    robin.join_call()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", "binary_sensor.do_not_enter")]


async def test_an_entity_fires_once_enabled(
    hass: HomeAssistant, clock: HomeClock, both: PresenceConfigEntry, alex: Person
) -> None:
    runs = await async_create(
        hass, {"device_id": device_of(hass, ALEX_IN_CALL)}, "joined_call", "started_presenting"
    )
    alex.present()
    await clock.async_advance(POLL)
    assert fired(runs) == [("joined_call", ALEX_IN_CALL)]
    alex.stop_presenting()
    await clock.async_advance(POLL)

    registry = er.async_get(hass)
    await clock.async_advance(POLL)
    registry.async_update_entity(ALEX_PRESENTING, disabled_by=None)
    # Home Assistant reloads the account in half a minute, but not during a poll.
    await clock.async_advance(29)
    await clock.async_advance(2)
    assert state(hass, ALEX_PRESENTING) == "off"
    alex.present()
    await clock.async_advance(POLL)
    assert fired(runs) == [("started_presenting", ALEX_PRESENTING)]

    registry.async_update_entity(ALEX_IN_CALL, disabled_by=er.RegistryEntryDisabler.USER)
    alex.leave_call()
    await clock.async_advance(POLL)
    alex.join_call()
    await clock.async_advance(POLL)
    assert hass.states.get(ALEX_IN_CALL) is None
    assert fired(runs) == []


async def test_the_automation_editor_lists_triggers(
    account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    triggers, for_person = await async_get_for_automation_editor(account, hass_ws_client, "trigger")

    assert triggers.keys() == TRIGGERS.keys()
    for name, description in triggers.items():
        fields = set() if name == "status_message_changed" else {"behavior", "for"}
        assert description["fields"].keys() == fields, name
        assert [only["integration"] for only in description["target"]["entity"]] == [DOMAIN], name
    assert {f"{DOMAIN}.{name}" for name in TRIGGERS} <= for_person
