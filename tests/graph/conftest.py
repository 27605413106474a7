"""What the tests of the Graph client share: an HTTP session, errors, and what was sent."""

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
    """Return a cloud that is the simulator."""
    return Cloud(
        key="simulator", login=simulator.tls_url, graph=simulator.tls_url, portal=simulator.url
    )


async def error_of(call: Coroutine[object, object, object]) -> GraphError:
    """Return the error that a call ends with."""
    with pytest.raises(GraphError) as caught:
        await call
    return caught.value


def sent(simulator: Simulator) -> list[tuple[str, str]]:
    """Return the requests to Graph: each its method and path."""
    return [
        (request.method, request.path)
        for request in simulator.requests
        if request.path.startswith("/v1.0/")
    ]


@pytest.fixture(scope="session")
def trust() -> ssl.SSLContext:
    """Return what trusts simulators."""
    return ssl.create_default_context(cafile=str(CERTIFICATE.bundle))


@pytest.fixture
async def session(simulator: Simulator, trust: ssl.SSLContext) -> AsyncIterator[ClientSession]:
    """Return an HTTP session; it closes before the simulator stops."""
    async with ClientSession(connector=TCPConnector(ssl=trust)) as session:
        yield session


@pytest.fixture
def robin(simulator: Simulator) -> Person:
    """Return who signed in."""
    return simulator.tenant.people["robin"]


@pytest.fixture
def disk_readers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Forget all time zones; returns the threads that read one from the disk from now on."""
    readers: list[int] = []

    def read(key: str) -> ZoneInfo:
        readers.append(threading.get_ident())
        return ZoneInfo(key)

    loaded: dict[str, tzinfo | None] = {}
    monkeypatch.setattr(time_zones, "_loaded", loaded)
    monkeypatch.setattr(time_zones, "ZoneInfo", read)
    return readers
