"""A day in two minutes: what was set ends when it shall, through lost tokens and a restart."""

from datetime import UTC, datetime, timedelta
import json

import pytest

from scripts.live.demo import AVAILABILITY, ROBIN, STATUS_MESSAGE, Demo, sign_in
from scripts.live.home import DOMAIN, State
from scripts.live.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PREFERENCE = "select.robin_example_preferred_presence"
# For machines with much else to do; a poll would come after five minutes.
PROMPTLY = timedelta(seconds=20)


def ends_at(state: State) -> datetime:
    """Return when a message or a preference ends."""
    return datetime.fromisoformat(state["attributes"]["expires_at"])


async def shown_by_microsoft(demo: Demo) -> str:
    """Return the availability that everybody sees."""
    presence = (await demo.microsoft.state())["people"][ROBIN]["presence"]
    return str(presence["availability"])


async def test_a_short_day(demo: Demo) -> None:
    home, microsoft = demo.home, demo.microsoft
    await sign_in(demo, ROBIN)
    await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] == "available")
    (entry,) = await home.entries()
    await home.set_options(entry, poll_interval=300, hold_session=True)
    await home.reload(entry)

    # A message. The reload ends the polling that follows a change: the next poll is far.
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
    known = len(await microsoft.requests())
    await microsoft.expire_access_tokens()
    await home.wait_for(STATUS_MESSAGE, "go", lambda at: at["state"] == "", seconds=60)
    assert ends_at(message) <= datetime.now(UTC) <= ends_at(message) + PROMPTLY
    # Who looks at its end may be a moment early, and has to look again.
    looks = [datetime.fromisoformat(at["at"]) for at in (await microsoft.requests())[known:]]
    assert min(looks) > ends_at(message) - timedelta(seconds=2)
    assert await microsoft.message_of(ROBIN) is None

    # A preference without Teams, first for long.
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

    # Then for not so long.
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
    await microsoft.expire_access_tokens()
    await home.wait_for(PREFERENCE, "end", lambda at: at["state"] == "automatic", seconds=60)
    assert ends_at(short) <= datetime.now(UTC) <= ends_at(short) + PROMPTLY

    # Nothing is left: no session, which would show, nor a preference, which would with Teams open.
    async def is_offline() -> bool:
        return await shown_by_microsoft(demo) == "Offline"

    await until("The held session did not end", is_offline, seconds=30)
    await microsoft.gesture(ROBIN, "open_teams")
    assert await shown_by_microsoft(demo) == "Available"
    await home.act("homeassistant.update_entity", entity_id=AVAILABILITY)
    await home.wait_for(AVAILABILITY, "be back", lambda at: at["state"] == "available")
    store = home.directory / ".storage" / f"{DOMAIN}.{entry['entry_id']}"
    assert json.loads(store.read_text())["data"] == {"preferences": {}, "sessions": {}}
