"""Expirations on time, despite expired tokens and a restart."""

from datetime import UTC, datetime, timedelta
import json

import pytest

from scripts.live.demo import AVAILABILITY, ROBIN, STATUS_MESSAGE, Demo, sign_in
from scripts.live.home import DOMAIN, State
from scripts.live.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PREFERENCE = "select.robin_example_preferred_presence"
# Tolerance for busy machines; the next poll is after five minutes.
PROMPTLY = timedelta(seconds=20)


def ends_at(state: State) -> datetime:
    """Return when a message or preference expires."""
    return datetime.fromisoformat(state["attributes"]["expires_at"])


async def shown_by_microsoft(demo: Demo) -> str:
    """Return the availability in Teams."""
    presence = (await demo.microsoft.state())["people"][ROBIN]["presence"]
    return str(presence["availability"])


async def test_a_short_day(demo: Demo) -> None:
    home, microsoft = demo.home, demo.microsoft
    await sign_in(demo, ROBIN)
    await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] == "available")
    (entry,) = await home.entries()
    await home.set_options(entry, hold_session=True)
    await home.reload(entry)

    # A message.
    await home.act(
        f"{DOMAIN}.set_status_message",
        entity_id=AVAILABILITY,
        message="Walking the dog",
        expires_in="00:00:20",
    )
    await home.reload(entry)
    message = await home.wait_for(
        STATUS_MESSAGE, "be set", lambda at: at["state"] == "Walking the dog"
    )
    await microsoft.expire_access_tokens()
    await home.wait_for(STATUS_MESSAGE, "go", lambda at: at["state"] == "", seconds=60)
    assert ends_at(message) <= datetime.now(UTC) <= ends_at(message) + PROMPTLY
    assert await microsoft.message_of(ROBIN) is None

    # A long preference without Teams.
    await microsoft.gesture(ROBIN, "close_teams")
    await home.act("homeassistant.update_entity", entity_id=AVAILABILITY)
    await home.wait_for(AVAILABILITY, "be offline", lambda at: at["state"] == "offline")
    await home.act(
        f"{DOMAIN}.set_preferred_presence", entity_id=AVAILABILITY, availability="do_not_disturb"
    )
    before = await home.wait_for(
        PREFERENCE, "show", lambda at: at["attributes"]["in_effect"] is True
    )
    assert await shown_by_microsoft(demo) == "DoNotDisturb"

    await home.restart()
    after = await home.wait_for(
        PREFERENCE, "go on", lambda at: at["attributes"].get("in_effect") is True
    )
    assert (after["state"], ends_at(after)) == ("do_not_disturb", ends_at(before))
    assert await shown_by_microsoft(demo) == "DoNotDisturb"

    # A short one.
    await microsoft.expire_access_tokens()
    await home.act(
        f"{DOMAIN}.set_preferred_presence",
        entity_id=AVAILABILITY,
        availability="be_right_back",
        duration="00:00:25",
    )
    short = await home.wait_for(
        PREFERENCE,
        "show",
        lambda at: at["state"] == "be_right_back" and at["attributes"]["in_effect"] is True,
    )
    assert await shown_by_microsoft(demo) == "BeRightBack"
    await home.wait_for(PREFERENCE, "end", lambda at: at["state"] == "automatic", seconds=60)
    assert ends_at(short) <= datetime.now(UTC) <= ends_at(short) + PROMPTLY

    # Neither a session nor, with Teams open, a preference is left.
    async def is_offline() -> bool:
        return await shown_by_microsoft(demo) == "Offline"

    await until("The held session did not end", is_offline, seconds=30)
    await microsoft.gesture(ROBIN, "open_teams")
    assert await shown_by_microsoft(demo) == "Available"
    await home.act("homeassistant.update_entity", entity_id=AVAILABILITY)
    await home.wait_for(AVAILABILITY, "be back", lambda at: at["state"] == "available")
    store = home.directory / ".storage" / f"{DOMAIN}.{entry['entry_id']}"
    assert json.loads(store.read_text())["data"] == {"preferences": {}, "sessions": {}}
