"""The simulator rejects other hosts, which prevents DNS rebinding."""

import asyncio
from http import HTTPStatus
import ssl
from typing import Final, Literal

import pytest

from simulator import Certificate, Simulator

type Scheme = Literal["http", "https"]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Existing paths of each scheme, and an unknown one.
PATHS: Final[dict[Scheme, tuple[str, ...]]] = {
    "http": ("/", "/simulator/state", "/nowhere"),
    "https": ("/v1.0/me/presence", "/common/v2.0/.well-known/openid-configuration", "/nowhere"),
}
FOREIGN: Final = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example",
    "127.0.0.1.",
    "localhost.",
    "localhost.evil.example",
    "evil.localhost",
    "127.0.0.1@evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1#.evil.example",
    "127.0.0.1:{port}:{port}",
    "127.0.0.1 evil.example",
    "127.0.0.1, evil.example",
    "0.0.0.0:{port}",
    "::1",
    "[::2]",
    "[::1",
    "[::1%25lo]",
    "",
    ":{port}",
)
OWN: Final = (
    "127.0.0.1",
    "127.0.0.1:{port}",
    "127.0.0.1:1",
    "localhost",
    "LocalHost:{port}",
    "[::1]",
    "[::1]:{port}",
)


async def status(
    simulator: Simulator,
    trust: ssl.SSLContext,
    scheme: Scheme,
    *headers: str,
    request: str = "GET /health HTTP/1.1",
) -> int:
    """Send the lines of a request unchanged; return the status."""
    url = simulator.url if scheme == "http" else simulator.tls_url
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust if scheme == "https" else None
    )
    lines = [request, *(header.format(port=port) for header in headers), "Connection: close"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    response = await reader.readline()
    writer.close()
    return int(response.split()[1])


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_another_host_is_misdirected(
    simulator: Simulator, trust: ssl.SSLContext, scheme: Scheme, host: str
) -> None:
    assert await status(simulator, trust, scheme, f"Host: {host}") == HTTPStatus.MISDIRECTED_REQUEST
    assert simulator.requests == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_another_host_is_misdirected_for_each_method_and_path(
    simulator: Simulator, trust: ssl.SSLContext, scheme: Scheme, method: str
) -> None:
    statuses = {
        await status(
            simulator, trust, scheme, "Host: evil.example", request=f"{method} {path} HTTP/1.1"
        )
        for path in PATHS[scheme]
    }
    assert statuses == {HTTPStatus.MISDIRECTED_REQUEST}


@pytest.mark.parametrize("host", OWN)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_loopback_host_is_accepted(
    simulator: Simulator, trust: ssl.SSLContext, scheme: Scheme, host: str
) -> None:
    request = f"GET {PATHS[scheme][0]} HTTP/1.1"
    statuses = await status(simulator, trust, scheme, f"Host: {host}", request=request)
    assert statuses == (HTTPStatus.OK if scheme == "http" else HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "hosts", [(), ("Host: 127.0.0.1", "Host: evil.example"), ("Host: localhost",) * 2]
)
async def test_a_request_without_exactly_one_host_is_rejected(
    simulator: Simulator, trust: ssl.SSLContext, scheme: Scheme, hosts: tuple[str, ...]
) -> None:
    statuses = await status(simulator, trust, scheme, *hosts, request="GET /health HTTP/1.0")
    assert statuses in {HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST}


async def test_a_name_is_accepted_if_configured(
    socket_enabled: None, certificate: Certificate, trust: ssl.SSLContext
) -> None:
    async with Simulator(certificate, name="login.test") as simulator:
        statuses = [
            await status(simulator, trust, "http", f"Host: {host}")
            for host in ("login.test:{port}", "localhost", "graph.test")
        ]
    assert statuses == [200, 200, 421]
