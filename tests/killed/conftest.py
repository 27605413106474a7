"""Processes for these tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from scripts.live.demo import AVAILABILITY, ROBIN, Demo, free_ports, running, sign_in
from scripts.live.home import DOMAIN
from scripts.live.processes import until


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """Run the demo with Robin signed in."""
    async with running(tmp_path_factory.mktemp("demo"), free_ports()) as demo:
        await sign_in(demo, ROBIN)
        await demo.home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] == "available")
        entries = demo.home.directory / ".storage/core.config_entries"

        async def is_stored() -> bool:
            return DOMAIN in entries.read_text()

        # Home Assistant saves new entries with a delay.
        await until("The account was not stored", is_stored, seconds=30)
        yield demo
