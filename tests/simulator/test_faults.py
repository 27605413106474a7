"""Each fault has its documented effect."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
import json
import time

import aiohttp
import pytest

from simulator.faults import HUGE

from .conftest import Client

PATH = "/v1.0/me/presence"
AWAY = {"availability": "Away", "activity": "Away"}


async def test_an_error_has_microsofts_format(client: Client) -> None:
    client.simulator.faults.add(f"GET {PATH}", status=503, message="Busy", retry_after=7)
    response = await client.get(PATH)
    assert (response.status, response.code, response.headers["Retry-After"]) == (
        503,
        "ServiceUnavailable",
        "7",
    )


async def test_a_custom_error_code(client: Client) -> None:
    client.simulator.faults.add("graph", status=403, code="MissingLicense")
    assert (await client.get(PATH)).code == "MissingLicense"


async def test_retry_after_as_a_date(client: Client) -> None:
    moment = datetime(2026, 11, 2, 9, tzinfo=UTC)
    client.simulator.faults.add("graph", status=429, retry_after=moment)
    response = await client.get(PATH)
    assert response.headers["Retry-After"] == "Mon, 02 Nov 2026 09:00:00 GMT"


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        ("empty", ""),
        ("html", "<html>"),
        ("truncated", '{"id": '),
        ("wrong_type", "["),
        ("null", "null"),
        ("deep", "[[["),
    ],
)
async def test_malformed_bodies(client: Client, body: str, begins: str) -> None:
    client.simulator.faults.add("graph", body=body)  # type: ignore[arg-type]
    response = await client.get(PATH)
    assert response.status == 200
    assert response.text.startswith(begins)
    assert bool(response.text) == bool(begins)


async def test_retry_after_as_a_date_from_now(client: Client) -> None:
    client.simulator.faults.add("graph", status=429, retry_after=timedelta(seconds=40))
    response = await client.get(PATH)
    until = parsedate_to_datetime(response.headers["Retry-After"])
    assert until - parsedate_to_datetime(response.headers["Date"]) == timedelta(seconds=40)


async def test_a_body_that_is_not_unicode(client: Client) -> None:
    client.simulator.faults.add("graph", body="not_unicode")
    async with client.session.get(client.simulator.tls_url + PATH) as response:
        content = await response.read()
    with pytest.raises(UnicodeDecodeError):
        content.decode()


async def test_a_custom_body_in_bytes(client: Client) -> None:
    client.simulator.faults.add("graph", content=b"anything")
    assert (await client.get(PATH)).text == "anything"


async def test_a_huge_body(client: Client) -> None:
    client.simulator.faults.add("graph", body="huge")
    assert len((await client.get(PATH)).text) > HUGE


async def test_a_custom_json_body(client: Client) -> None:
    client.simulator.faults.add("graph", json={"availability": 7})
    assert json.loads((await client.get(PATH)).text) == {"availability": 7}


@pytest.mark.parametrize("loss", ["close", "reset"])
async def test_lost_connections(client: Client, loss: str) -> None:
    client.simulator.faults.add("graph", loss=loss)  # type: ignore[arg-type]
    with pytest.raises(aiohttp.ClientError):
        await client.get(PATH)
    assert client.simulator.requests[-1].status is None


async def test_a_hang_lasts_until_the_client_gives_up(client: Client) -> None:
    client.simulator.faults.add("graph", loss="hang")
    with pytest.raises(TimeoutError):
        await client.session.get(
            client.simulator.tls_url + PATH, timeout=aiohttp.ClientTimeout(total=0.2)
        )


async def test_a_stall_stops_within_the_body(client: Client) -> None:
    fault = client.simulator.faults.add("graph", loss="stall")
    async with client.session.get(client.simulator.tls_url + PATH) as response:
        assert response.status == 200
        assert fault.hanging == 1
        fault.remove()
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_a_delayed_request_ends_with_the_fault(client: Client) -> None:
    fault = client.simulator.faults.add("graph", loss="hang")
    # The client would retry a GET.
    reading = asyncio.ensure_future(client.post(PATH))
    while not fault.hanging:  # noqa: ASYNC110  # until it has arrived
        await asyncio.sleep(0.01)
    client.simulator.faults.clear()
    with pytest.raises(aiohttp.ClientError):
        await reading
    assert not fault.hanging


async def test_latency(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.faults.add("graph", latency=0.2)
    begun = time.monotonic()
    response = await client.get(PATH, token)
    assert (response.status, time.monotonic() - begun > 0.2) == (200, True)


@pytest.mark.parametrize(("applied", "expected"), [(True, "Away"), (False, "Available")])
async def test_a_write_is_applied_if_its_response_is_an_error(
    client: Client,
    applied: bool,  # noqa: FBT001
    expected: str,
) -> None:
    token = await client.token("Presence.ReadWrite")
    client.simulator.faults.add("POST *", status=504, applied=applied)
    response = await client.post(f"{PATH}/setUserPreferredPresence", token, AWAY)
    robin = client.simulator.tenant.people["robin"]
    assert (response.status, robin.availability) == (504, expected)


async def test_a_write_is_applied_if_its_response_is_lost(client: Client) -> None:
    token = await client.token("Presence.ReadWrite")
    client.simulator.faults.add("POST *", loss="close", applied=True)
    with pytest.raises(aiohttp.ClientError):
        await client.post(f"{PATH}/setUserPreferredPresence", token, AWAY)
    assert client.simulator.tenant.people["robin"].availability == "Away"


@pytest.mark.parametrize(
    ("code", "status", "error", "suberror"),
    [
        (50173, 400, "invalid_grant", "bad_token"),
        (50076, 400, "interaction_required", "basic_action"),
        (7000215, 401, "invalid_client", None),
        (90033, 503, "temporarily_unavailable", None),
        (999999, 400, "invalid_grant", None),
    ],
)
async def test_the_token_endpoint_returns_an_error(
    client: Client, code: int, status: int, error: str, suberror: str | None
) -> None:
    client.simulator.faults.add("token", aadsts=code)
    response = await client.redeem("any")
    seen = (response.status, response.aadsts, response.json["error"], response.json.get("suberror"))
    assert seen == (status, code, error, suberror)


async def test_the_device_endpoint_returns_an_error(client: Client) -> None:
    client.simulator.faults.add("devicecode", aadsts=50134, suberror="mine")
    response = await client.form("devicecode")
    assert (response.aadsts, response.json["suberror"]) == (50134, "mine")


async def test_discovery_fails(client: Client) -> None:
    client.simulator.faults.add("discovery", status=500, body="html")
    response = await client.get("/organizations/v2.0/.well-known/openid-configuration")
    assert response.status == 500


async def test_a_claims_challenge(client: Client) -> None:
    client.simulator.faults.add("graph", claims="e30=")
    response = await client.get(PATH)
    assert response.status == 401
    assert 'error="insufficient_claims", claims="e30="' in response.headers["WWW-Authenticate"]


async def test_a_fault_ends_after_its_hits(client: Client) -> None:
    fault = client.simulator.faults.add("graph", times=2, status=503)
    statuses = [(await client.get(PATH)).status for _ in range(3)]
    assert (statuses, fault.hits) == ([503, 503, 401], 2)


async def test_a_fault_is_removed(client: Client) -> None:
    fault = client.simulator.faults.add("graph", status=503)
    fault.remove()
    fault.remove()
    assert (await client.get(PATH)).status == 401


async def test_all_faults_are_cleared(client: Client) -> None:
    client.simulator.faults.add("graph", status=503)
    client.simulator.faults.clear()
    assert (await client.get(PATH)).status == 401


async def test_a_fault_leaves_other_requests_unchanged(client: Client) -> None:
    client.simulator.faults.add("GET /v1.0/me/*", status=503)
    assert (await client.get("/beta/me/presence")).status == 401


async def test_an_unknown_option_is_rejected(client: Client) -> None:
    with pytest.raises(ValueError, match="unknown options"):
        client.simulator.faults.add("graph", color="red")  # type: ignore[call-arg]
