"""The demo's printed instructions, in a browser without a session."""

from collections.abc import AsyncIterator
import re
from typing import Any

from playwright.async_api import BrowserContext, Page, expect
import pytest
import pytest_asyncio

from scripts.live.demo import LAMP, ROBIN, Demo, instructions, is_red, sign_in
from scripts.live.home import USERNAME, Home
from scripts.live.processes import LiveError

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MAIN = "home-assistant-main"


@pytest_asyncio.fixture(loop_scope="session")
async def page(window: BrowserContext) -> AsyncIterator[Page]:
    """Open a tab without the other tests' cookies."""
    assert window.browser
    async with await window.browser.new_context() as context:
        yield await context.new_page()


async def printed(demo: Demo) -> tuple[str, str]:
    """Return the printed link and password."""
    found = re.search(
        r"Home Assistant +(\S+).*, password (\S+)", await instructions(demo), re.DOTALL
    )
    assert found
    return found[1], found[2]


async def test_two_clicks_to_the_red_lamp(demo: Demo, page: Page) -> None:
    await sign_in(demo, ROBIN)
    link, _ = await printed(demo)
    # The first click, in the terminal.
    await page.goto(link)
    await page.frame_locator("iframe").locator("#robin-join-call").click()
    await demo.home.wait_for(LAMP, "turn red", is_red)


async def test_the_link_signs_in_for_good(demo: Demo, page: Page) -> None:
    link, _ = await printed(demo)
    await page.goto(link)
    await expect(page.locator(MAIN)).to_be_visible()
    assert "code" not in page.url
    await page.goto(demo.home.url)
    await expect(page.locator(MAIN)).to_be_visible()


async def test_the_link_signs_in_once(demo: Demo, page: Page, window: BrowserContext) -> None:
    link, _ = await printed(demo)
    await page.goto(link)
    await expect(page.locator(MAIN)).to_be_visible()
    assert window.browser
    async with await window.browser.new_context() as context:
        other = await context.new_page()
        await other.goto(link)
        await expect(other.get_by_text("Unable to connect")).to_be_visible()


async def test_the_printed_password_signs_in(demo: Demo, page: Page) -> None:
    _, password = await printed(demo)
    await page.goto(demo.home.url)
    await page.locator("input[name=username]").fill(USERNAME)
    await page.locator("input[name=password]").fill(password)
    await page.locator("input[name=password]").press("Enter")
    await expect(page.locator(MAIN)).to_be_visible()


async def users(home: Home) -> list[dict[str, Any]]:
    """Return the users who can log in."""
    found = await home.command("config/auth/list")
    return [user for user in found if not user["system_generated"]]


async def test_the_next_start_has_another_password(demo: Demo, page: Page) -> None:
    home = demo.home
    await page.goto(await home.sign_in_link())
    await expect(page.locator(MAIN)).to_be_visible()
    before = await users(home)
    old = home.password
    await home.stop()
    await home.start()
    assert await users(home) == before
    # A browser stays signed in.
    await page.goto(home.url)
    await expect(page.locator(MAIN)).to_be_visible()
    home.password, new = old, home.password
    with pytest.raises(LiveError, match="invalid_auth"):
        await home.sign_in_link()
    home.password = new


async def test_the_password_is_stored_nowhere(demo: Demo) -> None:
    files = [path for path in demo.home.directory.parent.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if demo.home.password.encode() in path.read_bytes()] == []


async def test_other_users_keep_their_passwords(demo: Demo) -> None:
    home = demo.home
    made = await home.command("config/auth/create", name="Guest", group_ids=["system-read-only"])
    await home.command(
        "config/auth_provider/homeassistant/create",
        user_id=made["user"]["id"], username="guest", password="guest",
    )  # fmt: skip
    await home.stop()
    await home.start()
    assert [user["username"] for user in await users(home)] == [USERNAME, "guest"]
