"""The client against the simulator, with real HTTPS, tokens and faults."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import ssl
import threading

from aiohttp import ClientSession, ClientTimeout, TCPConnector
import pytest

from custom_components.ms_teams_presence.graph import http as http_module
from custom_components.ms_teams_presence.graph.client import PresenceClient
from custom_components.ms_teams_presence.graph.clouds import CLOUDS, DEFAULT_SCOPE
from custom_components.ms_teams_presence.graph.errors import (
    GraphAuthError,
    GraphError,
    GraphPermissionError,
    GraphRejectedError,
    GraphThrottledError,
    GraphUnavailableError,
)
from custom_components.ms_teams_presence.graph.models import (
    Activity,
    Availability,
    Presence,
    StatusMessage,
    WorkLocation,
)
from simulator import Person, Simulator
from simulator.clouds import CloudName
from simulator.faults import Body, Loss
from simulator.tenant import DAEMON_CLIENT_ID, PUBLIC_CLIENT_ID, TENANT_ID
from tests.plugin import CERTIFICATE

from .conftest import cloud_of, error_of, sent

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
OUT_FOR_LUNCH = StatusMessage(text="Out for lunch")


@dataclass
class SignIn:
    """Robin's token provider, which uses the device flow."""

    session: ClientSession
    address: str
    tokens: dict[str, str] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)
    claims: list[str | None] = field(default_factory=list)

    @classmethod
    async def create(
        cls, simulator: Simulator, session: ClientSession, *permissions: str
    ) -> SignIn:
        """Sign in."""
        sign_in = cls(session, f"{simulator.tls_url}/{TENANT_ID}/oauth2/v2.0")
        scopes = ["offline_access", *permissions]
        code = await sign_in._ask("devicecode", scope=" ".join(scopes))
        simulator.enter_device_code(code["user_code"])
        sign_in.tokens = await sign_in._ask(
            "token",
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=code["device_code"],
        )
        return sign_in

    @property
    def access_token(self) -> str:
        """Return the current access token."""
        return self.tokens["access_token"]

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return the current token, or a new one after a rejection."""
        if rejected is not None:
            self.rejected.append(rejected)
            self.claims.append(claims)
            self.tokens = await self._ask(
                "token", grant_type="refresh_token", refresh_token=self.tokens["refresh_token"]
            )
        return self.access_token

    async def _ask(self, end: str, **fields: str) -> dict[str, str]:
        """POST to a sign-in endpoint."""
        form = {"client_id": PUBLIC_CLIENT_ID, **fields}
        async with self.session.post(f"{self.address}/{end}", data=form) as answer:
            assert answer.ok, await answer.text()
            return {name: str(value) for name, value in (await answer.json()).items()}


@pytest.fixture
async def sign_in(simulator: Simulator, session: ClientSession) -> SignIn:
    """Sign in with write access and clear the request log."""
    sign_in = await SignIn.create(simulator, session, "Presence.Read", "Presence.ReadWrite")
    simulator.requests.clear()
    return sign_in


@pytest.fixture
def client(simulator: Simulator, session: ClientSession, sign_in: SignIn) -> PresenceClient:
    """Return Robin's client."""
    return PresenceClient(session, cloud_of(simulator), sign_in)


# Reading


async def test_a_presence_is_read_whole(client: PresenceClient, robin: Person) -> None:
    robin.join_call()
    robin.set_status_message("Out for lunch", NOON, pinned=True)
    published = robin.status_message
    assert published is not None
    assert await client.async_get_my_presence() == Presence(
        id=robin.id,
        availability=Availability.BUSY,
        activity=Activity.IN_A_CALL,
        activities=frozenset({Activity.BUSY, Activity.IN_A_CALL}),
        out_of_office=False,
        status_message=StatusMessage(
            text="Out for lunch", expires_at=NOON, published_at=published.published, pinned=True
        ),
    )


async def test_a_read_is_one_request_for_ones_own_presence(
    client: PresenceClient, simulator: Simulator
) -> None:
    await client.async_get_my_presence()
    assert sent(simulator) == [("GET", "/v1.0/me/presence")]


async def test_a_message_without_an_end_has_no_expiry(
    client: PresenceClient, robin: Person
) -> None:
    robin.set_status_message("Out for lunch")
    status = (await client.async_get_my_presence()).status_message
    assert status is not None
    assert status.expires_at is None


@pytest.mark.parametrize(
    "gestures",
    [
        [],
        ["join_call"],
        ["join_meeting"],
        ["present"],
        ["focus"],
        ["be_right_back"],
        ["go_away"],
        ["close_teams"],
        ["set_out_of_office"],
    ],
    ids=" ".join,
)
async def test_both_of_graphs_vocabularies_give_the_same_presence(
    gestures: list[str], client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    for gesture in gestures:
        getattr(robin, gesture)()
    classic = await client.async_get_my_presence()
    simulator.tenant.vocabulary = "modern"
    assert await client.async_get_my_presence() == classic


async def test_a_conference_call_is_a_call_in_the_modern_vocabulary(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    robin.join_call(conference=True)
    simulator.tenant.vocabulary = "modern"
    assert (await client.async_get_my_presence()).in_call


@pytest.mark.parametrize("cloud", ["us_gov_l4", "us_gov_l5"])
async def test_a_government_cloud_has_no_out_of_office_settings(
    cloud: CloudName, trust: ssl.SSLContext, socket_enabled: None
) -> None:
    async with (
        Simulator(CERTIFICATE, cloud=cloud) as simulator,
        ClientSession(connector=TCPConnector(ssl=trust)) as session,
    ):
        sign_in = await SignIn.create(simulator, session, CLOUDS[cloud].scope("Presence.Read"))
        client = PresenceClient(session, cloud_of(simulator), sign_in)
        assert (await client.async_get_my_presence()).out_of_office is None


@pytest.mark.parametrize("name", ["Tokyo Standard Time", "Nowhere/Land"])
async def test_a_time_zone_is_read_from_the_disk_once_and_in_a_thread(
    name: str,
    client: PresenceClient,
    simulator: Simulator,
    robin: Person,
    disk_readers: list[int],
) -> None:
    status = {
        "message": {"content": "Out for lunch"},
        "expiryDateTime": {"dateTime": "2027-03-01T21:00:00", "timeZone": name},
    }
    simulator.faults.add(
        "graph", json={"id": robin.id, "activity": "Busy", "statusMessage": status}
    )
    await client.async_get_my_presence()
    await client.async_get_my_presence()
    (reader,) = disk_readers
    assert reader != threading.get_ident()


# Writing


@pytest.mark.parametrize("expires_at", [None, NOON])
@pytest.mark.parametrize("pinned", [False, True])
async def test_a_status_message_that_was_set_is_read_back(
    client: PresenceClient, robin: Person, *, expires_at: datetime | None, pinned: bool
) -> None:
    await client.async_set_status_message(
        robin.id, StatusMessage(text="Zu Tisch 🍜", expires_at=expires_at, pinned=pinned)
    )
    status = (await client.async_get_my_presence()).status_message
    assert status is not None
    assert (status.text, status.expires_at, status.pinned) == ("Zu Tisch 🍜", expires_at, pinned)


@pytest.mark.parametrize("pinned", [False, True])
async def test_an_empty_status_message_clears(
    client: PresenceClient, robin: Person, *, pinned: bool
) -> None:
    robin.set_status_message("Out for lunch")
    await client.async_set_status_message(robin.id, StatusMessage(text="", pinned=pinned))
    assert robin.status_message is None


@pytest.mark.parametrize(
    ("availability", "state"),
    [
        (Availability.AVAILABLE, ("Available", "Available")),
        (Availability.BUSY, ("Busy", "Busy")),
        (Availability.DO_NOT_DISTURB, ("DoNotDisturb", "DoNotDisturb")),
        (Availability.BE_RIGHT_BACK, ("BeRightBack", "BeRightBack")),
        (Availability.AWAY, ("Away", "Away")),
        (Availability.OFFLINE, ("Offline", "OffWork")),
    ],
)
async def test_a_preferred_presence_is_shown_by_graph(
    availability: Availability, state: tuple[str, str], client: PresenceClient, robin: Person
) -> None:
    await client.async_set_preferred_presence(robin.id, availability)
    assert robin.state == state


@pytest.mark.parametrize(
    ("duration", "lasts"),
    [
        (None, timedelta(days=1)),
        (timedelta(hours=8), timedelta(hours=8)),
        (timedelta(days=3, seconds=1), timedelta(days=3, seconds=1)),
    ],
)
async def test_a_preferred_presence_lasts_for_its_duration(
    duration: timedelta | None,
    lasts: timedelta,
    client: PresenceClient,
    simulator: Simulator,
    robin: Person,
) -> None:
    await client.async_set_preferred_presence(robin.id, Availability.BUSY, duration)
    assert robin.preference is not None
    ends_in = robin.preference.ends - simulator.clock.now()
    assert abs(ends_in - lasts) < timedelta(seconds=30)


async def test_a_preferred_presence_that_was_cleared_is_gone(
    client: PresenceClient, robin: Person
) -> None:
    robin.be_right_back()
    await client.async_clear_preferred_presence(robin.id)
    assert robin.preference is None


@pytest.mark.parametrize(
    ("activity", "state"),
    [
        (Activity.AVAILABLE, ("Available", "Available")),
        (Activity.IN_A_CALL, ("Busy", "InACall")),
        (Activity.IN_A_CONFERENCE_CALL, ("Busy", "InAConferenceCall")),
        (Activity.AWAY, ("Away", "Away")),
        (Activity.PRESENTING, ("DoNotDisturb", "Presenting")),
    ],
)
async def test_a_session_of_the_app_shows_while_teams_is_closed(
    activity: Activity, state: tuple[str, str], client: PresenceClient, robin: Person
) -> None:
    robin.close_teams()
    await client.async_set_presence(robin.id, PUBLIC_CLIENT_ID, activity, timedelta(hours=1))
    assert robin.state == state


@pytest.mark.parametrize("duration", [timedelta(minutes=5), timedelta(hours=3, minutes=59)])
async def test_a_presence_session_lasts_for_its_duration(
    duration: timedelta, client: PresenceClient, robin: Person
) -> None:
    await client.async_set_presence(robin.id, PUBLIC_CLIENT_ID, Activity.AWAY, duration)
    ((session, _),) = robin.sessions
    assert session.ends - session.since == duration


async def test_a_session_of_the_app_that_was_cleared_is_gone(
    client: PresenceClient, robin: Person
) -> None:
    hour = timedelta(hours=1)
    await client.async_set_presence(robin.id, PUBLIC_CLIENT_ID, Activity.AWAY, hour)
    await client.async_clear_presence(robin.id, PUBLIC_CLIENT_ID)
    assert robin.sessions == []


async def test_clearing_without_a_session_is_no_error(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    await client.async_clear_presence(robin.id, PUBLIC_CLIENT_ID)
    assert [request.status for request in simulator.requests] == [404]


async def test_clearing_the_session_of_another_app_is_rejected(
    client: PresenceClient, robin: Person
) -> None:
    error = await error_of(client.async_clear_presence(robin.id, DAEMON_CLIENT_ID))
    assert (type(error), error.status) == (GraphRejectedError, 400)


@pytest.mark.parametrize("location", WorkLocation)
async def test_a_work_location_that_was_set_is_read_back(
    location: WorkLocation, client: PresenceClient
) -> None:
    await client.async_set_my_work_location(location)
    assert (await client.async_get_my_presence()).work_location is location


async def test_a_work_location_that_was_cleared_is_the_planned_one(
    client: PresenceClient, robin: Person
) -> None:
    robin.set_work_location("office", "scheduled")
    robin.set_work_location("remote")
    await client.async_clear_my_work_location()
    assert (await client.async_get_my_presence()).work_location is WorkLocation.OFFICE


@pytest.mark.parametrize(
    ("write", "action", "body"),
    [
        (
            lambda client, person_id: client.async_set_status_message(
                person_id, StatusMessage(text="Out for lunch", expires_at=NOON)
            ),
            "setStatusMessage",
            {
                "statusMessage": {
                    "message": {"content": "Out for lunch", "contentType": "text"},
                    "expiryDateTime": {"dateTime": "2027-03-01T12:00:00.000000", "timeZone": "UTC"},
                }
            },
        ),
        (
            lambda client, person_id: client.async_set_preferred_presence(
                person_id, Availability.DO_NOT_DISTURB, timedelta(hours=8)
            ),
            "setUserPreferredPresence",
            {
                "availability": "DoNotDisturb",
                "activity": "DoNotDisturb",
                "expirationDuration": "PT8H",
            },
        ),
        (
            lambda client, person_id: client.async_clear_preferred_presence(person_id),
            "clearUserPreferredPresence",
            {},
        ),
    ],
    ids=["status message", "preferred presence", "no preferred presence"],
)
async def test_a_write_is_one_request_to_the_persons_own_address(
    write: Callable[[PresenceClient, str], Coroutine[object, object, None]],
    action: str,
    body: object,
    client: PresenceClient,
    simulator: Simulator,
    robin: Person,
) -> None:
    await write(client, robin.id)
    (request,) = simulator.requests
    assert (request.method, request.path, request.json) == (
        "POST",
        f"/v1.0/users/{robin.id}/presence/{action}",
        body,
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "empty"), (200, "wrong_type"), (202, "null"), (204, "empty")],
)
async def test_a_write_ignores_the_json_of_a_successful_response(
    status: int, body: Body, client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    fault = simulator.faults.add("graph", status=status, body=body)
    await client.async_set_status_message(robin.id, OUT_FOR_LUNCH)
    assert fault.hits == 1


# Tokens


async def test_a_rejected_token_is_replaced_and_the_read_repeated(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    simulator.expire_access_tokens()
    assert (await client.async_get_my_presence()).id == robin.id


async def test_a_rejected_token_is_replaced_and_the_write_repeated(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    simulator.expire_access_tokens()
    await client.async_set_status_message(robin.id, OUT_FOR_LUNCH)
    assert robin.status_message is not None


async def test_the_provider_receives_the_rejected_token(
    client: PresenceClient, simulator: Simulator, sign_in: SignIn
) -> None:
    old = sign_in.access_token
    simulator.expire_access_tokens()
    await client.async_get_my_presence()
    assert sign_in.rejected == [old]


async def test_a_good_token_is_not_replaced(client: PresenceClient, sign_in: SignIn) -> None:
    await client.async_get_my_presence()
    assert sign_in.rejected == []


async def test_a_second_rejection_is_an_error(client: PresenceClient, simulator: Simulator) -> None:
    simulator.faults.add("graph", status=401)
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.status) == (GraphAuthError, 401)


@pytest.mark.parametrize(
    ("challenge", "claims"),
    [
        ("eyJhIjoiPz8-In0=", '{"a":"??>"}'),
        ("eyJhIjoiPz8+In0", '{"a":"??>"}'),
        ("e30=", "{}"),
        ("W10=", None),
        ("bm8ganNvbg==", None),
        ("/////w==", None),
        ("a", None),
        ("", None),
    ],
)
async def test_the_provider_receives_the_claims_challenge(
    client: PresenceClient,
    simulator: Simulator,
    sign_in: SignIn,
    challenge: str,
    claims: str | None,
) -> None:
    simulator.faults.add("graph", claims=challenge, times=1)
    await client.async_get_my_presence()
    assert sign_in.claims == [claims]


async def test_a_rejected_token_is_replaced_once(
    client: PresenceClient, simulator: Simulator, sign_in: SignIn
) -> None:
    simulator.faults.add("graph", status=401)
    await error_of(client.async_get_my_presence())
    assert (len(sign_in.rejected), len(sent(simulator))) == (1, 2)


async def test_an_error_of_the_repeated_request_is_its_own(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=503)
    simulator.faults.add("graph", status=401, times=1)
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.status) == (GraphUnavailableError, 503)


async def test_nothing_is_sent_where_there_is_no_token(
    simulator: Simulator, session: ClientSession
) -> None:
    async def provide(*, rejected: str | None = None, claims: str | None = None) -> str:
        raise LookupError

    client = PresenceClient(session, cloud_of(simulator), provide)
    with pytest.raises(LookupError):
        await client.async_get_my_presence()
    assert simulator.requests == []


async def test_a_redirect_is_not_followed(client: PresenceClient, simulator: Simulator) -> None:
    elsewhere = f"{simulator.tls_url}/v1.0/users/elsewhere"
    simulator.faults.add("GET /v1.0/me/presence", status=302, headers={"Location": elsewhere})
    await error_of(client.async_get_my_presence())
    assert sent(simulator) == [("GET", "/v1.0/me/presence")]


async def test_no_token_is_sent_without_a_trusted_certificate(
    simulator: Simulator, sign_in: SignIn
) -> None:
    empty_trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with ClientSession(connector=TCPConnector(ssl=empty_trust)) as session:
        client = PresenceClient(session, cloud_of(simulator), sign_in)
        await error_of(client.async_get_my_presence())
    assert simulator.requests == []


# Error responses


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (302, GraphUnavailableError, "UnknownError"),
        (400, GraphRejectedError, "BadRequest"),
        (401, GraphAuthError, "InvalidAuthenticationToken"),
        (403, GraphPermissionError, "Forbidden"),
        (404, GraphRejectedError, "NotFound"),
        (409, GraphRejectedError, "Conflict"),
        (423, GraphRejectedError, "Locked"),
        (429, GraphThrottledError, "TooManyRequests"),
        (500, GraphUnavailableError, "InternalServerError"),
        (502, GraphUnavailableError, "BadGateway"),
        (503, GraphUnavailableError, "ServiceUnavailable"),
        (504, GraphUnavailableError, "GatewayTimeout"),
        (509, GraphUnavailableError, "BandwidthLimitExceeded"),
    ],
)
async def test_an_error_response_raises_the_matching_error(
    status: int,
    kind: type[GraphError],
    code: str,
    client: PresenceClient,
    simulator: Simulator,
    robin: Person,
) -> None:
    simulator.faults.add("graph", status=status)
    error = await error_of(client.async_set_status_message(robin.id, OUT_FOR_LUNCH))
    assert (type(error), error.status, error.code) == (kind, status, code)


async def test_a_write_without_the_permission_is_rejected(
    simulator: Simulator, session: ClientSession, robin: Person
) -> None:
    sign_in = await SignIn.create(simulator, session, "Presence.Read")
    client = PresenceClient(session, cloud_of(simulator), sign_in)
    error = await error_of(client.async_set_status_message(robin.id, OUT_FOR_LUNCH))
    assert type(error) is GraphPermissionError


async def test_a_message_that_is_too_long_for_graph_is_rejected(
    client: PresenceClient, robin: Person
) -> None:
    error = await error_of(
        client.async_set_status_message(robin.id, StatusMessage(text="long " * 100))
    )
    assert type(error) is GraphRejectedError


@pytest.mark.parametrize("status", [400, 401, 403, 429, 503])
async def test_an_error_has_the_request_id_of_the_response(
    status: int, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=status, headers={"request-id": "94fb3b52"})
    assert (await error_of(client.async_get_my_presence())).request_id == "94fb3b52"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 451, 503])
@pytest.mark.parametrize("content", [b"<html>Blocked</html>", b"Access denied", b"\xef\xbb\xbf{}"])
async def test_a_page_in_place_of_an_error_is_temporary(
    status: int, content: bytes, client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    fault = simulator.faults.add("graph", status=status, content=content)
    error = await error_of(client.async_clear_presence(robin.id, PUBLIC_CLIENT_ID))
    if status == 401 and not content.startswith(b"<"):
        assert type(error) is GraphAuthError
    else:
        assert (type(error), str(error)) == (GraphUnavailableError, f"HTTP {status} notJson")
        assert fault.hits == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"OK", b"{", b"\xff"])
async def test_a_write_ignores_the_body_of_a_success(
    content: bytes, client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    simulator.faults.add("graph", status=200, content=content)
    await client.async_clear_presence(robin.id, PUBLIC_CLIENT_ID)


@pytest.mark.parametrize("content", [b"<html>", b"\r\n <!doctype html>", b"\xef\xbb\xbf<p>"])
async def test_a_page_is_not_the_success_of_a_write(
    content: bytes, client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    simulator.faults.add("graph", status=200, content=content)
    error = await error_of(client.async_clear_presence(robin.id, PUBLIC_CLIENT_ID))
    assert (type(error), str(error)) == (GraphUnavailableError, "HTTP 200 notJson")


@pytest.mark.parametrize("body", ["empty", "wrong_type", "null"])
async def test_an_error_without_graphs_body_has_no_code(
    body: Body, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=403, body=body)
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.code) == (GraphPermissionError, "")


@pytest.mark.parametrize(
    "body", [{}, {"error": None}, {"error": "denied"}, {"error": {}}, {"error": []}, "error", 7]
)
async def test_an_error_with_an_unexpected_body_has_no_code(
    body: object, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=403, json=body)
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.code) == (GraphPermissionError, "")


async def test_an_invalid_error_code_is_dropped(
    client: PresenceClient, simulator: Simulator
) -> None:
    body = {"error": {"code": "Bad\nRequest" + "!" * 500 + "x" * 500}}
    simulator.faults.add("GET /v1.0/me/presence", status=400, json=body)
    error = await error_of(client.async_get_my_presence())

    assert error.code == "BadRequest" + "x" * 90


async def test_a_text_that_is_not_unicode_is_rejected_without_a_request(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    error = await error_of(
        client.async_set_status_message(robin.id, StatusMessage(text="half \ud83d"))
    )

    assert isinstance(error, GraphRejectedError)
    assert not simulator.requests


async def test_the_text_of_an_error_contains_no_token(
    client: PresenceClient, simulator: Simulator, sign_in: SignIn
) -> None:
    simulator.faults.add("graph", status=401)
    error = await error_of(client.async_get_my_presence())
    assert sign_in.access_token not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (GraphRejectedError(status=400), "HTTP 400"),
        (GraphThrottledError(retry_after=7, code="TooMany"), "HTTP 429 TooMany"),
        (GraphAuthError(status=401, request_id="94fb3b52"), "HTTP 401 94fb3b52"),
        (
            GraphUnavailableError(status=503, code="Busy", request_id="94fb3b52"),
            "HTTP 503 Busy 94fb3b52",
        ),
        (GraphUnavailableError(code="notJson"), "no answer notJson"),
        (GraphUnavailableError(), "no answer"),
    ],
)
def test_the_text_of_an_error_has_status_code_and_request_id(error: GraphError, text: str) -> None:
    assert str(error) == text


# Retry-After


@dataclass(frozen=True)
class FromNow:
    """An HTTP date relative to now."""

    seconds: int


WAITS: list[tuple[int | str | FromNow, float | None]] = [
    (7, 7),
    (0, 0),
    (3601, 3600),
    ("9" * 40, 3600),
    (FromNow(60), 60),
    (FromNow(-60), 0),
    (FromNow(86400), 3600),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ("Sat, 01 Jan 2000 00:00:00 -0000", None),
    ("Sat, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ("soon", None),
    ("", None),
    ("-7", None),
    ("1.5", None),
]


def header(wait: int | str | FromNow) -> int | str | datetime:
    """Return a fault's Retry-After header."""
    if isinstance(wait, FromNow):
        return datetime.now(UTC) + timedelta(seconds=wait.seconds)
    return wait


@pytest.mark.parametrize(("wait", "seconds"), WAITS)
async def test_a_throttled_error_has_the_retry_after(
    wait: int | str | FromNow, seconds: float | None, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=429, retry_after=header(wait))
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphThrottledError)
    # An invalid value counts as missing, and a time in the past still means a wait.
    expected = 30 if seconds is None else max(1, seconds)
    assert error.retry_after == pytest.approx(expected, abs=5)
    assert error.retry_after >= 1


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_retry_after_date_is_relative_to_the_server_date(
    hours: int, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.skew_clock(hours * 3600)
    simulator.faults.add("graph", status=429, retry_after=timedelta(seconds=40))
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphThrottledError)
    assert error.retry_after == pytest.approx(40, abs=5)


async def test_a_retry_after_date_without_a_server_date_uses_the_local_clock(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add(
        "graph", status=429, retry_after=timedelta(seconds=40), headers={"Date": "some day"}
    )
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphThrottledError)
    assert error.retry_after == pytest.approx(40, abs=5)


async def test_a_throttled_error_without_retry_after_is_half_a_minute(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=429)
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphThrottledError)
    assert error.retry_after == 30


@pytest.mark.parametrize(
    ("wait", "seconds"), [(7, 7), ("9999", 3600), (FromNow(60), 60), ("soon", None)]
)
async def test_an_outage_may_have_a_retry_after(
    wait: int | str | FromNow, seconds: float | None, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=503, retry_after=header(wait))
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphUnavailableError)
    assert error.retry_after == (None if seconds is None else pytest.approx(seconds, abs=5))


async def test_an_outage_may_have_no_retry_after(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=503)
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphUnavailableError)
    assert error.retry_after is None


async def test_the_simulators_own_throttling_is_understood(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.graph.throttle.limit = 1
    await client.async_get_my_presence()
    error = await error_of(client.async_get_my_presence())
    assert isinstance(error, GraphThrottledError)
    assert 0 < error.retry_after <= 30


# Invalid responses


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("empty", "notJson"),
        ("html", "notJson"),
        ("truncated", "notJson"),
        ("null", "notPresence"),
        ("wrong_type", "notPresence"),
    ],
)
async def test_a_body_that_is_no_presence_is_temporary(
    body: Body, code: str, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", body=body)
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.code) == (GraphUnavailableError, code)


async def test_a_list_of_presences_is_not_ones_own(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    simulator.faults.add("graph", json={"value": [{"id": robin.id, "availability": "Busy"}]})
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.code) == (GraphUnavailableError, "notPresence")


@pytest.mark.parametrize("status", [200, 503])
async def test_a_huge_body_is_not_read_to_its_end(
    status: int, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=status, body="huge")
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.status, error.code) == (GraphUnavailableError, status, "tooLarge")


async def test_a_body_with_a_wrong_content_encoding_is_temporary(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", body="html", headers={"Content-Encoding": "gzip"})
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.status) == (GraphUnavailableError, 0)


# No response


async def test_an_error_does_not_contain_the_url_of_a_search(
    client: PresenceClient, simulator: Simulator
) -> None:
    await simulator.stop()
    with pytest.raises(GraphError) as caught:
        await client.async_find_people("private@contoso.example")
    error: BaseException | None = caught.value
    while error is not None:
        assert "private" not in f"{error} {error!r} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("loss", ["close", "reset"])
async def test_a_lost_response_is_temporary(
    loss: Loss, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", loss=loss)
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.status) == (GraphUnavailableError, 0)


async def test_a_response_that_never_arrives_times_out(
    client: PresenceClient, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "_TIMEOUT", ClientTimeout(total=0.1))
    simulator.faults.add("graph", loss="hang")
    async with asyncio.timeout(5):
        error = await error_of(client.async_get_my_presence())
    assert (type(error), error.code) == (GraphUnavailableError, "TimeoutError")


async def test_a_closed_port_is_temporary(client: PresenceClient, simulator: Simulator) -> None:
    await simulator.stop()
    error = await error_of(client.async_get_my_presence())
    assert (type(error), error.code) == (GraphUnavailableError, "ClientConnectorError")


async def test_the_client_recovers_as_soon_as_graph_does(
    client: PresenceClient, simulator: Simulator, robin: Person
) -> None:
    await simulator.stop()
    await error_of(client.async_get_my_presence())
    await simulator.start()
    assert (await client.async_get_my_presence()).id == robin.id


# Clouds


@pytest.mark.parametrize(
    ("key", "login", "graph"),
    [
        ("global", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        ("us_gov_l4", "https://login.microsoftonline.us", "https://graph.microsoft.us"),
        ("us_gov_l5", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    ],
)
def test_a_cloud_has_microsofts_endpoints(key: str, login: str, graph: str) -> None:
    cloud = CLOUDS[key]
    assert (cloud.login, cloud.graph) == (login, graph)


def test_every_cloud_with_presence_is_offered_by_its_key() -> None:
    assert {key: cloud.key for key, cloud in CLOUDS.items()} == {
        "global": "global",
        "us_gov_l4": "us_gov_l4",
        "us_gov_l5": "us_gov_l5",
    }


@pytest.mark.parametrize("key", ["us_gov_l4", "us_gov_l5"])
@pytest.mark.parametrize("permission", ["Presence.Read", DEFAULT_SCOPE])
def test_a_permission_of_a_government_cloud_names_its_graph(permission: str, key: str) -> None:
    assert CLOUDS[key].scope(permission) == f"{CLOUDS[key].graph}/{permission}"


def test_a_permission_of_the_global_cloud_is_written_as_entra_shows_it() -> None:
    assert CLOUDS["global"].scope("Presence.Read") == "Presence.Read"


def test_the_default_scope_names_its_graph() -> None:
    assert CLOUDS["global"].scope(DEFAULT_SCOPE) == "https://graph.microsoft.com/.default"


@pytest.mark.parametrize("key", CLOUDS)
def test_tokens_are_for_the_graph_they_are_sent_to(key: str) -> None:
    assert CLOUDS[key].resource == CLOUDS[key].graph


def test_the_authority_of_a_tenant_is_below_the_login_host() -> None:
    assert CLOUDS["global"].authority("organizations") == (
        "https://login.microsoftonline.com/organizations"
    )
