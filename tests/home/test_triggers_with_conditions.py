"""Triggers with conditions that the same poll changes."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any, Final

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_mock_service,
)

import custom_components.ms_teams_presence as integration
from custom_components.ms_teams_presence.condition import CONDITIONS
from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from custom_components.ms_teams_presence.trigger import TRIGGERS
from simulator import Person, Simulator
from tests.documents import ROOT, snippets
from tests.home.account import Account
from tests.home.automations import POLL, Target, async_lose, device_of
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.home.people import async_add
from tests.home.states import state

AVAILABILITY = "sensor.robin_example_availability"
ACTIVITY = "sensor.robin_example_activity"
STATUS_MESSAGE = "sensor.robin_example_status_message"
IN_CALL = "binary_sensor.robin_example_in_a_call"
ALEX_IN_CALL = "binary_sensor.alex_example_in_a_call"
KIM_IN_CALL = "binary_sensor.kim_example_in_a_call"

type Pair = tuple[str, str]

# One after the other, so that every trigger fires and every condition holds at least once.
GESTURES: Final[tuple[Callable[[Person], None], ...]] = (
    Person.join_call,
    Person.present,
    Person.stop_presenting,
    Person.leave_call,
    Person.join_meeting,
    Person.leave_meeting,
    Person.join_meeting,
    Person.present,
    Person.leave_meeting,
    Person.set_out_of_office,
    Person.present,
    Person.leave_call,
    lambda person: person.set_out_of_office(on=False),
    Person.focus,
    Person.stop_focusing,
    Person.go_away,
    Person.come_back,
    Person.be_right_back,
    Person.reset_status,
    lambda person: person.set_status_message("At lunch"),
    Person.close_teams,
    Person.present,
    Person.close_teams,
    Person.open_teams,
)


@pytest.fixture(params=["as listed", "reversed"])
def _order_of_platforms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set platforms up in one order or the other."""
    if request.param == "reversed":
        monkeypatch.setattr(integration, "PLATFORMS", integration.PLATFORMS[::-1])


async def async_pair(
    hass: HomeAssistant,
    target: Target,
    triggers: list[str],
    conditions: list[str],
    behavior: str = "any",
) -> list[Event]:
    """Set up one automation per condition, which has all the triggers."""
    seen: list[Event] = async_capture_events(hass, "seen")
    automations: list[dict[str, Any]] = [
        {
            "alias": condition,
            "mode": "parallel",
            "max": 100,
            "triggers": [
                {"id": trigger, "trigger": f"{DOMAIN}.{trigger}", "target": target}
                for trigger in triggers
            ],
            "conditions": {
                "condition": f"{DOMAIN}.{condition}",
                "target": target,
                "options": {"behavior": behavior},
            },
            "actions": {
                "event": "seen",
                "event_data": {"trigger": "{{ trigger.id }}", "condition": condition},
            },
        }
        for condition in conditions
    ]
    automations += [
        {
            "alias": f"Fired {trigger}",
            "triggers": {"trigger": f"{DOMAIN}.{trigger}", "target": target},
            "actions": {"event": "fired", "event_data": {"trigger": trigger}},
        }
        for trigger in triggers
    ]
    automations += [
        {
            "alias": f"Asked {condition}",
            "triggers": {"trigger": "event", "event_type": "asked"},
            "conditions": {
                "condition": f"{DOMAIN}.{condition}",
                "target": target,
                "options": {"behavior": behavior},
            },
            "actions": {"event": "held", "event_data": {"condition": condition}},
        }
        for condition in conditions
    ]
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done(wait_background_tasks=True)
    states = hass.states.async_all("automation")
    assert [found.state for found in states] == ["on"] * len(automations)
    return seen


@pytest.mark.usefixtures("_order_of_platforms")
async def test_every_trigger_agrees_with_every_condition(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await account.async_sign_in()
    target = {"device_id": device_of(hass, AVAILABILITY)}
    seen = await async_pair(hass, target, list(TRIGGERS), list(CONDITIONS))
    fired, held = (async_capture_events(hass, name) for name in ("fired", "held"))
    ran: set[Pair] = set()
    for number, gesture in enumerate(GESTURES):
        gesture(robin)
        await clock.async_advance(POLL)
        hass.bus.async_fire("asked")
        await hass.async_block_till_done()
        triggers = [event.data["trigger"] for event in fired]
        conditions = [event.data["condition"] for event in held]
        pairs = [(event.data["trigger"], event.data["condition"]) for event in seen]

        assert sorted(pairs) == sorted(product(triggers, conditions)), (number, gesture)
        ran.update(pairs)
        for events in (seen, fired, held):
            events.clear()

    assert {trigger for trigger, _ in ran} == TRIGGERS.keys()
    assert {condition for _, condition in ran} == CONDITIONS.keys()
    assert complaints(caplog) == []


async def test_every_documented_automation_runs(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator, robin: Person
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "kim", simulator.tenant.people["kim"])
    documented = [
        found.content | {"alias": found.name}
        for found in snippets(ROOT / "docs/automations.md")
        if f"trigger: {DOMAIN}." in str(found.content).replace("'", "")
    ]
    for automation in documented:
        for action in automation["actions"]:
            async_mock_service(hass, *action["action"].split("."))
    assert await async_setup_component(hass, "automation", {"automation": documented})
    for gesture in GESTURES:
        gesture(robin)
        await clock.async_advance(POLL)
    robin.close_teams()
    await clock.async_advance(POLL)
    await clock.async_advance(1800)

    ran = {
        found.entity_id: found.attributes["last_triggered"] is not None
        for found in hass.states.async_all("automation")
    }
    assert len(ran) == 7
    assert all(ran.values()), ran


@pytest.mark.usefixtures("_order_of_platforms")
@pytest.mark.parametrize(
    ("behavior", "gestures", "ran"),
    [
        ("any", [Person.join_call, Person.focus], 1),
        ("any", [Person.join_call, Person.join_call], 2),
        ("all", [Person.join_call, Person.go_away], 0),
        ("all", [Person.join_call, Person.join_call], 2),
    ],
)
async def test_a_poll_of_two_people_changes_both(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    behavior: str,
    gestures: list[Callable[[Person], None]],
    ran: int,
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    people = [simulator.tenant.people[name] for name in ("alex", "kim")]
    await async_add(hass, entry, "example", *people)
    target = {"device_id": [device_of(hass, name) for name in (ALEX_IN_CALL, KIM_IN_CALL)]}
    seen = await async_pair(hass, target, ["joined_call"], ["is_in_call", "is_busy"], behavior)

    for person, gesture in zip(people, gestures, strict=True):
        gesture(person)
    await clock.async_advance(POLL)
    assert [event.data["condition"] for event in seen].count("is_busy") == ran
    assert [event.data["condition"] for event in seen].count("is_in_call") == ran


@pytest.mark.usefixtures("_order_of_platforms")
async def test_of_two_polls_the_later_one_sees_both(
    hass: HomeAssistant, clock: HomeClock, both: PresenceConfigEntry, robin: Person, alex: Person
) -> None:
    target = {"device_id": [device_of(hass, name) for name in (IN_CALL, ALEX_IN_CALL)]}
    seen = await async_pair(hass, target, ["joined_call"], ["is_busy"], "all")

    robin.join_call()
    alex.join_call()
    await clock.async_advance(POLL)
    assert len(seen) == 1


async def test_a_condition_fails_as_soon_as_nothing_is_known(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    seen = async_capture_events(hass, "seen")
    automation = {
        "triggers": {"trigger": "state", "entity_id": AVAILABILITY, "to": STATE_UNAVAILABLE},
        "conditions": {
            "condition": f"{DOMAIN}.is_in_call",
            "target": {"device_id": device_of(hass, IN_CALL)},
        },
        "actions": {"event": "seen"},
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    robin.join_call()
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == "on"
    simulator.faults.add("GET /v1.0/me/presence", status=503)
    await async_lose(hass, clock, IN_CALL)

    assert seen == []


async def async_reload(hass: HomeAssistant, clock: HomeClock) -> None:
    """Reload the account."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    await hass.config_entries.async_reload(entry.entry_id)


async def async_rename(hass: HomeAssistant, clock: HomeClock) -> None:
    """Rename an entity and undo it, which adds it anew."""
    registry = er.async_get(hass)
    for old, new in ((AVAILABILITY, "sensor.mood"), ("sensor.mood", AVAILABILITY)):
        registry.async_update_entity(old, new_entity_id=new)
        await hass.async_block_till_done(wait_background_tasks=True)


async def async_enable(hass: HomeAssistant, clock: HomeClock) -> None:
    """Disable and enable an entity, which reloads the account."""
    registry = er.async_get(hass)
    registry.async_update_entity(AVAILABILITY, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(AVAILABILITY) is None
    registry.async_update_entity(AVAILABILITY, disabled_by=None)
    await clock.async_advance(29)
    await clock.async_advance(2)


async def async_do_nothing(hass: HomeAssistant, clock: HomeClock) -> None:
    """Leave the account as it was set up."""


@pytest.mark.usefixtures("_order_of_platforms")
@pytest.mark.parametrize(
    "async_change", [async_do_nothing, async_reload, async_rename, async_enable]
)
async def test_states_change_in_the_documented_order(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    robin: Person,
    async_change: Callable[[HomeAssistant, HomeClock], Awaitable[None]],
) -> None:
    await account.async_sign_in()
    (automation,) = (
        found.content
        for found in snippets(ROOT / "docs/automations.md")
        if {"action": "light.turn_on", "target": {"entity_id": "light.desk"}}
        in found.content.get("actions", [])
    )
    calls = async_mock_service(hass, "light", "turn_on")
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await async_change(hass, clock)
    await clock.async_advance(POLL)
    assert state(hass, AVAILABILITY) == "available"
    changed = async_capture_events(hass, EVENT_STATE_CHANGED)

    robin.join_call()
    robin.set_status_message("On the phone")
    await clock.async_advance(POLL)
    assert len(calls) == 1
    order = [event.data["entity_id"] for event in changed]
    assert [name for name in order if "sensor.robin_example" in name][:4] == [
        AVAILABILITY,
        ACTIVITY,
        STATUS_MESSAGE,
        IN_CALL,
    ]
