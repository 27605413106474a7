"""A write is one step: what Graph accepts is stored and shown, whatever is canceled or reloaded."""

import asyncio
from collections.abc import Coroutine, Generator
from itertools import count
import types
from typing import Any, Final

from homeassistant.core import HomeAssistant
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from custom_components.ms_teams_presence.services import ACTIONS
from simulator import Person
from tests.home.states import state

AVAILABILITY: Final = "sensor.robin_example_availability"
LOCATION: Final = "sensor.robin_example_work_location"
MESSAGE: Final = "sensor.robin_example_status_message"
SELECT: Final = "select.robin_example_preferred_presence"
TEXT: Final = "text.robin_example_set_status_message"

# Values that alternate, so that each write changes something.
VALUES: Final[dict[str, list[dict[str, Any]]]] = {
    "set_status_message": [{"message": "One"}, {"message": "Two", "pinned": True}],
    "set_preferred_presence": [{"availability": "busy"}, {"availability": "do_not_disturb"}],
    "set_presence": [{"activity": "in_a_call"}, {"activity": "presenting"}],
    "set_work_location": [{"location": "office"}, {"location": "remote"}],
}
WRITES: Final = [*(action.name for action in ACTIONS), "select_option", "set_value"]


def call(hass: HomeAssistant, name: str, number: int) -> Coroutine[Any, Any, Any]:
    """Call an action, the select or the text, with one of two values."""
    domain, entity_id, values = DOMAIN, AVAILABILITY, VALUES.get(name, [{}])
    if name == "select_option":
        domain, entity_id, values = "select", SELECT, [{"option": "busy"}, {"option": "automatic"}]
    elif name == "set_value":
        domain, entity_id, values = "text", TEXT, [{"value": "One"}, {"value": ""}]
    data = values[number % len(values)] | {"entity_id": entity_id}
    return hass.services.async_call(domain, name, data, blocking=True)


@types.coroutine
def canceled_at(coroutine: Coroutine[Any, Any, Any], number: int) -> Generator[Any, Any]:
    """Run a coroutine and cancel its task at the suspension with a number."""
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
    """Run a coroutine as a task, canceled at the suspension with a number."""
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
