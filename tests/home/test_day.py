"""A day at work: Home Assistant follows Teams."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.log import complaints

PERSON = {"entity_id": "sensor.robin_example_availability"}
SHOWN = (
    "sensor.robin_example_availability",
    "sensor.robin_example_activity",
    "select.robin_example_preferred_presence",
    "sensor.robin_example_status_message",
)


def shown(hass: HomeAssistant) -> tuple[str, ...]:
    """Return the person's entity states."""
    states = [hass.states.get(entity_id) for entity_id in SHOWN]
    assert all(states)
    return tuple(state.state for state in states if state)


@pytest.fixture
def morning(freezer: FrozenDateTimeFactory) -> None:
    """Start at eight on a working day."""
    freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))


@pytest.mark.once
async def test_a_day_at_work(
    hass: HomeAssistant,
    morning: None,
    clock: HomeClock,
    account: Account,
    robin: Person,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Debug mode triples the duration, and shorter tests cover the same code.
    hass.loop.set_debug(False)
    robin.close_teams()
    entry: PresenceConfigEntry = await account.async_sign_in()
    hass.config_entries.async_update_entry(entry, options={"hold_session": True})

    async def reload() -> None:
        await hass.config_entries.async_reload(entry.entry_id)

    async def restart() -> None:
        """Unload, wait ten minutes, and load from storage."""
        await hass.config_entries.async_unload(entry.entry_id)
        clock.freezer.tick(timedelta(minutes=10))
        await hass.config_entries.async_setup(entry.entry_id)

    def act(action: str, **data: Any) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            await hass.services.async_call(DOMAIN, action, data, target=PERSON, blocking=True)

        return call

    # Time, event, and the states two minutes later.
    plan: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
        ("08:05", reload, ("offline", "offline", "automatic", "")),
        ("08:55", robin.open_teams, ("available", "available", "automatic", "")),
        ("09:00", robin.join_meeting, ("busy", "in_a_meeting", "automatic", "")),
        ("09:10", robin.join_call, ("busy", "in_a_call", "automatic", "")),
        ("09:20", robin.present, ("do_not_disturb", "presenting", "automatic", "")),
        ("09:30", robin.stop_presenting, ("busy", "in_a_call", "automatic", "")),
        ("09:31", robin.leave_call, ("busy", "in_a_meeting", "automatic", "")),
        ("09:45", robin.leave_meeting, ("available", "available", "automatic", "")),
        (
            "10:00",
            act("set_preferred_presence", availability="do_not_disturb", duration="01:00:00"),
            ("do_not_disturb", "do_not_disturb", "do_not_disturb", ""),
        ),
        ("10:30", restart, ("do_not_disturb", "do_not_disturb", "do_not_disturb", "")),
        ("11:00", reload, ("available", "available", "automatic", "")),
        (
            "12:00",
            act("set_status_message", message="Lunch", expires_in="00:45:00"),
            ("available", "available", "automatic", "Lunch"),
        ),
        ("12:01", robin.go_away, ("away", "away", "automatic", "Lunch")),
        ("12:46", robin.come_back, ("available", "available", "automatic", "")),
        ("13:00", robin.join_call, ("busy", "in_a_call", "automatic", "")),
        ("13:10", simulator.expire_access_tokens, ("busy", "in_a_call", "automatic", "")),
        ("13:40", robin.leave_call, ("available", "available", "automatic", "")),
        (
            "15:00",
            act("set_preferred_presence", availability="busy", duration="03:00:00"),
            ("busy", "busy", "busy", ""),
        ),
        ("15:30", robin.close_teams, ("busy", "busy", "busy", "")),
        ("16:00", restart, ("busy", "busy", "busy", "")),
        ("17:59", lambda: None, ("offline", "offline", "automatic", "")),
        (
            "18:30",
            act("set_presence", activity="available", duration="00:20:00"),
            ("available", "available", "automatic", ""),
        ),
        ("18:51", lambda: None, ("offline", "offline", "automatic", "")),
    ]
    for time, event, expected in plan:
        hour, minute = map(int, time.split(":"))
        moment = datetime(2031, 3, 3, hour, minute, tzinfo=UTC)
        while datetime.now(UTC) < moment:
            await clock.async_advance(30)
        if (started := event()) is not None:
            await started
        for _ in range(4):
            await clock.async_advance(30)
        assert shown(hass) == expected, time

    assert not robin.sessions
    assert not robin.preference
    assert not complaints(caplog)
    await hass.config_entries.async_remove(entry.entry_id)
    simulator.requests.clear()
    await clock.async_advance(3600)
    assert not simulator.requests
