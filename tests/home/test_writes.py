"""Accepted writes are stored and shown, even if canceled."""

import asyncio
from collections.abc import Coroutine, Generator
from itertools import count
import types
from typing import Any, Final
from unittest.mock import patch

from freezegun.api import real_monotonic
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest

from custom_components.ms_teams_presence import writes as writes_module
from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from custom_components.ms_teams_presence.services import ACTIONS
from simulator import Person, Simulator
from simulator.faults import Fault
from simulator.graph.presence import presence_json
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.home.states import state

AVAILABILITY: Final = "sensor.robin_example_availability"
LOCATION: Final = "sensor.robin_example_work_location"
MESSAGE: Final = "sensor.robin_example_status_message"
SELECT: Final = "select.robin_example_preferred_presence"
TEXT: Final = "text.robin_example_status_message"

# Values that alternate, so that each write changes something.
VALUES: Final[dict[str, list[dict[str, Any]]]] = {
    "set_status_message": [{"message": "One"}, {"message": "Two", "pinned": True}],
    "set_preferred_presence": [{"availability": "busy"}, {"availability": "do_not_disturb"}],
    "set_presence": [{"activity": "in_a_call"}, {"activity": "presenting"}],
    "set_work_location": [{"location": "office"}, {"location": "remote"}],
}
WRITES: Final = [*(action.name for action in ACTIONS), "select_option", "set_value"]


def call(hass: HomeAssistant, name: str, number: int) -> Coroutine[Any, Any, Any]:
    """Call an action with one of two values."""
    domain, entity_id, values = DOMAIN, AVAILABILITY, VALUES.get(name, [{}])
    if name == "select_option":
        domain, entity_id, values = "select", SELECT, [{"option": "busy"}, {"option": "automatic"}]
    elif name == "set_value":
        domain, entity_id, values = "text", TEXT, [{"value": "One"}, {"value": ""}]
    data = values[number % len(values)] | {"entity_id": entity_id}
    return hass.services.async_call(domain, name, data, blocking=True)


@types.coroutine
def canceled_at(coroutine: Coroutine[Any, Any, Any], number: int) -> Generator[Any, Any]:
    """Run a coroutine and cancel its task at a suspension."""
    steps = coroutine.__await__()
    error: BaseException | None = None
    for suspension in count(1):
        try:
            step = next(steps) if error is None else steps.throw(error)
        except StopIteration:
            return
        if suspension == number:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        try:
            yield step
        except asyncio.CancelledError as err:
            error = err
        else:
            error = None


async def async_canceled_at(coroutine: Coroutine[Any, Any, Any], number: int) -> None:
    """Run a coroutine as a task, canceled at a suspension."""
    await canceled_at(coroutine, number)


async def async_set_up_everything(hass: HomeAssistant, number: int) -> None:
    """Set everything, so that there is something to clear."""
    for name in VALUES:
        await call(hass, name, number)


def stored(hass_storage: dict[str, Any], entry: PresenceConfigEntry) -> dict[str, Any]:
    """Return the content of the store."""
    data: dict[str, Any] = hass_storage.get(f"{DOMAIN}.{entry.entry_id}", {}).get("data", {})
    return data


def check(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    robin: Person,
) -> None:
    """Compare Teams, the entities and the store."""
    message = robin.status_message
    text = message.content.removesuffix("<pinnednote></pinnednote>") if message else ""
    assert state(hass, TEXT) == text
    assert state(hass, MESSAGE) == text
    location = robin.work_location
    assert state(hass, LOCATION) in ({location.type} if location else {"not_set", "unknown"})
    preference = robin.preference
    shown = {"Busy": "busy", "DoNotDisturb": "do_not_disturb"}
    preferred = shown[preference.state.availability] if preference else "automatic"
    assert state(hass, SELECT) == preferred
    data = stored(hass_storage, entry)
    preferences = data.get("preferences", {}).values()
    assert [one["availability"] for one in preferences] == ([preferred] if preference else [])
    activities = {"InACall": "in_a_call", "Presenting": "presenting"}
    assert [one["activity"] for one in data.get("sessions", {}).values()] == [
        activities[session_state.activity] for _, session_state in robin.sessions
    ]


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_is_canceled_at_any_suspension_is_whole(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    robin: Person,
    name: str,
) -> None:
    for number in count(1):
        await async_set_up_everything(hass, number)
        write = hass.async_create_task(async_canceled_at(call(hass, name, number + 1), number))
        (result,) = await asyncio.gather(write, return_exceptions=True)
        await hass.async_block_till_done(wait_background_tasks=True)
        check(hass, hass_storage, entry, robin)
        if not isinstance(result, asyncio.CancelledError):
            break
    assert number > 1


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_is_canceled_at_any_moment_is_whole(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    robin: Person,
    name: str,
) -> None:
    done = False
    steps = 1
    while not done:
        await async_set_up_everything(hass, steps)
        write = hass.async_create_task(call(hass, name, steps + 1))
        for _ in range(steps):
            await asyncio.sleep(0)
        done = write.done()
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        await hass.async_block_till_done(wait_background_tasks=True)
        check(hass, hass_storage, entry, robin)
        steps += steps // 3 + 1
    assert steps > 10


async def async_wait_for(fault: Fault, hits: int = 1) -> None:
    """Wait until a fault has been hit."""
    began = real_monotonic()
    while fault.hits < hits:  # the clock may stand still
        assert real_monotonic() - began < 10
        await asyncio.sleep(0)


@pytest.mark.parametrize("end", ["restart", "stop"])
async def test_a_script_that_is_restarted_or_stopped_leaves_no_half_of_a_write(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    end: str,
) -> None:
    step = {
        "action": f"{DOMAIN}.set_preferred_presence",
        "target": {"entity_id": AVAILABILITY},
        "data": {"availability": "{{ availability }}"},
    }
    script = {"script": {"focus": {"mode": "restart", "sequence": [step]}}}
    assert await async_setup_component(hass, "script", script)
    path = "POST *setUserPreferredPresence"
    silent = simulator.faults.add(path, loss="hang", applied=True, times=1)
    await hass.services.async_call("script", "focus", {"availability": "do_not_disturb"})
    await async_wait_for(silent)
    await asyncio.sleep(0.1)
    assert robin.preference
    if end == "restart":
        await hass.services.async_call("script", "focus", {"availability": "busy"})
    else:
        await hass.services.async_call("script", "turn_off", {"entity_id": "script.focus"})
    await asyncio.sleep(0.1)
    silent.remove()
    await hass.async_block_till_done(wait_background_tasks=True)

    assert state(hass, SELECT) == ("busy" if end == "restart" else "do_not_disturb")
    check(hass, hass_storage, entry, robin)


async def test_an_automation_that_is_saved_meanwhile_leaves_no_half_of_a_write(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    automation = {
        "alias": "Focus",
        "triggers": {"trigger": "event", "event_type": "focus"},
        "actions": {
            "action": f"{DOMAIN}.set_presence",
            "target": {"entity_id": AVAILABILITY},
            "data": {"activity": "in_a_call"},
        },
    }
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    silent = simulator.faults.add("POST *setPresence", loss="hang", applied=True, times=1)
    hass.bus.async_fire("focus")
    await async_wait_for(silent)
    await asyncio.sleep(0.1)
    assert robin.sessions
    saved = {"automation": [automation | {"description": "Saved"}]}
    with patch("homeassistant.config.load_yaml_config_file", autospec=True, return_value=saved):
        await hass.services.async_call("automation", "reload", blocking=True)
    silent.remove()
    await hass.async_block_till_done(wait_background_tasks=True)

    assert robin.sessions
    check(hass, hass_storage, entry, robin)


async def test_a_write_that_is_canceled_before_its_turn_is_not_sent(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    slow = simulator.faults.add("POST *setStatusMessage", times=1, latency=0.3)
    first = hass.async_create_task(call(hass, "set_status_message", 0))
    await async_wait_for(slow)
    second = hass.async_create_task(call(hass, "set_presence", 0))
    await asyncio.sleep(0.1)
    second.cancel()
    await first
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not robin.sessions
    check(hass, hass_storage, entry, robin)


async def test_a_write_that_is_canceled_during_retry_after_is_not_sent(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    throttled = simulator.faults.add("POST *setPresence", times=1, status=429, retry_after=1)
    write = hass.async_create_task(call(hass, "set_presence", 0))
    await async_wait_for(throttled)
    await asyncio.sleep(0.2)
    write.cancel()
    await asyncio.sleep(2.5)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert throttled.hits == 1
    assert not robin.sessions
    check(hass, hass_storage, entry, robin)


async def test_a_canceled_write_that_graph_rejects_changes_nothing(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rejected = simulator.faults.add("POST *setPresence", status=403, latency=0.2)
    write = hass.async_create_task(call(hass, "set_presence", 0))
    await async_wait_for(rejected)
    write.cancel()
    await hass.async_block_till_done(wait_background_tasks=True)

    check(hass, hass_storage, entry, robin)
    assert not complaints(caplog)


async def test_a_session_whose_request_got_no_answer_is_cleared(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.faults.add("POST *setPresence", loss="close", applied=True)
    with pytest.raises(HomeAssistantError):
        await call(hass, "set_presence", 0)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not robin.sessions
    check(hass, hass_storage, entry, robin)


@pytest.mark.parametrize(
    "later",
    [{"status": 429, "retry_after": 120}, {"status": 429}, {"status": 403}, {"status": 400}],
)
async def test_a_session_whose_first_request_got_no_answer_is_cleared(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    later: dict[str, Any],
) -> None:
    simulator.faults.add("POST *setPresence", **later)
    simulator.faults.add("POST *setPresence", loss="close", applied=True, times=1)
    with pytest.raises(HomeAssistantError):
        await call(hass, "set_presence", 0)
    assert robin.sessions
    for _ in range(5):
        await clock.async_advance(61)

    assert not robin.sessions
    check(hass, hass_storage, entry, robin)


@pytest.mark.parametrize("name", ["set_presence", "select_option", "set_value"])
async def test_a_reload_waits_for_a_silent_graph_for_a_few_seconds_with_entities(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(writes_module, "_UNLOAD_TIMEOUT", 0.5)
    silent = simulator.faults.add("POST */presence/set*", loss="hang", applied=True)
    writes = [hass.async_create_task(call(hass, name, 0)) for _ in range(2)]
    await async_wait_for(silent)
    began = real_monotonic()
    reload = hass.async_create_task(hass.config_entries.async_reload(entry.entry_id))
    await asyncio.sleep(0.2)
    assert state(hass, AVAILABILITY) != STATE_UNAVAILABLE
    await reload
    assert real_monotonic() - began < 4
    assert state(hass, AVAILABILITY) != STATE_UNAVAILABLE
    assert not all(write.done() for write in writes)

    silent.remove()
    await asyncio.gather(*writes)
    await hass.async_block_till_done(wait_background_tasks=True)
    check(hass, hass_storage, entry, robin)


async def test_a_write_that_outlives_its_account_is_remembered(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writes_module, "_UNLOAD_TIMEOUT", 0.1)
    silent = simulator.faults.add("POST */presence/set*", loss="hang")
    write = hass.async_create_task(call(hass, "select_option", 0))
    await async_wait_for(silent)
    await hass.config_entries.async_unload(entry.entry_id)
    silent.remove()
    await write
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert state(hass, SELECT) == "busy"
    check(hass, hass_storage, entry, robin)


@pytest.mark.parametrize("end", ["disable", "remove"])
async def test_a_session_that_graph_has_not_answered_is_cleared_with_the_account(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.setattr(writes_module, "_UNLOAD_TIMEOUT", 0.1)
    silent = simulator.faults.add("POST *setPresence", loss="hang", applied=True)
    write = hass.async_create_task(call(hass, "set_presence", 0))
    await async_wait_for(silent)
    entries = hass.config_entries
    if end == "disable":
        await entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await entries.async_remove(entry.entry_id)
    with pytest.raises(HomeAssistantError) as error:
        await write
    await hass.async_block_till_done(wait_background_tasks=True)

    assert error.value.translation_key == "account_not_loaded"
    assert not robin.sessions
    assert not stored(hass_storage, entry).get("sessions")
    assert (f"{DOMAIN}.{entry.entry_id}" in hass_storage) == (end == "disable")


async def test_a_hold_that_graph_has_not_answered_is_cleared_with_the_account(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(writes_module, "_UNLOAD_TIMEOUT", 0.1)
    hass.config_entries.async_update_entry(entry, options={"hold_session": True})
    await hass.config_entries.async_reload(entry.entry_id)
    robin.close_teams()
    silent = simulator.faults.add("POST *setPresence", loss="hang", applied=True)
    await call(hass, "select_option", 0)
    await async_wait_for(silent)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not robin.sessions
    assert not complaints(caplog)


async def test_clearing_the_location_does_not_revert_the_message(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    old = presence_json(robin, own=True, complete=True)
    simulator.faults.add("GET /v1.0/me/presence", json=old)
    await call(hass, "set_status_message", 0)
    await call(hass, "set_work_location", 0)
    await call(hass, "clear_work_location", 0)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, MESSAGE) == "One"
    assert state(hass, LOCATION) != "office"

    await clock.async_advance(30)
    assert state(hass, MESSAGE) == "One"
    await call(hass, "set_work_location", 0)
    # Another write does not extend the minute.
    for _ in range(3):
        await clock.async_advance(16)
    assert state(hass, MESSAGE) == ""
