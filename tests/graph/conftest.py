"""Fixtures and helpers for the Graph client's tests."""

from collections.abc import AsyncIterator, Coroutine
from datetime import tzinfo
import ssl
import threading
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, TCPConnector
import pytest

from custom_components.ms_teams_presence.graph import time_zones
from custom_components.ms_teams_presence.graph.clouds import Cloud
from custom_components.ms_teams_presence.graph.errors import GraphError
from simulator import Person, Simulator
from tests.plugin import CERTIFICATE


def cloud_of(simulator: Simulator) -> Cloud:
    """Return a cloud with the simulator's endpoints."""
    return Cloud(
        key="simulator", login=simulator.tls_url, graph=simulator.tls_url, portal=simulator.url
    )


async def error_of(call: Coroutine[object, object, object]) -> GraphError:
    """Await a call and return its error."""
    with pytest.raises(GraphError) as caught:
        await call
    return caught.value


def sent(simulator: Simulator) -> list[tuple[str, str]]:
    """Return method and path of each request to Graph."""
    return [
        (request.method, request.path)
        for request in simulator.requests
        if request.path.startswith("/v1.0/")
    ]


@pytest.fixture(scope="session")
def trust() -> ssl.SSLContext:
    """Return an SSL context that trusts the simulator."""
    return ssl.create_default_context(cafile=str(CERTIFICATE.bundle))


@pytest.fixture
async def session(simulator: Simulator, trust: ssl.SSLContext) -> AsyncIterator[ClientSession]:
    """Return an HTTP session; it closes before the simulator stops."""
    async with ClientSession(connector=TCPConnector(ssl=trust)) as session:
        yield session


@pytest.fixture
def robin(simulator: Simulator) -> Person:
    """Return the signed-in person."""
    return simulator.tenant.people["robin"]


@pytest.fixture
def disk_readers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Clear the time zone cache; return threads that read zones."""
    readers: list[int] = []

    def read(key: str) -> ZoneInfo:
        readers.append(threading.get_ident())
        return ZoneInfo(key)

    loaded: dict[str, tzinfo | None] = {}
    monkeypatch.setattr(time_zones, "_loaded", loaded)
    monkeypatch.setattr(time_zones, "ZoneInfo", read)
    return readers
