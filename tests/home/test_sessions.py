"""Retries of presence sessions, and invalid stored data."""

from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.tenant import PUBLIC_CLIENT_ID
from tests.home.account import Account
from tests.home.clock import HomeClock, shift_system_clock
from tests.home.log import complaints
from tests.home.states import state
from tests.home.test_set_means_set import (
    AVAILABILITY,
    HOUR,
    MINUTE,
    SELECT,
    async_act,
    async_enable_hold,
    async_prefer,
    issues,
    session_calls,
)

FAULTS: Final[list[dict[str, Any]]] = [
    {"status": 503},
    {"status": 403},
    {"status": 429, "retry_after": 20},
    {"loss": "close"},
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("end", ["preference", "option"])
async def test_clearing_a_hold_is_retried_with_backoff(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    fault: dict[str, Any],
    end: str,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    failing = simulator.faults.add("POST *clearPresence", **fault)
    if end == "preference":
        await async_act(hass, "clear_preferred_presence")
    else:
        hass.config_entries.async_update_entry(entry, options={"hold_session": False})
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert failing.hits
    assert robin.sessions
    # The delay grows with each retry, also after a reload.
    for _ in range(20):
        await clock.async_advance(MINUTE)
    tried = failing.hits
    assert tried <= 5 * 3
    await hass.config_entries.async_reload(entry.entry_id)
    failing.remove()
    for _ in range(33):
        await clock.async_advance(MINUTE)

    assert not robin.sessions


@pytest.mark.parametrize("fault", [{"status": 503}, {"loss": "close", "applied": True}])
async def test_a_session_continues_if_another_cannot_be_set(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    fault: dict[str, Any],
) -> None:
    await async_act(hass, "set_presence", activity="in_a_call", duration={"hours": 2})
    simulator.faults.add("POST *setPresence", times=3, **fault)
    with pytest.raises(HomeAssistantError, match="Microsoft Graph"):
        await async_act(hass, "set_presence", activity="presenting", duration={"hours": 1})
    await clock.async_advance(MINUTE + 1)
    assert [state.activity for _, state in robin.sessions] == ["InACall"]
    await hass.config_entries.async_reload(entry.entry_id)
    for _ in range(117):
        await clock.async_advance(MINUTE)
    assert [state.activity for _, state in robin.sessions] == ["InACall"]
    for _ in range(3):
        await clock.async_advance(MINUTE)
    assert not robin.sessions


async def test_an_expired_session_is_no_longer_cleared(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    failing = simulator.faults.add("POST *clearPresence", status=403)
    await async_act(hass, "clear_preferred_presence")
    for _ in range(10):
        await clock.async_advance(HOUR / 2)
    tried = failing.hits
    await clock.async_advance(HOUR)

    assert failing.hits == tried
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["sessions"] == {}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("end", ["disable", "remove"])
@pytest.mark.parametrize("entry_state", [ConfigEntryState.LOADED, ConfigEntryState.SETUP_RETRY])
async def test_clearing_a_session_is_retried_after_disabling_or_removing_the_account(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    robin: Person,
    simulator: Simulator,
    fault: dict[str, Any],
    end: str,
    entry_state: ConfigEntryState,
) -> None:
    await async_act(hass, "set_presence", activity="in_a_call", duration="04:00:00")
    if entry_state is ConfigEntryState.SETUP_RETRY:
        down = simulator.faults.add("GET *", status=503)
        await hass.config_entries.async_reload(entry.entry_id)
        down.remove()
    assert entry.state is entry_state
    failing = simulator.faults.add("POST *clearPresence", **fault)
    if end == "disable":
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert failing.hits == 1
    assert robin.sessions
    file = hass_storage.get(f"{DOMAIN}.{entry.entry_id}", {}).get("data", {}).get("sessions")
    assert bool(file) == (end == "disable")

    await clock.async_advance(MINUTE + 1)
    assert failing.hits == 2
    failing.remove()
    await clock.async_advance(2 * MINUTE + 1)
    assert not robin.sessions
    assert not hass_storage.get(f"{DOMAIN}.{entry.entry_id}", {}).get("data", {}).get("sessions")


@pytest.mark.parametrize("is_set_again", [False, True])
async def test_a_session_of_a_removed_account_is_cleared_after_adding_it_again(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    is_set_again: bool,  # noqa: FBT001
) -> None:
    await async_act(hass, "set_presence", activity="in_a_call", duration="04:00:00")
    failing = simulator.faults.add("POST *clearPresence", status=429, retry_after=20)
    await hass.config_entries.async_remove(entry.entry_id)
    await account.async_sign_in()
    if is_set_again:
        await async_act(hass, "set_presence", activity="presenting", duration="04:00:00")
    assert failing.hits == 1
    failing.remove()
    for _ in range(5):
        await clock.async_advance(MINUTE + 1)

    assert bool(robin.sessions) == is_set_again


async def test_a_disabled_account_drops_an_expired_session(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    simulator: Simulator,
) -> None:
    await async_act(hass, "set_presence", activity="in_a_call", duration="00:05:00")
    failing = simulator.faults.add("POST *clearPresence", status=503)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    await clock.async_advance(HOUR)
    await clock.async_advance(HOUR)

    assert failing.hits == 1
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["sessions"] == {}


async def test_removing_an_account_that_was_disabled_at_startup_clears_its_session(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    robin: Person,
) -> None:
    await async_act(hass, "set_presence", activity="in_a_call")
    disabled = MockConfigEntry(
        domain=DOMAIN,
        data=dict(entry.data),
        unique_id="another",
        disabled_by=ConfigEntryDisabler.USER,
    )
    hass_storage[f"{DOMAIN}.{disabled.entry_id}"] = hass_storage[f"{DOMAIN}.{entry.entry_id}"]
    disabled.add_to_hass(hass)
    await hass.config_entries.async_remove(disabled.entry_id)

    assert not robin.sessions
    assert f"{DOMAIN}.{disabled.entry_id}" not in hass_storage


async def test_a_hold_does_not_replace_a_session_that_is_not_shown(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    simulator.faults.add("POST *setPresence", status=200, body="empty")
    await async_prefer(hass, "busy")
    await async_act(hass, "set_presence", activity="in_a_call", duration="01:00:00")
    for _ in range(10):
        await clock.async_advance(MINUTE)

    assert session_calls(simulator) == ["Away PT4H", "InACall PT1H"]


async def test_an_account_that_is_enabled_again_clears_its_session_once(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_act(hass, "set_presence", activity="in_a_call", duration="04:00:00")
    failing = simulator.faults.add("POST *clearPresence", status=503)
    entries = hass.config_entries
    await entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    failing.remove()
    await entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not robin.sessions
    calls = session_calls(simulator)
    await clock.async_advance(3 * MINUTE)

    assert session_calls(simulator) == calls


async def test_a_session_that_is_never_shown_is_set_with_backoff(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    # Graph accepts the session but never shows it.
    simulator.faults.add("POST *setPresence", status=200, body="empty")
    await async_prefer(hass, "busy")
    for _ in range(15):
        await clock.async_advance(MINUTE + 1)
    assert len(session_calls(simulator)) <= 5
    for _ in range(120):
        await clock.async_advance(MINUTE + 1)
    assert len(session_calls(simulator)) <= 10
    polls = [request for request in simulator.requests if request.path.endswith("/me/presence")]
    assert len(polls) <= 170

    simulator.faults.clear()
    for _ in range(33):
        await clock.async_advance(MINUTE + 1)
    assert robin.availability == "Busy"
    # The next session starts with the shortest delay again.
    robin.clear_session(PUBLIC_CLIENT_ID)
    for _ in range(2):
        await clock.async_advance(MINUTE + 1)
    assert robin.availability == "Busy"


@pytest.mark.parametrize("hours", [-3, 3])
async def test_available_is_renewed_after_the_system_clock_changes(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    robin: Person,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    robin.close_teams()
    await async_prefer(hass, "available", duration="02:00:00")
    await async_act(hass, "set_presence", activity="available", duration="00:30:00")
    shift_system_clock(monkeypatch, timedelta(hours=hours))
    for _ in range(29):
        await clock.async_advance(MINUTE)
        assert (robin.availability, robin.activity) == ("Available", "Available")
    # The stored end follows the system clock, for a restart.
    data = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]
    ends_at = datetime.fromisoformat(data["sessions"][robin.id]["ends_at"])
    assert timedelta() < ends_at - dt_util.utcnow() <= timedelta(minutes=1)
    shown = hass.states.get(SELECT)
    assert shown is not None
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, SELECT) == "available"

    await clock.async_advance(2 * MINUTE)
    assert session_calls(simulator)[-1] == "clear"
    assert not robin.sessions


@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_session_without_a_preference_is_renewed_after_the_system_clock_changes(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    robin.close_teams()
    await async_act(hass, "set_presence", activity="available", duration="00:30:00")
    shift_system_clock(monkeypatch, timedelta(hours=hours))
    for _ in range(29):
        await clock.async_advance(MINUTE)
        # A preference would hide that the session is inactive.
        assert (robin.availability, robin.activity) == ("Available", "Available")
    for _ in range(3):
        await clock.async_advance(MINUTE)

    assert not robin.sessions


async def test_a_session_is_renewed_after_a_restart_with_an_earlier_clock(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    robin.close_teams()
    await async_act(hass, "set_presence", activity="available", duration="00:30:00")
    await hass.config_entries.async_unload(entry.entry_id)
    shift_system_clock(monkeypatch, timedelta(hours=-3))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    for _ in range(29):
        await clock.async_advance(MINUTE)
        assert (robin.availability, robin.activity) == ("Available", "Available")
    for _ in range(3):
        await clock.async_advance(MINUTE)

    assert not robin.sessions


@pytest.mark.parametrize("chosen_in", ["teams", "home_assistant"])
async def test_a_session_hidden_by_appear_offline_creates_a_repair(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    chosen_in: str,
) -> None:
    if chosen_in == "home_assistant":
        await async_prefer(hass, "offline")
    else:
        robin.prefer("Offline")
    await async_act(hass, "set_presence", activity="available", duration="01:00:00")
    assert state(hass, AVAILABILITY) == "offline"
    for _ in range(8):
        await clock.async_advance(MINUTE)
        assert issues(hass) == ["session_not_shown"]

    robin.clear_preference()
    await clock.async_advance(MINUTE + 1)
    assert state(hass, AVAILABILITY) == "available"
    assert not issues(hass)


@pytest.mark.parametrize("action", ["clear_presence", "wait"])
async def test_the_repair_for_a_hidden_session_is_deleted_with_it(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    action: str,
) -> None:
    robin.prefer("Offline")
    await async_act(hass, "set_presence", activity="in_a_call", duration="00:05:00")
    assert not issues(hass)
    await clock.async_advance(MINUTE + 1)
    assert issues(hass) == ["session_not_shown"]
    if action == "wait":
        await clock.async_advance(4 * MINUTE)
        await clock.async_advance(MINUTE)
    else:
        await async_act(hass, action)

    assert not issues(hass)


async def test_a_session_that_is_shown_late_creates_no_repair(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.prefer("Offline")
    await async_act(hass, "set_presence", activity="in_a_call")
    await clock.async_advance(MINUTE / 2)
    assert not issues(hass)
    robin.clear_preference()
    await clock.async_advance(MINUTE)

    assert not issues(hass)


MISSING: Final = object()
BAD: Final[list[Any]] = [MISSING, None, 7, "x", [], {}, ["busy"], True]
PREFERENCE: Final = ("availability", "expires_at")
SESSION: Final = ("activity", "ends_at", "held", "posted_at", "posted_until")
CASES: Final = [
    *(("preferences", member, value) for member in PREFERENCE for value in BAD),
    *(
        ("sessions", member, value)
        for member in SESSION
        for value in BAD
        if not (member == "held" and value is True)
    ),
    *(
        (part, member, value)
        for part, member in (("preferences", "expires_at"), ("sessions", "posted_at"))
        for value in (
            "2026-11-25T10:00:00",
            "2026-11-25",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-11:00",
        )
    ),
    ("sessions", "activity", "in_a_meeting"),
    ("sessions", "posted_until", "2999-01-01T00:00:00+00:00"),
    ("preferences", "availability", "focusing"),
]


async def async_store(
    hass: HomeAssistant, entry: PresenceConfigEntry, hass_storage: dict[str, Any], file: Any
) -> None:
    """Set up the account with other stored data."""
    await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[f"{DOMAIN}.{entry.entry_id}"] = file
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def async_set_both(
    hass: HomeAssistant, entry: PresenceConfigEntry, hass_storage: dict[str, Any]
) -> dict[str, Any]:
    """Set a preference and a session; return the file."""
    await async_prefer(hass, "busy")
    await async_act(hass, "set_presence", activity="in_a_call")
    file: dict[str, Any] = hass_storage[f"{DOMAIN}.{entry.entry_id}"]
    return file


async def async_check_start(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Check for one warning, a working account, clean removal."""
    assert entry.state is ConfigEntryState.LOADED
    assert len(complaints(caplog)) == 1
    caplog.clear()
    await hass.config_entries.async_reload(entry.entry_id)
    await async_prefer(hass, "away")
    assert state(hass, SELECT) == "away"
    assert not complaints(caplog)
    await hass.config_entries.async_remove(entry.entry_id)
    assert not [key for key in hass_storage if DOMAIN in key]


@pytest.mark.parametrize(("part", "member", "value"), CASES)
async def test_a_stored_record_with_an_invalid_member_is_dropped(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    part: str,
    member: str,
    value: Any,
) -> None:
    file = await async_set_both(hass, entry, hass_storage)
    (record,) = file["data"][part].values()
    if value is MISSING:
        del record[member]
    else:
        record[member] = value
    caplog.clear()
    await async_store(hass, entry, hass_storage, file)
    # The other record is kept.
    data = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]
    assert {key: len(known) for key, known in data.items()} == {
        key: 0 if key == part else 1 for key in ("preferences", "sessions")
    }
    await async_check_start(hass, entry, hass_storage, caplog)


FILE: Final[dict[str, Any]] = {"version": 1, "minor_version": 1, "key": "x"}


@pytest.mark.parametrize(
    "file",
    [
        FILE | {"data": {"preferences": []}},
        FILE | {"data": {"preferences": None, "sessions": {}}},
        FILE | {"data": {"preferences": {}, "sessions": "x"}},
        FILE | {"data": {"preferences": {"x": {}}}},
        FILE | {"data": {"sessions": {"": None}}},
        FILE | {"data": ["x"]},
        FILE | {"data": "x"},
        FILE | {"data": 7},
        FILE | {"version": 2, "data": {"preferences": {}, "sessions": {}}},
        FILE | {"version": 0, "data": {}},
        FILE | {"version": "new", "data": {}},
        FILE,
        {"data": {}},
        ["x"],
        "x",
    ],
)
async def test_an_invalid_store_is_dropped(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    file: Any,
) -> None:
    await async_store(hass, entry, hass_storage, file)
    await async_check_start(hass, entry, hass_storage, caplog)


async def test_stored_data_of_another_person_is_removed(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    robin: Person,
    alex: Person,
) -> None:
    file = await async_set_both(hass, entry, hass_storage)
    for part in ("preferences", "sessions"):
        file["data"][part][alex.id] = file["data"][part][robin.id]
    await async_store(hass, entry, hass_storage, file)
    for _ in range(5):
        await clock.async_advance(HOUR)

    data = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]
    assert alex.id not in data["preferences"] | data["sessions"]
    assert state(hass, SELECT) == "busy"
    assert not issues(hass)


async def test_an_account_that_was_never_set_up_is_removed_with_its_invalid_store(
    hass: HomeAssistant,
    account: Account,
    entry: PresenceConfigEntry,
    hass_storage: dict[str, Any],
    simulator: Simulator,
) -> None:
    simulator.faults.add("GET *", status=503)
    await async_store(hass, entry, hass_storage, FILE | {"data": {"sessions": [1]}})
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await hass.config_entries.async_remove(entry.entry_id)

    assert not [key for key in hass_storage if DOMAIN in key]
