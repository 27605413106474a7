"""Graph: permissions, presences, people, batches and throttling."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from simulator.clouds import CloudName
from simulator.graph.messages import JSON_TYPE
from simulator.tenant import PUBLIC_CLIENT_ID

from .conftest import Client

ROBIN = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
ALEX = "66825e03-7ef5-42da-9069-724602c31f6b"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
AWAY = {"availability": "Away", "activity": "Away"}
EVENTUAL = {"ConsistencyLevel": "eventual"}


def members(response: dict[str, object]) -> list[dict[str, object]]:
    value = response["value"]
    assert isinstance(value, list)
    return value


# Permissions

READ_ROBIN = ("GET", f"/v1.0/users/{ROBIN}/presence", None)
READ_ALEX = ("GET", f"/v1.0/users/{ALEX}/presence", None)
READ_ALEX_BY_COMMUNICATIONS = ("GET", f"/v1.0/communications/presences/{ALEX}", None)
READ_MANY = ("POST", "/v1.0/communications/getPresencesByUserId", {"ids": [ROBIN]})
WRITE_ROBIN = ("POST", f"/v1.0/users/{ROBIN}/presence/setUserPreferredPresence", AWAY)
WRITE_ALEX = ("POST", f"/v1.0/users/{ALEX}/presence/setUserPreferredPresence", AWAY)
WRITE_ROBIN_BY_COMMUNICATIONS = (
    "POST",
    f"/v1.0/communications/presences/{ROBIN}/setUserPreferredPresence",
    AWAY,
)
LOCATE_ROBIN = (
    "POST",
    f"/v1.0/users/{ROBIN}/presence/setManualLocation",
    {"workLocationType": "office"},
)
type Operation = tuple[str, str, object]


@pytest.mark.parametrize(
    ("permission", "operation", "status"),
    [
        ("Presence.Read", ("GET", "/v1.0/me/presence", None), 200),
        ("Presence.Read", READ_ROBIN, 200),
        ("Presence.Read", READ_ALEX, 403),
        ("Presence.Read", READ_ALEX_BY_COMMUNICATIONS, 403),
        ("Presence.Read", READ_MANY, 403),
        ("Presence.Read", WRITE_ROBIN, 403),
        ("Presence.Read.All", READ_ROBIN, 200),
        ("Presence.Read.All", READ_ALEX, 200),
        ("Presence.Read.All", READ_ALEX_BY_COMMUNICATIONS, 200),
        ("Presence.Read.All", READ_MANY, 200),
        ("Presence.Read.All", WRITE_ROBIN, 403),
        ("Presence.ReadWrite", READ_ROBIN, 403),
        ("Presence.ReadWrite", READ_MANY, 403),
        ("Presence.ReadWrite", WRITE_ROBIN, 200),
        ("Presence.ReadWrite", WRITE_ROBIN_BY_COMMUNICATIONS, 200),
        ("Presence.ReadWrite", WRITE_ALEX, 401),
        ("Presence.Read", WRITE_ALEX, 403),
        ("Presence.ReadWrite", LOCATE_ROBIN, 200),
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
    client: Client, permission: str, operation: Operation, status: int
) -> None:
    method, path, body = operation
    response = await client.request(method, path, await client.token(permission), body=body)
    assert response.status == status, response.text


@pytest.mark.parametrize(
    ("permission", "operation", "status"),
    [
        ("Presence.Read.All", READ_ALEX, 200),
        ("Presence.Read.All", READ_MANY, 200),
        ("Presence.Read.All", WRITE_ALEX, 403),
        ("Presence.Read.All", ("GET", "/v1.0/me/presence", None), 400),
        ("Presence.ReadWrite.All", READ_ALEX, 200),
        ("Presence.ReadWrite.All", READ_MANY, 403),
        ("Presence.ReadWrite.All", WRITE_ALEX, 200),
        ("Presence.ReadWrite.All", LOCATE_ROBIN, 403),
        ("User.ReadBasic.All", ("GET", f"/v1.0/users/{ALEX}", None), 200),
        ("User.ReadBasic.All", READ_ALEX, 403),
    ],
)
async def test_application_permissions(
    client: Client, permission: str, operation: Operation, status: int
) -> None:
    method, path, body = operation
    response = await client.request(method, path, await client.app_token(permission), body=body)
    assert response.status == status, response.text


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/me/presence", "Forbidden", ""),
        ("/me", "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    ],
)  # fmt: skip
async def test_the_message_about_a_missing_permission(
    client: Client, path: str, code: str, message: str
) -> None:
    response = await client.get(f"/v1.0{path}", await client.token("Presence.ReadWrite"))
    error = response.json["error"]
    assert isinstance(error, dict)
    assert (response.status, error["code"], error["message"]) == (403, code, message)


# Tokens


async def test_no_token(client: Client) -> None:
    response = await client.get("/v1.0/me/presence")
    assert (response.status, response.code) == (401, "InvalidAuthenticationToken")
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_an_invalid_token(client: Client) -> None:
    assert (await client.get("/v1.0/me/presence", "made.up.token")).status == 401


async def test_an_id_token_is_rejected(client: Client) -> None:
    tokens = await client.sign_in("Presence.Read")
    assert (await client.get("/v1.0/me/presence", tokens["id_token"])).status == 401


async def test_an_expired_access_token_is_rejected_until_refreshed(client: Client) -> None:
    before = await client.token("Presence.Read")
    client.simulator.expire_access_tokens()
    after = await client.token("Presence.Read")
    responses = [await client.get("/v1.0/me/presence", token) for token in (before, after)]
    assert [response.status for response in responses] == [401, 200]


async def test_advancing_the_clock_does_not_expire_access_tokens(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.advance(86400)
    assert (await client.get("/v1.0/me/presence", token)).status == 200


# Presence


async def test_the_author_reads_the_dates_of_a_message(client: Client) -> None:
    robin = client.simulator.tenant.people["robin"]
    robin.set_status_message("Lunch", timedelta(hours=1))
    response = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    message = response.json["statusMessage"]
    assert isinstance(message, dict)
    assert message.keys() == {"message", "expiryDateTime", "publishedDateTime"}


async def test_a_message_without_expiry_expires_in_the_year_9999(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_status_message("Lunch")
    response = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    message = response.json["statusMessage"]
    assert isinstance(message, dict)
    expected = {"dateTime": "9999-12-30T23:00:00.0000000", "timeZone": "UTC"}
    assert message["expiryDateTime"] == expected


async def test_an_app_reads_everyone_as_another_user(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_status_message("Lunch")
    response = await client.get(f"/v1.0/users/{ROBIN}/presence", await client.app_token())
    assert response.json["statusMessage"] == {
        "message": {"content": "Lunch", "contentType": "text"}
    }


async def test_many_presences_have_no_dates_of_messages(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_status_message("Lunch")
    token = await client.token("Presence.Read.All")
    response = await client.post(
        "/v1.0/communications/getPresencesByUserId", token, {"ids": [ROBIN]}
    )
    expected = {"message": {"content": "Lunch", "contentType": "text"}}
    assert members(response.json)[0]["statusMessage"] == expected


async def test_many_presences_omit_unknown_ids(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    body = {"ids": [ALEX, UNKNOWN, ROBIN, ALEX]}
    response = await client.post("/v1.0/communications/getPresencesByUserId", token, body)
    assert [item["id"] for item in members(response.json)] == [ALEX, ROBIN]


@pytest.mark.parametrize(("number", "status"), [(0, 400), (650, 200), (651, 400)])
async def test_many_presences_are_at_most_650(client: Client, number: int, status: int) -> None:
    token = await client.token("Presence.Read.All")
    body = {"ids": [f"00000000-0000-0000-0000-{index:012}" for index in range(number)]}
    response = await client.post("/v1.0/communications/getPresencesByUserId", token, body)
    assert response.status == status


async def test_an_unknown_person(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    response = await client.get(f"/v1.0/users/{UNKNOWN}/presence", token)
    assert (response.status, response.code) == (404, "NotFound")


async def test_an_address_does_not_identify_a_presence(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    response = await client.get("/v1.0/users/alex@contoso.example/presence", token)
    assert response.status == 400


async def test_the_vocabulary_follows_the_tenant(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.tenant.people["robin"].join_call()
    client.simulator.tenant.vocabulary = "modern"
    response = (await client.get("/v1.0/me/presence", token)).json
    assert (response["availability"], response["activity"]) == ("inACall", "busy")


async def test_out_of_office_with_its_message(client: Client) -> None:
    client.simulator.tenant.people["robin"].set_out_of_office(message="Back on Monday")
    response = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    expected = {"isOutOfOffice": True, "message": "Back on Monday"}
    assert response.json["outOfOfficeSettings"] == expected


async def test_a_person_without_a_work_location(client: Client) -> None:
    response = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    expected = {"workLocationType": "unspecified", "placeId": None, "source": "none"}
    assert response.json["workLocation"] == expected


async def test_an_unspecified_work_location_outranks_the_planned_one(client: Client) -> None:
    token = await client.token("Presence.Read", "Presence.ReadWrite")
    client.simulator.tenant.people["robin"].set_work_location("office", "scheduled")
    body = {"workLocationType": "unspecified", "placeId": "Building 5"}
    await client.post("/v1.0/me/presence/setManualLocation", token, body)
    response = await client.get("/v1.0/me/presence", token)
    assert response.json["workLocation"] == body | {"source": "manual"}
    page = await client.get(client.simulator.url)
    assert "Not specified (set by hand)" in page.text


async def test_work_location(client: Client) -> None:
    token = await client.token("Presence.Read", "Presence.ReadWrite")
    place = "11111111-2222-3333-4444-555555555555"
    body = {"workLocationType": "office", "placeId": place}
    await client.post("/v1.0/me/presence/setManualLocation", token, body)
    response = await client.get("/v1.0/me/presence", token)
    expected = {"workLocationType": "office", "placeId": place, "source": "manual"}
    assert response.json["workLocation"] == expected


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


async def test_a_presence_session_of_the_app(client: Client) -> None:
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
    response = await client.post("/v1.0/me/presence/clearUserPreferredPresence", token, body)
    assert (response.status, robin.preference) == (200, None)


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
    response = await client.post("/v1.0/me/presence/setStatusMessage", token, body)
    assert (response.status, robin.status_message) == (200, None)


# Responses


async def test_headers_of_a_response(client: Client) -> None:
    token = await client.token("Presence.Read")
    response = await client.get("/v1.0/me/presence", token, **{"client-request-id": "mine"})
    assert response.headers["Content-Type"] == JSON_TYPE
    assert response.headers["client-request-id"] == "mine"
    assert response.headers["OData-Version"] == "4.0"
    assert {"request-id", "Date", "Cache-Control"} <= response.headers.keys()


async def test_the_error_body_names_the_request(client: Client) -> None:
    response = await client.get("/v1.0/me/presence")
    error = response.json["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"code", "message", "innerError"}
    assert error["innerError"]["request-id"] == response.headers["request-id"]
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1.0/nothing", 400),
        ("GET", "/v1.0/me/presence/nothing", 400),
        ("GET", "/v1.0/me/presence/setPresence", 405),
        ("PUT", "/v1.0/me/presence", 405),
        ("GET", "/v1.0/communications/getPresencesByUserId", 405),
        ("GET", "/v2.0/me/presence", 400),
        ("GET", "/V1.0/Me/Presence", 200),
        ("GET", f"/v1.0/USERS/{ROBIN}/presence", 200),
        ("GET", f"/v1.0/users('{ROBIN}')/presence", 200),
        ("GET", f"/v1.0/users(%27{ROBIN}%27)/presence", 200),
        ("GET", f"/v1.0/users({ROBIN})/presence", 400),
        ("GET", "/v1.0/me/presence?$format=json", 200),
        ("GET", "/v1.0/me/presence?$format=xml", 400),
    ],
)
async def test_paths_and_methods(client: Client, method: str, path: str, status: int) -> None:
    response = await client.request(method, path, await client.token("Presence.Read"))
    assert response.status == status


# People


async def search(client: Client, query: str, headers: dict[str, str] | None = None) -> object:
    token = await client.token("User.ReadBasic.All")
    response = await client.request("GET", f"/v1.0/users?{query}", token, headers=headers)
    if response.status != 200:
        return response.code
    return [person["displayName"] for person in members(response.json)]


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
        ("$filter=mail eq 'KIM@contoso.example'", ["Kim Example"]),
        ("$filter=userType eq 'Guest' or displayName eq 'Kim Example'", ["Guest Example", "Kim Example"]),
        ("$filter=accountEnabled eq true and startswith(displayName,'ro')", ["Robin Example"]),
        ("$filter=department eq null and surname eq 'O''Example'", []),
        (f"$filter=id in ('{ALEX}', '{ROBIN}')", ["Alex Example", "Robin Example"]),
        ("$filter=endswith(mail,'@fabrikam.example')&$count=true", ["Guest Example"]),
        ("$filter=endswith(mail,'@fabrikam.example')", "Request_UnsupportedQuery"),
        ("$filter=displayName ge 'a'", "Request_BadRequest"),
        ("$filter=displayName eq a", "Request_BadRequest"),
        ("$filter=displayName eq 'a' or ", "Request_BadRequest"),
        ("$filter=shoeSize eq 'a'", "Request_BadRequest"),
        ("$search=\"jobTitle:a\"", "Request_BadRequest"),
        ("$orderby=userPrincipalName desc&$top=1", ["Robin Example"]),
        ("$orderby=mail", "Request_UnsupportedQuery"),
        ("$top=2", ["Alex Example", "Guest Example"]),
        *((f"$top={size}", "Request_BadRequest") for size in ("1000", "0", "1_0", "+2", "\u0661", "")),
        ("$skiptoken=-1", "Request_BadRequest"),
        ("$expand=manager", "Request_BadRequest"),
    ],
)  # fmt: skip
async def test_search_and_filter(client: Client, query: str, expected: object) -> None:
    assert (
        await search(client, quote(query, safe="$='").replace("%26$", "&$"), EVENTUAL) == expected
    )


SORTED = "$filter=startswith(displayName,'al')&$orderby=displayName"


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        (SORTED, EVENTUAL, "Request_UnsupportedQuery"),
        (f"{SORTED}&$count=true", None, "Request_UnsupportedQuery"),
        (f"{SORTED}&$count=true", EVENTUAL, ["Alex Example"]),
        ("$orderby=displayName&$top=1", None, ["Alex Example"]),
    ],
)
async def test_sorting_a_filtered_list(
    client: Client, query: str, headers: dict[str, str] | None, expected: object
) -> None:
    assert await search(client, query, headers) == expected


async def test_search_needs_eventual_consistency(client: Client) -> None:
    assert await search(client, "$search=%22displayName:ro%22") == "Request_UnsupportedQuery"


async def test_people_are_paged(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    url = "/v1.0/users?$top=3&$select=displayName"
    pages: list[int] = []
    while url:
        response = (await client.get(url, token)).json
        pages.append(len(members(response)))
        url = str(response.get("@odata.nextLink", ""))
    assert pages == [3, 1]


async def test_people_are_counted_on_demand(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    response = await client.get(
        "/v1.0/users?$count=true&$top=1", token, ConsistencyLevel="eventual"
    )
    assert response.json["@odata.count"] == 4
    following = str(response.json["@odata.nextLink"])
    more = await client.get(following, token, ConsistencyLevel="eventual")
    assert (more.status, "@odata.count" in more.json) == (200, False)


async def test_the_number_of_people(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    path = "/v1.0/users/$count"
    response = await client.get(path, token, ConsistencyLevel="eventual")
    assert (response.text, response.headers["Content-Type"]) == ("4", "text/plain")
    filtered = await client.get(
        f"{path}?$filter=startswith(mail,'kim')", token, ConsistencyLevel="eventual"
    )
    assert filtered.text == "1"
    assert (await client.get(path, token)).code == "Request_UnsupportedQuery"


async def test_a_guest_cannot_list_people(client: Client) -> None:
    token = await client.token("User.ReadBasic.All", account="guest")
    response = await client.get("/v1.0/users", token)
    assert (response.status, response.code) == (403, "Authorization_RequestDenied")
    assert (await client.get(f"/v1.0/users/{ROBIN}", token)).status == 200


async def test_a_disabled_account_and_a_guest_are_marked(client: Client) -> None:
    client.simulator.tenant.people["alex"].enabled = False
    token = await client.token("User.ReadBasic.All")
    response = await client.get("/v1.0/users?$select=accountEnabled,userType&$top=2", token)
    assert members(response.json) == [
        {"accountEnabled": False, "userType": "Member"},
        {"accountEnabled": True, "userType": "Guest"},
    ]


async def test_only_the_selected_properties(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    response = (await client.get("/v1.0/users?$select=id,mail", token)).json
    assert members(response)[0].keys() == {"id", "mail"}


async def test_a_person_by_address(client: Client) -> None:
    token = await client.token("User.ReadBasic.All")
    response = await client.get("/v1.0/users/ALEX@contoso.example", token)
    assert response.json["id"] == ALEX


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("guest_fabrikam.example%23EXT%23@contoso.example", 200),
        ("guest_fabrikam.example", 404),
        ("guest@fabrikam.example", 404),
    ],
)
async def test_a_guest_by_user_principal_name(client: Client, name: str, status: int) -> None:
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
    response = await client.post("/v1.0/$batch", token, {"requests": requests})
    responses = response.json["responses"]
    assert isinstance(responses, list)
    statuses = {response["id"]: response["status"] for response in responses}
    assert statuses == {"read": 200, "other": 403, "write": 200, "after": 424}


WRITE_AWAY: dict[str, object] = {
    "id": "a",
    "method": "POST",
    "url": "/me/presence/setUserPreferredPresence",
    "headers": {"content-type": "application/json"},
    "body": AWAY,
}


@pytest.mark.parametrize(
    "requests",
    [
        [WRITE_AWAY | {"id": "A"}, WRITE_AWAY],
        [WRITE_AWAY | {"headers": {"Accept": "application/json"}}],
        [{"id": "1", "method": "post", "url": "/me/presence/clearLocation"}],
        [WRITE_AWAY | {"dependsOn": [1]}],
        [WRITE_AWAY | {"dependsOn": ["a"]}],
        [WRITE_AWAY | {"dependsOn": ["b"]}],
        [WRITE_AWAY | {"dependsOn": ["b"]}, WRITE_AWAY | {"id": "b", "dependsOn": ["A"]}],
        [WRITE_AWAY | {"headers": None}],
    ],
)
async def test_a_malformed_batch_is_rejected_as_a_whole(client: Client, requests: object) -> None:
    token = await client.token("Presence.ReadWrite")
    response = await client.post("/v1.0/$batch", token, {"requests": requests})
    assert (response.status, response.code) == (400, "BadRequest")
    assert client.simulator.tenant.people["robin"].preference is None


async def test_a_batch_follows_its_dependencies(client: Client) -> None:
    token = await client.token("Presence.Read", "Presence.ReadWrite")
    read = {"method": "GET", "url": "/me/presence"}
    write = WRITE_AWAY | {"dependsOn": ["before"]}
    requests = [read | {"id": "after", "dependsOn": ["A"]}, write, read | {"id": "before"}]
    response = await client.post("/v1.0/$batch", token, {"requests": requests})
    responses = response.json["responses"]
    assert isinstance(responses, list)
    shown = {item["id"]: item.get("body", {}).get("availability") for item in responses}
    assert shown == {"after": "Away", "before": "Available", "a": None}


async def test_a_batch_with_absolute_urls(client: Client) -> None:
    token = await client.token("Presence.Read")
    url = f"{client.simulator.tls_url}/v1.0/me/presence"
    requests = [{"id": "A", "method": "GET", "url": url}]
    requests.append({"id": "b", "method": "GET", "url": "me/presence", "dependsOn": ["a"]})  # type: ignore[dict-item]
    response = await client.post("/v1.0/$batch", token, {"requests": requests})
    responses = response.json["responses"]
    assert isinstance(responses, list)
    assert [response["status"] for response in responses] == [200, 200]
    assert responses[0]["headers"]["Content-Type"] == JSON_TYPE


async def test_a_batch_is_limited_to_20_requests(client: Client) -> None:
    token = await client.token("Presence.Read")
    requests = [{"id": str(n), "method": "GET", "url": "/me/presence"} for n in range(21)]
    assert (await client.post("/v1.0/$batch", token, {"requests": requests})).status == 400


# Throttling


async def test_too_many_requests(client: Client) -> None:
    client.simulator.graph.throttle.limit = 2
    token = await client.token("Presence.Read")
    responses = [await client.get("/v1.0/me/presence", token) for _ in range(3)]
    assert [response.status for response in responses] == [200, 200, 429]
    assert (responses[2].code, int(responses[2].headers["Retry-After"])) == ("TooManyRequests", 30)


async def test_retry_after_is_sufficient(client: Client) -> None:
    client.simulator.graph.throttle.limit = 1
    token = await client.token("Presence.Read")
    for _ in range(2):
        response = await client.get("/v1.0/me/presence", token)
    client.simulator.advance(int(response.headers["Retry-After"]))
    assert (await client.get("/v1.0/me/presence", token)).status == 200


async def test_rejected_requests_count_too(client: Client) -> None:
    client.simulator.graph.throttle.limit = 1
    token = await client.token("Presence.Read")
    await client.get("/v1.0/me/presence", token)
    client.simulator.advance(20)
    await client.get("/v1.0/me/presence", token)
    client.simulator.advance(15)
    assert (await client.get("/v1.0/me/presence", token)).status == 429


async def test_apps_are_throttled_separately(client: Client) -> None:
    client.simulator.graph.throttle.limit = 1
    token = await client.token("Presence.Read")
    for _ in range(2):
        await client.get("/v1.0/me/presence", token)
    response = await client.get(f"/v1.0/users/{ROBIN}/presence", await client.app_token())
    assert response.status == 200


# National clouds


@pytest.mark.parametrize("cloud", ["us_gov_l4", "us_gov_l5"])
async def test_a_government_presence_has_fewer_properties(client: Client, cloud: CloudName) -> None:
    response = await client.get("/v1.0/me/presence", await client.token("Presence.Read"))
    members = {name for name in response.json if not name.startswith("@")}
    assert members == {"id", "availability", "activity", "statusMessage"}


@pytest.mark.parametrize("cloud", ["us_gov_l4"])
async def test_a_government_cloud_has_no_locations(client: Client, cloud: CloudName) -> None:
    token = await client.token("Presence.ReadWrite")
    response = await client.post(
        "/v1.0/me/presence/setManualLocation", token, {"workLocationType": "office"}
    )
    assert response.status == 400
