"""`kill -9` during a token refresh or a write, then a restart."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
import json
from typing import Any, Final

import aiohttp
import pytest

from scripts.live.demo import AVAILABILITY, ROBIN, STATUS_MESSAGE, Demo
from scripts.live.home import DOMAIN
from scripts.live.processes import until
from tests.faults.words import told

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]

PREFERENCE: Final = "select.robin_example_preferred_presence"
MESSAGE: Final = {"message": "Killed"}
BUSY: Final = {"availability": "busy"}


@dataclass(frozen=True)
class Kill:
    """A request at the kill, and the expected result."""

    fault: str
    match: str
    applied: bool
    expected: str
    action: str = "homeassistant.update_entity"
    data: dict[str, Any] | None = None


_UP: Final = "signed in; up to date"
KILLS: Final = (
    Kill("during a token refresh, before it is applied", "token", applied=False, expected=_UP),
    Kill("during a token refresh, response pending", "token", applied=True, expected=_UP),
    Kill(
        "while setting a message, before it is applied",
        "POST *setStatusMessage",
        applied=False,
        expected=f"{_UP}; error returned; Teams does not have it; Home Assistant shows what Teams has",
        action=f"{DOMAIN}.set_status_message",
        data=MESSAGE,
    ),
    Kill(
        "while setting a message, response pending",
        "POST *setStatusMessage",
        applied=True,
        expected=f"{_UP}; error returned; Teams has it; Home Assistant shows what Teams has",
        action=f"{DOMAIN}.set_status_message",
        data=MESSAGE,
    ),
)


@pytest.mark.parametrize("kill", [pytest.param(kill, id=kill.fault) for kill in KILLS])
async def test_killed(
    kill: Kill, demo: Demo, record_property: Callable[[str, object], None]
) -> None:
    home, microsoft = demo.home, demo.microsoft
    await microsoft.gesture(ROBIN, "clear_status_message")
    await microsoft.gesture(ROBIN, "reset_status")
    await microsoft.add_fault(kill.match, loss="hang", applied=kill.applied)
    if kill.match == "token":
        # A rejected token is replaced at most once in five minutes, by each process.
        await home.kill()
        await home.start()
        await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] != "unavailable")
        await microsoft.expire_access_tokens()
    call = asyncio.create_task(home.act(kill.action, entity_id=AVAILABILITY, **(kill.data or {})))
    await until("The request did not arrive", microsoft.has_delayed_request, seconds=30)
    await home.kill()
    with pytest.raises(aiohttp.ClientError):
        await call
    await microsoft.clear_faults()
    await microsoft.gesture(ROBIN, "join_call")

    seen = await _restart(kill, demo)
    for name, value in (("fault", f"Killed {kill.fault}"), ("expected", kill.expected)):
        record_property(name, value)
    record_property("seen", seen)
    assert seen == kill.expected


async def test_killed_right_after_a_preference_was_set(
    demo: Demo, record_property: Callable[[str, object], None]
) -> None:
    home = demo.home
    expected = "signed in; up to date; remembered; stored whole"
    await demo.microsoft.gesture(ROBIN, "leave_call")
    await home.act(f"{DOMAIN}.set_preferred_presence", entity_id=AVAILABILITY, **BUSY)
    await home.kill()
    await home.start()
    (entry,) = await home.entries()
    select = await home.wait_for(PREFERENCE, "appear", lambda at: at["state"] != "unavailable")
    store = home.directory / ".storage" / f"{DOMAIN}.{entry['entry_id']}"
    stored = json.loads(store.read_text())["data"]["preferences"]
    shown = await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] != "unavailable")
    seen = told(
        "signed in" if entry["state"] == "loaded" else entry["state"],
        "up to date" if shown["state"] == "busy" else shown["state"],
        "remembered" if select["state"] == "busy" else f"shown as {select['state']}",
        "stored whole" if [one["availability"] for one in stored.values()] == ["busy"] else "lost",
    )
    for name, value in (
        ("fault", "Killed right after setting a preference"),
        ("expected", expected),
        ("seen", seen),
    ):
        record_property(name, value)
    assert seen == expected


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("is empty", b""),
        ("stops in the middle", b'{"version": 1, "da'),
        ("is not text", b"\xff\xfe"),
    ],
)
async def test_start_with_a_damaged_file(
    what: str, content: bytes, demo: Demo, record_property: Callable[[str, object], None]
) -> None:
    home = demo.home
    expected = "signed in; up to date; then it works"
    await demo.microsoft.gesture(ROBIN, "join_call")
    (entry,) = await home.entries()
    await home.act(f"{DOMAIN}.set_preferred_presence", entity_id=AVAILABILITY, **BUSY)
    await home.kill()
    store = home.directory / ".storage" / f"{DOMAIN}.{entry['entry_id']}"
    store.write_bytes(content)
    await home.start()
    (entry,) = await home.entries()
    shown = await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] != "unavailable")
    await home.act(f"{DOMAIN}.set_preferred_presence", entity_id=AVAILABILITY, **BUSY)
    select = await home.wait_for(PREFERENCE, "appear", lambda at: at["state"] != "unavailable")
    stored = json.loads(store.read_text())["data"]["preferences"]
    seen = told(
        "signed in" if entry["state"] == "loaded" else entry["state"],
        "up to date" if shown["state"] == "busy" else shown["state"],
        "then it works" if select["state"] == "busy" and stored else "then it does not work",
    )
    for name, value in (
        ("fault", f"Start with a file of preferences: it {what}"),
        ("expected", expected),
        ("seen", seen),
    ):
        record_property(name, value)
    assert seen == expected


async def _restart(kill: Kill, demo: Demo) -> str:
    """Restart and return a description of the result."""
    home, microsoft = demo.home, demo.microsoft
    await home.start()
    (entry,) = await home.entries()
    shown = await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] != "unavailable")
    words = [
        "signed in" if entry["state"] == "loaded" else str(entry["state"]),
        "up to date" if shown["state"] == "busy" else shown["state"],
    ]
    if kill.data:
        message = await microsoft.message_of(ROBIN)
        has_it = message == kill.data["message"]
        at = await home.wait_for(STATUS_MESSAGE, "appear", lambda at: at["state"] != "unavailable")
        words += [
            "error returned",
            "Teams has it" if has_it else "Teams does not have it",
            "Home Assistant shows what Teams has"
            if at["state"] == (message or "")
            else f"Home Assistant shows {at['state']!r}",
        ]
    complaints = home.complaints()
    home.log.unlink()
    return told(*words, *(complaint.splitlines()[0] for complaint in complaints))
