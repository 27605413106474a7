"""Every response results in a presence, None, or a GraphError."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC
from html import escape
from itertools import cycle
import logging
import ssl
from typing import Final

from aiohttp import ClientSession, TCPConnector
from homeassistant.core import HomeAssistant
from hypothesis import given
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph.client import PresenceClient
from custom_components.ms_teams_presence.graph.clouds import Cloud
from custom_components.ms_teams_presence.graph.errors import GraphError
from custom_components.ms_teams_presence.graph.models import (
    Availability,
    Person,
    Presence,
    StatusMessage,
    time_zone_names,
)
from simulator import Simulator
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.plugin import CERTIFICATE

from .conftest import share
from .strategies import BATCHES, BODIES, HEADERS, STATUSES

ROBIN: Final = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"


@share(88)
@given(batch=BATCHES)
def test_the_models_read_anything(batch: list[object], count: Counter[str]) -> None:
    for data in batch:
        count["read by the models"] += 1
        person, presence = Person.from_graph(data), Presence.from_graph(data)
        assert all(isinstance(name, str) for name in time_zone_names(data))
        if person is not None:
            assert person.id
            assert person.name
        if presence is not None:
            _check(presence)


def _check(presence: Presence) -> None:
    """Check the invariants of a presence."""
    assert presence.id == presence.id.lower() != ""
    assert presence.availability is None or presence.availability in Availability
    assert {presence.in_call, presence.presenting, presence.is_out_of_office} <= {None, True, False}
    message = presence.status_message
    if message is None:
        return
    assert message.text
    assert message.expires_at is None or message.expires_at.tzinfo is UTC
    # As Graph stores it.
    content = escape(message.text) + ("<pinnednote></pinnednote>" if message.pinned else "")
    again = StatusMessage.from_graph({"message": {"content": content}})
    assert again is not None
    assert (again.text, again.pinned) == (message.text, message.pinned)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[PresenceClient]:
    """Return a client with a made-up token."""
    trust = ssl.create_default_context(cafile=str(CERTIFICATE.bundle))

    async def token(*, rejected: str | None = None, claims: str | None = None) -> str:
        return "a token"

    cloud = Cloud(
        key="simulator", login=simulator.tls_url, graph=simulator.tls_url, portal=simulator.url
    )
    async with ClientSession(connector=TCPConnector(ssl=trust)) as session:
        yield PresenceClient(session, cloud, token)


@share(10)
@given(bodies=BODIES, status=STATUSES, headers=HEADERS)
async def test_the_client_survives_any_response(
    bodies: list[bytes],
    status: int,
    headers: dict[str, str],
    client: PresenceClient,
    simulator: Simulator,
    count: Counter[str],
) -> None:
    calls: Iterator[Callable[[], Awaitable[object]]] = cycle(
        (
            client.async_get_my_presence,
            lambda: client.async_get_presences([ROBIN]),
            lambda: client.async_get_person("alex@contoso.example"),
            lambda: client.async_find_people("alex"),
            lambda: client.async_set_status_message(ROBIN, StatusMessage(text="x")),
        )
    )
    for body, call in zip(bodies, calls, strict=False):
        fault = simulator.faults.add("graph", content=body, status=status, headers=headers)
        with suppress(GraphError):
            await call()
        fault.remove()
        count["sent over sockets"] += 1
        simulator.requests.clear()


@share(2)
@given(bodies=BODIES, status=STATUSES)
async def test_the_integration_survives_any_response(
    bodies: list[bytes],
    status: int,
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
    count: Counter[str],
) -> None:
    if not hass.config_entries.async_entries(DOMAIN):
        await account.async_sign_in()
    caplog.clear()
    for body in bodies:
        fault = simulator.faults.add("GET /v1.0/me/presence", content=body, status=status)
        # The longest polling interval.
        await clock.async_advance(61)
        fault.remove()
        assert fault.hits
        assert all(len(state.state) <= 255 for state in hass.states.async_all())
        count["sent to a running integration"] += 1
    simulator.requests.clear()
    assert not [
        record
        for record in caplog.records
        if record.levelno > logging.WARNING and (record.exc_info or "longer than" in record.msg)
    ]
