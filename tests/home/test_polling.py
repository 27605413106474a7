"""Polling: intervals, throttling, failures and optimistic updates."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock, shift_system_clock
from tests.home.states import state

COLLEAGUE = "sensor.alex_example_availability"
AVAILABILITY = "sensor.robin_example_availability"
MESSAGE = "sensor.robin_example_status_message"


def polls(simulator: Simulator) -> int:
    """Count reads of the own presence."""
    return sum(request.path == "/v1.0/me/presence" for request in simulator.requests)


async def async_polls_during(clock: HomeClock, simulator: Simulator, seconds: int) -> int:
    """Advance second by second; count own reads."""
    before = polls(simulator)
    for _ in range(seconds):
        await clock.async_advance(1)
    return polls(simulator) - before


async def async_update_entity(hass: HomeAssistant, entity_id: str = AVAILABILITY) -> None:
    """Run homeassistant.update_entity."""
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": entity_id}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


def reads_of_colleagues(simulator: Simulator) -> int:
    """Count reads of colleagues' presences."""
    return sum(request.path.endswith("getPresencesByUserId") for request in simulator.requests)


# Home Assistant truncates delays to whole seconds, and the harness fires timers up to half a second early, so counts
# vary.


async def test_every_five_seconds(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15


async def test_every_half_minute_while_offline_and_every_five_seconds_afterwards(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator, robin: Person
) -> None:
    robin.close_teams()
    await account.async_sign_in()
    assert 4 <= await async_polls_during(clock, simulator, 120) <= 5

    robin.open_teams()
    await async_update_entity(hass)
    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15


async def test_every_five_seconds_for_a_minute_after_a_write_while_offline(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator, robin: Person
) -> None:
    robin.close_teams()
    await account.async_sign_in()
    await clock.async_advance(31)
    await async_set_message(hass, "Back at two")
    assert 11 <= await async_polls_during(clock, simulator, 60) <= 15
    await clock.async_advance(30)
    assert await async_polls_during(clock, simulator, 60) <= 3


async def test_colleagues_every_ten_seconds(
    clock: HomeClock, both: PresenceConfigEntry, simulator: Simulator
) -> None:
    before = reads_of_colleagues(simulator)
    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15
    assert 6 <= reads_of_colleagues(simulator) - before <= 7


async def test_with_polling_disabled_only_update_entity_polls(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    alex: Person,
) -> None:
    hass.config_entries.async_update_entry(both, pref_disable_polling=True)
    await hass.config_entries.async_reload(both.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    before = reads_of_colleagues(simulator)
    robin.join_call()
    alex.join_call()

    assert await async_polls_during(clock, simulator, 600) == 0
    assert state(hass, AVAILABILITY) == "available"
    await async_update_entity(hass)
    assert state(hass, AVAILABILITY) == "busy"
    assert state(hass, COLLEAGUE) == "available"
    await async_update_entity(hass, COLLEAGUE)
    assert state(hass, COLLEAGUE) == "busy"
    assert reads_of_colleagues(simulator) == before + 1


ME = "GET /v1.0/me/presence"
PRESENCES = "POST *getPresencesByUserId"
HOUR = 3600


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 429, "retry_after": 60}, 60),
        ({"status": 429, "retry_after": timedelta(seconds=60)}, 60),
        ({"status": 429}, 30),
        ({"status": 429, "retry_after": "-5"}, 30),
        ({"status": 429, "retry_after": "soon"}, 30),
        ({"status": 429, "retry_after": 10**9}, HOUR),
        ({"status": 503, "retry_after": 60}, 60),
    ],
    ids=str,
)
async def test_polling_pauses_for_retry_after_and_a_second(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    fault: dict[str, Any],
    seconds: int,
) -> None:
    simulator.faults.add(ME, times=1, **fault)
    await clock.async_advance(6)
    seen = polls(simulator)
    await clock.async_advance(seconds - 10)
    await async_update_entity(hass)
    assert await async_polls_during(clock, simulator, 9) == 0
    # A random part of the interval, now ten seconds, is added.
    assert 1 <= await async_polls_during(clock, simulator, 20) <= 5
    assert polls(simulator) > seen
    assert state(hass, AVAILABILITY) == "available"


async def test_update_entity_polls_as_soon_as_retry_after_has_passed(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add(ME, times=1, status=429, retry_after=60)
    await clock.async_advance(6)
    seen = polls(simulator)
    clock.freezer.tick(61)
    await async_update_entity(hass)

    assert polls(simulator) == seen + 1


async def test_throttled_colleagues_do_not_pause_own_polls_or_writes(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.faults.add(PRESENCES, status=429, retry_after=HOUR)
    await clock.async_advance(11)
    before = reads_of_colleagues(simulator)
    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15
    assert reads_of_colleagues(simulator) == before
    await async_set_message(hass, "Still here")
    assert robin.status_message is not None
    assert state(hass, AVAILABILITY) == "available"
    await clock.async_advance(30)
    assert state(hass, COLLEAGUE) == STATE_UNAVAILABLE
    assert state(hass, AVAILABILITY) == "available"


async def test_throttled_own_polls_do_not_pause_colleagues_or_writes(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    alex: Person,
) -> None:
    simulator.faults.add(ME, status=429, retry_after=HOUR)
    await clock.async_advance(6)
    before = reads_of_colleagues(simulator)
    assert await async_polls_during(clock, simulator, 60) == 0
    assert 6 <= reads_of_colleagues(simulator) - before <= 7
    await async_set_message(hass, "Still here")
    assert robin.status_message is not None
    alex.join_call()
    await clock.async_advance(11)
    assert state(hass, COLLEAGUE) == "busy"
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE


async def test_throttled_writes_do_not_pause_polls(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add("POST *setStatusMessage", status=429, retry_after=HOUR)
    with pytest.raises(HomeAssistantError):
        await async_set_message(hass, "Too much")

    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15
    assert state(hass, AVAILABILITY) == "available"


async def test_a_throttled_token_endpoint_pauses_all_token_requests(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
) -> None:
    simulator.faults.add("token", times=1, status=429, retry_after=300)
    clock.freezer.tick(both.data["token"]["expires_in"])
    simulator.requests.clear()
    await clock.async_advance(1)
    for _ in range(29):
        await clock.async_advance(10)
    token_requests = [request for request in simulator.requests if request.path.endswith("/token")]
    assert len(token_requests) == 1
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    for _ in range(3):
        await clock.async_advance(10)
    assert state(hass, AVAILABILITY) == "available"
    assert not hass.config_entries.flow.async_progress()


async def test_a_reload_keeps_retry_after_and_presences(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    for target in (ME, PRESENCES, "POST *setStatusMessage"):
        simulator.faults.add(target, times=1, status=429, retry_after=50)
    with pytest.raises(HomeAssistantError):
        await async_set_message(hass, "Too much")
    await clock.async_advance(11)
    robin.join_call()
    simulator.requests.clear()
    await hass.config_entries.async_reload(both.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, AVAILABILITY) == "available"
    assert state(hass, COLLEAGUE) == "available"
    for _ in range(29):
        await clock.async_advance(1)
    with pytest.raises(HomeAssistantError) as error:
        await async_set_message(hass, "Too much")
    assert error.value.translation_key == "throttled"
    assert not simulator.requests

    for _ in range(45):
        await clock.async_advance(1)
    assert state(hass, AVAILABILITY) == "busy"
    assert state(hass, COLLEAGUE) == "available"


async def test_a_reload_with_outdated_presences_waits_for_retry_after(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add(ME, times=1, status=429, retry_after=200)
    await clock.async_advance(6)
    await clock.async_advance(80)
    simulator.requests.clear()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    for _ in range(11):
        await clock.async_advance(10)
    assert not polls(simulator)

    for _ in range(20):
        await clock.async_advance(10)
    assert state(hass, AVAILABILITY) == "available"


async def test_throttling_doubles_the_interval_which_shrinks_later(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add(ME, times=3, status=429, retry_after=1)
    for _ in range(100):
        await clock.async_advance(1)
    slow = await async_polls_during(clock, simulator, 120)
    assert 3 <= slow <= 4
    # A reload keeps the interval.
    await hass.config_entries.async_reload(entry.entry_id)
    assert 3 <= await async_polls_during(clock, simulator, 120) <= 5

    clock.freezer.tick(24 * HOUR)
    await clock.async_advance(1)
    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15


@pytest.mark.parametrize(
    "fault",
    [{"status": 429, "retry_after": HOUR}, {"status": 503}, {"status": 401}, {"loss": "close"}],
    ids=str,
)
async def test_entities_become_unavailable_a_minute_after_a_missed_poll(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
) -> None:
    await async_update_entity(hass)
    failure = simulator.faults.add(ME, **fault)
    for _ in range(63):
        await clock.async_advance(1)
        assert state(hass, AVAILABILITY) == "available"
    # The interval, which is ten seconds after a 429, plus a minute.
    for _ in range(10):
        await clock.async_advance(1)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    for _ in range(30):
        await clock.async_advance(10)
        await async_update_entity(hass)
        assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE

    failure.remove()
    for _ in range(2):
        await clock.async_advance(HOUR)
    assert state(hass, AVAILABILITY) == "available"
    lines = [record.levelname for record in caplog.records if "data" in record.getMessage()]
    assert lines.count("ERROR") == 1


async def test_entities_that_expire_during_a_poll_return_with_it(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    failure = simulator.faults.add(ME, status=503, times=1)
    await clock.async_advance(6)
    assert failure.hits == 1
    # The poll starts, and its timer is followed by that of the expiry.
    await clock.async_advance(70)

    assert state(hass, AVAILABILITY) == "available"


async def test_an_automation_that_is_stopped_during_an_update_does_not_fail_it(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    await clock.async_advance(6)
    silent = simulator.faults.add(ME, loss="hang", times=1)
    update = hass.async_create_task(async_update_entity(hass))
    while not silent.hanging:  # noqa: ASYNC110  # faults set no event
        await asyncio.sleep(0)
    update.cancel()
    await asyncio.wait([update])
    simulator.faults.add(ME, status=503)
    silent.remove()
    data = {"entity_id": AVAILABILITY, "message": "Lunch"}
    await hass.services.async_call(DOMAIN, "set_status_message", data, blocking=True)
    for _ in range(5):
        await clock.async_advance(6)
        assert state(hass, AVAILABILITY) == "available"


async def test_another_429_does_not_restore_outdated_presences(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    await async_update_entity(hass)
    simulator.faults.add(ME, status=429, retry_after=45)
    seen = []
    for _ in range(40):
        await clock.async_advance(10)
        seen.append(state(hass, AVAILABILITY))

    kept = seen.index(STATE_UNAVAILABLE)
    assert seen == ["available"] * kept + [STATE_UNAVAILABLE] * (40 - kept)


async def test_a_rejected_token_and_a_throttled_token_endpoint_start_no_reauth(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.expire_access_tokens()
    simulator.faults.add("token", times=1, status=429, retry_after=200)
    simulator.requests.clear()
    for _ in range(19):
        await clock.async_advance(10)
    token_requests = [request for request in simulator.requests if request.path.endswith("/token")]
    assert len(token_requests) == 1
    assert polls(simulator) <= 2
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert not hass.config_entries.flow.async_progress()

    for _ in range(3):
        await clock.async_advance(10)
    assert state(hass, AVAILABILITY) == "available"


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_changed_system_clock_does_not_affect_polling(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    shift_system_clock(monkeypatch, timedelta(hours=hours))

    assert 12 <= await async_polls_during(clock, simulator, 60) <= 15
    assert state(hass, AVAILABILITY) == "available"


@pytest.mark.parametrize("minutes", [-5, 0, 5], ids=["behind", "right", "ahead"])
@pytest.mark.parametrize("lingers", [False, True])
async def test_a_message_expires_with_one_poll_if_clocks_differ(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    lingers: bool,  # noqa: FBT001
) -> None:
    ends_at = dt_util.utcnow() + timedelta(minutes=7, seconds=20)
    body = {
        "id": robin.id,
        "availability": "Offline",
        "activity": "OffWork",
        "statusMessage": {
            "message": {"content": "Lunch", "contentType": "text"},
            "expiryDateTime": {
                "dateTime": f"{ends_at:%Y-%m-%dT%H:%M:%S.%f}",
                "timeZone": "UTC",
            },
        },
    }
    shift_system_clock(monkeypatch, timedelta(minutes=minutes))
    own_presence = simulator.faults.add(ME, json=body)
    await async_update_entity(hass)
    assert state(hass, MESSAGE) == "Lunch"
    seen = []
    for minute in range(15):
        if minute == 7 and not lingers:
            own_presence.options["json"] = body | {"statusMessage": None}
        reads = await async_polls_during(clock, simulator, 60)
        seen.append(state(hass, MESSAGE))
        assert 2 <= reads <= 4
    left = 7 - minutes if lingers or minutes > 0 else 7
    assert seen == ["Lunch"] * left + [""] * (15 - left)


async def test_a_written_message_that_graph_never_shows_expires_without_extra_polls(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.faults.add(ME, json={"id": robin.id, "availability": "Away", "activity": "Away"})
    await hass.services.async_call(
        DOMAIN,
        "set_status_message",
        {"message": "Brief", "expires_in": {"seconds": 20}},
        target={"entity_id": AVAILABILITY},
        blocking=True,
    )
    assert await async_polls_during(clock, simulator, 60) <= 16
    assert state(hass, MESSAGE) == ""


async def test_update_entity_polls_immediately(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    robin.join_call()
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": AVAILABILITY}, blocking=True
    )

    assert state(hass, AVAILABILITY) == "busy"


async def test_a_token_is_refreshed_before_it_expires(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    old = entry.data["token"]
    clock.freezer.tick(old["expires_in"])
    await clock.async_advance(1)

    assert entry.data["token"]["access_token"] != old["access_token"]
    assert entry.data["token"]["refresh_token"] != old["refresh_token"]
    assert entry.data["token"]["expires_at"] > old["expires_at"]
    sent = [request.json for request in simulator.requests if request.path.endswith("/token")][-1]
    assert isinstance(sent, dict)
    assert set(sent["scope"].split()) == {
        "Presence.Read",
        "Presence.ReadWrite",
        "openid",
        "profile",
        "offline_access",
    }


async def test_a_token_that_graph_rejects_is_refreshed_immediately(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.expire_access_tokens()
    robin.join_call()
    await clock.async_advance(16)

    assert state(hass, AVAILABILITY) == "busy"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "retry_after": 1},
        {"body": "html"},
        {"loss": "close"},
        {"aadsts": 90033},
    ],
)
async def test_a_failure_of_the_token_endpoint_starts_no_reauth(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    fault: dict[str, Any],
) -> None:
    failure = simulator.faults.add("token", **fault)
    clock.freezer.tick(entry.data["token"]["expires_in"] - 30)
    await async_update_entity(hass)
    clock.freezer.tick(15)
    for _ in range(2):
        await clock.async_advance(31)
    assert 2 <= failure.hits <= 3
    await clock.async_advance(31)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert not hass.config_entries.flow.async_progress()

    failure.remove()
    await clock.async_advance(40)
    assert state(hass, AVAILABILITY) == "available"


async def test_a_revoked_sign_in_starts_reauth_and_continues_afterwards(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    simulator: Simulator,
) -> None:
    simulator.revoke("robin")
    simulator.expire_access_tokens()
    await clock.async_advance(16)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"

    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    await account.async_visit(result)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, AVAILABILITY) == "available"


async def test_rejected_tokens_start_reauth_and_polling_continues(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    failure = simulator.faults.add("GET /v1.0/me/presence", status=401)
    before = polls(simulator)
    for _ in range(20):
        await clock.async_advance(30)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert len(hass.config_entries.flow.async_progress()) == 1
    token_requests = [
        request.path for request in simulator.requests if request.path.endswith("/token")
    ]
    # One of the sign-in, and one per five minutes.
    assert len(token_requests) <= 1 + 3
    # Each is repeated once, with a new token.
    assert polls(simulator) - before <= 2 * 20 + 2

    failure.remove()
    await clock.async_advance(31)
    assert state(hass, AVAILABILITY) == "available"
    assert not hass.config_entries.flow.async_progress()
    assert not ir.async_get(hass).issues


async def test_a_written_message_is_shown_until_graph_returns_it(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    old = simulator.faults.add(
        "GET /v1.0/me/presence", json={"id": robin.id, "availability": "Available"}
    )
    await async_set_message(hass, "New")
    await clock.async_advance(6)
    assert state(hass, MESSAGE) == "New"

    old.remove()
    await clock.async_advance(6)
    robin.set_status_message("Changed in Teams")
    await clock.async_advance(6)
    assert state(hass, MESSAGE) == "Changed in Teams"


async def test_a_poll_that_started_before_a_write_does_not_revert_it(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    slow = simulator.faults.add("GET /v1.0/me/presence", times=1, latency=0.3, json=None)
    slow.options["json"] = {"id": entry.data["object_id"], "availability": "Available"}
    poll = hass.async_create_task(entry.runtime_data.primary.async_request_refresh())
    while not slow.hits:  # noqa: ASYNC110  # until the poll is under way
        await asyncio.sleep(0.01)
    await async_set_message(hass, "Newer than the poll")
    await poll

    assert state(hass, MESSAGE) == "Newer than the poll"


async def test_a_message_that_graph_never_shows_is_reverted_and_logged_once(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.faults.add(
        "GET /v1.0/me/presence", json={"id": robin.id, "availability": "Available"}
    )
    await async_set_message(hass, "Lost")
    for _ in range(14):
        await clock.async_advance(5)

    assert state(hass, MESSAGE) == ""
    assert caplog.text.count("still shows another after") == 1
    assert "Lost" not in caplog.text


async def async_set_message(hass: HomeAssistant, message: str) -> None:
    """Set the person's status message."""
    await hass.services.async_call(
        DOMAIN,
        "set_status_message",
        {"message": message},
        target={"entity_id": AVAILABILITY},
        blocking=True,
    )


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429, "retry_after": 9}, {"body": "html"}]
)
async def test_a_failed_setup_is_retried(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, fault: dict[str, Any]
) -> None:
    failure = simulator.faults.add("GET /v1.0/me/presence", **fault)
    await hass.config_entries.async_reload(entry.entry_id)
    failed = entry.state
    assert entry.reason
    failure.remove()
    await hass.config_entries.async_reload(entry.entry_id)

    assert (failed, entry.state) == (ConfigEntryState.SETUP_RETRY, ConfigEntryState.LOADED)


async def test_setup_with_a_revoked_sign_in_starts_reauth(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.revoke("robin")
    simulator.expire_access_tokens()
    await hass.config_entries.async_reload(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert len(hass.config_entries.flow.async_progress()) == 1
