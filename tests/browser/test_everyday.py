"""The demo's features: lamp, status message, and restart."""

from collections.abc import AsyncIterator

from playwright.async_api import expect
import pytest
import pytest_asyncio

from scripts.live.demo import (
    AVAILABILITY,
    DASHBOARD,
    LAMP,
    ROBIN,
    STATUS_MESSAGE,
    Demo,
    is_red,
    sign_in,
)
from scripts.live.processes import until

from .frontend import TEXTS, Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed_in(demo: Demo) -> Demo:
    """Sign Robin in."""
    await sign_in(demo, ROBIN)
    return demo


@pytest_asyncio.fixture(loop_scope="session")
async def dashboard(signed_in: Demo, frontend: Frontend) -> AsyncIterator[Frontend]:
    """Open the demo's dashboard without a call or message."""
    await frontend.open()
    await frontend.page.wait_for_url(f"**/{DASHBOARD}/**")
    yield frontend
    await signed_in.microsoft.gesture(ROBIN, "leave_call")
    await signed_in.microsoft.gesture(ROBIN, "clear_status_message")


async def test_joining_a_call_turns_the_lamp_red(signed_in: Demo, dashboard: Frontend) -> None:
    await dashboard.teams.locator("#robin-join-call").click()
    await signed_in.home.wait_for(LAMP, "turn red", is_red)
    in_a_call = TEXTS["entity"]["sensor"]["activity"]["state"]["in_a_call"]
    activity = dashboard.page.locator("hui-tile-card", has_text="Activity")
    await expect(activity).to_contain_text(in_a_call)


async def test_a_message_typed_here_is_shown_in_teams(dashboard: Frontend) -> None:
    field = dashboard.page.locator("hui-text-entity-row input")
    await field.fill("Back at three")
    await field.press("Enter")
    await field.blur()
    await expect(dashboard.teams.locator("#robin-message")).to_contain_text("Back at three")


async def test_a_message_typed_in_teams_is_shown_here(dashboard: Frontend) -> None:
    await dashboard.teams.locator("#robin-message-field").fill("Focus time")
    await dashboard.teams.locator("#robin-set-message").click()
    message = dashboard.page.locator("hui-tile-card", has_text="Status message")
    await expect(message).to_contain_text("Focus time", timeout=40_000)


async def test_a_restart_keeps_everything(signed_in: Demo, dashboard: Frontend) -> None:
    home, microsoft = signed_in.home, signed_in.microsoft
    await home.restart()
    await home.wait_for(AVAILABILITY, "be back", lambda at: at["state"] == "available")
    # The page reconnects by itself, but with an increasing delay.
    await dashboard.open()

    await dashboard.teams.locator("#robin-join-call").click()
    await home.wait_for(LAMP, "turn red", is_red)
    await home.act(
        "ms_teams_presence.set_status_message", entity_id=STATUS_MESSAGE, message="Still here"
    )

    async def arrived() -> bool:
        return await microsoft.message_of(ROBIN) == "Still here"

    await until("The message did not arrive", arrived, seconds=10)
