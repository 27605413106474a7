"""Other people: batches of presences, search and lookup."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
import gc
import ssl
import threading

from aiohttp import ClientSession, TCPConnector
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ms_teams_presence.graph import client as client_module, rejected
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
    Person,
    Presence,
    StatusMessage,
)
from simulator import Person as TenantPerson, Simulator
from simulator.clouds import CloudName
from simulator.faults import Body
from simulator.tenant import DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, TENANT_ID
from tests.plugin import CERTIFICATE

from .conftest import cloud_of, error_of, sent

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
NO_ID = "not-a-guid"
PRESENCES = "/v1.0/communications/getPresencesByUserId"
# Ten splits of 650 ids leave one, and each split adds two requests.
TO_FIND_ONE = 1 + 2 * 10


@dataclass
class App:
    """Token provider with app-only access."""

    session: ClientSession
    simulator: Simulator
    token: str = ""

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return the current token, or a new one after a rejection."""
        if not self.token or rejected == self.token:
            form = {
                "grant_type": "client_credentials",
                "client_id": DAEMON_CLIENT_ID,
                "client_secret": DAEMON_CLIENT_SECRET,
                "scope": CLOUDS[self.simulator.deployment.cloud].scope(DEFAULT_SCOPE),
            }
            url = f"{self.simulator.tls_url}/{TENANT_ID}/oauth2/v2.0/token"
            async with self.session.post(url, data=form) as answer:
                assert answer.ok, await answer.text()
                self.token = str((await answer.json())["access_token"])
        return self.token


@pytest.fixture
def client(simulator: Simulator, session: ClientSession) -> PresenceClient:
    """Return the app's client."""
    return PresenceClient(session, cloud_of(simulator), App(session, simulator))


@pytest.fixture
def alex(simulator: Simulator) -> TenantPerson:
    """Return a colleague."""
    return simulator.tenant.people["alex"]


@pytest.fixture
def guest(simulator: Simulator) -> TenantPerson:
    """Return a person whose email differs from the user principal name."""
    return simulator.tenant.people["guest"]


def crowd(simulator: Simulator, number: int) -> list[str]:
    """Add people to the tenant and return their ids."""
    return [simulator.tenant.add_person(f"worker{index}").id for index in range(number)]


def person_of(member: TenantPerson) -> Person:
    """Return a person as parsed from the directory."""
    return Person(member.id, member.name, member.address)


# Presences


async def test_presences_are_read_whole(
    client: PresenceClient, alex: TenantPerson, robin: TenantPerson
) -> None:
    alex.join_call()
    alex.set_status_message("Out for lunch")
    robin.go_away()
    assert await client.async_get_presences([alex.id, robin.id]) == {
        alex.id: Presence(
            id=alex.id,
            availability=Availability.BUSY,
            activity=Activity.IN_A_CALL,
            activities=frozenset({Activity.BUSY, Activity.IN_A_CALL}),
            out_of_office=False,
            status_message=StatusMessage(text="Out for lunch"),
        ),
        robin.id: Presence(
            id=robin.id,
            availability=Availability.AWAY,
            activity=Activity.AWAY,
            activities=frozenset({Activity.AWAY}),
            out_of_office=False,
        ),
    }


async def test_presences_are_requested_with_ids_only(
    client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    await client.async_get_presences([alex.id, UNKNOWN_ID])
    assert sent(simulator) == [("POST", PRESENCES)]
    assert simulator.requests[-1].json == {"ids": [alex.id, UNKNOWN_ID]}


@pytest.mark.parametrize(
    ("people", "requests"), [(0, 0), (1, 1), (650, 1), (651, 2), (1300, 2), (1301, 3)]
)
async def test_presences_need_one_request_for_every_650_people(
    people: int, requests: int, client: PresenceClient, simulator: Simulator
) -> None:
    ids = crowd(simulator, people)
    assert (await client.async_get_presences(ids)).keys() == set(ids)
    assert len(sent(simulator)) == requests


async def test_the_requests_for_many_presences_go_out_at_once(
    simulator: Simulator, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "_MAX_PEOPLE", 1)
    ids = crowd(simulator, 3)
    barrier = asyncio.Barrier(len(ids))
    app = App(session, simulator)

    async def provide(*, rejected: str | None = None, claims: str | None = None) -> str:
        await barrier.wait()
        return await app(rejected=rejected)

    client = PresenceClient(session, cloud_of(simulator), provide)
    async with asyncio.timeout(10):
        assert (await client.async_get_presences(ids)).keys() == set(ids)


@pytest.mark.parametrize(
    "gesture", ["join_call", "join_meeting", "present", "focus", "close_teams"]
)
async def test_both_of_graphs_vocabularies_give_the_same_presences(
    gesture: str, client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    getattr(alex, gesture)()
    classic = await client.async_get_presences([alex.id])
    simulator.tenant.vocabulary = "modern"
    assert await client.async_get_presences([alex.id]) == classic


@pytest.mark.parametrize("cloud", ["us_gov_l4", "us_gov_l5"])
async def test_presences_in_a_government_cloud_have_no_out_of_office_settings(
    cloud: CloudName, trust: ssl.SSLContext, socket_enabled: None
) -> None:
    async with (
        Simulator(CERTIFICATE, cloud=cloud) as simulator,
        ClientSession(connector=TCPConnector(ssl=trust)) as session,
    ):
        client = PresenceClient(session, cloud_of(simulator), App(session, simulator))
        alex = simulator.tenant.people["alex"].id
        found = await client.async_get_presences([alex])
        assert found[alex].out_of_office is None


async def test_presences_have_the_id_in_lower_case(
    client: PresenceClient, alex: TenantPerson
) -> None:
    assert (await client.async_get_presences([alex.id.upper()])).keys() == {alex.id}


async def test_a_person_unknown_to_graph_is_left_out(
    client: PresenceClient, alex: TenantPerson
) -> None:
    assert (await client.async_get_presences([UNKNOWN_ID, alex.id])).keys() == {alex.id}


async def test_presences_need_their_permission(
    client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    simulator.tenant.apps[DAEMON_CLIENT_ID].application = {"Presence.ReadWrite.All"}
    assert type(await error_of(client.async_get_presences([alex.id]))) is GraphPermissionError


async def test_a_rejected_token_is_replaced_for_every_request(
    client: PresenceClient, simulator: Simulator
) -> None:
    ids = crowd(simulator, 651)
    await client.async_get_presences(ids)
    simulator.expire_access_tokens()
    assert (await client.async_get_presences(ids)).keys() == set(ids)


async def test_the_time_zone_of_a_colleague_is_read_from_the_disk_in_a_thread(
    client: PresenceClient, simulator: Simulator, alex: TenantPerson, disk_readers: list[int]
) -> None:
    status = {
        "message": {"content": "Out for lunch"},
        "expiryDateTime": {"dateTime": "2027-03-01T21:00:00", "timeZone": "Tokyo Standard Time"},
    }
    simulator.faults.add(
        "graph", json={"value": [{"id": alex.id, "activity": "Busy", "statusMessage": status}]}
    )
    await client.async_get_presences([alex.id])
    (reader,) = disk_readers
    assert reader != threading.get_ident()


# Presences with ids that Graph rejects


@pytest.mark.parametrize("place", [0, 324, 325, 649])
async def test_a_bad_id_is_found_in_few_requests(
    place: int, client: PresenceClient, simulator: Simulator
) -> None:
    ids = crowd(simulator, 649)
    found = await client.async_get_presences([*ids[:place], NO_ID, *ids[place:]])
    assert found.keys() == set(ids)
    assert len(sent(simulator)) <= TO_FIND_ONE


async def test_bad_ids_far_apart_are_all_left_out(
    client: PresenceClient, simulator: Simulator
) -> None:
    ids = crowd(simulator, 96)
    mixed = [NO_ID, *ids[:32], NO_ID, *ids[32:64], NO_ID, *ids[64:], NO_ID]
    assert (await client.async_get_presences(mixed)).keys() == set(ids)


async def test_a_bad_id_costs_the_other_requests_nothing(
    client: PresenceClient, simulator: Simulator
) -> None:
    ids = crowd(simulator, 650)
    assert (await client.async_get_presences([*ids, NO_ID])).keys() == set(ids)
    assert len(sent(simulator)) == 2


@pytest.mark.parametrize("bad", [NO_ID, "half \ud83d"])
async def test_one_bad_id_gives_no_presences(bad: str, client: PresenceClient) -> None:
    assert await client.async_get_presences([bad]) == {}


async def test_if_no_one_of_several_can_be_read_it_is_an_error(
    client: PresenceClient, simulator: Simulator
) -> None:
    error = await error_of(client.async_get_presences([NO_ID, ""]))
    assert (type(error), error.status) == (GraphRejectedError, 400)
    assert len(sent(simulator)) == 3


async def test_a_bad_id_is_searched_for_once_and_then_rarely_requested(
    client: PresenceClient, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    ids = crowd(simulator, 20)
    await client.async_get_presences([*ids, NO_ID])
    simulator.requests.clear()
    for _ in range(360):
        freezer.tick(10)
        assert (await client.async_get_presences([*ids, NO_ID])).keys() == set(ids)
    # After 30 seconds, a minute, two, four ...
    assert len(sent(simulator)) == 360 + 6


async def test_a_person_whom_graph_rejected_for_a_moment_is_back_soon(
    client: PresenceClient, simulator: Simulator, freezer: FrozenDateTimeFactory
) -> None:
    ids = crowd(simulator, 3)
    # The request for all, and the one for the first of them.
    simulator.faults.add("graph", status=400, times=2)
    assert (await client.async_get_presences(ids)).keys() == set(ids[1:])
    freezer.tick(30)
    assert (await client.async_get_presences(ids)).keys() == set(ids)
    simulator.requests.clear()
    assert (await client.async_get_presences(ids)).keys() == set(ids)
    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("status", [400, 404])
async def test_a_request_that_is_rejected_once_is_split(
    status: int, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=status, times=1)
    ids = crowd(simulator, 5)
    assert (await client.async_get_presences(ids)).keys() == set(ids)
    bodies = [request.json for request in simulator.requests if request.path == PRESENCES]
    assert bodies == [{"ids": ids}, {"ids": ids[:2]}, {"ids": ids[2:]}]


@pytest.mark.parametrize(
    ("status", "people", "requests"),
    [(400, 21, 25), (400, 650, 25), (404, 650, 25), (400, 1300, 26), (409, 650, 1)],
)
async def test_a_graph_that_rejects_everything_is_not_flooded(
    status: int, people: int, requests: int, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=status)
    error = await error_of(client.async_get_presences(crowd(simulator, people)))
    assert (type(error), error.status) == (GraphRejectedError, status)
    assert len(sent(simulator)) <= requests


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (401, GraphAuthError, 2),
        (403, GraphPermissionError, 1),
        (429, GraphThrottledError, 1),
        (408, GraphUnavailableError, 1),
        (409, GraphRejectedError, 1),
        (503, GraphUnavailableError, 1),
    ],
)
async def test_an_error_that_is_not_about_the_ids_is_not_split(
    status: int,
    kind: type[GraphError],
    requests: int,
    client: PresenceClient,
    simulator: Simulator,
) -> None:
    simulator.faults.add("graph", status=status)
    error = await error_of(client.async_get_presences(crowd(simulator, 5)))
    assert type(error) is kind
    assert len(sent(simulator)) == requests


async def test_an_outage_while_a_bad_id_is_looked_for_is_an_error(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=503)
    simulator.faults.add("graph", status=400, times=1)
    error = await error_of(client.async_get_presences(crowd(simulator, 5)))
    assert type(error) is GraphUnavailableError


# Presences in invalid responses


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("empty", "notJson"),
        ("html", "notJson"),
        ("truncated", "notJson"),
        ("null", "notPresence"),
        ("wrong_type", "notPresence"),
        ("huge", "tooLarge"),
    ],
)
async def test_a_body_without_presences_is_temporary(
    body: Body, code: str, client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    simulator.faults.add("graph", body=body)
    error = await error_of(client.async_get_presences([alex.id]))
    assert (type(error), error.code) == (GraphUnavailableError, code)


@pytest.mark.parametrize(
    "body", [{}, {"value": None}, {"value": {}}, {"value": "Busy"}, {"id": UNKNOWN_ID}, "value", 7]
)
async def test_a_response_without_a_list_of_presences_is_temporary(
    body: object, client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    simulator.faults.add("graph", json=body)
    error = await error_of(client.async_get_presences([alex.id]))
    assert (type(error), error.code) == (GraphUnavailableError, "notPresence")


def busy(person_id: str) -> Presence:
    """Return the presence of a member that has an activity only."""
    presence = Presence.from_graph({"id": person_id, "activity": "Busy"})
    assert presence is not None
    return presence


@pytest.mark.parametrize(
    "member", [None, 7, "Busy", [], {}, {"id": UNKNOWN_ID}, {"id": 7}, {"availability": "Busy"}]
)
async def test_an_invalid_presence_does_not_affect_the_others(
    member: object, client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    simulator.faults.add(
        "graph", json={"value": [member, {"id": alex.id, "activity": "Busy"}, member]}
    )
    assert await client.async_get_presences([alex.id]) == {alex.id: busy(alex.id)}


async def test_a_person_who_was_not_requested_is_left_out(
    client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    other = "00000000-0000-0000-0000-000000000001"
    simulator.faults.add(
        "graph",
        json={"value": [{"id": other, "activity": "Busy"}, {"id": alex.id, "activity": "Busy"}]},
    )
    assert await client.async_get_presences([alex.id.upper()]) == {alex.id: busy(alex.id)}


# Searching for people


@pytest.mark.parametrize(
    "text",
    [
        "alex",
        "ALEX",
        "al",
        "example alex",
        "exa al",
        "  alex ",
        "alex@contoso.example",
        "Alex@con",
    ],
)
async def test_people_are_found_by_parts_of_the_name_or_by_address(
    text: str, client: PresenceClient, alex: TenantPerson
) -> None:
    assert await client.async_find_people(text) == [person_of(alex)]


@pytest.mark.parametrize("text", ["guest@fabrikam.example", "guest_fabrikam"])
async def test_a_guest_is_found_by_either_address(
    text: str, client: PresenceClient, guest: TenantPerson
) -> None:
    assert await client.async_find_people(text) == [person_of(guest)]


@pytest.mark.parametrize("text", ["xavier", "lex", "alex robin", "nobody@contoso.example"])
async def test_a_search_may_have_no_results(text: str, client: PresenceClient) -> None:
    assert await client.async_find_people(text) == []


async def test_a_search_is_one_request_for_as_little_as_is_needed(
    client: PresenceClient, simulator: Simulator
) -> None:
    await client.async_find_people("alex")
    assert sent(simulator) == [("GET", "/v1.0/users")]
    assert simulator.requests[-1].query == {
        "$search": '"displayName:alex" OR "mail:alex" OR "userPrincipalName:alex"',
        "$select": "id,displayName,mail,userPrincipalName",
        "$top": "26",
    }


async def test_a_search_finds_one_more_than_is_shown(
    client: PresenceClient, simulator: Simulator
) -> None:
    crowd(simulator, 40)
    assert len(await client.async_find_people("worker")) == client_module.SEARCH_LIMIT + 1


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Müller-Lüdenscheidt",
        "Conan O'Brien",
        'Viktor "Vik" Wong',
        "Back\\Slash",
        "100% Hero",
        "Research & Development",
        "Desk #4",
        "Nuñez + Sons",
        "李四(David Li)",
        "Busy 🐝",
        "one:two/three?four=five;six,seven",
        "AND OR NOT",
        "$top=1",
        "a\u00a0b\tc",
        "${x} {{ y }} <b>",
    ],
)
async def test_a_name_of_any_characters_is_found_by_itself(
    name: str, client: PresenceClient, simulator: Simulator
) -> None:
    added = simulator.tenant.add_person("added", name)
    assert [person.id for person in await client.async_find_people(name)] == [added.id]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ('Viktor "Vik', "Viktor  Vik"),
        ('"Viktor"', "Viktor"),
        ("Viktor\\", "Viktor"),
        ('Viktor\\" OR "mail:a', "Viktor   OR  mail:a"),
        ("Research & Development #4", "Research   Development  4"),
        ("a%20b+c", "a%20b+c"),
    ],
)
async def test_the_search_text_stays_within_its_quotes(
    text: str, term: str, client: PresenceClient, simulator: Simulator
) -> None:
    await client.async_find_people(text)
    assert simulator.requests[-1].query["$search"] == (
        f'"displayName:{term}" OR "mail:{term}" OR "userPrincipalName:{term}"'
    )


@pytest.mark.parametrize("text", ["", " \t", '"', '"\\" & #'])
async def test_an_empty_search_sends_no_request(
    text: str, client: PresenceClient, simulator: Simulator
) -> None:
    assert await client.async_find_people(text) == []
    assert sent(simulator) == []


async def test_half_a_character_is_dropped_from_a_search(
    client: PresenceClient, alex: TenantPerson
) -> None:
    assert await client.async_find_people("alex \ud83d") == [person_of(alex)]


async def test_a_search_needs_its_permission(client: PresenceClient, simulator: Simulator) -> None:
    simulator.tenant.apps[DAEMON_CLIENT_ID].application = {"Presence.Read.All"}
    assert type(await error_of(client.async_find_people("alex"))) is GraphPermissionError


@pytest.mark.parametrize("body", ["empty", "html", "truncated", "null", "wrong_type"])
async def test_a_body_without_people_is_temporary(
    body: Body, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", body=body)
    assert type(await error_of(client.async_find_people("alex"))) is GraphUnavailableError


@pytest.mark.parametrize("member", [None, 7, "Alex", [], {}, {"displayName": "Alex"}])
async def test_an_invalid_person_does_not_affect_the_others(
    member: object, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", json={"value": [member, {"id": UNKNOWN_ID}, member]})
    assert await client.async_find_people("alex") == [Person(UNKNOWN_ID, UNKNOWN_ID)]


# Looking up a person


@pytest.mark.parametrize("by", ["id", "address"])
@pytest.mark.parametrize("spell", [str.lower, str.upper])
async def test_a_lookup_is_one_request_in_any_case(
    by: str, spell: type[str], client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    name = spell(getattr(alex, by))
    assert await client.async_get_person(name) == person_of(alex)
    assert sent(simulator) == [("GET", f"/v1.0/users/{name}")]


async def test_a_lookup_selects_only_the_needed_fields(
    client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    await client.async_get_person(alex.id)
    expected = {"$select": "id,displayName,mail,userPrincipalName"}
    assert simulator.requests[-1].query == expected


async def test_a_guest_is_looked_up_by_the_name_in_the_directory(
    client: PresenceClient, simulator: Simulator, guest: TenantPerson
) -> None:
    name = "guest_fabrikam.example#EXT#@contoso.example"
    assert await client.async_get_person(name) == person_of(guest)
    assert sent(simulator) == [("GET", f"/v1.0/users/{name}")]


@pytest.mark.parametrize("address", ["guest@fabrikam.example", "Guest@Fabrikam.Example"])
async def test_an_address_that_is_no_user_principal_name_is_searched_for(
    address: str, client: PresenceClient, simulator: Simulator, guest: TenantPerson
) -> None:
    assert await client.async_get_person(address) == person_of(guest)
    assert sent(simulator) == [("GET", f"/v1.0/users/{address}"), ("GET", "/v1.0/users")]


async def test_an_address_with_the_same_beginning_is_another_person(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.tenant.add_person("other", address="guest@fabrikam.example.org", guest=True)
    simulator.tenant.remove_person("guest")
    assert await client.async_get_person("guest@fabrikam.example") is None


@pytest.mark.parametrize(
    "name",
    [
        # A group has an id of this form, too.
        UNKNOWN_ID,
        "nobody@contoso.example",
        "Alex Example",
        "alex",
        "",
        "@",
        "#@&",
        "alex@contoso.example?$select=id",
        "100%",
        "zoë@contoso.example",
        "🐝",
        "half \ud83d",
        "half \ud83d@contoso.example",
        ".",
        "..",
        "../users/alex@contoso.example",
    ],
)
async def test_an_unknown_name_gives_none(name: str, client: PresenceClient) -> None:
    assert await client.async_get_person(name) is None


@pytest.mark.parametrize("status", [400, 404])
async def test_an_id_that_graph_rejects_gives_none(
    status: int, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=status)
    assert await client.async_get_person(UNKNOWN_ID) is None
    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("name", [UNKNOWN_ID, "alex@contoso.example"])
async def test_a_lookup_needs_its_permission(
    name: str, client: PresenceClient, simulator: Simulator
) -> None:
    simulator.tenant.apps[DAEMON_CLIENT_ID].application = {"Presence.Read.All"}
    assert type(await error_of(client.async_get_person(name))) is GraphPermissionError


@pytest.mark.parametrize(
    ("status", "kind"), [(429, GraphThrottledError), (503, GraphUnavailableError)]
)
async def test_a_failed_lookup_is_an_error(
    status: int, kind: type[GraphError], client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("graph", status=status)
    assert type(await error_of(client.async_get_person("alex@contoso.example"))) is kind


@pytest.mark.parametrize("body", ["empty", "html", "truncated"])
async def test_a_person_that_is_not_json_is_temporary(
    body: Body, client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    simulator.faults.add("graph", body=body)
    error = await error_of(client.async_get_person(alex.id))
    assert (type(error), error.code) == (GraphUnavailableError, "notJson")


@pytest.mark.parametrize("body", [None, [], {}, {"value": []}, "Alex", 7, {"id": None}])
async def test_a_response_without_a_person_is_temporary(
    body: object, client: PresenceClient, simulator: Simulator, alex: TenantPerson
) -> None:
    simulator.faults.add("graph", json=body)
    error = await error_of(client.async_get_person(alex.id))
    assert (type(error), str(error)) == (GraphUnavailableError, "HTTP 200 notPerson")


@pytest.mark.parametrize("name", ["Alex Example", "alex", "", "100%"])
async def test_a_name_is_not_looked_up(
    name: str, client: PresenceClient, simulator: Simulator
) -> None:
    assert await client.async_get_person(name) is None
    assert sent(simulator) == []


async def test_an_error_that_is_not_about_the_person_is_an_error(
    client: PresenceClient, simulator: Simulator
) -> None:
    simulator.faults.add("GET /v1.0/users/*", status=409)
    with pytest.raises(GraphRejectedError):
        await client.async_get_person(TENANT_ID)


@pytest.mark.parametrize("enabled", [True, False])
async def test_reading_many_leaves_the_garbage_collector_as_it_was(
    enabled: bool,  # noqa: FBT001
    client: PresenceClient,
    simulator: Simulator,
) -> None:
    alex = simulator.tenant.people["alex"]
    if not enabled:
        gc.disable()
    try:
        await client.async_get_presences([alex.id])
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


async def test_an_unchanged_person_is_the_same_object(
    client: PresenceClient, simulator: Simulator
) -> None:
    alex, kim = simulator.tenant.people["alex"], simulator.tenant.people["kim"]
    before = await client.async_get_presences([alex.id, kim.id])
    kim.join_call()
    after = await client.async_get_presences([alex.id, kim.id])

    assert after[alex.id] is before[alex.id]
    assert after[kim.id] != before[kim.id]


async def test_a_time_zone_of_a_colleagues_message_is_read_from_the_disk_in_a_thread(
    client: PresenceClient, simulator: Simulator
) -> None:
    alex = simulator.tenant.people["alex"]
    simulator.faults.add(
        "POST *getPresencesByUserId",
        json={
            "value": [
                {
                    "id": alex.id,
                    "availability": "Available",
                    "activity": "Available",
                    "statusMessage": {
                        "message": {"content": "Away", "contentType": "text"},
                        "expiryDateTime": {
                            "dateTime": "2031-07-01T12:00:00",
                            "timeZone": "Chatham Islands Standard Time",
                        },
                    },
                }
            ]
        },
    )
    found = await client.async_get_presences([alex.id])
    message = found[alex.id].status_message

    assert message is not None
    assert message.expires_at == datetime(2031, 6, 30, 23, 15, tzinfo=UTC)
