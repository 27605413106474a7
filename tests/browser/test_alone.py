"""The integration's directory alone, with the smallest possible configuration."""

from pathlib import Path

import pytest

from scripts.live.home import Home
from scripts.live.processes import free_port

from .frontend import Frontend, browser_window

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SMALLEST_HOME = """
frontend:
config:
"""


async def test_a_copy_alone_is_offered_and_starts(tmp_path: Path) -> None:
    directory = tmp_path / "home"
    directory.mkdir()
    (directory / "configuration.yaml").write_text(SMALLEST_HOME)
    home = Home(directory, port=free_port(), environment={}, clouds=None)
    home.install(copy=True)
    async with home, browser_window(home) as window:
        frontend = Frontend(await window.new_page(), home)
        await frontend.choose_integration()
        await frontend.choose_sign_in_method("browser")
        assert home.complaints() == []
