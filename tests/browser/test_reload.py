"""The demo restarts with changed code when Enter is pressed."""

import asyncio
import contextlib
import os

import pytest

from scripts.live.demo import Demo, restart_on_enter
from scripts.live.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_enter_restarts_home_assistant(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def started() -> str:
        # A zone's state never changes, so this is when Home Assistant started.
        zone = await demo.home.rest("GET", "/api/states/zone.home")
        return str(zone["last_changed"])

    async def is_back() -> bool:
        return "is running the changed code" in capsys.readouterr().out

    before = await started()
    keyboard, terminal = os.openpty()
    with os.fdopen(keyboard, "wb", buffering=0) as keys, os.fdopen(terminal) as screen:
        monkeypatch.setattr("sys.stdin", screen)
        waiting = asyncio.create_task(restart_on_enter(demo.home))
        await asyncio.sleep(0)
        keys.write(b"\n")
        await until("Home Assistant did not come back", is_back, seconds=120)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    assert await started() > before
