"""The simulator: start, stop, clouds, control API, process."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
import signal
import ssl
import sys

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import Certificate, Simulator
from simulator.entra.token_endpoint import DEVICE_GRANT
from simulator.tenant import PUBLIC_CLIENT_ID

from .conftest import Client

ROOT = Path(__file__).parents[2]


# Start and stop


async def test_stop_closes_everything(socket_enabled: None, certificate: Certificate) -> None:
    before = asyncio.all_tasks()
    async with Simulator(certificate) as simulator:
        url = simulator.url
        async with aiohttp.ClientSession() as session, session.get(f"{url}/events") as events:
            assert await events.content.readline()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as session:
            await session.get(url)


async def test_a_restart_keeps_the_ports(socket_enabled: None, certificate: Certificate) -> None:
    simulator = Simulator(certificate)
    addresses = []
    for _ in range(2):
        async with simulator:
            addresses.append((simulator.url, simulator.tls_url))
    assert addresses[0] == addresses[1]


async def test_a_hanging_request_does_not_delay_the_stop(
    certificate: Certificate, socket_enabled: None, trust: ssl.SSLContext
) -> None:
    async with Simulator(certificate) as simulator, aiohttp.ClientSession() as session:
        simulator.faults.add("graph", loss="hang")
        request = asyncio.ensure_future(session.get(f"{simulator.tls_url}/v1.0/me", ssl=trust))
        while not simulator.requests:  # noqa: ASYNC110  # the log rings no bell
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            await simulator.stop()
        with pytest.raises(aiohttp.ClientError):
            await request


async def test_a_custom_clock(socket_enabled: None, certificate: Certificate) -> None:
    moment = datetime(2026, 11, 2, 9, tzinfo=UTC)
    async with Simulator(certificate, now=lambda: moment) as simulator:
        simulator.advance(60)
        assert simulator.clock.now() == datetime(2026, 11, 2, 9, 1, tzinfo=UTC)


async def test_a_frozen_clock_is_followed(client: Client, freezer: FrozenDateTimeFactory) -> None:
    robin = client.simulator.tenant.people["robin"]
    robin.set_status_message("Lunch", timedelta(hours=1))
    freezer.tick(timedelta(hours=1, seconds=1))
    assert robin.status_message is None


async def test_access_tokens_use_the_clients_time(
    client: Client, freezer: FrozenDateTimeFactory
) -> None:
    token = await client.token("Presence.Read")
    statuses = []
    for seconds in (0, 4199, 1):
        freezer.tick(seconds)
        statuses.append((await client.get("/v1.0/me/presence", token)).status)
    assert statuses == [200, 200, 401]


async def test_the_log_of_requests(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.requests.clear()
    await client.get("/v1.0/me/presence?x=1", token)
    [entry] = client.simulator.requests
    assert (entry.method, entry.path, entry.query, entry.json, entry.status) == (
        "GET",
        "/v1.0/me/presence",
        {"x": "1"},
        None,
        200,
    )


async def test_a_token_of_another_cloud_is_rejected(
    client: Client, certificate: Certificate
) -> None:
    token = await client.token("Presence.Read")
    async with Simulator(certificate, cloud="us_gov_l4") as other:
        response = await client.get(f"{other.tls_url}/v1.0/me/presence", token)
    assert response.status == 401


# Control API


async def control(
    client: Client, method: str, path: str, body: object = None
) -> tuple[int, object]:
    url = f"{client.simulator.url}/simulator/{path}"
    async with client.session.request(method, url, json=body) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("gesture", "arguments", "expected"),
    [
        ("join_call", None, "InACall"),
        ("join_call", {"conference": True}, "InAConferenceCall"),
        ("prefer", {"availability": "Busy", "duration": 60}, "Busy"),
        ("set_out_of_office", {"on": True}, "OutOfOffice"),
        ("close_teams", None, "Offline"),
    ],
)
async def test_gestures(client: Client, gesture: str, arguments: object, expected: str) -> None:
    status, _ = await control(client, "POST", f"people/robin/{gesture}", arguments)
    assert (status, client.simulator.tenant.people["robin"].activity) == (200, expected)


@pytest.mark.parametrize("expires", [3600, "2099-01-01T00:00:00+00:00"])
async def test_a_message_with_its_expiry(client: Client, expires: object) -> None:
    arguments = {"text": "Lunch", "expires": expires, "pinned": True}
    await control(client, "POST", "people/robin/set_status_message", arguments)
    message = client.simulator.tenant.people["robin"].status_message
    assert message
    assert message.expires


@pytest.mark.parametrize(
    ("path", "arguments", "status"),
    [
        ("people/unknown/join_call", None, 404),
        ("people/robin/dance", None, 404),
        ("people/robin/__init__", None, 404),
        ("people/robin/join_call", {"loud": True}, 400),
        ("people/robin/prefer", {"availability": "Sleeping"}, 400),
        ("people/robin/set_status_message", {"text": "x", "expires": "2030-01-01T00:00:00"}, 400),
        ("people/robin/schedule_meeting", {"start": 0, "end": 60}, 400),
        ("people", {}, 400),
        ("people", {"keys": "lee"}, 400),
        ("people", {"keys": ["lee", ""]}, 400),
        ("clock", {"advance": "soon"}, 400),
        ("clock", ["advance"], 400),
        ("tenant", {"id": "x"}, 400),
        ("tenant", {"vocabulary": "latin"}, 400),
        ("faults", {"match": "graph", "color": "red"}, 400),
        ("device", {"user_code": "x"}, 400),
    ],
)
async def test_invalid_control_requests(
    client: Client, path: str, arguments: object, status: int
) -> None:
    assert (await control(client, "POST", path, arguments))[0] == status


async def test_adding_people(client: Client) -> None:
    status, added = await control(client, "POST", "people", {"keys": ["lee", "max"]})
    people = client.simulator.tenant.people
    assert status == 200
    assert added == [
        {"key": key, "id": people[key].id, "name": name, "address": people[key].address}
        for key, name in (("lee", "Lee Example"), ("max", "Max Example"))
    ]


async def test_the_state(client: Client) -> None:
    client.simulator.tenant.people["robin"].present()
    _, state = await control(client, "GET", "state")
    assert isinstance(state, dict)
    assert state["people"]["robin"]["presence"]["activity"] == "Presenting"


async def test_the_clock(client: Client) -> None:
    before = client.simulator.clock.now()
    await control(client, "POST", "clock", {"advance": 3600})
    assert (client.simulator.clock.now() - before).total_seconds() >= 3600


async def test_faults_are_added_and_removed(client: Client) -> None:
    await control(client, "POST", "faults", {"match": "graph", "status": 503, "times": 5})
    during = await client.get("/v1.0/me")
    await control(client, "DELETE", "faults")
    after = await client.get("/v1.0/me")
    assert (during.status, after.status) == (503, 401)


async def test_requests_are_listed_and_cleared(client: Client) -> None:
    await client.get("/v1.0/me")
    _, listed = await control(client, "GET", "requests")
    await control(client, "DELETE", "requests")
    assert isinstance(listed, list)
    assert ([entry["path"] for entry in listed], client.simulator.requests) == (["/v1.0/me"], [])


async def test_the_tenants_policies(client: Client) -> None:
    await control(
        client,
        "POST",
        "tenant",
        {"user_consent": "blocked", "admin_consent": "registered", "vocabulary": "modern"},
    )
    tenant = client.simulator.tenant
    assert (tenant.user_consent, tenant.vocabulary) == ("blocked", "modern")
    assert tenant.admin_consent == "registered"


async def test_a_device_code_is_entered(client: Client) -> None:
    flow = (await client.form("devicecode", client_id=PUBLIC_CLIENT_ID, scope="openid")).json
    arguments = {"user_code": flow["user_code"], "account": "alex", "decision": "accept"}
    await control(client, "POST", "device", arguments)
    response = await client.form(
        "token",
        grant_type=DEVICE_GRANT,
        client_id=PUBLIC_CLIENT_ID,
        device_code=str(flow["device_code"]),
    )
    assert response.status == 200


async def test_access_tokens_expire_on_demand(client: Client) -> None:
    token = await client.token("Presence.Read")
    await control(client, "POST", "expire_access_tokens")
    assert (await client.get("/v1.0/me/presence", token)).status == 401


async def test_another_site_cannot_press_buttons(client: Client) -> None:
    url = f"{client.simulator.url}/people/robin"
    headers = {"Origin": "https://elsewhere.example"}
    response = await client.request("POST", url, data={"command": "join_call"}, headers=headers)
    assert (response.status, client.simulator.tenant.people["robin"].activity) == (403, "Available")


async def test_another_sites_form_cannot_use_the_control_api(client: Client) -> None:
    url = f"{client.simulator.url}/simulator/clock"
    response = await client.request(
        "POST", url, data=b'{"advance": 1}', headers={"Content-Type": "text/plain"}
    )
    assert response.status == 415


async def test_reading_changes_nothing(client: Client) -> None:
    response = await client.get(f"{client.simulator.url}/people/robin?command=join_call")
    assert response.status == 405


# Process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_process_starts_and_stops(
    socket_enabled: None, tmp_path: Path, number: signal.Signals
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--port", "0", "--tls-port", "0", "--certificate-dir", tmp_path,
        "--vocabulary", "modern", "--redirect-uri", "https://home.example/callback",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    lines: dict[str, str] = {}
    async with asyncio.timeout(30):
        while "Daemon's certificate" not in lines:
            name, _, value = (await process.stdout.readline()).decode().strip().partition(": ")
            lines[name] = value
    address = f"{lines['Page']}/simulator/state"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        state = await response.json()
    process.send_signal(number)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    assert "https://home.example/callback" in state["apps"][0]["redirect_uris"]["public"]
    assert state["people"]["robin"]["presence"]["availability"] == "available"
    assert lines["Bundle"] == str(tmp_path / "bundle.pem")
