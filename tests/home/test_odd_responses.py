"""Responses of Graph with changed, delayed or missing data."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.states import state

AVAILABILITY = "sensor.robin_example_availability"
IN_CALL = "binary_sensor.robin_example_in_a_call"
MESSAGE = "sensor.robin_example_status_message"
MY_PRESENCE = "GET /v1.0/me/presence"
NO_PRESENCES: list[dict[str, Any]] = [
    {},
    {"availability": None, "activity": None},
    {"availability": "", "activity": 7},
    {"statusMessage": {"message": {"content": "Lunch", "contentType": "text"}}},
    {"value": []},
]


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        ("R&amp;D &lt;3 Zo\u00eb", "text"),
        ("R&amp;amp;D &amp;lt;3 Zo\u00eb", "text"),
        ("R&D  <3 Zoe\u0308\r\n", "text"),
        ("<p>R&amp;D &lt;3 Zo&euml;</p>", "html"),
    ],
)
async def test_a_message_that_graph_changes_is_the_message_that_was_set(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    caplog: pytest.LogCaptureFixture,
    stored: str,
    kind: str,
) -> None:
    message = {"message": {"content": stored, "contentType": kind}}
    members = {"availability": "Available", "activity": "Available", "statusMessage": message}
    simulator.faults.add(MY_PRESENCE, json={"id": robin.id} | members)
    data = {"entity_id": AVAILABILITY, "message": "R&D <3 Zo\u00eb"}
    await hass.services.async_call(DOMAIN, "set_status_message", data, blocking=True)
    for _ in range(20):
        await clock.async_advance(5)

    assert "still shows another" not in caplog.text


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("I <3  R&D", "I &lt;3 R&amp;D"),
        ("I <3 R&D", "I 3 R&D"),
        ("a < b", "a"),
        ("Zoe\u0308", "<p>Zo\u00eb</p>"),
        ("one\r\ntwo", "one\ntwo"),
    ],
)
async def test_a_message_that_graph_changes_is_shown_as_it_was_set(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    robin: Person,
    written: str,
    stored: str,
) -> None:
    data = {"entity_id": AVAILABILITY, "message": written}
    await hass.services.async_call(DOMAIN, "set_status_message", data, blocking=True)
    assert state(hass, MESSAGE) == written
    robin.set_status_message(stored)
    for _ in range(20):
        await clock.async_advance(5)
    assert state(hass, MESSAGE) == written

    robin.set_status_message("Something else")
    await clock.async_advance(16)
    assert state(hass, MESSAGE) == "Something else"


@pytest.mark.parametrize("members", NO_PRESENCES)
async def test_a_colleague_without_presence_is_missing(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
    members: dict[str, Any],
) -> None:
    await clock.async_advance(31)
    simulator.faults.add(
        "POST /v1.0/communications/getPresencesByUserId",
        json={"value": [{"id": alex.id} | members]},
    )
    assert await _async_get_presence(hass, both, alex.id) is None
    await clock.async_advance(31)
    assert state(hass, "sensor.alex_example_availability") == "available"
    for _ in range(30):
        await clock.async_advance(5)

    assert state(hass, "sensor.alex_example_availability") == STATE_UNAVAILABLE
    assert state(hass, AVAILABILITY) == "available"


async def _async_get_presence(
    hass: HomeAssistant, entry: PresenceConfigEntry, person_id: str
) -> Any:
    """Return the response of the action for one person."""
    data = {"config_entry_id": entry.entry_id, "people": [person_id]}
    response = await hass.services.async_call(
        DOMAIN, "get_presence", data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    people = response["people"]
    assert isinstance(people, dict)
    return people[person_id]


async def test_one_of_availability_and_activity_is_a_presence(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.faults.add(MY_PRESENCE, json={"id": robin.id, "activity": "Levitating"})
    for _ in range(10):
        await clock.async_advance(16)

    assert state(hass, AVAILABILITY) == "unknown"


@pytest.mark.parametrize(
    "body", [[], {}, {"error": {"code": "UnknownError"}}, {"value": []}, "portal", None]
)
async def test_a_bad_response_is_a_failed_poll_in_the_diagnostics(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator, body: object
) -> None:
    simulator.faults.add(MY_PRESENCE, json=body)
    await clock.async_advance(16)

    coordinator = entry.runtime_data.primary
    assert coordinator.failures == 1
    assert coordinator.last_failure is not None
    assert coordinator.last_failure["detail"].endswith("notPresence")


@pytest.mark.parametrize("status", [200, 401, 403, 404, 407])
async def test_a_proxys_page_is_an_outage(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    status: int,
) -> None:
    token = both.data["token"]
    await clock.async_advance(31)
    page = simulator.faults.add("graph", status=status, body="html")
    data = {"entity_id": AVAILABILITY, "message": "Lunch"}
    with pytest.raises(HomeAssistantError, match=rf"is down \(HTTP {status} notJson\)"):
        await hass.services.async_call(DOMAIN, "set_status_message", data, blocking=True)
    await clock.async_advance(31)
    assert (state(hass, MESSAGE), state(hass, AVAILABILITY)) == ("", "available")
    for _ in range(30):
        await clock.async_advance(5)
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert state(hass, "sensor.alex_example_availability") == STATE_UNAVAILABLE
    assert not any(both.async_get_active_flows(hass, {SOURCE_REAUTH}))
    assert not ir.async_get(hass).issues
    assert both.data["token"] == token

    page.remove()
    await clock.async_advance(31)
    assert state(hass, AVAILABILITY) == "available"
    assert state(hass, "sensor.alex_example_availability") == "available"


async def test_a_session_is_not_forgotten_because_of_a_proxys_page(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    data = {"entity_id": AVAILABILITY, "activity": "in_a_call", "duration": "00:05:00"}
    await hass.services.async_call(DOMAIN, "set_presence", data, blocking=True)
    page = simulator.faults.add("POST *clearPresence", status=404, body="html")
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(
            DOMAIN, "clear_presence", {"entity_id": AVAILABILITY}, blocking=True
        )
    page.remove()
    assert entry.runtime_data.preferences.sessions


async def test_an_escaped_message_is_shown_as_people_see_it(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator, robin: Person
) -> None:
    robin.set_status_message("R&amp;D day")
    await clock.async_advance(16)

    assert state(clock.hass, MESSAGE) == "R&D day"


@pytest.mark.parametrize("members", NO_PRESENCES)
async def test_a_response_without_presence_changes_nothing_at_first(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    members: dict[str, Any],
) -> None:
    robin.join_call()
    await clock.async_advance(16)
    fault = simulator.faults.add(MY_PRESENCE, json={"id": robin.id} | members)
    await clock.async_advance(16)
    assert fault.hits
    assert (state(hass, IN_CALL), state(hass, AVAILABILITY)) == ("on", "busy")

    for _ in range(30):
        await clock.async_advance(5)
    assert state(hass, IN_CALL) == STATE_UNAVAILABLE

    fault.remove()
    for _ in range(5):
        await clock.async_advance(5)
    assert state(hass, IN_CALL) == "on"


@pytest.mark.parametrize("members", NO_PRESENCES)
async def test_a_sign_in_without_presence_is_an_error(
    hass: HomeAssistant, account: Account, simulator: Simulator, members: dict[str, Any]
) -> None:
    simulator.faults.add(MY_PRESENCE, json={"id": "someone"} | members)
    flow = await account.async_visit(await account.async_fill())

    assert flow["type"] is FlowResultType.FORM
    assert flow["errors"] == {"base": "graph_unavailable"}
    assert not hass.config_entries.async_entries(DOMAIN)


async def test_reads_that_lag_do_not_undo_a_write(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    reads = simulator.graph.reads
    reads.lag, reads.sanitizes = 30, True
    data = {"entity_id": AVAILABILITY, "message": "R&D <3"}
    await hass.services.async_call(DOMAIN, "set_status_message", data, blocking=True)
    for _ in range(14):
        assert state(hass, MESSAGE) == "R&D <3"
        await clock.async_advance(5)


async def test_a_cleared_message_does_not_come_back_while_reads_lag(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    robin.set_status_message("Lunch")
    await clock.async_advance(16)
    assert state(hass, MESSAGE) == "Lunch"
    simulator.graph.reads.lag = 40
    await hass.services.async_call(
        DOMAIN, "clear_status_message", {"entity_id": AVAILABILITY}, blocking=True
    )
    for _ in range(14):
        assert state(hass, MESSAGE) == ""
        await clock.async_advance(5)


async def test_reads_that_lag_for_more_than_a_minute_win_until_they_catch_up(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.graph.reads.lag = 100
    data = {"entity_id": AVAILABILITY, "message": "Lunch"}
    await hass.services.async_call(DOMAIN, "set_status_message", data, blocking=True)
    simulator.requests.clear()
    shown = []
    for _ in range(130):
        await clock.async_advance(1)
        shown.append(state(hass, MESSAGE))

    changes = [shown[0], *(new for old, new in pairwise(shown) if new != old)]
    assert changes == ["Lunch", "", "Lunch"]
    assert 58 <= shown.index("") <= 70
    assert 98 <= len(shown) - shown[::-1].index("") <= 120
    assert caplog.text.count("still shows another") == 1
    # One every five seconds or less, as timers of tests may be early.
    assert len(simulator.requests) <= 40


async def test_a_session_that_reads_show_late_is_set_once(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.graph.reads.lag = 30
    data = {"entity_id": AVAILABILITY, "activity": "in_a_call"}
    await hass.services.async_call(DOMAIN, "set_presence", data, blocking=True)
    for _ in range(20):
        await clock.async_advance(5)

    assert state(hass, IN_CALL) == "on"
    assert sum(request.path.endswith("/setPresence") for request in simulator.requests) == 1


async def test_escaped_messages_of_everyone_are_shown_as_typed(
    hass: HomeAssistant,
    clock: HomeClock,
    both: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    alex: Person,
) -> None:
    simulator.graph.reads.sanitizes = True
    robin.set_status_message("R&D <3 &amp;", pinned=True)
    alex.set_status_message("a < b")
    await clock.async_advance(31)

    assert state(hass, MESSAGE) == "R&D <3 &amp;"
    shown = hass.states.get(MESSAGE)
    assert shown is not None
    assert shown.attributes["pinned"] is True
    assert (await _async_get_presence(hass, both, alex.id))["status_message"] == "a < b"


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00.0000000", "9999-12-30T23:00:00.0000000"])
async def test_a_message_with_an_end_that_stands_for_none_stays_without_extra_reads(
    clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator, robin: Person, end: str
) -> None:
    members = {
        "availability": "Available",
        "activity": "Available",
        "statusMessage": {
            "message": {"content": "Lunch", "contentType": "text"},
            "expiryDateTime": {"dateTime": end, "timeZone": "UTC"},
        },
    }
    simulator.faults.add(MY_PRESENCE, json={"id": robin.id} | members)
    # The polls after the change are over.
    for _ in range(90):
        await clock.async_advance(1)
    simulator.requests.clear()
    for _ in range(60):
        await clock.async_advance(1)
        assert state(clock.hass, MESSAGE) == "Lunch"
    assert len(simulator.requests) <= 20


async def test_a_message_that_lingers_ends_by_our_clock_with_one_read(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.graph.reads.message_lingers = 300
    robin.set_status_message("Lunch", simulator.clock.now() + timedelta(seconds=45))
    for _ in range(8):
        await clock.async_advance(5)
    assert state(hass, MESSAGE) == "Lunch"
    # Home Assistant's timers are up to a second late.
    for _ in range(8):
        await clock.async_advance(1)
    simulator.requests.clear()
    for _ in range(60):
        await clock.async_advance(1)
        assert state(hass, MESSAGE) == ""
    assert len(simulator.requests) <= 20
