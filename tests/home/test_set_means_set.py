"""Preferred presences and presence sessions: set, renew, expire, clear."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.tenant import PUBLIC_CLIENT_ID
from tests.home import repairs
from tests.home.account import Account
from tests.home.automations import device_of
from tests.home.clock import HomeClock

AVAILABILITY = "sensor.robin_example_availability"
SELECT = "select.robin_example_preferred_presence"

MINUTE = 60
HOUR = 60 * MINUTE


async def async_act(hass: HomeAssistant, action: str, **data: Any) -> None:
    """Call an action for the signed-in person."""
    await hass.services.async_call(
        DOMAIN, action, data, target={"entity_id": AVAILABILITY}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


async def async_prefer(hass: HomeAssistant, availability: str, **data: Any) -> None:
    """Set a preferred presence."""
    await async_act(hass, "set_preferred_presence", availability=availability, **data)


async def async_enable_hold(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """Turn on the option that holds a session."""
    hass.config_entries.async_update_entry(entry, options={"hold_session": True})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


def entity_state(hass: HomeAssistant, entity_id: str = SELECT) -> State:
    """Return the state object of an entity."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state


def session_calls(simulator: Simulator) -> list[str]:
    """Return the requests about the app's session, abbreviated."""
    calls = []
    for request in simulator.requests:
        action = request.path.rpartition("/")[2]
        if action == "setPresence":
            assert isinstance(request.json, dict)
            assert request.json["sessionId"] == PUBLIC_CLIENT_ID
            calls.append(f"{request.json['activity']} {request.json['expirationDuration']}")
        elif action == "clearPresence":
            calls.append("clear")
    return calls


async def async_open_repair(hass: HomeAssistant, client: ClientSessionGenerator) -> dict[str, Any]:
    """Open the first repair and return its flow step."""
    issue_id = next(issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN)
    return await repairs.async_open(client, issue_id)


def issues(hass: HomeAssistant) -> list[str]:
    """Return the translation keys of the repairs."""
    return [
        str(issue.translation_key)
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN
    ]


async def test_the_select_shows_that_a_preference_is_in_effect(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry
) -> None:
    assert entity_state(hass).attributes["in_effect"] is None
    await async_prefer(hass, "busy", duration="02:00:00")

    assert entity_state(hass).state == "busy"
    assert entity_state(hass).attributes["in_effect"] is True
    assert entity_state(hass).attributes["expires_at"] == dt_util.utcnow() + timedelta(hours=2)
    assert not issues(hass)


async def test_a_preference_without_effect_creates_a_repair_that_fixes_it(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    account: Account,
    robin: Person,
    simulator: Simulator,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await account.async_sign_in()
    robin.close_teams()
    await async_prefer(hass, "do_not_disturb")
    assert entity_state(hass).attributes["in_effect"] is False
    assert entity_state(hass, AVAILABILITY).state == "offline"
    assert issues(hass) == ["preference_not_shown"]
    assert not session_calls(simulator)

    runtime = entry.runtime_data
    shown = await async_open_repair(hass, hass_client)
    assert shown["step_id"] == "confirm"
    assert (await repairs.async_submit(hass_client, shown))["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)

    assert entry.options["hold_session"] is True
    assert entry.runtime_data is runtime
    assert session_calls(simulator) == ["Away PT4H"]
    assert robin.availability == "DoNotDisturb"
    assert entity_state(hass, AVAILABILITY).state == "do_not_disturb"
    assert entity_state(hass).attributes["in_effect"] is True
    assert not issues(hass)


async def test_a_repair_that_no_longer_applies_ends(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    account: Account,
    robin: Person,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await account.async_sign_in()
    robin.close_teams()
    await async_prefer(hass, "busy")
    shown = await async_open_repair(hass, hass_client)
    await hass.config_entries.async_remove(entry.entry_id)
    assert not issues(hass)

    assert (await repairs.async_submit(hass_client, shown))["type"] == "create_entry"


async def test_a_session_is_held_with_all_entities_disabled(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    robin: Person,
) -> None:
    entry = await account.async_sign_in()
    device_id = device_of(hass, AVAILABILITY)
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await hass.services.async_call(
        DOMAIN,
        "set_preferred_presence",
        {"availability": "busy"},
        target={"device_id": device_id},
        blocking=True,
    )
    for _ in range(3):
        await clock.async_advance(MINUTE + 1)

    assert robin.sessions
    assert robin.state.availability == "Busy"


async def test_turning_the_option_off_clears_the_session(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person, simulator: Simulator
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    runtime = entry.runtime_data
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.options.async_configure(flow["flow_id"], {"hold_session": False})
    await hass.async_block_till_done(wait_background_tasks=True)

    assert session_calls(simulator) == ["Away PT4H", "clear"]
    assert entity_state(hass).state == "busy"
    assert entry.runtime_data is runtime


async def test_be_right_back_is_in_effect_as_an_activity_of_away(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    simulator.faults.add(
        "GET /v1.0/me/presence",
        json={"id": robin.id, "availability": "Away", "activity": "BeRightBack"},
    )
    await async_prefer(hass, "be_right_back")
    for _ in range(8):
        await clock.async_advance(MINUTE)

    assert entity_state(hass).state == "be_right_back"
    assert entity_state(hass).attributes["in_effect"] is True


async def test_a_new_preference_resets_the_time_of_being_overridden(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_prefer(hass, "busy")
    robin.prefer("Away")
    for _ in range(5):
        await clock.async_advance(58)
    await async_prefer(hass, "do_not_disturb")
    robin.prefer("Away")
    await clock.async_advance(MINUTE)

    assert entity_state(hass).state == "do_not_disturb"


async def test_a_write_during_a_reload_is_stored(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person, simulator: Simulator
) -> None:
    simulator.faults.add("POST *setUserPreferredPresence", times=1, latency=0.3)
    write = hass.async_create_task(async_prefer(hass, "busy"))
    await asyncio.sleep(0.1)
    await hass.config_entries.async_reload(entry.entry_id)
    await write
    await hass.async_block_till_done(wait_background_tasks=True)

    assert robin.availability == "Busy"
    assert entity_state(hass).state == "busy"


async def test_the_repair_is_deleted_when_teams_opens(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.close_teams()
    await async_prefer(hass, "busy")
    assert issues(hass)
    robin.open_teams()
    await clock.async_advance(61)

    assert not issues(hass)


async def test_a_session_is_held_renewed_and_cleared_with_the_preference(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy", duration="06:00:00")
    assert session_calls(simulator) == ["Away PT4H"]

    for _ in range(6 * 60 - 1):
        await clock.async_advance(MINUTE)
        assert robin.availability == "Busy"
    assert session_calls(simulator) == ["Away PT4H", "Away PT2H10M"]

    await clock.async_advance(2 * MINUTE)
    assert session_calls(simulator)[2:] == ["clear"]
    assert robin.availability == "Offline"
    assert entity_state(hass).state == "automatic"


async def test_no_session_is_held_while_teams_is_open_or_offline_is_preferred(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    await async_prefer(hass, "busy")
    robin.close_teams()
    await async_prefer(hass, "offline")
    await clock.async_advance(2 * MINUTE)

    assert entity_state(hass).attributes["in_effect"] is True
    assert not session_calls(simulator)


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("clear_preferred_presence", {}),
        ("set_preferred_presence", {"availability": "offline"}),
    ],
)
async def test_a_held_session_is_cleared_with_its_preference(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    action: str,
    data: dict[str, str],
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    await async_act(hass, action, **data)

    assert session_calls(simulator) == ["Away PT4H", "clear"]
    assert not robin.sessions


@pytest.mark.parametrize("status", [400, 403])
async def test_a_preference_is_cleared_if_its_session_cannot_be_cleared(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    status: int,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    simulator.faults.add("POST *clearPresence", status=status)
    await async_act(hass, "clear_preferred_presence")

    assert entity_state(hass).state == "automatic"
    assert robin.preference is None


async def test_another_preference_keeps_the_session(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy", duration="00:30:00")
    await async_prefer(hass, "away", duration="01:00:00")
    for _ in range(59):
        await clock.async_advance(MINUTE)
    assert robin.availability == "Away"
    assert "clear" not in session_calls(simulator)

    await clock.async_advance(2 * MINUTE)
    assert session_calls(simulator)[-1] == "clear"


async def test_a_reload_keeps_and_renews_the_session(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy", duration="05:00:00")
    await hass.config_entries.async_unload(entry.entry_id)
    clock.freezer.tick(3 * HOUR + 55 * MINUTE)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert session_calls(simulator) == ["Away PT4H", "Away PT1H5M"]
    assert robin.availability == "Busy"


async def test_removal_clears_the_session(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person, simulator: Simulator
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    await hass.config_entries.async_remove(entry.entry_id)

    assert session_calls(simulator) == ["Away PT4H", "clear"]
    assert not robin.sessions


async def test_removal_refreshes_a_token_that_graph_rejects(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person, simulator: Simulator
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    simulator.expire_access_tokens()
    await hass.config_entries.async_remove(entry.entry_id)

    assert not robin.sessions


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 404}, {"loss": "close"}])
async def test_removal_succeeds_if_the_session_cannot_be_cleared(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
    fault: dict[str, Any],
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    simulator.faults.add("POST *clearPresence", **fault)
    await hass.config_entries.async_remove(entry.entry_id)

    assert not hass.config_entries.async_entries(DOMAIN)


async def test_disabling_clears_the_session_and_enabling_sets_it_again(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person, simulator: Simulator
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert session_calls(simulator) == ["Away PT4H", "clear"]

    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert robin.availability == "Busy"


async def test_a_session_that_cannot_be_set_is_retried_after_a_minute(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    rejection = simulator.faults.add("POST *setPresence", status=403)
    await async_prefer(hass, "busy")
    for _ in range(5):
        await clock.async_advance(10)
    assert rejection.hits == 1

    rejection.remove()
    await clock.async_advance(30)
    assert robin.availability == "Busy"


async def test_a_failed_renewal_is_retried_before_the_session_expires(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy", duration="06:00:00")
    for _ in range(3 * 60 + 49):
        await clock.async_advance(MINUTE)
    rejection = simulator.faults.add("POST *setPresence", status=403)
    await clock.async_advance(2 * MINUTE)
    assert rejection.hits == 1
    rejection.remove()
    for _ in range(15):
        await clock.async_advance(MINUTE)
        assert robin.availability == "Busy"


async def test_a_session_that_was_cleared_elsewhere_is_set_again(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    robin.clear_session(PUBLIC_CLIENT_ID)
    for _ in range(3):
        await clock.async_advance(61)

    assert robin.availability == "Busy"


async def test_an_explicit_session_replaces_the_held_one_until_it_expires(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy", duration="10:00:00")
    await async_act(hass, "set_presence", activity="presenting", duration="01:00:00")
    assert [str(state.activity) for _, state in robin.sessions] == ["Presenting"]

    for _ in range(63):
        await clock.async_advance(MINUTE)
    assert session_calls(simulator) == ["Away PT4H", "Presenting PT1H", "Away PT4H"]
    assert robin.availability == "Busy"


async def test_an_available_session_is_renewed_before_it_becomes_inactive(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    robin.close_teams()
    await async_act(hass, "set_presence", activity="available", duration="00:10:00")
    for _ in range(19):
        assert (robin.availability, robin.activity) == ("Available", "Available")
        await clock.async_advance(MINUTE / 2)
    await clock.async_advance(MINUTE)

    assert session_calls(simulator) == [
        "Available PT10M",
        "Available PT6M",
        "Available PT5M",
        "clear",
    ]
    assert robin.availability == "Offline"


async def test_clear_presence_works_with_and_without_a_session(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.close_teams()
    await async_act(hass, "set_presence", activity="in_a_call")
    assert entity_state(hass, AVAILABILITY).state == "busy"
    await async_act(hass, "clear_presence")
    await async_act(hass, "clear_presence")

    assert not robin.sessions
    assert entity_state(hass, AVAILABILITY).state == "offline"


async def test_a_change_in_teams_overrides_a_preference_after_five_minutes(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    robin.prefer("Away")
    for _ in range(5):
        await clock.async_advance(55)
    assert entity_state(hass).state == "busy"
    assert entity_state(hass).attributes["in_effect"] is False

    await clock.async_advance(61)
    await clock.async_advance(61)
    assert entity_state(hass).state == "automatic"
    assert session_calls(simulator)[-1] == "clear"
    assert robin.preference is not None


@pytest.mark.parametrize("failure", [{"status": 503}, {"status": 429, "retry_after": 3000}])
async def test_a_presence_read_before_a_preference_does_not_override_it(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    failure: dict[str, Any],
) -> None:
    await async_act(hass, "set_presence", activity="available", duration={"hours": 1})
    fault = simulator.faults.add("GET /v1.0/me/presence", **failure)
    await async_prefer(hass, "busy")
    # Each renewal of the session also reconciles the preference.
    for _ in range(28):
        await clock.async_advance(30)
    fault.remove()
    # More than Retry-After.
    for _ in range(78):
        await clock.async_advance(30)

    assert entity_state(hass).state == "busy"


async def test_a_temporary_difference_does_not_override_a_preference(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_prefer(hass, "busy")
    for _ in range(3):
        robin.prefer("Away")
        await clock.async_advance(4 * MINUTE)
        robin.prefer("Busy")
        await clock.async_advance(61)

    assert entity_state(hass).state == "busy"


async def test_closing_teams_does_not_override_a_preference(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_prefer(hass, "busy")
    robin.close_teams()
    for _ in range(15):
        await clock.async_advance(61)

    assert entity_state(hass).state == "busy"


async def test_unload_cancels_all_timers(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    simulator: Simulator,
) -> None:
    await async_enable_hold(hass, entry)
    robin.close_teams()
    await async_prefer(hass, "busy")
    await async_act(hass, "set_presence", activity="available")
    await async_act(hass, "set_status_message", message="x", expires_in="01:00:00")
    await hass.config_entries.async_unload(entry.entry_id)
    simulator.requests.clear()
    await clock.async_advance(5 * HOUR)

    assert not simulator.requests
