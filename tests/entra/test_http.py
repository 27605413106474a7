"""MSAL's HTTP client sends nothing after it is closed."""

import asyncio

import aiohttp
import pytest

from custom_components.ms_teams_presence.entra.errors import SignInError
from custom_components.ms_teams_presence.entra.http import MsalHttpClient
from custom_components.ms_teams_presence.graph.clouds import Cloud
from simulator import Simulator


async def test_a_closed_client_sends_nothing(simulator: Simulator) -> None:
    cloud = Cloud(key="", login=simulator.tls_url, graph="", portal="https://portal.test")
    async with aiohttp.ClientSession() as session:
        client = MsalHttpClient(session, cloud)
        # As when a flow step is canceled while its job waits for a free thread.
        client.close()
        with pytest.raises(SignInError, match="cannot_connect"):
            await asyncio.to_thread(client.get, f"{simulator.tls_url}/organizations")

    assert simulator.requests == []
