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

from scripts.live.home import INTEGRATION, Home, Json
from scripts.live.processes import LiveError
from simulator.tenant import DOMAIN, PUBLIC_CLIENT_ID

TITLE: Final = "Microsoft Teams Presence"
TEXTS: Final = json.loads((INTEGRATION / "translations/en.json").read_text())
# A name of another site that leads to this machine, as DNS rebinding makes one.
REBOUND: Final = "rebound.example"
# Pages are built in the browser, by two busy cores at worst.
MILLISECONDS: Final = 20_000
WINDOW: Final = 1280, 800

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
)


def chromium() -> str | None:
    """Return this machine's Chromium; without one, Playwright takes the one it has installed."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@contextlib.asynccontextmanager
async def browser_window(home: Home) -> AsyncIterator[BrowserContext]:
    """Open a new browser that is signed in; raises LiveError where there is none."""
    async with async_playwright() as playwright:
        executable = chromium() or playwright.chromium.executable_path
        if shutil.which(executable) is None:
            raise LiveError("There is no Chromium here; install it, or name it in CHROMIUM")
        browser = await playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        async with browser:
            width, height = WINDOW
            context = await browser.new_context(viewport={"width": width, "height": height})
            context.set_default_timeout(MILLISECONDS)
            expect.set_options(timeout=MILLISECONDS)
            page = await context.new_page()
            await page.goto(await home.sign_in_link())
            await expect(page.locator("home-assistant-main")).to_be_visible()
            await page.close()
            yield context


def error_text(key: str) -> re.Pattern[str]:
    """Return what the integration says of an error, with anything where a placeholder is."""
    parts = re.split(r"\{\w+\}", TEXTS["config"]["error"][key])
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


class Frontend:
    """One tab with Home Assistant."""

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

    async def include_colleagues(self) -> None:
        """Switch on the only switch of the form."""
        await self.dialog.locator("ha-switch").click()

    async def submit(self) -> None:
        """Submit the form."""
        await self.dialog.get_by_role("button", name="Submit").click()

    async def submit_and_leave(self) -> Page:
        """Submit the form and return the tab that opens with Microsoft's page."""
        async with self.page.context.expect_page() as tab:
            await self.submit()
        return await tab.value

    async def sign_in(self, account: str, *, colleagues: bool = False) -> None:
        """Sign in with the browser for the first time, from the first click to the last."""
        await self.choose_integration()
        await self.choose_way("browser")
        await self.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
        await self.choose_simulator()
        if colleagues:
            await self.include_colleagues()
        microsoft = await self.submit_and_leave()
        await microsoft.locator(f"#account-{account}").click()
        await microsoft.locator("#accept").click()
        await self.finish()

    async def finish(self) -> None:
        """Close the dialog, which only what went well can be finished in."""
        await self.dialog.get_by_role("button", name=re.compile("finish", re.IGNORECASE)).click()
        await expect(self.dialog).to_be_hidden()
        # Closing a dialog goes a step back in the history, which would call off going elsewhere.
        await self.page.wait_for_function("() => !history.state?.dialog")

    async def open_integration(self) -> None:
        """Go to the integration's own page."""
        await self.open(f"/config/integrations/integration/{INTEGRATION.name}")

    async def add_colleagues(self) -> None:
        """Click "Add colleagues" where there is one account only."""
        await self.open_integration()
        label = TEXTS["config_subentries"]["person"]["initiate_flow"]["user"]
        await self.page.get_by_role("button", name=label).click()

    async def search(self, text: str) -> None:
        """Look for colleagues, and see who is found."""
        texts = TEXTS["config_subentries"]["person"]["step"]
        await expect(self.dialog).to_contain_text(texts["user"]["title"])
        await self.dialog.locator("input").fill(text)
        await self.submit()
        await expect(self.dialog).to_contain_text(texts["choose"]["title"])

    async def watch(self, text: str, *names: str) -> None:
        """Search for colleagues and add some of those found, from the first click to the last."""
        await self.add_colleagues()
        await self.search(text)
        for name in names:
            await self.dialog.get_by_text(name).click()
        await self.submit()
        await self.finish()

    async def open_dashboard(self, path: str, config: Json) -> None:
        """Make a dashboard of what somebody pastes into the raw editor, and open its first view."""
        names = [known["url_path"] for known in await self.home.command("lovelace/dashboards/list")]
        if path not in names:
            await self.home.command(
                "lovelace/dashboards/create",
                url_path=path,
                title=path,
                mode="storage",
                show_in_sidebar=False,
            )
        await self.home.command("lovelace/config/save", url_path=path, config=config)
        await self.open(f"/{path}/{config['views'][0]['path']}")

    async def remove_colleague(self, name: str) -> None:
        """Delete a colleague from their row on the integration's page."""
        await self.open_integration()
        row = self.page.locator("ha-config-sub-entry-row", has_text=name)
        # The first menu is the colleague's, the second their device's.
        await row.get_by_role("button", name="Menu").first.click()
        items = self.page.get_by_role("menuitem", name="Delete")
        await items.locator("visible=true").click()
        question = self.page.locator("dialog-box")
        await question.get_by_role("button", name="Delete").click()
        await expect(row).to_be_hidden()

    async def open_device(self, name: str) -> None:
        """Go to the page of a device."""
        found = await self.home.device(name)
        if found is None:
            raise LiveError(f"there is no device {name}")
        await self.open(f"/config/devices/device/{found['id']}")

    @property
    def teams(self) -> FrameLocator:
        """The simulated Teams on the demo's dashboard."""
        return self.page.frame_locator("iframe")
