"""The example requests of Microsoft's pages get the documented responses.

presence: get (v1.0), presence: setStatusMessage (v1.0 and beta), presence: setUserPreferredPresence (beta).
"""

from datetime import UTC, datetime, timedelta

import pytest

from .conftest import Client

type Examples = dict[str, dict[str, object]]

ROBIN = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
ALEX = "66825e03-7ef5-42da-9069-724602c31f6b"
KIM = "dc74d9bb-6afe-433d-8eaa-e39d80d3a647"


@pytest.mark.parametrize("version", ["v1.0", "beta"])
async def test_set_status_message_with_a_past_expiry(
    client: Client, examples: Examples, version: str
) -> None:
    token = await client.token("Presence.ReadWrite")
    path = f"/{version}/users/{ROBIN}/presence/setStatusMessage"
    reply = await client.post(path, token, examples["setStatusMessage with expiry"])
    assert (reply.status, reply.text) == (200, "")
    assert client.simulator.tenant.people["robin"].status_message is None


async def test_the_expiry_keeps_seven_decimals_in_utc(client: Client, examples: Examples) -> None:
    clock = client.simulator.clock
    clock.advance((datetime(2022, 10, 17, tzinfo=UTC) - clock.now()) / timedelta(seconds=1))
    token = await client.token("Presence.Read", "Presence.ReadWrite")
    path = f"/v1.0/users/{ROBIN}/presence"
    await client.post(f"{path}/setStatusMessage", token, examples["setStatusMessage with expiry"])
    message = (await client.get(path, token)).json["statusMessage"]
    assert isinstance(message, dict)
    assert message["expiryDateTime"] == {
        "dateTime": "2022-10-19T00:05:33.2079781",
        "timeZone": "UTC",
    }
    assert message["publishedDateTime"].startswith("2022-10-17T00:00:0")


@pytest.mark.parametrize("version", ["v1.0", "beta"])
async def test_others_read_the_message_without_its_dates(
    client: Client, examples: Examples, version: str
) -> None:
    own_token = await client.token("Presence.ReadWrite")
    path = f"/{version}/users/{ROBIN}/presence"
    reply = await client.post(f"{path}/setStatusMessage", own_token, examples["setStatusMessage"])
    assert reply.status == 200
    other_token = await client.token("Presence.Read.All", account="kim")
    response = (await client.get(path, other_token)).json
    expected = examples["response about another user"]
    assert {name: response[name] for name in expected} == expected


@pytest.mark.parametrize("version", ["v1.0", "beta"])
async def test_set_user_preferred_presence_for_eight_hours(
    client: Client, examples: Examples, version: str
) -> None:
    token = await client.token("Presence.ReadWrite")
    path = f"/{version}/users/{ROBIN}/presence/setUserPreferredPresence"
    reply = await client.post(path, token, examples["setUserPreferredPresence"])
    assert (reply.status, reply.text) == (200, "")
    robin = client.simulator.tenant.people["robin"]
    client.simulator.advance(8 * 3600 - 60)
    before = robin.availability
    client.simulator.advance(120)
    assert (before, robin.availability) == ("DoNotDisturb", "Available")


async def test_own_presence(client: Client, examples: Examples) -> None:
    response = (await client.get("/v1.0/me/presence", await client.token("Presence.Read"))).json
    expected = examples["own presence"]
    assert {name: response[name] for name in expected} == expected


async def test_presence_of_another_user(client: Client, examples: Examples) -> None:
    client.simulator.tenant.people["alex"].present()
    token = await client.token("Presence.Read.All")
    response = (await client.get(f"/v1.0/users/{ALEX}/presence", token)).json
    expected = examples["presence of another user"]
    assert {name: response[name] for name in expected} == expected


async def test_communications_returns_an_object_like_the_metadata(client: Client) -> None:
    token = await client.token("Presence.Read.All")
    response = await client.get(f"/v1.0/communications/presences/{KIM}", token)
    assert response.json["id"] == KIM
    context = str(response.json["@odata.context"])
    assert context.endswith("/v1.0/$metadata#communications/presences/$entity")


async def test_communications_can_return_a_collection_like_the_page(client: Client) -> None:
    client.simulator.graph.presences_as_collection = True
    token = await client.token("Presence.Read.All")
    response = await client.get(f"/v1.0/communications/presences/{KIM}", token)
    value = response.json["value"]
    assert isinstance(value, list)
    assert [item["id"] for item in value] == [KIM]
