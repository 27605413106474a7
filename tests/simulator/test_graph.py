"""Graph's answers: who may read and write what, and in which form."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from simulator.clouds import CloudName
from simulator.graph.messages import JSON_TYPE
from simulator.tenant import PUBLIC_CLIENT_ID

from .conftest import Client

ROBIN = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
ALEX = "66825e03-7ef5-42da-9069-724602c31f6b"
NOBODY = "00000000-0000-0000-0000-000000000000"
AWAY = {"availability": "Away", "activity": "Away"}
EVENTUAL = {"ConsistencyLevel": "eventual"}


def members(answer: dict[str, object]) -> list[dict[str, object]]:
    value = answer["value"]
    assert isinstance(value, list)
    return value


# Permissions

READ_ROBIN = ("GET", f"/v1.0/users/{ROBIN}/presence", None)
READ_ALEX = ("GET", f"/v1.0/users/{ALEX}/presence", None)
READ_ALEX_TOO = ("GET", f"/v1.0/communications/presences/{ALEX}", None)
READ_MANY = ("POST", "/v1.0/communications/getPresencesByUserId", {"ids": [ROBIN]})
WRITE_ROBIN = ("POST", f"/v1.0/users/{ROBIN}/presence/setUserPreferredPresence", AWAY)
WRITE_ALEX = ("POST", f"/v1.0/users/{ALEX}/presence/setUserPreferredPresence", AWAY)
WRITE_TOO = ("POST", f"/v1.0/communications/presences/{ROBIN}/setUserPreferredPresence", AWAY)
PLACE_ROBIN = (
    "POST",
    f"/v1.0/users/{ROBIN}/presence/setManualLocation",
    {"workLocationType": "office"},
)
type What = tuple[str, str, object]


@pytest.mark.parametrize(
    ("permission", "what", "status"),
    [
        ("Presence.Read", ("GET", "/v1.0/me/presence", None), 200),
        ("Presence.Read", READ_ROBIN, 200),
        ("Presence.Read", READ_ALEX, 403),
        ("Presence.Read", READ_ALEX_TOO, 403),
        ("Presence.Read", READ_MANY, 403),
        ("Presence.Read", WRITE_ROBIN, 403),
        ("Presence.Read.All", READ_ROBIN, 200),
        ("Presence.Read.All", READ_ALEX, 200),
        ("Presence.Read.All", READ_ALEX_TOO, 200),
        ("Presence.Read.All", READ_MANY, 200),
        ("Presence.Read.All", WRITE_ROBIN, 403),
        ("Presence.ReadWrite", READ_ROBIN, 403),
        ("Presence.ReadWrite", READ_MANY, 403),
        ("Presence.ReadWrite", WRITE_ROBIN, 200),
        ("Presence.ReadWrite", WRITE_TOO, 200),
        ("Presence.ReadWrite", WRITE_ALEX, 403),
        ("Presence.ReadWrite", PLACE_ROBIN, 200),
        ("Presence.ReadWrite", ("GET", "/v1.0/me", None), 403),
        ("User.Read", ("GET", "/v1.0/me", None), 200),
        ("User.Read", ("GET", f"/v1.0/users/{ROBIN}", None), 200),
        ("User.Read", ("GET", f"/v1.0/users/{ALEX}", None), 403),
        ("User.Read", ("GET", "/v1.0/users", None), 403),
        ("User.Read", ("GET", "/v1.0/me/presence", None), 403),
        ("User.ReadBasic.All", ("GET", f"/v1.0/users/{ALEX}", None), 200),
        ("User.ReadBasic.All", ("GET", "/v1.0/users", None), 200),
    ],
)
async def test_delegated_permissions(
    client: Client, permission: str, what: What, status: int
) -> None:
    method, path, body = what
    answer = await client.request(method, path, await client.token(permission), body=body)
    assert answer.status == status, answer.text


@pytest.mark.parametrize(
    ("permission", "what", "status"),
    [
        ("Presence.Read.All", READ_ALEX, 200),
        ("Presence.Read.All", READ_MANY, 200),
        ("Presence.Read.All", WRITE_ALEX, 403),
        ("Presence.Read.All", ("GET", "/v1.0/me/presence", None), 400),
        ("Presence.ReadWrite.All", READ_ALEX, 200),
        ("Presence.ReadWrite.All", READ_MANY, 403),
        ("Presence.ReadWrite.All", WRITE_ALEX, 200),
        ("Presence.ReadWrite.All", PLACE_ROBIN, 403),
        ("User.ReadBasic.All", ("GET", f"/v1.0/users/{ALEX}", None), 200),
        ("User.ReadBasic.All", READ_ALEX, 403),
    ],
)
async def test_application_permissions(
    client: Client, permission: str, what: What, status: int
) -> None:
    method, path, body = what
    answer = await client.request(method, path, await client.app_token(permission), body=body)
    assert answer.status == status, answer.text


# Tokens


async def test_no_token(client: Client) -> None:
    answer = await client.get("/v1.0/me/presence")
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_a_made_up_token(client: Client) -> None:
    assert (await client.get("/v1.0/me/presence", "made.up.token")).status == 401


async def test_an_id_token_is_no_access_token(client: Client) -> None:
    tokens = await client.sign_in("Presence.Read")
    assert (await client.get("/v1.0/me/presence", tokens["id_token"])).status == 401


async def test_expired_access_tokens_until_refreshed(client: Client) -> None:
    before = await client.token("Presence.Read")
    client.simulator.expire_access_tokens()
    after = await client.token("Presence.Read")
    answers = [await client.get("/v1.0/me/presence", token) for token in (before, after)]
    assert [answer.status for answer in answers] == [401, 200]


async def test_advancing_the_clock_spares_access_tokens(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.advance(86400)
    assert (await client.get("/v1.0/me/presence", token)).status == 200


# Presence


async def test_the_author_sees_the_times_of_a_message(client: Client) -> None:
    robin = client.simulator.tenant.people["robin"]
    robin.set_status_message("Lunch", timedelta(hours=1))
    answer = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    message = answer.json["statusMessage"]
    assert isinstance(message, dict)
    assert message.keys() == {"message", "expiryDateTime", "publishedDateTime"}


async def test_a_message_that_stays_ends_in_the_year_9999(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_status_message("Lunch")
    answer = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    message = answer.json["statusMessage"]
    assert isinstance(message, dict)
    expected = {"dateTime": "9999-12-30T23:00:00.0000000", "timeZone": "UTC"}
    assert message["expiryDateTime"] == expected


async def test_everybody_is_another_user_for_an_app(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_status_message("Lunch")
    answer = await client.get(f"/v1.0/users/{ROBIN}/presence", await client.app_token())
    assert answer.json["statusMessage"] == {"message": {"content": "Lunch", "contentType": "text"}}


async def test_many_presences_never_tell_times(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_status_message("Lunch")
    token = await client.token("Presence.Read.All")
    answer = await client.post("/v1.0/communications/getPresencesByUserId", token, {"ids": [ROBIN]})
    expected = {"message": {"content": "Lunch", "contentType": "text"}}
    assert members(answer.json)[0]["statusMessage"] == expected


async def test_many_presences_leave_strangers_out(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    body = {"ids": [ALEX, NOBODY, ROBIN, ALEX]}
    answer = await client.post("/v1.0/communications/getPresencesByUserId", token, body)
    assert [item["id"] for item in members(answer.json)] == [ALEX, ROBIN]


@pytest.mark.parametrize(("number", "status"), [(0, 400), (650, 200), (651, 400)])
async def test_many_presences_are_at_most_650(client: Client, number: int, status: int) -> None:
    token = await client.token("Presence.Read.All")
    body = {"ids": [f"00000000-0000-0000-0000-{index:012}" for index in range(number)]}
    answer = await client.post("/v1.0/communications/getPresencesByUserId", token, body)
    assert answer.status == status


async def test_somebody_unknown(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    answer = await client.get(f"/v1.0/users/{NOBODY}/presence", token)
    assert (answer.status, answer.code) == (404, "NotFound")


async def test_an_address_is_no_id_of_a_presence(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    answer = await client.get("/v1.0/users/alex@contoso.example/presence", token)
    assert answer.status == 400


async def test_the_vocabulary_follows_the_tenant(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.tenant.people["robin"].join_call()
    client.simulator.tenant.vocabulary = "modern"
    answer = (await client.get("/v1.0/me/presence", token)).json
    assert (answer["availability"], answer["activity"]) == ("inACall", "busy")


async def test_out_of_office_with_its_message(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_out_of_office(message="Back on Monday")
    answer = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    expected = {"isOutOfOffice": True, "message": "Back on Monday"}
    assert answer.json["outOfOfficeSettings"] == expected


async def test_work_location(client: Client) -> None:
    token = await client.token("Presence.Read", "Presence.ReadWrite")
    place = "11111111-2222-3333-4444-555555555555"
    body = {"workLocationType": "office", "placeId": place}
    await client.post("/v1.0/me/presence/setManualLocation", token, body)
    answer = await client.get("/v1.0/me/presence", token)
    expected = {"workLocationType": "office", "placeId": place, "source": "manual"}
    assert answer.json["workLocation"] == expected


@pytest.mark.parametrize(
    ("action", "left"), [("clearAutomaticLocation", "remote"), ("clearLocation", None)]
)
async def test_clearing_the_location(client: Client, action: str, left: str | None) -> None:
    token = await client.token("Presence.ReadWrite")
    for source, where in (("Automatic", "office"), ("Manual", "remote")):
        body = {"workLocationType": where}
        await client.post(f"/v1.0/me/presence/set{source}Location", token, body)
    assert (await client.post(f"/v1.0/me/presence/{action}", token)).status == 200
    place = client.simulator.tenant.people["robin"].work_location
    assert (place and place.type) == left


async def test_a_session_of_the_app(client: Client) -> None:
    token = await client.token("Presence.ReadWrite")
    robin = client.simulator.tenant.people["robin"]
    robin.close_teams()
    body = {"sessionId": PUBLIC_CLIENT_ID, "availability": "Busy", "activity": "InACall"}
    await client.post("/v1.0/me/presence/setPresence", token, body)
    seen = [robin.activity]
    clearing = {"sessionId": PUBLIC_CLIENT_ID}
    statuses = [
        (await client.post("/v1.0/me/presence/clearPresence", token, clearing)).status
        for _ in range(2)
    ]
    assert (seen, robin.activity, statuses) == (["InACall"], "Offline", [200, 404])


async def test_a_session_lasts_five_minutes_by_default(client: Client) -> None:
    token = await client.token("Presence.ReadWrite")
    robin = client.simulator.tenant.people["robin"]
    robin.close_teams()
    body = {"sessionId": PUBLIC_CLIENT_ID, "availability": "Away", "activity": "Away"}
    await client.post("/v1.0/me/presence/setPresence", token, body)
    client.simulator.advance(295)
    before = robin.availability
    client.simulator.advance(10)
    assert (before, robin.availability) == ("Away", "Offline")


@pytest.mark.parametrize("body", [None, {}])
async def test_clearing_the_preference(client: Client, body: object) -> None:
    token = await client.token("Presence.ReadWrite")
    robin = client.simulator.tenant.people["robin"]
    robin.prefer("Away")
    answer = await client.post("/v1.0/me/presence/clearUserPreferredPresence", token, body)
    assert (answer.status, robin.preference) == (200, None)


@pytest.mark.parametrize(
    "body",
    [
        {"statusMessage": {"message": {"content": "", "contentType": "text"}}},
        {"statusMessage": {"message": None}},
        {"statusMessage": None},
    ],
)
async def test_clearing_the_message(client: Client, body: object) -> None:
    token = await client.token("Presence.ReadWrite")
    robin = client.simulator.tenant.people["robin"]
    robin.set_status_message("Lunch")
    answer = await client.post("/v1.0/me/presence/setStatusMessage", token, body)
    assert (answer.status, robin.status_message) == (200, None)


# Form of the answers


async def test_headers_of_an_answer(client: Client) -> None:
    token = await client.token("Presence.Read")
    answer = await client.get("/v1.0/me/presence", token, **{"client-request-id": "mine"})
    assert answer.headers["Content-Type"] == JSON_TYPE
    assert answer.headers["client-request-id"] == "mine"
    assert {"request-id", "Date"} <= answer.headers.keys()


async def test_the_error_body_names_the_request(client: Client) -> None:
    answer = await client.get("/v1.0/me/presence")
    error = answer.json["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"code", "message", "innerError"}
    assert error["innerError"]["request-id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1.0/nothing", 400),
        ("GET", "/v1.0/me/presence/nothing", 400),
        ("GET", "/v1.0/me/presence/setPresence", 405),
        ("PUT", "/v1.0/me/presence", 405),
        ("GET", "/v1.0/communications/getPresencesByUserId", 405),
        ("GET", "/v2.0/me/presence", 400),
    ],
)
async def test_wrong_paths_and_methods(client: Client, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path, await client.token("Presence.Read"))
    assert answer.status == status


# People


async def search(client: Client, query: str, headers: dict[str, str] | None = None) -> object:
    token = await client.token("User.ReadBasic.All")
    answer = await client.request("GET", f"/v1.0/users?{query}", token, headers=headers)
    if answer.status != 200:
        return answer.code
    return [person["displayName"] for person in members(answer.json)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('$search="displayName:ro"', ["Robin Example"]),
        ('$search="displayName:exa"', ["Alex Example", "Guest Example", "Kim Example", "Robin Example"]),
        ('$search="displayName:ro" OR "mail:kim"', ["Kim Example", "Robin Example"]),
        ('$search="displayName:exa" AND "mail:kim"', ["Kim Example"]),
        ('$search="displayName:obin"', []),
        ('$search="displayName:example kim"', ["Kim Example"]),
        ('$search="displayName:KimExample"', ["Kim Example"]),
        ('$search="displayName:kim+1"', []),
        ('$search="mail:Kim@con"', ["Kim Example"]),
        ('$search="mail:contoso"', []),
        ('$search="userPrincipalName:guest_fab"', ["Guest Example"]),
        ('$search="displayName:\\"kim\\""', []),
        ('$search="displayName:kim\\"', "Request_BadRequest"),
        ('$search="displayName:k\\im"', "Request_BadRequest"),
        ('$search="displayName:kim & robin"', "Request_BadRequest"),
        ('$search="displayName:kim #1"', "Request_BadRequest"),
        ("$search=robin", "Request_BadRequest"),
        ("$filter=startswith(displayName,'al')", ["Alex Example"]),
        ("$filter=startswith(displayName,'al') or startswith(mail,'kim')", ["Alex Example", "Kim Example"]),
        ("$filter=displayName ge 'a'", "Request_BadRequest"),
        ("$top=2", ["Alex Example", "Guest Example"]),
        ("$top=1000", "Request_BadRequest"),
        ("$expand=manager", "Request_BadRequest"),
    ],
)  # fmt: skip
async def test_looking_for_people(client: Client, query: str, expected: object) -> None:
    assert await search(client, quote(query, safe="$='"), EVENTUAL) == expected


async def test_search_needs_eventual_consistency(client: Client) -> None:
    assert await search(client, "$search=%22displayName:ro%22") == "Request_UnsupportedQuery"


async def test_people_come_in_pages(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    url = "/v1.0/users?$top=3&$select=displayName"
    pages: list[int] = []
    while url:
        answer = (await client.get(url, token)).json
        pages.append(len(members(answer)))
        url = str(answer.get("@odata.nextLink", ""))
    assert pages == [3, 1]


async def test_people_are_counted_on_demand(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    answer = await client.get("/v1.0/users?$count=true&$top=1", token, ConsistencyLevel="eventual")
    assert answer.json["@odata.count"] == 4


async def test_only_the_selected_members(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    answer = (await client.get("/v1.0/users?$select=id,mail", token)).json
    assert members(answer)[0].keys() == {"id", "mail"}


async def test_somebody_by_address(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    answer = await client.get("/v1.0/users/ALEX@contoso.example", token)
    assert answer.json["id"] == ALEX


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("guest_fabrikam.example%23EXT%23@contoso.example", 200),
        ("guest_fabrikam.example", 404),
        ("guest@fabrikam.example", 404),
    ],
)
async def test_a_guest_by_the_name_in_this_directory(
    client: Client, name: str, status: int
) -> None:
    token = await client.token("User.ReadBasic.All")
    assert (await client.get(f"/v1.0/users/{name}", token)).status == status


# Batch


async def test_a_batch(client: Client) -> None:
    token = await client.token("Presence.Read", "Presence.ReadWrite")
    requests = [
        {"id": "read", "method": "GET", "url": "/me/presence"},
        {"id": "other", "method": "GET", "url": f"/users/{ALEX}/presence"},
        {
            "id": "write",
            "method": "POST",
            "url": "/me/presence/setUserPreferredPresence",
            "headers": {"Content-Type": "application/json"},
            "body": AWAY,
        },
        {"id": "after", "method": "GET", "url": "/me/presence", "dependsOn": ["other"]},
    ]
    answer = await client.post("/v1.0/$batch", token, {"requests": requests})
    responses = answer.json["responses"]
    assert isinstance(responses, list)
    statuses = {response["id"]: response["status"] for response in responses}
    assert statuses == {"read": 200, "other": 403, "write": 200, "after": 424}


async def test_a_batch_holds_twenty(client: Client) -> None:
    token = await client.token("Presence.Read")
    requests = [{"id": str(n), "method": "GET", "url": "/me/presence"} for n in range(21)]
    assert (await client.post("/v1.0/$batch", token, {"requests": requests})).status == 400


# Throttling


async def test_too_many_requests(client: Client) -> None:
    client.simulator.graph.throttle.limit = 2
    token = await client.token("Presence.Read")
    answers = [await client.get("/v1.0/me/presence", token) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert (answers[2].code, int(answers[2].headers["Retry-After"])) == ("TooManyRequests", 30)


async def test_waiting_helps(client: Client) -> None:
    client.simulator.graph.throttle.limit = 1
    token = await client.token("Presence.Read")
    for _ in range(2):
        answer = await client.get("/v1.0/me/presence", token)
    client.simulator.advance(int(answer.headers["Retry-After"]))
    assert (await client.get("/v1.0/me/presence", token)).status == 200


async def test_refused_calls_count_as_well(client: Client) -> None:
    client.simulator.graph.throttle.limit = 1
    token = await client.token("Presence.Read")
    await client.get("/v1.0/me/presence", token)
    client.simulator.advance(20)
    await client.get("/v1.0/me/presence", token)
    client.simulator.advance(15)
    assert (await client.get("/v1.0/me/presence", token)).status == 429


async def test_apps_are_throttled_apart(client: Client) -> None:
    client.simulator.graph.throttle.limit = 1
    token = await client.token("Presence.Read")
    for _ in range(2):
        await client.get("/v1.0/me/presence", token)
    answer = await client.get(f"/v1.0/users/{ROBIN}/presence", await client.app_token())
    assert answer.status == 200


# National clouds


@pytest.mark.parametrize("cloud", ["us_gov_l4", "us_gov_l5"])
async def test_a_government_presence_has_three_members(client: Client, cloud: CloudName) -> None:
    answer = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    members = {name for name in answer.json if not name.startswith("@")}
    assert members == {"id", "availability", "activity", "statusMessage"}


@pytest.mark.parametrize("cloud", ["us_gov_l4"])
async def test_a_government_cloud_has_no_locations(client: Client, cloud: CloudName) -> None:
    token = await client.token("Presence.ReadWrite")
    answer = await client.post(
        "/v1.0/me/presence/setManualLocation", token, {"workLocationType": "office"}
    )
    assert answer.status == 400
