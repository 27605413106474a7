"""README's first steps with counted clicks."""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.util.yaml import load_yaml
from playwright.async_api import BrowserContext, Locator, Page, expect
import pytest

from scripts.live.demo import BLUEPRINTS, LAMP, ROBIN, TEMPLATES, Demo, is_red
from simulator.tenant import DOMAIN as TENANT_DOMAIN, PUBLIC_CLIENT_ID
from tests.documents import ROOT, links, rows

from .frontend import TEXTS, Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

README: Final = ROOT / "README.md"
FIGURES: Final = ROOT / "docs/first-minutes.md"
BLUEPRINT: Final = "ms_teams_presence/busy_light.yaml"
# The badge in README and "Open link" on My Home Assistant. Both need internet access.
MY_LINK_CLICKS: Final = 2


class Tally:
    """Counts clicks, fields and external pages in each step."""

    def __init__(self) -> None:
        """Initialize."""
        self.steps: dict[str, list[int]] = {}
        self._counts = [0, 0, 0]

    async def count_clicks(self, window: BrowserContext) -> None:
        """Count the clicks in every page opened from now on."""
        await window.expose_function("countClick", self._click)
        # Playwright prevents a click if its target moves, and retries.
        await window.add_init_script(
            "addEventListener('pointerdown', event => setTimeout(() =>"
            " event.isTrusted && !event.defaultPrevented && countClick()), true)"
        )

    def _click(self) -> None:
        self._counts[0] += 1

    async def wait_for_clicks(self, page: Page) -> None:
        """Wait for the click counter, which runs after each click."""
        await page.evaluate("() => new Promise(resolve => setTimeout(resolve))")

    def start_step(self, step: str) -> None:
        """Start a step."""
        self._counts = self.steps[step] = [0, 0, 0]

    def pause(self) -> None:
        """Stop counting."""
        self._counts = [0, 0, 0]

    def resume(self) -> None:
        """Resume the last step."""
        self._counts = list(self.steps.values())[-1]

    def count_external_page(self, clicks: int = 0) -> None:
        """Count an external page and the clicks on it."""
        self._counts[0] += clicks
        self._counts[2] += 1

    async def fill(self, field: Locator, text: str) -> None:
        """Fill in a field."""
        self._counts[1] += 1
        await field.fill(text)


def my_link(redirect: str, part: str = "") -> str:
    """Return the query of README's My Home Assistant link."""
    (link,) = [link for link in links(README) if f"/redirect/{redirect}/" in link and part in link]
    return urlsplit(link).query


async def test_first_minutes(demo: Demo, window: BrowserContext) -> None:
    home = demo.home
    automations = load_yaml(TEMPLATES / "automations.yaml")
    assert isinstance(automations, list)
    for automation in automations:
        await home.rest("DELETE", f"/api/config/automation/config/{automation['id']}")
    await home.command("blueprint/delete", domain="automation", path=BLUEPRINT)
    tally = Tally()
    await tally.count_clicks(window)
    page = await window.new_page()
    frontend = Frontend(page, home)

    tally.start_step("Sign in")
    tally.count_external_page(MY_LINK_CLICKS)
    await frontend.open(f"/config/integrations/dashboard/add?{my_link('config_flow_start')}")
    await page.get_by_role("button", name="OK").click()
    await frontend.choose_sign_in_method("browser")
    await tally.fill(frontend.dialog.locator("input[name=tenant]"), TENANT_DOMAIN)
    await tally.fill(frontend.dialog.locator("input[name=client_id]"), PUBLIC_CLIENT_ID)
    # Don't count the cloud: Microsoft's is the default.
    await tally.wait_for_clicks(page)
    tally.pause()
    await frontend.choose_simulator()
    await tally.wait_for_clicks(page)
    tally.resume()
    microsoft = await frontend.submit_and_open_microsoft()
    tally.count_external_page()
    await microsoft.locator("#account-robin").click()
    await microsoft.locator("#accept").click()
    name = re.findall(r"\[(.*)\]", TEXTS["config"]["create_entry"]["lamp"])[0]
    link = frontend.dialog.get_by_role("link", name=name)
    address = urlsplit(await link.get_attribute("href") or "")
    assert parse_qs(address.query) == parse_qs(my_link("blueprint_import", "busy_light"))
    await tally.wait_for_clicks(page)

    tally.start_step("Import the blueprint")
    await link.click()
    app = web.Application()
    app.router.add_static("/", BLUEPRINTS / "automation/ms_teams_presence")
    dialog = page.locator("ha-dialog-import-blueprint")
    async with TestServer(app) as server:
        # The same file without internet access.
        field = dialog.locator("input")
        await expect(field).to_have_value(re.compile("github.com"))
        await field.fill(str(server.make_url("/busy_light.yaml")))
        await page.get_by_role("button", name="Preview").click()
        await dialog.get_by_role("button", name="Import blueprint").click()
        await expect(dialog.get_by_text("Blueprint path")).to_be_hidden()
    await tally.wait_for_clicks(page)

    tally.start_step("Make the automation")
    await page.get_by_text("Busy light for Microsoft Teams", exact=True).first.click()
    await frontend.choose_entity("People", "Activity")
    await frontend.choose_entity("Lamps", "Desk lamp")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Traces")).to_be_visible()
    await tally.wait_for_clicks(page)
    tally.pause()

    await demo.microsoft.gesture(ROBIN, "join_call")
    await home.wait_for(LAMP, "turn red", is_red)
    tally.steps["Together"] = [sum(column) for column in zip(*tally.steps.values(), strict=True)]
    documented = {step: [int(cell) for cell in cells] for step, *cells, _ in rows(FIGURES, "Step")}
    assert documented == tally.steps
