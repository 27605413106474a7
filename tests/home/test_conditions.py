"""Each condition asks its own entity of the people that are targeted, and nothing else."""

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
    async_ask_as_the_editor_does,
    async_automate,
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


class Questions:
    """An automation that says of conditions which of them hold, whenever it is asked."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without one."""
        self.hass = hass
        self.seen: list[Event] = []

    async def async_put(self, target: Target, *names: str, **options: Any) -> None:
        """Make the automation, with some of the conditions, or with all, and one target."""
        actions = [
            {
                "if": {"condition": f"{DOMAIN}.{name}", "target": target, "options": options},
                "then": {"event": "seen", "event_data": {"condition": name}},
            }
            for name in names or CONDITIONS
        ]
        asked = [{"trigger": "event", "event_type": "asked"}]
        self.seen = await async_automate(self.hass, asked, actions)

    async def async_ask(self) -> set[str]:
        """Return which conditions hold now."""
        self.seen.clear()
        self.hass.bus.async_fire("asked")
        await self.hass.async_block_till_done()
        return {event.data["condition"] for event in self.seen}


@pytest.fixture
def questions(hass: HomeAssistant) -> Questions:
    """Return an automation to be made."""
    return Questions(hass)


async def test_each_holds_in_its_own_state_and_in_no_other(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await questions.async_put({"device_id": device_of(hass, IN_CALL)})
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
        held = await questions.async_ask()
        assert held == expected | {opposites[name] for name in opposites.keys() - expected}
        seen |= held

    assert seen == set(CONDITIONS)
    assert complaints(caplog) == []


@pytest.mark.parametrize("way", WAYS)
async def test_every_target_reaches_the_right_entity_of_the_right_person(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
    alex: Person,
    way: str,
) -> None:
    await questions.async_put(target_by(hass, way, IN_CALL), "is_in_call")
    robin.set_out_of_office()
    alex.join_call()
    await clock.async_advance(POLL)
    assert state(hass, ALEX_IN_CALL) == state(hass, OUT_OF_OFFICE) == "on"
    assert await questions.async_ask() == set()

    robin.join_call()
    await clock.async_advance(POLL)
    assert await questions.async_ask() == {"is_in_call"}


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_other_entities_tell_nothing(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
    behavior: str,
) -> None:
    strange = er.async_get(hass).async_get_or_create(
        "binary_sensor", "telephone", "in_call", translation_key="in_call"
    )
    strangers = {strange.entity_id, "binary_sensor.in_call"}
    for entity_id in strangers:
        hass.states.async_set(entity_id, "on")
    others = strangers.union(hass.states.async_entity_ids(["binary_sensor", "sensor"])) - {IN_CALL}
    assert OUT_OF_OFFICE in others
    await questions.async_put({"entity_id": sorted(others)}, "is_in_call", behavior=behavior)
    robin.set_out_of_office()
    robin.present()
    await clock.async_advance(POLL)
    assert state(hass, IN_CALL) == state(hass, OUT_OF_OFFICE) == "on"

    assert await questions.async_ask() == set()


@pytest.mark.parametrize(
    ("behavior", "one", "two"),
    [("any", {"is_in_call"}, {"is_in_call"}), ("all", set(), {"is_in_call"})],
)
async def test_of_two_people_one_is_enough_or_both_have_to(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
    alex: Person,
    behavior: str,
    one: set[str],
    two: set[str],
) -> None:
    people = {"device_id": [device_of(hass, IN_CALL), device_of(hass, ALEX_IN_CALL)]}
    await questions.async_put(people, "is_in_call", behavior=behavior)
    assert await questions.async_ask() == set()
    alex.join_call()
    await clock.async_advance(POLL)
    assert await questions.async_ask() == one
    robin.join_call()
    await clock.async_advance(POLL)
    assert await questions.async_ask() == two


async def test_it_has_to_be_so_for_as_long_as_is_asked(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    await questions.async_put(target, "is_in_call", "is_busy", **{"for": {"minutes": 10}})
    robin.join_call()
    await clock.async_advance(POLL)
    await clock.async_advance(300)
    assert await questions.async_ask() == set()

    # Whoever presents goes on being busy, though under another word.
    robin.present()
    await clock.async_advance(301)
    assert await questions.async_ask() == {"is_in_call", "is_busy"}


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_what_nobody_knows_does_not_hold(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
    simulator: Simulator,
    behavior: str,
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    names = ("is_in_call", "is_busy", "is_not_available", "is_not_presenting")
    await questions.async_put(target, *names, behavior=behavior)
    robin.join_call()
    await clock.async_advance(POLL)
    assert await questions.async_ask() == set(names)

    trouble = simulator.faults.add("GET /v1.0/me/presence", status=503)
    await async_lose(hass, clock, IN_CALL)
    assert await questions.async_ask() == set()

    trouble.remove()
    await clock.async_advance(POLL)
    assert await questions.async_ask() == set(names)


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_a_disabled_entity_tells_nothing_and_a_renamed_one_still_does(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    questions: Questions,
    robin: Person,
    behavior: str,
) -> None:
    target = {"device_id": device_of(hass, IN_CALL)}
    await questions.async_put(target, "is_in_call", "is_out_of_office", behavior=behavior)
    registry = er.async_get(hass)
    registry.async_update_entity(OUT_OF_OFFICE, disabled_by=er.RegistryEntryDisabler.USER)
    registry.async_update_entity(IN_CALL, new_entity_id="binary_sensor.do_not_enter")
    robin.join_call()
    robin.set_out_of_office()
    await clock.async_advance(POLL)

    assert state(hass, "binary_sensor.do_not_enter") == "on"
    assert await questions.async_ask() == {"is_in_call"}


async def test_a_reload_changes_nothing(
    hass: HomeAssistant, entry: PresenceConfigEntry, questions: Questions, robin: Person
) -> None:
    await questions.async_put({"device_id": device_of(hass, IN_CALL)}, "is_in_call")
    robin.join_call()
    await hass.config_entries.async_reload(entry.entry_id)
    assert await questions.async_ask() == {"is_in_call"}

    await hass.config_entries.async_unload(entry.entry_id)
    assert await questions.async_ask() == set()


async def test_the_automation_editor_offers_them(
    account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    ours, of_a_person = await async_ask_as_the_editor_does(account, hass_ws_client, "condition")

    assert ours.keys() == CONDITIONS.keys()
    for name, about in ours.items():
        assert about["fields"].keys() == {"behavior", "for"}, name
        assert [only["integration"] for only in about["target"]["entity"]] == [DOMAIN], name
    assert {f"{DOMAIN}.{name}" for name in CONDITIONS} <= of_a_person
