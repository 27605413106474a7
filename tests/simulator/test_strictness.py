"""Graph's rules for request bodies."""

from datetime import UTC, datetime, timedelta
import json

from hypothesis import given, strategies as st
import pytest

from simulator import Certificate, Simulator
from simulator.graph.actions import ACTIONS
from simulator.graph.bodies import parse_expiry
from simulator.graph.errors import GraphError
from simulator.graph.messages import GraphRequest
from simulator.graph.presence import timestamp
from simulator.state import SimulatorState
from simulator.states import PREFERENCES, SESSION_STATES
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET,
    PUBLIC_CLIENT_ID,
    TENANT_ID,
)
from simulator.zones import IANA, WINDOWS, find_zone

from .conftest import Client

ROBIN = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
SESSION: dict[str, object] = {
    "sessionId": PUBLIC_CLIENT_ID,
    "availability": "Available",
    "activity": "Available",
    "expirationDuration": "PT1H",
}
PREFERENCE: dict[str, object] = {"availability": "Busy", "activity": "Busy"}


async def write(client: Client, action: str, body: object) -> tuple[int, object]:
    token = await client.token("Presence.ReadWrite")
    response = await client.post(f"/v1.0/me/presence/{action}", token, body)
    return (response.status, response.code if response.text else None)


@pytest.mark.parametrize("state", sorted(SESSION_STATES))
async def test_a_valid_session_is_accepted(client: Client, state: tuple[str, str]) -> None:
    pair = dict(zip(("availability", "activity"), state, strict=True))
    assert await write(client, "setPresence", SESSION | pair) == (200, None)


@pytest.mark.parametrize(
    "change",
    [
        {"availability": "Busy"},
        {"activity": "InAMeeting"},
        {"availability": "Busy", "activity": "InAMeeting"},
        {"availability": "Available", "activity": "OutOfOffice"},
        {"availability": "DoNotDisturb", "activity": "DoNotDisturb"},
        {"availability": "Offline", "activity": "OffWork"},
        {"availability": "available", "activity": "available"},
        {"availability": None},
        {"availability": 1},
        {"sessionId": CONFIDENTIAL_CLIENT_ID},
        {"sessionId": None},
        {"expirationDuration": "1 hour"},
        {"expirationDuration": "1:00:00"},
        {"expirationDuration": "pt1h"},
        {"expirationDuration": "PT\u0661H"},
        {"expirationDuration": "P1M"},
        {"expirationDuration": "P1W"},
        {"expirationDuration": "PT"},
        {"expirationDuration": "P"},
        {"expirationDuration": "PT1H1D"},
        {"expirationDuration": "-PT1H"},
        {"expirationDuration": 3600},
        {"nickname": "robin"},
    ],
)
async def test_an_invalid_session_is_rejected(client: Client, change: dict[str, object]) -> None:
    assert await write(client, "setPresence", SESSION | change) == (400, "BadRequest")


@pytest.mark.parametrize(
    "duration", ["PT4M59S", "PT4H1S", "PT0S", "P1D", "PT4M59.999S", "P9999999D"]
)
async def test_a_duration_out_of_range(client: Client, duration: str) -> None:
    body = SESSION | {"expirationDuration": duration}
    assert await write(client, "setPresence", body) == (400, "InvalidArgument")


@pytest.mark.parametrize("duration", ["PT5M", "PT4H", "PT300S", "PT1H30M", "P0DT1H", None])
async def test_durations_of_a_session(client: Client, duration: str | None) -> None:
    change = {"expirationDuration": duration}
    assert await write(client, "setPresence", SESSION | change) == (200, None)


@pytest.mark.parametrize(
    "body", [{}, {"sessionId": CONFIDENTIAL_CLIENT_ID}, {"sessionId": PUBLIC_CLIENT_ID, "x": 1}]
)
async def test_an_invalid_request_to_clear_a_session(client: Client, body: object) -> None:
    assert await write(client, "clearPresence", body) == (400, "BadRequest")


@pytest.mark.parametrize("availability", sorted(PREFERENCES))
async def test_a_valid_preference_is_accepted(client: Client, availability: str) -> None:
    body = {"availability": availability, "activity": PREFERENCES[availability][0]}
    assert await write(client, "setUserPreferredPresence", body) == (200, None)


@pytest.mark.parametrize(
    "change",
    [
        {"activity": "InACall"},
        {"availability": "Offline", "activity": "Offline"},
        {"availability": "Available"},
        {"activity": None},
        {"expirationDuration": "P9999999999D"},
        {"sessionId": PUBLIC_CLIENT_ID},
    ],
)
async def test_an_invalid_preference_is_rejected(client: Client, change: dict[str, object]) -> None:
    body = PREFERENCE | change
    assert await write(client, "setUserPreferredPresence", body) == (400, "BadRequest")


@pytest.mark.parametrize("duration", ["PT0S", "P4000000D"])
async def test_a_preference_of_an_impossible_duration(client: Client, duration: str) -> None:
    body = PREFERENCE | {"expirationDuration": duration}
    assert await write(client, "setUserPreferredPresence", body) == (400, "InvalidArgument")


def note(content: object = "Note", **members: object) -> dict[str, object]:
    return {"statusMessage": {"message": {"content": content, "contentType": "text"}} | members}


def expiry(date_time: object, time_zone: object = "UTC") -> dict[str, object]:
    return note(expiryDateTime={"dateTime": date_time, "timeZone": time_zone})


@pytest.mark.parametrize(
    "body",
    [
        note("x" * 280),
        note("Read this<pinnednote></pinnednote>"),
        {"statusMessage": {"message": {"content": "Note"}}},
        note(expiryDateTime=None),
        expiry("2030-01-02T03:04:05"),
        expiry("2030-01-02T03:04"),
        expiry("2030-01-02T03:04:05.1234567"),
        expiry("9999-12-30T23:00:00"),
        expiry("2030-01-02T03:04:05", "Europe/Berlin"),
        expiry("2030-01-02T03:04:05", "W. Europe Standard Time"),
        note(**{"@odata.type": "#microsoft.graph.presenceStatusMessage"}),
        {"StatusMessage": {"MESSAGE": {"Content": "Note", "contenttype": "Text"}}},
    ],
)
async def test_a_valid_message_is_accepted(client: Client, body: object) -> None:
    assert await write(client, "setStatusMessage", body) == (200, None)


@pytest.mark.parametrize(
    "body",
    [
        note("x" * 281),
        note(5),
        note("\ud800"),
        note(unknown=1),
        {"message": {"content": "Note", "contentType": "text"}},
        {"statusMessage": "Note"},
        {"statusMessage": {"message": {"content": "Note", "contentType": "html"}}},
        {"statusMessage": {"message": {"contentType": "text"}}},
        {"statusMessage": {"message": {"content": "Note"}, "publishedDateTime": "2030-01-01"}},
        expiry("2030-01-02T03:04:05Z"),
        expiry("2030-01-02T03:04:05+00:00"),
        expiry("2030-01-02 03:04:05"),
        expiry("2030-02-30T03:04:05"),
        expiry("2030-01-02T25:04:05"),
        expiry("2030-01-02T24:00:00"),
        expiry("2030-01-02T03:04:0\u0661"),
        expiry("2030-01-02T03:04:05.\u0661"),
        expiry("2030-01-02T03:04:05.12345678"),
        expiry("soon"),
        expiry(1893553445),
        expiry("2030-01-02T03:04:05", "Mars Standard Time"),
        expiry("2030-01-02T03:04:05", "Europe/Zurich"),
        expiry("2030-01-02T03:04:05", "europe/berlin"),
        note() | {"StatusMessage": None},
        expiry("2030-01-02T03:04:05", ""),
        expiry("2030-01-02T03:04:05", "../etc/passwd"),
        expiry("2030-01-02T03:04:05", None),
        note(expiryDateTime="2030-01-02T03:04:05"),
        ["statusMessage"],
        None,
    ],
)
async def test_an_invalid_message_is_rejected(client: Client, body: object) -> None:
    assert await write(client, "setStatusMessage", body) == (400, "BadRequest")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"workLocationType": "moon"},
        {"workLocationType": "unknownFutureValue"},
        {"workLocationType": "office", "placeId": 5},
        {"workLocationType": "office", "source": "manual"},
        {"workLocationType": "office", "WorkLocationType": "remote"},
    ],
)
async def test_an_invalid_location_is_rejected(client: Client, body: object) -> None:
    assert await write(client, "setManualLocation", body) == (400, "BadRequest")


@pytest.mark.parametrize("ids", [None, "x", [], [1], ["robin"], [f"{{{ROBIN}}}"]])
async def test_invalid_ids_are_rejected(client: Client, ids: object) -> None:
    token = await client.token("Presence.Read.All")
    response = await client.post("/v1.0/communications/getPresencesByUserId", token, {"ids": ids})
    assert (response.status, response.code) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        (b'{"availability": "Busy", "activity": "Busy"}', "", (400, "BadRequest")),
        (b'{"availability": "Busy", "activity": "Busy"}', "text/plain", (415, "RequestBodyRead")),
        (b"availability=Busy", "application/x-www-form-urlencoded", (415, "RequestBodyRead")),
        (b'{"availability": "Busy"', "application/json", (400, "BadRequest")),
        (b"\xff\xfe", "application/json", (400, "BadRequest")),
        (b"", "application/json", (400, "BadRequest")),
    ],
)
async def test_bodies_that_are_not_json(
    client: Client, data: bytes, kind: str, expected: tuple[int, str]
) -> None:
    token = await client.token("Presence.ReadWrite")
    response = await client.request(
        "POST",
        "/v1.0/me/presence/setUserPreferredPresence",
        token,
        data=data,
        headers={"Content-Type": kind},
    )
    assert (response.status, response.code) == expected


async def test_a_rejected_write_changes_nothing(client: Client) -> None:
    robin = client.simulator.tenant.people["robin"]
    robin.set_status_message("Before")
    await write(client, "setStatusMessage", expiry("soon"))
    assert robin.status_message
    assert robin.status_message.content == "Before"


# Arbitrary bodies

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
_names = st.sampled_from(
    ["sessionId", "availability", "activity", "expirationDuration", "statusMessage", "message", "content",
     "contentType", "expiryDateTime", "dateTime", "timeZone", "workLocationType", "placeId", "ids", "requests"]
)  # fmt: skip
_bodies = st.recursive(
    _json, lambda inner: st.dictionaries(_names, inner, max_size=4), max_leaves=8
)
_paths = st.sampled_from(
    [
        "$batch",
        "communications/getPresencesByUserId",
        *(f"users/{ROBIN}/presence/{action}" for action in ACTIONS),
    ]
)


@pytest.fixture(scope="module")
def state(certificate: Certificate) -> SimulatorState:
    """Return a tenant without sockets, for many quick requests."""
    return Simulator(certificate)


@given(path=_paths, body=_bodies)
def test_no_body_breaks_graph(state: SimulatorState, path: str, body: object) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": DAEMON_CLIENT_ID,
        "client_secret": DAEMON_CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
    }
    token = state.entra.token_endpoint.respond(TENANT_ID, form, None)["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    response = state.graph.respond(
        GraphRequest("POST", f"/v1.0/{path}", headers, json.dumps(body).encode())
    )
    assert response.status in {200, 400, 403, 404, 429}


# Time zones


@pytest.mark.parametrize("name", sorted({*WINDOWS, *IANA}))
def test_every_zone_exists(name: str) -> None:
    assert find_zone(name) is not None


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(0, 9),
)
def test_an_expiry_in_utc_is_returned_unchanged(moment: datetime, tick: int) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}{tick}"
    assert timestamp(*parse_expiry(text, "UTC")) == text


def test_a_windows_zone_has_summer_time() -> None:
    summer, _ = parse_expiry("2026-07-01T12:00:00", "W. Europe Standard Time")
    winter, _ = parse_expiry("2026-12-01T12:00:00", "W. Europe Standard Time")
    offsets = [
        summer - datetime(2026, 7, 1, 12, tzinfo=UTC),
        winter - datetime(2026, 12, 1, 12, tzinfo=UTC),
    ]
    assert offsets == [timedelta(hours=-2), timedelta(hours=-1)]


@given(st.text())
def test_no_text_breaks_the_expiry(text: str) -> None:
    with pytest.raises(GraphError):
        parse_expiry(f"{text}!", "UTC")
