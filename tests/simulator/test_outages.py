"""Each outage has its effect and keeps the state."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
import ssl

import aiohttp
import pytest
import trustme

from simulator import Certificate, Simulator
from simulator.outages import OUTAGES, Outage

from .conftest import Client

PATH = "/v1.0/me/presence"
CLOSED = aiohttp.ClientConnectionError


@pytest.mark.parametrize(
    ("outage", "error"),
    [
        ("refused", aiohttp.ClientConnectorError),
        ("unanswered", TimeoutError),
        ("silent", TimeoutError),
        ("cut", CLOSED),
        ("portal", aiohttp.ClientConnectorSSLError),
    ],
)
async def test_an_outage_fails_and_keeps_the_state(
    client: Client, outage: Outage, error: type[Exception]
) -> None:
    token = await client.token("Presence.Read")
    async with client.simulator.outage(outage):
        with pytest.raises(error):
            await client.session.get(
                client.simulator.tls_url + PATH, timeout=aiohttp.ClientTimeout(total=0.5)
            )
    assert (await client.get(PATH, token)).status == 200


def test_every_outage_is_tested() -> None:
    (mark,) = test_an_outage_fails_and_keeps_the_state.pytestmark  # type: ignore[attr-defined]
    assert {outage for outage, _ in mark.args[1]} == set(OUTAGES)


async def test_a_certificate_of_an_unknown_authority(client: Client, tmp_path: Path) -> None:
    async with client.simulator.presenting(Certificate.create(tmp_path)):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(PATH)
    assert (await client.get(PATH)).status == 401


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"ends": datetime(2026, 1, 1, tzinfo=UTC)}, "expired"),
        ({"names": ("graph.example",)}, "IP address mismatch"),
    ],
)
async def test_a_wrong_certificate_of_a_known_authority(
    socket_enabled: None, how: dict[str, object], reason: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate = Certificate.create(tmp_path, authority=authority, **how)  # type: ignore[arg-type]
    trust = ssl.create_default_context(cafile=str(certificate.bundle))
    connector = aiohttp.TCPConnector(ssl=trust)
    async with (
        Simulator(certificate) as simulator,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match=reason):
            await session.get(simulator.tls_url + PATH)


async def test_the_clock_can_differ_from_the_clients(client: Client) -> None:
    token = await client.token("Presence.Read")
    client.simulator.skew_clock(-18_000)
    response = await client.get(PATH, token)
    behind = datetime.now(UTC) - parsedate_to_datetime(response.headers["Date"])
    assert response.status == 200
    assert abs(behind - timedelta(hours=5)) < timedelta(minutes=1)

    client.simulator.skew_clock(36_000)
    assert (await client.get(PATH, token)).status == 401


async def test_a_new_password_revokes_refresh_tokens_of_public_clients(client: Client) -> None:
    tokens = await client.sign_in("Presence.Read")
    client.simulator.change_password("robin")
    response = await client.form(
        "token",
        grant_type="refresh_token",
        client_id="0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b01",
        refresh_token=tokens["refresh_token"],
    )
    assert (response.status, response.aadsts) == (400, 50173)
