"""States of entities, and writes with text and select."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph.clouds import CLOUDS, Cloud
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.states import Vocabulary
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.home.people import async_add
from tests.home.states import state

SENSORS = {
    "availability": "sensor.robin_example_availability",
    "activity": "sensor.robin_example_activity",
    "in_call": "binary_sensor.robin_example_in_a_call",
    "in_meeting": "binary_sensor.robin_example_in_a_meeting",
    "presenting": "binary_sensor.robin_example_presenting",
    "out_of_office": "binary_sensor.robin_example_out_of_office",
}
MESSAGE = "sensor.robin_example_status_message"
TEXT = "text.robin_example_status_message"
SELECT = "select.robin_example_preferred_presence"


async def async_poll(hass: HomeAssistant) -> None:
    """Call `homeassistant.update_entity`."""
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": SENSORS["availability"]}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


def shown(hass: HomeAssistant) -> tuple[str, ...]:
    """Return the states of the sensors in order."""
    return tuple(state(hass, entity_id) for entity_id in SENSORS.values())


@pytest.fixture(autouse=True)
async def _update_entity(hass: HomeAssistant) -> None:
    """Set up `homeassistant.update_entity`."""
    assert await async_setup_component(hass, "homeassistant", {})


@pytest.mark.parametrize("vocabulary", ["classic", "modern"])
@pytest.mark.parametrize(
    ("gestures", "expected"),
    [
        ([], ("available", "available", "off", "off", "off", "off")),
        (["join_call"], ("busy", "in_a_call", "on", "off", "off", "off")),
        (["join_meeting"], ("busy", "in_a_meeting", "off", "on", "off", "off")),
        (["join_call", "present"], ("do_not_disturb", "presenting", "on", "off", "on", "off")),
        (["focus"], ("do_not_disturb", "focusing", "off", "off", "off", "off")),
        (["go_away"], ("away", "away", "off", "off", "off", "off")),
        (["be_right_back"], ("be_right_back", "be_right_back", "off", "off", "off", "off")),
        (["close_teams"], ("offline", "offline", "off", "off", "off", "off")),
        (["join_call", "set_out_of_office"], ("busy", "in_a_call", "on", "off", "off", "on")),
    ],
)
async def test_both_vocabularies_give_the_same_states(
    hass: HomeAssistant,
    account: Account,
    robin: Person,
    vocabulary: Vocabulary,
    gestures: list[str],
    expected: tuple[str, ...],
) -> None:
    account.simulator.tenant.vocabulary = vocabulary
    for gesture in gestures:
        getattr(robin, gesture)()
    await account.async_sign_in()

    assert shown(hass) == expected


async def test_in_call_is_on_during_a_conference_call(
    hass: HomeAssistant, account: Account, robin: Person
) -> None:
    robin.join_call(conference=True)
    await account.async_sign_in()

    assert shown(hass)[:3] == ("busy", "in_a_conference_call", "on")


async def test_unknown_values_give_unknown_states(
    hass: HomeAssistant, account: Account, robin: Person
) -> None:
    account.simulator.faults.add(
        "GET /v1.0/me/presence",
        json={"id": robin.id, "availability": "Levitating", "activity": 7},
    )
    await account.async_sign_in()

    assert set(shown(hass)) == {STATE_UNKNOWN}
    assert state(hass, MESSAGE) == ""


async def test_update_entity_reads_a_change_in_teams(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.join_call()
    await async_poll(hass)

    assert shown(hass)[:3] == ("busy", "in_a_call", "on")


async def test_a_person_is_a_service_device_with_all_entities(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)

    assert [(device.name, device.entry_type) for device in devices] == [
        ("Robin Example", dr.DeviceEntryType.SERVICE)
    ]
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    prefix = f"{entry.unique_id}_{robin.id}_"
    assert sorted(entity.unique_id.removeprefix(prefix) for entity in entities) == [
        "activity",
        "availability",
        "in_call",
        "in_meeting",
        "out_of_office",
        "preferred_presence",
        "presenting",
        "set_status_message",
        "status_message",
        "work_location",
    ]


async def test_read_access_has_no_text_or_select_entity(
    hass: HomeAssistant, account: Account
) -> None:
    await account.async_sign_in(access="read")

    assert hass.states.get(SENSORS["availability"]) is not None
    assert hass.states.get(TEXT) is None
    assert hass.states.get(SELECT) is None


async def test_a_status_message_has_all_attributes(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    robin.set_status_message("Back at three", ends, pinned=True)
    await async_poll(hass)

    found = hass.states.get(MESSAGE)
    assert found is not None
    assert found.state == "Back at three"
    assert found.attributes["message"] == "Back at three"
    assert found.attributes["expires_at"] == ends
    assert found.attributes["published_at"] is not None
    assert found.attributes["pinned"] is True


async def test_a_long_status_message_is_truncated_in_the_state_only(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.set_status_message("m" * 280)
    await async_poll(hass)

    found = hass.states.get(MESSAGE)
    assert found is not None
    assert (len(found.state), len(found.attributes["message"])) == (255, 280)
    assert len(state(hass, TEXT)) == 255


async def test_set_value_sets_the_status_message_and_an_empty_value_clears_it(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_set_value(hass, " In the workshop ")
    assert robin.status_message is not None
    assert robin.status_message.content == "In the workshop"
    assert state(hass, MESSAGE) == state(hass, TEXT) == "In the workshop"

    await async_set_value(hass, "")
    assert robin.status_message is None
    assert state(hass, MESSAGE) == state(hass, TEXT) == ""


async def test_a_value_of_invisible_characters_clears_the_status_message(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.set_status_message("Old")
    await async_set_value(hass, "\u2060 \u200b")

    assert robin.status_message is None
    assert state(hass, MESSAGE) == state(hass, TEXT) == ""


async def async_set_value(hass: HomeAssistant, value: str) -> None:
    """Set the text entity."""
    await hass.services.async_call(
        "text", "set_value", {"entity_id": TEXT, "value": value}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


async def async_select(hass: HomeAssistant, option: str) -> None:
    """Select a preferred presence."""
    await hass.services.async_call(
        "select", "select_option", {"entity_id": SELECT, "option": option}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.parametrize(
    ("option", "availability", "activity"),
    [
        ("available", "Available", "Available"),
        ("busy", "Busy", "Busy"),
        ("do_not_disturb", "DoNotDisturb", "DoNotDisturb"),
        ("be_right_back", "BeRightBack", "BeRightBack"),
        ("away", "Away", "Away"),
        ("offline", "Offline", "OffWork"),
    ],
)
async def test_a_selected_preference_is_shown_in_teams(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    robin: Person,
    option: str,
    availability: str,
    activity: str,
) -> None:
    await async_select(hass, option)

    assert (robin.availability, robin.activity) == (availability, activity)
    assert state(hass, SELECT) == option
    assert state(hass, SENSORS["availability"]) == option


async def test_selecting_automatic_clears_the_preference(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_select(hass, "busy")
    await async_select(hass, "automatic")

    assert robin.preference is None
    assert state(hass, SELECT) == "automatic"
    assert state(hass, SENSORS["availability"]) == "available"


@pytest.mark.parametrize(("option", "days"), [("do_not_disturb", 1), ("away", 7)])
async def test_a_preference_expires(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    option: str,
    days: int,
) -> None:
    await async_select(hass, option)
    await clock.async_advance(days * 86400 - 60)
    assert state(hass, SELECT) == option

    await clock.async_advance(61)
    assert state(hass, SELECT) == "automatic"


async def test_a_reload_keeps_the_preference(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    await async_select(hass, "busy")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert state(hass, SELECT) == "busy"


async def test_a_preference_that_expired_while_unloaded_is_not_restored(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry
) -> None:
    await async_select(hass, "busy")
    await hass.config_entries.async_unload(entry.entry_id)
    clock.freezer.tick(2 * 86400)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert state(hass, SELECT) == "automatic"


async def test_a_failed_write_raises_the_reason_and_keeps_the_state(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add("POST *setUserPreferredPresence", status=403)
    with pytest.raises(HomeAssistantError) as error:
        await async_select(hass, "busy")

    assert error.value.translation_key == "not_permitted"
    assert state(hass, SELECT) == "automatic"


async def test_only_changed_entities_write_their_state(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    robin: Person,
) -> None:
    await account.async_sign_in("alex")
    await clock.async_advance(16)
    written: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        written.append(event.data["entity_id"])

    @callback
    def everything(data: Mapping[str, Any]) -> bool:
        return True

    hass.bus.async_listen("state_changed", note)
    hass.bus.async_listen("state_reported", note, event_filter=everything)
    await clock.async_advance(16)
    assert not written

    robin.join_call()
    await clock.async_advance(16)
    assert written
    assert all("robin" in entity_id for entity_id in written)


async def test_the_first_poll_does_not_repeat_states_written_at_setup(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry
) -> None:
    before = {state.entity_id: state.last_reported for state in hass.states.async_all()}
    entry.runtime_data.primary.async_update_listeners()
    await clock.async_advance(16)

    assert {state.entity_id: state.last_reported for state in hass.states.async_all()} == before


async def test_an_action_that_changes_nothing_writes_no_state(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    await async_select(hass, "automatic")
    written = []

    @callback
    def note(event: Event[Any]) -> None:
        written.append(event.data["entity_id"])

    @callback
    def everything(data: Mapping[str, Any]) -> bool:
        return True

    hass.bus.async_listen("state_reported", note, event_filter=everything)
    await hass.services.async_call(
        DOMAIN,
        "clear_preferred_presence",
        target={"entity_id": SENSORS["availability"]},
        blocking=True,
    )
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not written


async def test_entities_are_unavailable_after_a_minute_of_failures_until_a_poll_succeeds(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault = simulator.faults.add("GET /v1.0/me/presence", status=503)
    states = []
    for _ in range(5):
        await clock.async_advance(31)
        states.append(state(hass, SENSORS["availability"]))
    assert states == ["available", "available", *[STATE_UNAVAILABLE] * 3]
    assert fault.hits == 5

    fault.remove()
    await clock.async_advance(15.5)
    assert state(hass, SENSORS["availability"]) == "available"
    assert len(complaints(caplog)) == 1


INVALID: list[dict[str, Any]] = [
    {"body": "empty"},
    {"body": "html"},
    {"body": "truncated"},
    {"body": "null"},
    {"body": "wrong_type"},
    {"body": "huge"},
    {"json": {"value": []}},
    {"loss": "close"},
    {"loss": "reset"},
    {"status": 500},
    {"status": 401},
    {"status": 403},
    {"status": 404},
]


@pytest.mark.parametrize("fault", INVALID)
async def test_one_invalid_response_changes_no_state(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
) -> None:
    caplog.clear()
    trouble = simulator.faults.add("GET /v1.0/me/presence", **fault)
    await clock.async_advance(15.5)

    assert trouble.hits
    assert shown(hass) == ("available", "available", "off", "off", "off", "off")
    assert not complaints(caplog)


WORK_LOCATION = "sensor.robin_example_work_location"


async def test_the_work_location_follows_teams(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    seen = [state(hass, WORK_LOCATION)]
    for location in ("office", "remote", "timeOff"):
        robin.set_work_location(location)
        await clock.async_advance(16)
        seen.append(state(hass, WORK_LOCATION))

    assert seen == ["not_set", "office", "remote", "time_off"]


async def test_a_cloud_without_work_locations_has_no_work_location_sensor(
    hass: HomeAssistant, cloud: Cloud, account: Account
) -> None:
    CLOUDS["simulator"] = replace(cloud, has_work_location=False)
    await account.async_sign_in()

    assert hass.states.get(WORK_LOCATION) is None
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN,
            "set_work_location",
            {"location": "office"},
            target={"entity_id": SENSORS["availability"]},
            blocking=True,
        )
    assert error.value.translation_key == "no_work_location"


async def test_a_status_message_expires_without_a_poll(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.close_teams()
    await clock.async_advance(6)
    robin.set_status_message("Lunch", timedelta(seconds=40))
    await clock.async_advance(31)
    assert state(hass, MESSAGE) == "Lunch"

    # The next poll would be in half a minute.
    await clock.async_advance(12)
    assert state(hass, MESSAGE) == ""


async def test_an_expired_status_message_that_graph_still_returns_is_not_shown(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    ended = (datetime.now(UTC) - timedelta(minutes=1)).replace(tzinfo=None).isoformat()
    simulator.faults.add(
        "GET /v1.0/me/presence",
        json={
            "id": robin.id,
            "availability": "Available",
            "statusMessage": {
                "message": {"content": "Over", "contentType": "text"},
                "expiryDateTime": {"dateTime": ended, "timeZone": "UTC"},
            },
        },
    )
    await clock.async_advance(16)

    assert state(hass, MESSAGE) == ""


async def test_device_models_distinguish_accounts_from_colleagues(
    hass: HomeAssistant, account: Account, alex: Person
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)

    assert {(device.name, device.model, device.configuration_url) for device in devices} == {
        ("Robin Example", "Teams account", "https://teams.microsoft.com"),
        ("Alex Example", "Teams colleague of Robin Example", "https://teams.microsoft.com"),
    }


async def test_the_recorder_excludes_the_message_attribute(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.set_status_message("Back at ten")
    await clock.async_advance(6)
    message = hass.states.get(MESSAGE)
    assert message is not None
    assert message.attributes["message"] == message.state == "Back at ten"
    assert message.state_info is not None
    assert "message" in message.state_info["unrecorded_attributes"]
