"""Sign-in and Graph work in any network that Home Assistant supports.

The resolver uses a real name server with loopback addresses.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
import time

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import pytest_socket

from custom_components.ms_teams_presence.graph.clouds import CLOUDS, Cloud
from simulator import Simulator
from tests.home.account import Account
from tests.home.states import state
from tests.name_server import name_server
from tests.network import DEAD, GOOD, unresponsive
from tests.plugin import CERTIFICATE, NAME

ROBIN = "sensor.robin_example_availability"


@asynccontextmanager
async def named(host: str) -> AsyncIterator[Simulator]:
    """Run a simulator with a host name."""
    async with Simulator(CERTIFICATE, host, name=NAME) as simulator:
        yield simulator


@pytest.fixture
def _home(enable_custom_integrations: None) -> None:
    """Enable the integration; each test has its own simulator."""


@pytest.fixture
def join(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    current_request_with_host: None,
    socket_enabled: None,
) -> Iterator[Callable[[Simulator], Account]]:
    """Return a function that adds a simulator as a cloud."""
    # The test harness allows only one loopback address.
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", GOOD, *DEAD])

    def join(simulator: Simulator) -> Account:
        CLOUDS["simulator"] = Cloud(
            key="simulator",
            login=simulator.tls_url,
            graph=simulator.tls_url,
            portal=simulator.url,
        )
        return Account(hass, simulator, hass_client_no_auth)

    yield join
    del CLOUDS["simulator"]


async def async_renew(hass: HomeAssistant, account: Account) -> None:
    """Expire the token and poll until it is refreshed."""
    account.simulator.expire_access_tokens()
    tokens = len([r for r in account.simulator.requests if r.path.endswith("/token")])
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": ROBIN}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len([r for r in account.simulator.requests if r.path.endswith("/token")]) > tokens


@pytest.mark.parametrize(
    ("host", "dead"),
    [
        (GOOD, ()),
        (GOOD, DEAD),
        (GOOD, ("::1",)),
        (GOOD, ("::1", *DEAD)),
        ("::1", ()),
        ("::1", DEAD),
    ],
    ids=[
        "IPv4 only",
        "dead IPv4 addresses in front",
        "a dead IPv6 address in front",
        "dead addresses of both in front",
        "IPv6 only",
        "IPv6 beside dead IPv4 addresses",
    ],
)
async def test_sign_in_is_as_fast_as_graph_behind_dead_addresses(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    join: Callable[[Simulator], Account],
    host: str,
    dead: tuple[str, ...],
) -> None:
    addresses = {NAME: [*dead, host]}
    async with named(host) as simulator, name_server(monkeypatch, addresses) as server:
        account = join(simulator)
        port = int(simulator.tls_url.rpartition(":")[2])
        with unresponsive(dead, port):
            started = time.monotonic()
            flow = await account.async_fill()
            opened = time.monotonic() - started
            flow = await account.async_visit(flow)
            await hass.async_block_till_done(wait_background_tasks=True)
            await async_renew(hass, account)

        assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
        assert state(hass, ROBIN) == "available"
        assert opened < 5
        assert {name for name, _ in server.queries} == {NAME}
        await hass.async_stop(force=True)


async def test_a_dns_outage_needs_no_user_action(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    join: Callable[[Simulator], Account],
) -> None:
    async with named(GOOD) as simulator, name_server(monkeypatch, {NAME: [GOOD]}) as server:
        account = join(simulator)
        server.is_failing = True
        flow = await account.async_fill()
        assert flow["errors"] == {"base": "cannot_connect"}
        server.is_failing = False
        flow = await account.async_visit(await account.async_fill())
        await hass.async_block_till_done(wait_background_tasks=True)

        assert flow["type"] is FlowResultType.CREATE_ENTRY
        await hass.async_stop(force=True)
