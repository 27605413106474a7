"""The tools that language models get from Assist."""

from datetime import UTC, datetime
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import llm as llm_component
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, llm
from homeassistant.setup import async_setup_component
import probatio
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add
from tests.home.test_actions import text_of, writes

GET = f"{DOMAIN}__get_presence"
SET_MESSAGE = f"{DOMAIN}__set_status_message"
SET_PRESENCE = f"{DOMAIN}__set_preferred_presence"

ACTIVITY = "sensor.robin_example_activity"
TEXT = "text.robin_example_status_message"
SELECT = "select.robin_example_preferred_presence"


@pytest.fixture(autouse=True)
async def _components(hass: HomeAssistant) -> None:
    """Set up exposure and tools."""
    # The HTTP server accepts no new routes after the sign-in's first request.
    for component in ("homeassistant", "llm"):
        assert await async_setup_component(hass, component, {})


def expose(hass: HomeAssistant, *entity_ids: str, should_expose: bool = True) -> None:
    """Expose entities to Assist, or no longer."""
    for entity_id in entity_ids:
        async_expose_entity(hass, "conversation", entity_id, should_expose)


def entities_of(hass: HomeAssistant, name: str) -> list[str]:
    """Return a person's entities."""
    return [one for one in hass.states.async_entity_ids() if one.partition(".")[2].startswith(name)]


def context_of(assistant: str = "conversation", user_id: str | None = None) -> llm.LLMContext:
    """Return the context of a request."""
    return llm.LLMContext("test", Context(user_id=user_id), "*", assistant, None)


async def async_tools(hass: HomeAssistant, assistant: str = "conversation") -> dict[str, llm.Tool]:
    """Return the tools of the integration that Assist offers."""
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, context_of(assistant))
    return {tool.name: tool for tool in api.tools if tool.integration == DOMAIN}


async def async_call(
    hass: HomeAssistant, tool: llm.Tool, user_id: str | None = None, **arguments: Any
) -> Any:
    """Return the result of a tool, which is not an error."""
    result = await tool.async_call(
        hass, llm.ToolInput(tool.name, arguments), context_of(user_id=user_id)
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert isinstance(result, llm.ToolResult)
    assert not result.error, result.data
    return result.data


async def async_fail(
    hass: HomeAssistant, tool: llm.Tool, user_id: str | None = None, **arguments: Any
) -> str:
    """Return the sentence of an error."""
    result = await tool.async_call(
        hass, llm.ToolInput(tool.name, arguments), context_of(user_id=user_id)
    )
    assert isinstance(result, llm.ToolResult)
    assert result.error, result.data
    assert result.data.keys() == {"error"}
    return str(result.data["error"])


@pytest.mark.parametrize(
    ("exposed", "offered"),
    [
        ([], set()),
        ([ACTIVITY], {GET}),
        ([TEXT], {GET, SET_MESSAGE}),
        ([SELECT], {GET, SET_PRESENCE}),
        ([ACTIVITY, TEXT, SELECT], {GET, SET_MESSAGE, SET_PRESENCE}),
    ],
    ids=["nothing", "sensor", "text", "select", "all"],
)
async def test_tools_follow_exposed_entities(
    hass: HomeAssistant, entry: PresenceConfigEntry, exposed: list[str], offered: set[str]
) -> None:
    expose(hass, *exposed)

    assert (await async_tools(hass)).keys() == offered
    assert not await async_tools(hass, "cloud.alexa")


async def test_the_administrators_api_gets_no_tools(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    expose(hass, ACTIVITY, TEXT, SELECT)
    tools = await llm_component.async_get_tools(hass, context_of(), "homeassistant")

    assert {tool.name for tool in tools.tools if tool.integration == DOMAIN} == set()


async def test_read_access_offers_no_tools_that_set(hass: HomeAssistant, account: Account) -> None:
    await account.async_sign_in(access="read")
    expose(hass, *entities_of(hass, "robin"))

    assert (await async_tools(hass)).keys() == {GET}


async def test_an_entity_of_another_integration_on_the_device_is_not_read(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    other = er.async_get(hass).async_get_or_create(
        "sensor", "other", "1", device_id=device.id, translation_key="activity"
    )
    hass.states.async_set(other.entity_id, "tidy")
    expose(hass, other.entity_id)
    assert not await async_tools(hass)
    expose(hass, ACTIVITY)
    (robin,) = (await async_call(hass, (await async_tools(hass))[GET]))["people"]

    assert robin["activity"] == "available"


async def test_the_schema_of_every_tool(
    hass: HomeAssistant,
    both: PresenceConfigEntry,
    snapshot: SnapshotAssertion,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expose(hass, *entities_of(hass, "robin"), *entities_of(hass, "alex"))
    tools = await async_tools(hass)
    described: dict[str, dict[str, Any]] = {
        tool.name: {
            "title": tool.title,
            "description": tool.description,
            "annotations": tool.annotations,
            "parameters": probatio.to_openapi(
                tool.parameters, custom_serializer=llm.selector_serializer
            ),
        }
        for tool in tools.values()
    }

    assert described == snapshot
    parameters = [
        one for tool in described.values() for one in tool["parameters"]["properties"].values()
    ]
    assert len(parameters) == 1 + 4 + 4
    assert all(one["description"] for one in parameters)
    # Home Assistant warns of tools that it won't accept in the future.
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_get_presence_of_everyone(
    hass: HomeAssistant, clock: HomeClock, account: Account, robin: Person, alex: Person
) -> None:
    clock.freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    await hass.config.async_set_time_zone("Europe/Berlin")
    robin.join_call()
    robin.set_status_message("Back at ten", datetime(2031, 3, 3, 9, tzinfo=UTC))
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    expose(hass, *entities_of(hass, "robin"), *entities_of(hass, "alex"))
    tool = (await async_tools(hass))[GET]
    presence = await async_call(hass, tool)

    assert presence == {
        "people": [
            {
                "name": "Robin Example",
                "activity": "in_a_call",
                "activity_last_changed": "2031-03-03 09:00",
                "availability": "busy",
                "in_call": True,
                "in_meeting": False,
                "out_of_office": False,
                "preferred_presence": "automatic",
                "presenting": False,
                "status_message": "Back at ten",
                "status_message_ends": "2031-03-03 10:00",
                "work_location": "not_set",
            },
            {
                "name": "Alex Example",
                "activity": "available",
                "activity_last_changed": "2031-03-03 09:00",
                "availability": "available",
                "in_call": False,
            },
        ]
    }
    assert await async_call(hass, tool, person="Alex Example") == {"people": presence["people"][1:]}
    # A model may give null or nothing instead of leaving a parameter out.
    assert await async_call(hass, tool, person=None) == presence
    assert await async_call(hass, tool, person="") == presence


async def test_entities_that_are_not_exposed_are_not_read(
    hass: HomeAssistant, both: PresenceConfigEntry, robin: Person
) -> None:
    expose(hass, "binary_sensor.robin_example_in_a_call")

    assert await async_call(hass, (await async_tools(hass))[GET]) == {
        "people": [{"name": "Robin Example", "in_call": False}]
    }
    assert "must be one of ['Robin Example']" in await async_fail(
        hass, (await async_tools(hass))[GET], person="Alex Example"
    )


async def test_an_entity_that_is_being_enabled_is_unknown(
    hass: HomeAssistant, both: PresenceConfigEntry
) -> None:
    message = "sensor.alex_example_status_message"
    er.async_get(hass).async_update_entity(message, disabled_by=None)
    expose(hass, message, "binary_sensor.alex_example_in_a_call")

    assert await async_call(hass, (await async_tools(hass))[GET]) == {
        "people": [{"name": "Alex Example", "in_call": False, "status_message": "unknown"}]
    }


@pytest.mark.parametrize("message", ["unavailable", "unknown", "x" * 280])
async def test_any_status_message_is_read_as_it_is(
    hass: HomeAssistant, account: Account, robin: Person, message: str
) -> None:
    robin.set_status_message(message)
    await account.async_sign_in()
    expose(hass, "sensor.robin_example_status_message", TEXT)

    assert await async_call(hass, (await async_tools(hass))[GET]) == {
        "people": [{"name": "Robin Example", "status_message": message}]
    }


async def test_the_renamed_device_names_the_person(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    registry = dr.async_get(hass)
    (device,) = dr.async_entries_for_config_entry(registry, entry.entry_id)
    registry.async_update_device(device.id, name_by_user="Robin")
    expose(hass, "sensor.robin_example_availability")

    assert await async_call(hass, (await async_tools(hass))[GET], person="Robin") == {
        "people": [{"name": "Robin", "availability": "available"}]
    }


async def test_an_unloaded_account_is_unknown_and_not_written(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    expose(hass, "sensor.robin_example_availability", TEXT, SELECT)
    assert await hass.config_entries.async_unload(entry.entry_id)
    tools = await async_tools(hass)

    assert await async_call(hass, tools[GET]) == {
        "people": [
            {
                "name": "Robin Example",
                "availability": "unknown",
                "preferred_presence": "unknown",
                "status_message": "unknown",
            }
        ]
    }
    assert await async_fail(hass, tools[SET_MESSAGE], message="Lunch") == (
        "The account of Robin Example is not loaded. Check it under Settings, Devices & services"
    )
    assert not writes(simulator)


async def test_a_disabled_or_removed_account_offers_no_tools(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    expose(hass, ACTIVITY, TEXT, SELECT)
    assert await async_tools(hass)
    disabled = ConfigEntryDisabler.USER
    await hass.config_entries.async_set_disabled_by(entry.entry_id, disabled)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not await async_tools(hass)
    await hass.config_entries.async_remove(entry.entry_id)

    assert not await async_tools(hass)


async def test_a_tool_older_than_the_exposure_does_nothing(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    expose(hass, TEXT, SELECT)
    tools = await async_tools(hass)
    expose(hass, TEXT, SELECT, should_expose=False)

    for name, arguments in (
        (GET, {}),
        (SET_MESSAGE, {"message": "Lunch"}),
        (SET_PRESENCE, {"availability": "busy"}),
    ):
        error = await async_fail(hass, tools[name], **arguments)
        assert error == "This person is no longer exposed."
    assert not writes(simulator)


async def test_set_and_clear_a_status_message(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> None:
    freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    await account.async_sign_in()
    await hass.config.async_set_time_zone("Europe/Berlin")
    expose(hass, TEXT)
    tool = (await async_tools(hass))[SET_MESSAGE]

    assert await async_call(hass, tool, message="Lunch", until="12:30") == {
        "name": "Robin Example",
        "status_message": "Lunch",
        "ends": "2031-03-03 12:30",
    }
    assert robin.status_message is not None
    assert robin.status_message.content == "Lunch"
    assert robin.status_message.expires == datetime(2031, 3, 3, 11, 30, tzinfo=UTC)

    assert await async_call(
        hass, tool, message="In the garden", until=None, minutes=None, person=""
    ) == {"name": "Robin Example", "status_message": "In the garden"}
    assert text_of(robin) == "In the garden"
    assert robin.status_message.expires is None

    # An end means nothing without a message.
    assert await async_call(hass, tool, message=" ", minutes=10) == {
        "name": "Robin Example",
        "status_message": "",
    }
    assert not text_of(robin)


async def test_set_and_clear_a_preferred_presence(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> None:
    freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    await account.async_sign_in()
    await hass.config.async_set_time_zone("Europe/Berlin")
    expose(hass, SELECT)
    tool = (await async_tools(hass))[SET_PRESENCE]

    for minutes, end in ((90, "2031-03-03 10:30"), (None, "2031-03-04 09:00")):
        result = await async_call(hass, tool, availability="do_not_disturb", minutes=minutes)
        assert result.pop("ends", end) == end
        assert result == {
            "name": "Robin Example",
            "preferred_presence": "do_not_disturb",
            "preferred_presence_ends": end,
        }
        assert robin.presence.availability == "DoNotDisturb"

    assert await async_call(hass, tool, availability="automatic", minutes=10) == {
        "name": "Robin Example",
        "preferred_presence": "automatic",
    }
    assert robin.presence.availability == "Available"


@pytest.mark.parametrize(
    ("zone", "now", "until", "expected"),
    [
        ("UTC", "2031-03-03T08:00", "14:30", "2031-03-03T14:30"),
        ("UTC", "2031-03-03T08:00", "9:05", "2031-03-03T09:05"),
        ("UTC", "2031-03-03T08:00", "00:00", "2031-03-04T00:00"),
        # The time that it is now is the next day's.
        ("UTC", "2031-03-03T08:00", "08:00", "2031-03-04T08:00"),
        ("UTC", "2031-03-03T08:00:01", "08:00", "2031-03-04T08:00"),
        ("UTC", "2031-12-31T08:00", "07:00", "2032-01-01T07:00"),
        ("America/Los_Angeles", "2031-03-03T08:00", "07:00", "2031-03-03T15:00"),
        ("Pacific/Kiritimati", "2031-03-03T08:00", "21:00", "2031-03-04T07:00"),
        ("Asia/Kathmandu", "2031-03-03T08:00", "14:00", "2031-03-03T08:15"),
        # The day after is an hour shorter or longer.
        ("Europe/Berlin", "2031-03-29T22:00", "09:00", "2031-03-30T07:00"),
        ("Europe/Berlin", "2031-10-25T22:00", "09:00", "2031-10-26T08:00"),
        # 02:20 comes twice; whichever is next counts.
        ("Europe/Berlin", "2031-10-25T22:00", "02:20", "2031-10-26T00:20"),
        ("Europe/Berlin", "2031-10-26T00:40", "02:20", "2031-10-26T01:20"),
        ("Europe/Berlin", "2031-10-26T01:40", "02:20", "2031-10-27T01:20"),
        # 02:30 is skipped; it is 03:30 at once.
        ("Europe/Berlin", "2031-03-29T22:00", "02:30", "2031-03-30T01:30"),
        ("Europe/Berlin", "2031-03-30T01:40", "02:30", "2031-03-31T00:30"),
        ("Europe/Berlin", "2031-03-03T08:00", "2031-07-01 12:00", "2031-07-01T10:00"),
        ("Europe/Berlin", "2031-03-03T08:00", "2031-07-01T12:00:00-07:00", "2031-07-01T19:00"),
        ("Europe/Berlin", "2031-03-03T08:00", "2031-03-05", "2031-03-04T23:00"),
    ],
)
async def test_until(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    robin: Person,
    zone: str,
    now: str,
    until: str,
    expected: str,
) -> None:
    freezer.move_to(datetime.fromisoformat(now).replace(tzinfo=UTC))
    await account.async_sign_in()
    await hass.config.async_set_time_zone(zone)
    expose(hass, TEXT)
    await async_call(hass, (await async_tools(hass))[SET_MESSAGE], message="Away", until=until)

    assert robin.status_message is not None
    assert robin.status_message.expires == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (
            {"until": "14:30", "minutes": 30},
            "Give either the time of the end or minutes, not both.",
        ),
        ({"until": "2 pm"}, "2 pm is not a time. Use HH:MM or YYYY-MM-DD HH:MM."),
        ({"until": "25:00"}, "25:00 is not a time. Use HH:MM or YYYY-MM-DD HH:MM."),
        ({"until": "-1:30"}, "-1:30 is not a time. Use HH:MM or YYYY-MM-DD HH:MM."),
        ({"until": "tomorrow"}, "tomorrow is not a time. Use HH:MM or YYYY-MM-DD HH:MM."),
        (
            {"until": "2031-02-30 10:00"},
            "2031-02-30 10:00 is not a time. Use HH:MM or YYYY-MM-DD HH:MM.",
        ),
        ({"until": "2031-03-03 08:59"}, "2031-03-03 08:59 is in the past."),
        ({"until": "0001-01-01 00:00"}, "0001-01-01 00:00 is in the past."),
        (
            {"until": "2032-03-10 10:00"},
            "The duration must be between 0:00:01 and 366 days, 0:00:00, in hours, minutes and seconds",
        ),
        (
            {"until": "9999-12-31 23:59"},
            "The duration must be between 0:00:01 and 366 days, 0:00:00, in hours, minutes and seconds",
        ),
        ({"minutes": 0}, "A parameter is not valid: value must be at least 1 at 'minutes'."),
        ({"minutes": -5}, "A parameter is not valid: value must be at least 1 at 'minutes'."),
        (
            {"minutes": 527041},
            "A parameter is not valid: value must be at most 527040 at 'minutes'.",
        ),
        ({"minutes": "soon"}, "A parameter is not valid: expected int at 'minutes'."),
        ({"minutes": float("inf")}, "A parameter is not valid: expected int at 'minutes'."),
        (
            {"person": "Washing machine"},
            "A parameter is not valid: value must be one of ['Robin Example'] at 'person'.",
        ),
        ({"expires_in": 5}, "A parameter is not valid: not a valid option at 'expires_in'."),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [(SET_MESSAGE, {"message": "Away"}), (SET_PRESENCE, {"availability": "busy"})],
)
async def test_an_invalid_end_or_person_is_an_error(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    name: str,
    arguments: dict[str, Any],
    end: dict[str, Any],
    error: str,
) -> None:
    freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    await account.async_sign_in()
    await hass.config.async_set_time_zone("Europe/Berlin")
    expose(hass, TEXT, SELECT)

    assert await async_fail(hass, (await async_tools(hass))[name], **arguments, **end) == error
    assert not writes(account.simulator)


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        (SET_MESSAGE, {}, "required key not provided at 'message'"),
        (SET_MESSAGE, {"message": "x" * 281}, "The message has 281 characters"),
        (SET_MESSAGE, {"message": {}}, "at 'message'"),
        (SET_PRESENCE, {}, "required key not provided at 'availability'"),
        (SET_PRESENCE, {"availability": "in_a_call"}, "value must be one of ['automatic',"),
    ],
)
async def test_an_invalid_message_or_availability_is_an_error(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    name: str,
    arguments: dict[str, Any],
    error: str,
) -> None:
    expose(hass, TEXT, SELECT)

    assert error in await async_fail(hass, (await async_tools(hass))[name], **arguments)
    assert not writes(simulator)


async def test_an_error_of_graph_is_a_sentence(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    expose(hass, TEXT)
    simulator.faults.add("POST *setStatusMessage", status=403)

    assert (
        await async_fail(hass, (await async_tools(hass))[SET_MESSAGE], message="Lunch")
    ).startswith("Microsoft doesn't allow this")


async def test_the_action_is_called_by_the_user_of_the_conversation(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    expose(hass, TEXT)
    tool = (await async_tools(hass))[SET_MESSAGE]
    user = await hass.auth.async_create_user("User", group_ids=["system-users"])
    guest = await hass.auth.async_create_user("Guest", group_ids=["system-read-only"])
    calls: list[Event[Any]] = []
    hass.bus.async_listen(EVENT_CALL_SERVICE, calls.append)
    await async_call(hass, tool, user.id, message="Lunch")
    assert [(call.context.user_id, call.data["service"]) for call in calls] == [
        (user.id, "set_status_message")
    ]
    sent = writes(simulator)

    for user_id in (guest.id, "no-such-user"):
        error = await async_fail(hass, tool, user_id, message="Dinner")
        assert error == "The user may not control the presence of this person."
    assert writes(simulator) == sent


async def test_one_of_several_writable_people_has_to_be_named(
    hass: HomeAssistant, account: Account, robin: Person, alex: Person
) -> None:
    await account.async_sign_in("robin")
    await account.async_sign_in("alex")
    expose(hass, TEXT)
    stale = (await async_tools(hass))[SET_MESSAGE]
    expose(hass, TEXT.replace("robin", "alex"))
    tool = (await async_tools(hass))[SET_MESSAGE]

    await async_call(hass, tool, message="Lunch", person="Alex Example")
    assert (text_of(robin), text_of(alex)) == (None, "Lunch")
    assert "required key not provided at 'person'" in await async_fail(hass, tool, message="Tea")
    assert (await async_fail(hass, stale, message="Tea")).startswith("Several people match.")
    assert (text_of(robin), text_of(alex)) == (None, "Lunch")


async def test_of_two_devices_with_one_name_the_writable_one_is_set(
    hass: HomeAssistant, account: Account, both: PresenceConfigEntry, robin: Person, alex: Person
) -> None:
    entry = await account.async_sign_in("alex")
    expose(hass, *hass.states.async_entity_ids())
    tools = await async_tools(hass)
    assert len((await async_call(hass, tools[GET], person="Alex Example"))["people"]) == 2
    await async_call(hass, tools[SET_MESSAGE], message="Lunch", person="Alex Example")
    assert (text_of(robin), text_of(alex)) == (None, "Lunch")

    registry = dr.async_get(hass)
    (device,) = dr.async_entries_for_config_entry(registry, entry.entry_id)
    registry.async_update_device(device.id, name_by_user="Robin Example")
    tool = (await async_tools(hass))[SET_MESSAGE]
    error = await async_fail(hass, tool, message="Tea")
    assert error == "Several people match. Name one; rename a device if two have the same name."
    assert (text_of(robin), text_of(alex)) == (None, "Lunch")
