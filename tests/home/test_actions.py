"""Actions, called like in automations."""

import asyncio
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.ms_teams_presence import services
from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock

ROBIN = {"entity_id": "sensor.robin_example_availability"}


async def async_act(
    hass: HomeAssistant, action: str, target: dict[str, Any] | None = None, **data: Any
) -> None:
    """Call an action and wait for its tasks."""
    await hass.services.async_call(
        DOMAIN, action, data, target=ROBIN if target is None else target, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


def writes(simulator: Simulator) -> list[tuple[str, Any]]:
    """Return the writes to Graph: action and body."""
    return [
        (request.path.rpartition("/")[2], request.json)
        for request in simulator.requests
        if request.method == "POST" and request.path.startswith("/v1.0/")
    ]


def text_of(person: Person) -> str | None:
    """Return a person's status message in Graph."""
    message = person.status_message
    return message.content if message else None


async def test_set_status_message_without_expiry(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(hass, "set_status_message", message="In the workshop")

    assert robin.status_message is not None
    assert robin.status_message.content == "In the workshop"
    assert robin.status_message.expires is None


async def test_set_status_message_expires_in(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(hass, "set_status_message", message="Lunch", expires_in={"minutes": 30})

    assert robin.status_message is not None
    assert robin.status_message.expires == dt_util.utcnow() + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("zone", "given", "expected"),
    [
        ("America/Los_Angeles", "2031-07-01 12:00:00", "2031-07-01T19:00:00+00:00"),
        ("America/Los_Angeles", "2031-07-01T12:00:00+02:00", "2031-07-01T10:00:00+00:00"),
        # 02:30 does not exist on one day and occurs twice on another.
        ("America/Los_Angeles", "2031-03-09 02:30:00", "2031-03-09T10:30:00+00:00"),
        ("America/Los_Angeles", "2031-11-02 01:30:00", "2031-11-02T08:30:00+00:00"),
        ("Europe/Berlin", "2031-03-30 02:30:00", "2031-03-30T01:30:00+00:00"),
        ("Pacific/Kiritimati", "2031-03-03 22:00:01", "2031-03-03T08:00:01+00:00"),
        ("UTC", "2032-03-03 08:00:00", "2032-03-03T08:00:00+00:00"),
    ],
)
async def test_set_status_message_expires_at_in_home_assistants_time_zone(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    robin: Person,
    zone: str,
    given: str,
    expected: str,
) -> None:
    freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    await account.async_sign_in()
    await hass.config.async_set_time_zone(zone)
    await async_act(hass, "set_status_message", message="Away", expires_at=given)

    assert robin.status_message is not None
    assert robin.status_message.expires == datetime.fromisoformat(expected)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("0001-01-01 00:00:00", "expiry_in_the_past"),
        ("0001-01-01 00:00:00+14:00", "expiry_in_the_past"),
        ("2031-03-01 00:00:00", "expiry_in_the_past"),
        ("2032-03-10 00:00:00", "duration_out_of_range"),
        ("9999-12-31 23:59:59", "duration_out_of_range"),
        ("9999-12-31 23:59:59-11:00", "duration_out_of_range"),
    ],
)
async def test_expires_at_is_within_366_days(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    zone: str,
    given: str,
    key: str,
) -> None:
    freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    await account.async_sign_in()
    await hass.config.async_set_time_zone(zone)
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, "set_status_message", message="Away", expires_at=given)

    assert error.value.translation_key == key
    assert not writes(account.simulator)


@pytest.mark.parametrize("nothing", [None, "", " ", "none", "None", "null"])
async def test_an_empty_optional_field_is_ignored(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    nothing: str | None,
) -> None:
    fields = dict.fromkeys(("expires_in", "expires_at", "pinned"), nothing)
    await async_act(hass, "set_status_message", message="Here", **fields)
    assert text_of(robin) == "Here"
    assert robin.status_message is not None
    assert robin.status_message.expires is None

    await async_act(hass, "set_preferred_presence", availability="busy", duration=nothing)
    assert robin.preference is not None
    assert robin.preference.ends == dt_util.utcnow() + timedelta(days=1)

    await async_act(hass, "set_presence", activity="away", duration=nothing)
    assert writes(simulator)[-1][1]["expirationDuration"] == "PT1H"


async def test_an_expiry_with_the_other_field_empty(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    fields: dict[str, Any] = {"expires_in": {"hours": 1}, "expires_at": "None"}
    await async_act(hass, "set_status_message", message="Here", **fields)

    assert robin.status_message is not None
    assert robin.status_message.expires == dt_util.utcnow() + timedelta(hours=1)


async def test_set_status_message_pinned(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(hass, "set_status_message", message="Call me", pinned=True)

    assert text_of(robin) == "Call me<pinnednote></pinnednote>"
    found = hass.states.get("sensor.robin_example_status_message")
    assert found is not None
    assert (found.state, found.attributes["pinned"]) == ("Call me", True)


async def test_the_longest_message_can_be_pinned(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(hass, "set_status_message", message="x" * 280, pinned=True)

    assert text_of(robin) == "x" * 280 + "<pinnednote></pinnednote>"


async def test_clear_status_message(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    robin.set_status_message("Old")
    await async_act(hass, "clear_status_message")

    assert robin.status_message is None


async def test_set_preferred_presence_with_a_duration(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(
        hass, "set_preferred_presence", availability="do_not_disturb", duration="01:30:00"
    )

    assert robin.preference is not None
    assert robin.preference.state.availability == "DoNotDisturb"
    assert robin.preference.ends == dt_util.utcnow() + timedelta(minutes=90)


async def test_clear_preferred_presence(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(hass, "set_preferred_presence", availability="away")
    await async_act(hass, "clear_preferred_presence")

    assert robin.preference is None


async def test_the_longest_message_of_teams(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person
) -> None:
    await async_act(hass, "set_status_message", message="m" * 280)

    assert text_of(robin) == "m" * 280


@pytest.mark.parametrize(
    ("action", "data", "key"),
    [
        ("set_status_message", {"message": "m" * 281}, "message_too_long"),
        ("set_status_message", {"message": "  "}, "message_empty"),
        ("set_status_message", {"message": "\u200b"}, "message_empty"),
        (
            "set_status_message",
            {"message": "x", "expires_in": "00:10:00", "expires_at": "2099-01-01 00:00:00"},
            "two_expiries",
        ),
        ("set_status_message", {"message": "x", "expires_in": "00:00:00"}, "duration_not_positive"),
        ("set_status_message", {"message": "x", "expires_in": -5}, "duration_not_positive"),
        (
            "set_status_message",
            {"message": "x", "expires_at": "2020-01-01 00:00:00"},
            "expiry_in_the_past",
        ),
        (
            "set_status_message",
            {"message": "x", "expires_at": "0001-01-01 00:00:00+14:00"},
            "expiry_in_the_past",
        ),
        (
            "set_status_message",
            {"message": "x", "expires_at": "9999-12-31 23:59:59-11:00"},
            "duration_out_of_range",
        ),
        ("set_preferred_presence", {"availability": "asleep"}, "value_not_allowed"),
        ("set_preferred_presence", {"availability": "automatic"}, "value_not_allowed"),
        ("set_presence", {"activity": "in_a_meeting"}, "value_not_allowed"),
        ("set_presence", {"activity": "away", "duration": "00:04:59"}, "duration_out_of_range"),
        ("set_presence", {"activity": "in_a_call", "duration": 0}, "duration_out_of_range"),
        ("set_presence", {"activity": "away", "duration": "04:00:01"}, "duration_out_of_range"),
        ("set_work_location", {"location": "timeOff"}, "value_not_allowed"),
        (
            "set_preferred_presence",
            {"availability": "busy", "duration": {"days": 367}},
            "duration_out_of_range",
        ),
        (
            "set_status_message",
            {"message": "x", "expires_in": {"days": 1e6}},
            "duration_out_of_range",
        ),
        (
            "set_preferred_presence",
            {"availability": "busy", "duration": "00:00:00"},
            "duration_not_positive",
        ),
        (
            "set_preferred_presence",
            {"availability": "busy", "duration": {"minutes": -1}},
            "duration_not_positive",
        ),
    ],
)
async def test_invalid_input_is_a_validation_error_and_nothing_is_sent(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    action: str,
    data: dict[str, Any],
    key: str,
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, action, **data)

    assert error.value.translation_key == key
    assert len(str(error.value).splitlines()) == 1
    assert key not in str(error.value)
    assert not writes(simulator)


async def test_the_error_of_an_unknown_availability_lists_valid_ones(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    with pytest.raises(
        ServiceValidationError,
        match="available, busy, do_not_disturb, be_right_back, away, offline",
    ):
        await async_act(hass, "set_preferred_presence", availability="asleep")


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("set_status_message", {}),
        ("set_status_message", {"message": "x", "expires_at": "teatime"}),
        ("set_status_message", {"message": "x", "until": "teatime"}),
        ("set_status_message", {"message": "x", "expires_in": "inf"}),
        ("set_status_message", {"message": "x", "pinned": "perhaps"}),
        ("set_preferred_presence", {"availability": "busy", "duration": {"days": 1e300}}),
        ("set_presence", {"activity": "away", "duration": "nan"}),
        ("set_preferred_presence", {}),
    ],
)
async def test_input_that_the_schema_rejects_is_not_sent(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    action: str,
    data: dict[str, Any],
) -> None:
    with pytest.raises(vol.Invalid):
        await async_act(hass, action, **data)

    assert not writes(simulator)


@pytest.mark.parametrize("kind", ["entity", "device", "area", "label", "several"])
async def test_each_target_selects_the_person_once(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, kind: str
) -> None:
    devices = dr.async_get(hass)
    device = dr.async_entries_for_config_entry(devices, entry.entry_id)[0]
    area = ar.async_get(hass).async_create("Office")
    devices.async_update_device(device.id, area_id=area.id, labels={"people"})
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    targets: dict[str, dict[str, Any]] = {
        "entity": {"entity_id": "binary_sensor.robin_example_presenting"},
        "device": {"device_id": device.id},
        "area": {"area_id": area.id},
        "label": {"label_id": "people"},
        "several": {
            "device_id": device.id,
            "area_id": area.id,
            "entity_id": [entity.entity_id for entity in entities],
        },
    }
    await async_act(hass, "clear_preferred_presence", targets[kind])

    assert writes(simulator) == [("clearUserPreferredPresence", {})]


@pytest.mark.parametrize(
    "target",
    [
        {"entity_id": "light.desk"},
        {"entity_id": "none"},
        {"device_id": "no-such-device"},
        {"area_id": "no_such_area"},
    ],
)
async def test_a_target_without_a_person_is_rejected(
    hass: HomeAssistant, entry: PresenceConfigEntry, target: dict[str, str]
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, "clear_status_message", target)

    assert error.value.translation_key == "nobody_targeted"


async def test_a_read_only_person_is_rejected(hass: HomeAssistant, account: Account) -> None:
    await account.async_sign_in(access="read")
    with pytest.raises(ServiceValidationError, match="can only be read"):
        await async_act(hass, "set_status_message", message="x")

    assert not writes(account.simulator)


@pytest.mark.parametrize(("own_name", "named"), [(None, "Robin Example"), ("Desk", "Desk")])
@pytest.mark.parametrize("kind", ["entity_id", "device_id", "label_id"])
async def test_an_error_has_the_persons_displayed_name(
    hass: HomeAssistant, account: Account, own_name: str | None, named: str, kind: str
) -> None:
    entry = await account.async_sign_in(access="read")
    devices = dr.async_get(hass)
    (device,) = dr.async_entries_for_config_entry(devices, entry.entry_id)
    devices.async_update_device(device.id, labels={"people"}, name_by_user=own_name)
    targets = {"entity_id": ROBIN["entity_id"], "device_id": device.id, "label_id": "people"}
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, "clear_status_message", {kind: [targets[kind]]})

    assert error.value.translation_placeholders == {"person": named}


@pytest.mark.parametrize(
    ("others", "key"), [([ROBIN["entity_id"]], "unknown_targets"), ([], "nobody_targeted")]
)
@pytest.mark.parametrize(
    "unknown",
    [
        {"entity_id": "sensor.robin_exmaple_availability"},
        {"entity_id": "light.desk"},
        {"entity_id": "group.nothing"},
        {"device_id": "no-such-device"},
        {"device_id": "Lamp"},
        {"area_id": "no_such_area"},
        {"floor_id": "no_such_floor"},
        {"label_id": "no_such_label"},
    ],
)
async def test_the_error_of_an_unknown_target_lists_it_and_nothing_is_sent(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    unknown: dict[str, str],
    others: list[str],
    key: str,
) -> None:
    hub = MockConfigEntry(domain="hub")
    hub.add_to_hass(hass)
    lamp = dr.async_get(hass).async_get_or_create(
        config_entry_id=hub.entry_id, identifiers={("hub", "lamp")}, name="Lamp"
    )
    hass.states.async_set("light.desk", "on")
    (kind, name), *_ = unknown.items()
    target = {"entity_id": others} | {kind: [lamp.id if name == "Lamp" else name]}
    if kind == "entity_id":
        target["entity_id"] = [*others, name]
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, "clear_status_message", target)

    assert error.value.translation_key == key
    assert error.value.translation_placeholders == {"targets": name}
    assert not writes(simulator)


@pytest.mark.parametrize("kind", ["area_id", "label_id", "entity_id"])
async def test_other_entities_of_areas_labels_and_groups_are_ignored(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, kind: str
) -> None:
    area = ar.async_get(hass).async_create("Office")
    entities = er.async_get(hass)
    lamp = entities.async_get_or_create("light", "hub", "lamp").entity_id
    for entity_id in (lamp, ROBIN["entity_id"]):
        entities.async_update_entity(entity_id, area_id=area.id, labels={"people"})
        hass.states.async_set(entity_id, "on")
    members = [lamp, ROBIN["entity_id"]]
    group = {"group": {"office": {"entities": members}}}
    assert await async_setup_component(hass, "group", group)
    await hass.async_block_till_done(wait_background_tasks=True)
    targets = {"area_id": area.id, "label_id": "people", "entity_id": "group.office"}
    await async_act(hass, "clear_preferred_presence", {kind: targets[kind]})

    assert writes(simulator) == [("clearUserPreferredPresence", {})]


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ("kim@contoso.example", ["kim@contoso.example"]),
        (["\u200bkim@contoso.example\ufeff", " kim@contoso.example"], ["kim@contoso.example"]),
        (["Kim <kim@contoso.example>", "mailto:kim@contoso.example"], ["kim@contoso.example"]),
    ],
)
async def test_get_presence_reads_each_person_once(
    hass: HomeAssistant, account: Account, simulator: Simulator, people: Any, expected: list[str]
) -> None:
    person = simulator.tenant.people["alex"]
    entry = await account.async_sign_in(colleagues=True)
    simulator.requests.clear()
    data = {"config_entry_id": entry.entry_id, "people": people}
    data = json.loads(json.dumps(data).replace("kim@contoso.example", person.address))
    response = await hass.services.async_call(
        DOMAIN, "get_presence", data, blocking=True, return_response=True
    )

    assert response is not None
    found = response["people"]
    assert isinstance(found, dict)
    assert list(found) == [person.address for _ in expected]
    assert found[person.address]
    assert sum("/users/" in request.path for request in simulator.requests) == 1


@pytest.mark.parametrize("people", [[], "", [" ", "\u200b"]])
async def test_get_presence_of_no_person_is_a_validation_error(
    hass: HomeAssistant, account: Account, people: Any
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    data = {"config_entry_id": entry.entry_id, "people": people}
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN, "get_presence", data, blocking=True, return_response=True
        )

    assert error.value.translation_key == "people_empty"


async def test_an_account_that_is_not_loaded_is_rejected(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, "clear_status_message")

    assert error.value.translation_key == "account_not_loaded"


@pytest.mark.parametrize(("patience", "text"), [(10.0, "Back"), (0.0, None)])
async def test_an_action_waits_for_the_set_up_of_an_account(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    robin: Person,
    monkeypatch: pytest.MonkeyPatch,
    patience: float,
    text: str | None,
) -> None:
    monkeypatch.setattr(services, "_SETUP_TIMEOUT", patience)
    begun = asyncio.Event()

    def record() -> None:
        if entry.state is ConfigEntryState.SETUP_IN_PROGRESS:
            begun.set()

    entry.async_on_state_change(record)
    reload = hass.async_create_task(hass.config_entries.async_reload(entry.entry_id))
    await begun.wait()
    if text:
        await async_act(hass, "set_status_message", message=text)
    else:
        with pytest.raises(ServiceValidationError) as error:
            await async_act(hass, "set_status_message", message="Back")
        assert error.value.translation_key == "account_not_loaded"
    await reload

    assert text_of(robin) == text


async def test_an_action_for_several_people_that_fails_for_one(
    hass: HomeAssistant, account: Account, simulator: Simulator
) -> None:
    await account.async_sign_in("robin")
    await account.async_sign_in("alex")
    alex = simulator.tenant.people["alex"]
    simulator.faults.add(f"POST /v1.0/users/{alex.id}/*", status=403)
    both = [f"sensor.{name}_example_availability" for name in ("robin", "alex")]
    with pytest.raises(HomeAssistantError) as error:
        await async_act(hass, "set_status_message", {"entity_id": both}, message="Moving")

    assert "Alex Example: Microsoft doesn't allow" in str(error.value)
    assert "Robin" not in str(error.value)
    assert text_of(simulator.tenant.people["robin"]) == "Moving"


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ({"status": 400}, "refused"),
        ({"status": 401}, "token_refused"),
        ({"status": 403}, "not_permitted"),
        ({"status": 404}, "refused"),
        ({"status": 429, "retry_after": 70}, "throttled"),
        ({"status": 500}, "graph_unavailable"),
        ({"status": 503, "retry_after": 70}, "graph_unavailable"),
        ({"loss": "close"}, "graph_unavailable"),
    ],
)
async def test_each_error_of_a_write_has_its_message(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    fault: dict[str, Any],
    key: str,
) -> None:
    simulator.faults.add("POST *setStatusMessage", **fault)
    with pytest.raises(HomeAssistantError) as error:
        await async_act(hass, "set_status_message", message="x")

    assert error.value.translation_key == key
    assert len(str(error.value).splitlines()) == 1
    assert "{" not in str(error.value)


async def test_nothing_is_sent_while_graph_throttles(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add("POST *setStatusMessage", times=1, status=429, retry_after=120)
    with pytest.raises(HomeAssistantError, match="121 seconds"):
        await async_act(hass, "set_status_message", message="x")
    simulator.requests.clear()
    with pytest.raises(HomeAssistantError, match="121 seconds"):
        await async_act(hass, "set_status_message", message="x")
    assert not simulator.requests

    await clock.async_advance(122)
    await async_act(hass, "set_status_message", message="x")
    assert text_of(simulator.tenant.people["robin"]) == "x"


async def test_a_write_after_the_sign_in_was_revoked(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.revoke("robin")
    simulator.expire_access_tokens()
    with pytest.raises(HomeAssistantError) as error:
        await async_act(hass, "set_status_message", message="x")

    assert error.value.translation_key == "sign_in_needed"
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == [
        "reauth"
    ]


@pytest.mark.parametrize(
    ("location", "graph"), [("office", "office"), ("remote", "remote"), ("time_off", "timeOff")]
)
async def test_set_and_clear_work_location(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    location: str,
    graph: str,
) -> None:
    await async_act(hass, "set_work_location", location=location)
    assert writes(simulator) == [("setManualLocation", {"workLocationType": graph})]
    found = hass.states.get("sensor.robin_example_work_location")
    assert found is not None
    assert found.state == location

    await async_act(hass, "clear_work_location")
    assert writes(simulator)[1:] == [("clearLocation", None)]
    assert robin.work_location is None


@pytest.mark.parametrize(
    ("activity", "pair"),
    [
        ("available", ("Available", "Available")),
        ("in_a_call", ("Busy", "InACall")),
        ("in_a_conference_call", ("Busy", "InAConferenceCall")),
        ("away", ("Away", "Away")),
        ("presenting", ("DoNotDisturb", "Presenting")),
    ],
)
@pytest.mark.parametrize(
    ("duration", "expected"), [("00:05:00", "PT5M"), ("04:00:00", "PT4H"), (None, "PT1H")]
)
async def test_set_presence(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    activity: str,
    pair: tuple[str, str],
    duration: str | None,
    expected: str,
) -> None:
    data = {"activity": activity} | ({"duration": duration} if duration else {})
    await async_act(hass, "set_presence", ROBIN, **data)

    ((action, body),) = writes(simulator)
    assert action == "setPresence"
    assert (body["availability"], body["activity"]) == pair
    assert body["expirationDuration"] == expected


async def test_a_write_without_a_response_is_retried(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, robin: Person
) -> None:
    lost = simulator.faults.add("POST *setStatusMessage", times=2, loss="close", applied=True)
    await async_act(hass, "set_status_message", message="Twice does no harm")

    assert lost.hits == 2
    assert text_of(robin) == "Twice does no harm"


async def test_a_write_that_timed_out_at_microsoft_is_retried(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, robin: Person
) -> None:
    slow = simulator.faults.add("POST *setStatusMessage", times=2, status=408, applied=True)
    await async_act(hass, "set_status_message", message="At last")

    assert slow.hits == 2
    assert text_of(robin) == "At last"


async def test_a_write_that_times_out_is_retried(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    lost = simulator.faults.add("POST *setStatusMessage", times=1, loss="hang", applied=True)
    write = hass.async_create_task(async_act(hass, "set_status_message", message="Heard"))
    while not lost.hits:  # noqa: ASYNC110  # the clock is frozen
        await asyncio.sleep(0)
    clock.freezer.tick(21)
    await write

    assert text_of(robin) == "Heard"
    assert [action for action, _ in writes(simulator)] == ["setStatusMessage"] * 2


@pytest.mark.parametrize("status", [400, 403, 404, 409])
async def test_a_rejected_write_is_not_retried(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, status: int
) -> None:
    rejected = simulator.faults.add("POST *setStatusMessage", status=status)
    with pytest.raises(HomeAssistantError):
        await async_act(hass, "set_status_message", message="x")

    assert rejected.hits == 1


async def test_a_retry_does_not_overwrite_a_later_write(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, robin: Person
) -> None:
    simulator.faults.add("POST *setStatusMessage", times=1, status=503, latency=0.2)
    first = hass.async_create_task(async_act(hass, "set_status_message", message="First"))
    await asyncio.sleep(0.1)
    await async_act(hass, "set_status_message", message="Second")
    await first

    assert text_of(robin) == "Second"


async def test_a_write_waits_for_a_short_retry_after(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, robin: Person
) -> None:
    simulator.faults.add("POST *setStatusMessage", times=1, status=429, retry_after=1)
    await async_act(hass, "set_status_message", message="In a moment")

    assert text_of(robin) == "In a moment"
