"""When Graph is asked, and what happens when it does not answer well."""

import asyncio
from time import time
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.states import state

AVAILABILITY = "sensor.robin_example_availability"
MESSAGE = "sensor.robin_example_status_message"


def polls(simulator: Simulator) -> int:
    """Return how often presence was read."""
    return sum(request.path == "/v1.0/me/presence" for request in simulator.requests)


async def async_polls_during(clock: HomeClock, simulator: Simulator, seconds: int) -> int:
    """Let time pass second by second and return how often presence was read meanwhile."""
    before = polls(simulator)
    for _ in range(seconds):
        await clock.async_advance(1)
    return polls(simulator) - before


async def test_every_fifteen_seconds(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    assert await async_polls_during(clock, simulator, 60) == 4


async def test_every_minute_while_offline(
    clock: HomeClock, account: Account, simulator: Simulator, robin: Person
) -> None:
    robin.close_teams()
    await account.async_sign_in()

    assert await async_polls_during(clock, simulator, 130) == 2


async def test_every_five_seconds_for_a_minute_after_a_change(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator, robin: Person
) -> None:
    robin.join_call()
    await clock.async_advance(16)

    # The harness fires timers up to half a second early, which a second's step rounds up.
    assert 11 <= await async_polls_during(clock, simulator, 60) <= 15
    assert 3 <= await async_polls_during(clock, simulator, 60) <= 5


async def test_a_longer_interval_by_option(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    hass.config_entries.async_update_entry(entry, options={"poll_interval": 100})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert await async_polls_during(clock, simulator, 205) == 2


async def test_retry_after_is_waited_out_by_everything(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    simulator.faults.add("GET /v1.0/me/presence", times=1, status=429, retry_after=60)
    await clock.async_advance(16)
    seen = polls(simulator)

    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": AVAILABILITY}, blocking=True
    )
    assert await async_polls_during(clock, simulator, 59) == 0
    assert await async_polls_during(clock, simulator, 5) == 1
    assert polls(simulator) == seen + 1


async def test_a_poll_that_begins_just_before_graph_may_be_asked_again_waits_for_it_only(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    # Home Assistant drops the fraction of the clock's second from the delay that it is given.
    clock.freezer.tick((0.7 - time()) % 1)
    simulator.faults.add("GET /v1.0/me/presence", times=1, status=429, retry_after=60)
    await clock.async_advance(16)
    seen = polls(simulator)
    assert entry.runtime_data.primary.failures == 1

    await clock.async_advance(60.5)
    assert polls(simulator) == seen
    await clock.async_advance(2)
    assert polls(simulator) == seen + 1


async def test_while_graph_wants_to_be_left_alone_unavailable_stays_unavailable(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    simulator.faults.add("GET /v1.0/me/presence", status=429, retry_after=20)
    for _ in range(4):
        await clock.async_advance(22)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": AVAILABILITY}, blocking=True
    )

    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE


async def test_a_graph_that_refuses_and_names_no_time_becomes_unavailable(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add("GET /v1.0/me/presence", status=429, retry_after=0)
    seen = []
    for _ in range(3):
        await clock.async_advance(16)
        seen.append(state(hass, AVAILABILITY))

    assert seen == ["available", "available", STATE_UNAVAILABLE]


async def test_update_entity_polls_at_once(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    robin.join_call()
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": AVAILABILITY}, blocking=True
    )

    assert state(hass, AVAILABILITY) == "busy"


async def test_a_token_is_renewed_before_it_ends(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    old = entry.data["token"]
    clock.freezer.tick(old["expires_in"])
    await clock.async_advance(1)

    assert entry.data["token"]["access_token"] != old["access_token"]
    assert entry.data["token"]["refresh_token"] != old["refresh_token"]
    assert entry.data["token"]["expires_at"] > old["expires_at"]
    asked = [request.json for request in simulator.requests if request.path.endswith("/token")][-1]
    assert isinstance(asked, dict)
    assert set(asked["scope"].split()) == {
        "Presence.Read",
        "Presence.ReadWrite",
        "openid",
        "profile",
        "offline_access",
    }


async def test_a_token_that_graph_refuses_is_renewed_without_a_gap(
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
        {"json": {"error": "surprise"}, "status": 400},
    ],
)
async def test_trouble_with_the_token_endpoint_is_no_reason_to_sign_in_again(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    fault: dict[str, Any],
) -> None:
    trouble = simulator.faults.add("token", **fault)
    simulator.expire_access_tokens()
    for _ in range(2):
        await clock.async_advance(16)
    assert trouble.hits == 2
    assert state(hass, AVAILABILITY) == "available"
    await clock.async_advance(16)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert not hass.config_entries.flow.async_progress()

    trouble.remove()
    await clock.async_advance(16)
    assert state(hass, AVAILABILITY) == "available"


async def test_a_revoked_sign_in_asks_for_a_new_one_and_goes_on_after_it(
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


async def test_graph_that_takes_no_token_at_all_asks_for_a_sign_in_and_keeps_asking(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    trouble = simulator.faults.add("GET /v1.0/me/presence", status=401)
    for _ in range(3):
        await clock.async_advance(16)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert len(hass.config_entries.flow.async_progress()) == 1

    trouble.remove()
    await clock.async_advance(16)
    assert state(hass, AVAILABILITY) == "available"


async def test_a_written_message_stands_until_graph_shows_it(
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


async def test_a_poll_that_began_before_a_write_does_not_undo_it(
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


async def test_a_message_that_graph_never_shows_goes_back_and_is_said_once(
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
    """Set the message of the person."""
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
async def test_a_bad_start_is_tried_again(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, fault: dict[str, Any]
) -> None:
    trouble = simulator.faults.add("GET /v1.0/me/presence", **fault)
    await hass.config_entries.async_reload(entry.entry_id)
    failed = entry.state
    assert entry.reason
    trouble.remove()
    await hass.config_entries.async_reload(entry.entry_id)

    assert (failed, entry.state) == (ConfigEntryState.SETUP_RETRY, ConfigEntryState.LOADED)


async def test_a_start_with_a_revoked_sign_in_asks_for_a_new_one(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.revoke("robin")
    simulator.expire_access_tokens()
    await hass.config_entries.async_reload(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert len(hass.config_entries.flow.async_progress()) == 1
