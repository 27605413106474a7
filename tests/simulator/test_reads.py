"""Reads with delays, changed messages and selected properties."""

from datetime import timedelta

import pytest

from simulator.page import READ_SWITCHES
from simulator.tenant import PUBLIC_CLIENT_ID

from .conftest import Client

ROBIN = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
WRITE = f"/v1.0/users/{ROBIN}/presence"
PIN = "<pinnednote></pinnednote>"


async def read(client: Client, token: str, *, own: bool) -> dict[str, object]:
    """Return Robin's presence from either endpoint."""
    if own:
        return (await client.get("/v1.0/me/presence", token)).json
    body = {"ids": [ROBIN]}
    reply = await client.post("/v1.0/communications/getPresencesByUserId", token, body)
    presences = reply.json["value"]
    assert isinstance(presences, list)
    found: dict[str, object] = presences[0]
    return found


def content(presence: dict[str, object]) -> str | None:
    """Return the text of the status message."""
    match presence["statusMessage"]:
        case {"message": {"content": str(text)}}:
            return text
    return None


@pytest.fixture
async def token(client: Client) -> str:
    return await client.token("Presence.Read.All Presence.ReadWrite")


@pytest.mark.parametrize("own", [True, False])
async def test_a_read_shows_a_write_after_the_lag(client: Client, token: str, *, own: bool) -> None:
    simulator = client.simulator
    simulator.graph.reads.lag = 20
    session = {
        "sessionId": PUBLIC_CLIENT_ID,
        "availability": "Busy",
        "activity": "InACall",
        "expirationDuration": "PT1H",
    }
    assert (await client.post(f"{WRITE}/setPresence", token, session)).status == 200
    simulator.advance(19)
    assert (await read(client, token, own=own))["activity"] == "Available"
    simulator.advance(2)
    assert (await read(client, token, own=own))["activity"] == "InACall"


async def test_each_write_appears_after_its_own_lag(client: Client, token: str) -> None:
    simulator = client.simulator
    simulator.graph.reads.lag = 20
    seen = []
    for text in ("one", "two", "three"):
        message = {"statusMessage": {"message": {"content": text}}}
        assert (await client.post(f"{WRITE}/setStatusMessage", token, message)).status == 200
        simulator.advance(9)
    for _ in range(4):
        seen.append(content(await read(client, token, own=True)))
        simulator.advance(7)
    assert seen == ["one", "two", "three", "three"]


async def test_without_lag_a_read_shows_a_write_immediately(client: Client, token: str) -> None:
    simulator = client.simulator
    simulator.graph.reads.lag = 20
    message = {"statusMessage": {"message": {"content": "Lunch"}}}
    await client.post(f"{WRITE}/setStatusMessage", token, message)
    assert content(await read(client, token, own=True)) is None
    simulator.graph.reads.lag = 0
    assert content(await read(client, token, own=True)) == "Lunch"


async def test_a_gesture_has_no_lag(client: Client, token: str) -> None:
    client.simulator.graph.reads.lag = 20
    client.simulator.tenant.people["robin"].join_call()
    assert (await read(client, token, own=True))["activity"] == "InACall"


@pytest.mark.parametrize("own", [True, False])
async def test_an_expired_message_can_linger(client: Client, token: str, *, own: bool) -> None:
    simulator = client.simulator
    simulator.graph.reads.message_lingers = 30
    robin = simulator.tenant.people["robin"]
    robin.set_status_message("Lunch", simulator.clock.now() + timedelta(seconds=60))
    simulator.advance(85)
    assert content(await read(client, token, own=own)) == "Lunch"
    simulator.advance(10)
    assert content(await read(client, token, own=own)) is None


@pytest.mark.parametrize("own", [True, False])
async def test_messages_can_be_returned_escaped(client: Client, token: str, *, own: bool) -> None:
    client.simulator.graph.reads.sanitizes = True
    message = {"statusMessage": {"message": {"content": f"R&D <3{PIN}"}}}
    assert (await client.post(f"{WRITE}/setStatusMessage", token, message)).status == 200
    assert content(await read(client, token, own=own)) == f"R&amp;D &lt;3{PIN}"


async def test_the_control_api_changes_reads(client: Client) -> None:
    reads = client.simulator.graph.reads
    url = f"{client.simulator.url}/simulator/reads"
    change = {"lag": 2.5, "message_lingers": 9, "sanitizes": True}
    assert (await client.post(url, body=change)).json == change
    state = (await client.get(f"{client.simulator.url}/simulator/state")).json
    assert state["reads"] == change
    for odd in (
        {"lag": True},
        {"lag": "soon"},
        {"sanitizes": 1},
        {"unknown": 1},
        {"lag": 7, "sanitizes": None},
    ):
        assert (await client.post(url, body=odd)).status == 400
    assert (reads.lag, reads.message_lingers, reads.sanitizes) == (2.5, 9, True)
    await client.request("DELETE", f"{client.simulator.url}/simulator/faults")
    assert (reads.lag, reads.message_lingers, reads.sanitizes) == (0, 0, False)


@pytest.mark.parametrize("path", ["/v1.0/me", f"/v1.0/users/{ROBIN}", "/v1.0/users"])
async def test_only_selected_properties_are_returned(client: Client, path: str) -> None:
    token = await client.token("User.Read User.ReadBasic.All")
    selected = (await client.get(f"{path}?$select=id,mail", token)).json
    user = selected.get("value", [selected])
    assert isinstance(user, list)
    assert {name for name in user[0] if not name.startswith("@")} == {"id", "mail"}
    assert "#users(id,mail)" in str(selected["@odata.context"])
    beta = (await client.get(f"{path.replace('v1.0', 'beta')}?select=id,mail", token)).json
    assert beta.get("value", [beta])[0].keys() == user[0].keys()  # type: ignore[index]
    more = await client.get(f"{path}?$Select=ID,%20accountEnabled", token)
    assert more.status == 200
    assert '"id": ' in more.text
    assert '"accountEnabled": true' in more.text
    default = await client.get(path, token)
    assert '"jobTitle": null' in default.text
    assert "accountEnabled" not in default.text
    unknown = await client.get(f"{path}?$select=id,shoeSize", token)
    assert (unknown.status, unknown.code) == (400, "BadRequest")


@pytest.mark.parametrize(
    "path", ["/v1.0/me", f"/v1.0/users/{ROBIN}", "/v1.0/users", "/v1.0/me/presence"]
)
async def test_unknown_query_options_are_rejected_and_others_ignored(
    client: Client, path: str
) -> None:
    token = await client.token("User.Read User.ReadBasic.All Presence.Read")
    for option in ("$unknown", "$sel", "select", ""):
        reply = await client.get(f"{path}?{option}=1", token)
        assert (reply.status, reply.code) == (400, "Request_BadRequest")
    twice = await client.get(f"{path}?$select=id&$SELECT=id", token)
    assert (twice.status, twice.code) == (400, "Request_BadRequest")
    assert (await client.get(f"{path}?unknown=1", token)).status == 200


async def test_the_page_changes_reads(client: Client) -> None:
    reads = client.simulator.graph.reads
    for expected in ((20, 300, True), (0, 0, False)):
        for name in READ_SWITCHES:
            await client.request("POST", f"{client.simulator.url}/panel", data={"trouble": name})
        assert (reads.lag, reads.message_lingers, reads.sanitizes) == expected


async def test_the_page_shows_changes_of_reads(client: Client) -> None:
    pressed = 'name="trouble" value="sanitize" aria-pressed="{}"'
    page = await client.get(client.simulator.url)
    assert pressed.format("false") in page.text
    client.simulator.graph.reads.sanitizes = True
    page = await client.get(client.simulator.url)
    assert pressed.format("true") in page.text


async def test_a_fault_can_return_no_presence(client: Client, token: str) -> None:
    client.simulator.faults.add("graph", body="no_presence")
    reply = await client.get("/v1.0/me/presence", token)
    assert (reply.status, reply.json) == (200, {"id": ROBIN})
