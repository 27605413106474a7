"""Home Assistant's pages as a person uses them: what is clicked, and what is then seen."""

from collections.abc import AsyncIterator
import contextlib
import json
import os
import re
import shutil
from typing import Final

from playwright.async_api import (
    BrowserContext,
    FrameLocator,
    Locator,
    Page,
    async_playwright,
    expect,
)

from scripts.live.home import INTEGRATION, Home

TITLE: Final = "Microsoft Teams Presence"
TEXTS: Final = json.loads((INTEGRATION / "translations/en.json").read_text())
# Pages are built in the browser, by two busy cores at worst.
MILLISECONDS: Final = 20_000

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Return this machine's Chromium; without one, Playwright takes the one it has installed."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@contextlib.asynccontextmanager
async def browser_window() -> AsyncIterator[BrowserContext]:
    """Open a browser that nobody has used yet."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        async with browser:
            context = await browser.new_context(viewport={"width": 1280, "height": 800})
            context.set_default_timeout(MILLISECONDS)
            yield context


def error_text(key: str) -> re.Pattern[str]:
    """Return what the integration says of an error, with anything where a placeholder is."""
    parts = re.split(r"\{\w+\}", TEXTS["config"]["error"][key])
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


class Frontend:
    """One tab with Home Assistant, no password needed."""

    def __init__(self, page: Page, home: Home) -> None:
        """Take over a tab."""
        self.page = page
        self.home = home

    async def open(self, path: str = "/") -> None:
        """Go to a page of Home Assistant."""
        await self.page.goto(f"{self.home.url}{path}")

    @property
    def dialog(self) -> Locator:
        """The dialog of the config flow."""
        return self.page.locator("dialog-data-entry-flow")

    async def choose_integration(self) -> None:
        """Click through Settings to this integration."""
        await self.open("/config/integrations/dashboard")
        await self.page.get_by_role("button", name="Add integration").click()
        search = self.page.get_by_placeholder("Search for a brand name")
        await search.fill("microsoft teams")
        await self.page.locator("dialog-add-integration").get_by_text(TITLE).click()
        await expect(self.dialog).to_contain_text(TEXTS["config"]["step"]["user"]["title"])

    async def choose_way(self, way: str) -> None:
        """Choose how to sign in: `browser` or `device_code`."""
        label = TEXTS["config"]["step"]["user"]["menu_options"][way]
        await self.dialog.get_by_text(label).click()
        await expect(self.dialog).to_contain_text(TEXTS["config"]["step"][way]["title"])

    async def fill_in(self, *, tenant: str, client_id: str) -> None:
        """Fill in the form about the app registration, whose cloud stays Microsoft's global one."""
        await self.dialog.locator("input[name=tenant]").fill(tenant)
        await self.dialog.locator("input[name=client_id]").fill(client_id)

    async def choose_simulator(self) -> None:
        """Choose the cloud that only exists here."""
        cloud = TEXTS["config"]["step"]["browser"]["data"]["cloud"]
        await self.dialog.get_by_label(cloud).click()
        await self.page.get_by_role("menuitem", name="simulator").click()

    async def submit(self) -> None:
        """Submit the form."""
        await self.dialog.get_by_role("button", name="Submit").click()

    async def submit_and_leave(self) -> Page:
        """Submit the form and return the tab that opens with Microsoft's page."""
        async with self.page.context.expect_page() as tab:
            await self.submit()
        return await tab.value

    async def finish(self) -> None:
        """Close the dialog, which only a new account can be finished in."""
        await self.dialog.get_by_role("button", name=re.compile("finish", re.IGNORECASE)).click()
        await expect(self.dialog).to_be_hidden()

    async def open_device(self, name: str) -> None:
        """Go to the page of a device."""
        devices = await self.home.command("config/device_registry/list")
        found = next(device for device in devices if device["name"] == name)
        await self.open(f"/config/devices/device/{found['id']}")

    @property
    def teams(self) -> FrameLocator:
        """The simulated Teams on the demo's dashboard."""
        return self.page.frame_locator("iframe")
