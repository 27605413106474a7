"""Processes and browser windows for this ring."""

from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import BrowserContext
import pytest
import pytest_asyncio

from scripts.live.demo import Demo, free_ports, running

from .frontend import Frontend, browser_window


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Reject runs beside the test package, which forbids sockets."""
    here = Path(__file__).parent
    ours = any(item.path.is_relative_to(here) for item in items)
    if ours and config.pluginmanager.hasplugin("homeassistant"):
        raise pytest.UsageError("tests/browser needs -p no:homeassistant")


@pytest.fixture(scope="module")
def provoked() -> list[str]:
    """Return a list for expected complaints: a part of each."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(
    tmp_path_factory: pytest.TempPathFactory, provoked: list[str]
) -> AsyncIterator[Demo]:
    """Run the demo home; then check Home Assistant's log."""
    state = tmp_path_factory.mktemp("demo")
    async with running(state, free_ports()) as demo:
        yield demo
        complaints = demo.home.complaints()
        for part in provoked:
            complaints.remove(next(text for text in complaints if part in text))
        assert complaints == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def window(demo: Demo) -> AsyncIterator[BrowserContext]:
    """Open a browser window with a cache of pages."""
    async with browser_window(demo.home) as context:
        yield context


@pytest_asyncio.fixture(loop_scope="session")
async def frontend(window: BrowserContext, demo: Demo) -> AsyncIterator[Frontend]:
    """Open a tab for Home Assistant; close all tabs afterwards."""
    yield Frontend(await window.new_page(), demo.home)
    for page in window.pages:
        await page.close()
