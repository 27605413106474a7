"""From the installed integration to the first red lamp: what README says, clicked and counted."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.util.yaml import load_yaml
from playwright.async_api import BrowserContext, Locator, Page, expect
import pytest

from scripts.live.demo import BLUEPRINTS, LAMP, ROBIN, TEMPLATES, Demo, is_red
from simulator.tenant import DOMAIN as TENANT_DOMAIN, PUBLIC_CLIENT_ID
from tests.documents import ROOT, links, rows

from .frontend import Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

README: Final = ROOT / "README.md"
FIGURES: Final = ROOT / "docs/first-minutes.md"
BLUEPRINT: Final = "ms_teams_presence/busy_light.yaml"
# The button in README, and "Open link" on the page of others that it leads to. Both need the internet.
MY_LINK_CLICKS: Final = 2


class Tally:
    """Counts what a person does, step by step: clicks, fields and pages of others."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self.steps: dict[str, list[int]] = {}
        self._now = [0, 0, 0]

    async def watch(self, window: BrowserContext) -> None:
        """Count the clicks in every page that opens from now on."""
        await window.expose_function("countClick", self._click)
        # Playwright keeps a click from a page that moves under it, and clicks again.
        await window.add_init_script(
            "addEventListener('pointerdown', event => setTimeout(() =>"
            " event.isTrusted && !event.defaultPrevented && countClick()), true)"
        )

    def _click(self) -> None:
        self._now[0] += 1

    async def settle(self, page: Page) -> None:
        """Wait until every click so far is counted, which is after the click itself."""
        await page.evaluate("() => new Promise(resolve => setTimeout(resolve))")

    def begin(self, step: str) -> None:
        """Begin a step; whatever is done from now on belongs to it."""
        self._now = self.steps[step] = [0, 0, 0]

    def pause(self) -> None:
        """Count nothing for a while."""
        self._now = [0, 0, 0]

    def go_on(self) -> None:
        """Go on with the last step."""
        self._now = list(self.steps.values())[-1]

    def leave(self, clicks: int = 0) -> None:
        """Count a page of others, with the clicks that can't be done here."""
        self._now[0] += clicks
        self._now[2] += 1

    async def fill(self, field: Locator, text: str) -> None:
        """Fill in a field."""
        self._now[1] += 1
        await field.fill(text)


def my_link(redirect: str) -> str:
    """Return what follows the question mark in README's button for a redirect."""
    (link,) = [link for link in links(README) if f"/redirect/{redirect}/" in link]
    return urlsplit(link).query


async def choose_entity(page: Page, field: str, name: str) -> None:
    """Choose an entity in a field of the blueprint."""
    # By its name: the fields appear one after the other, and not from top to bottom.
    row = page.locator("ha-settings-row", has=page.get_by_text(field, exact=True))
    await row.get_by_text("Select an entity").click()
    await page.locator("ha-combo-box-item", has_text=name).first.click()


async def test_first_minutes(demo: Demo, window: BrowserContext) -> None:
    home = demo.home
    automations = load_yaml(TEMPLATES / "automations.yaml")
    assert isinstance(automations, list)
    for automation in automations:
        await home.rest("DELETE", f"/api/config/automation/config/{automation['id']}")
    await home.command("blueprint/delete", domain="automation", path=BLUEPRINT)
    tally = Tally()
    await tally.watch(window)
    page = await window.new_page()
    frontend = Frontend(page, home)

    tally.begin("Sign in")
    tally.leave(MY_LINK_CLICKS)
    await frontend.open(f"/config/integrations/dashboard/add?{my_link('config_flow_start')}")
    await page.get_by_role("button", name="OK").click()
    await frontend.choose_way("browser")
    await tally.fill(frontend.dialog.locator("input[name=tenant]"), TENANT_DOMAIN)
    await tally.fill(frontend.dialog.locator("input[name=client_id]"), PUBLIC_CLIENT_ID)
    # Microsoft's own cloud is chosen already.
    await tally.settle(page)
    tally.pause()
    await frontend.choose_simulator()
    await tally.settle(page)
    tally.go_on()
    microsoft = await frontend.submit_and_leave()
    tally.leave()
    await microsoft.locator("#account-robin").click()
    await microsoft.locator("#accept").click()
    await frontend.finish()
    await tally.settle(page)

    tally.begin("Import the blueprint")
    tally.leave(MY_LINK_CLICKS)
    app = web.Application()
    app.router.add_static("/", BLUEPRINTS / "automation/ms_teams_presence")
    dialog = page.locator("ha-dialog-import-blueprint")
    async with TestServer(app) as server:
        address = f"blueprint_url={server.make_url('/busy_light.yaml')}"
        await frontend.open(f"/config/blueprint/dashboard/import?{address}")
        await page.get_by_role("button", name="Preview").click()
        await dialog.get_by_role("button", name="Import blueprint").click()
        await expect(dialog.get_by_text("Blueprint path")).to_be_hidden()
    await tally.settle(page)

    tally.begin("Make the automation")
    await page.get_by_text("Busy light for Microsoft Teams", exact=True).first.click()
    await choose_entity(page, "People", "Activity")
    await choose_entity(page, "Lamps", "Desk lamp")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Traces")).to_be_visible()
    await tally.settle(page)
    tally.pause()

    await demo.microsoft.gesture(ROBIN, "join_call")
    await home.wait_for(LAMP, "turn red", is_red)
    tally.steps["Together"] = [sum(column) for column in zip(*tally.steps.values(), strict=True)]
    written = {step: [int(cell) for cell in cells] for step, *cells, _ in rows(FIGURES, "Step")}
    assert written == tally.steps
