"""Repairs and reauthentication in the frontend."""

from playwright.async_api import BrowserContext, expect
import pytest
import pytest_asyncio

from scripts.live.demo import AVAILABILITY, ROBIN, Demo
from scripts.live.processes import until

from .frontend import TEXTS, Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PREFERENCE = "select.robin_example_preferred_presence"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed_in(demo: Demo, window: BrowserContext) -> Demo:
    """Sign Robin in with the browser."""
    page = await window.new_page()
    await Frontend(page, demo.home).sign_in(ROBIN)
    await page.close()
    return demo


async def end_sign_in(signed_in: Demo, provoked: list[str]) -> None:
    """End the sign-in and wait until the entities are unavailable."""
    home, microsoft = signed_in.home, signed_in.microsoft
    await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] == "available")
    await microsoft.revoke(ROBIN)
    await microsoft.expire_access_tokens()
    provoked.append("Authentication failed while fetching")
    await home.wait_for(AVAILABILITY, "go", lambda at: at["state"] == "unavailable", seconds=60)


async def test_signing_in_again_brings_the_entities_back(
    signed_in: Demo, frontend: Frontend, provoked: list[str]
) -> None:
    home = signed_in.home
    await end_sign_in(signed_in, provoked)
    await frontend.open("/config/integrations/dashboard")
    await frontend.page.get_by_role("button", name="Reconfigure").click()
    title = TEXTS["config"]["step"]["reauth_confirm"]["title"]
    await expect(frontend.dialog).to_contain_text(title)
    await expect(frontend.dialog).to_contain_text("Robin Example")
    await expect(frontend.dialog).to_contain_text(TEXTS["config"]["error"]["session_ended"])
    page = await frontend.submit_and_open_microsoft()
    # The permissions were already accepted.
    await page.locator("#account-robin").click()
    await expect(frontend.dialog).to_contain_text("successful")

    await home.wait_for(AVAILABILITY, "come back", lambda at: at["state"] == "available")
    await expect(frontend.page.get_by_role("button", name="Reconfigure")).to_be_hidden()


async def test_a_rejected_sign_in_has_one_notice_under_repairs_too(
    signed_in: Demo, frontend: Frontend, provoked: list[str]
) -> None:
    home = signed_in.home
    await end_sign_in(signed_in, provoked)
    await frontend.open("/config/repairs")
    notices = frontend.page.locator("ha-config-repairs ha-list-item-button")
    await expect(notices).to_have_count(1)
    await notices.click()
    await expect(frontend.dialog).to_contain_text(TEXTS["config"]["error"]["session_ended"])
    page = await frontend.submit_and_open_microsoft()
    await page.locator("#account-robin").click()
    await expect(frontend.dialog).to_contain_text("successful")

    await home.wait_for(AVAILABILITY, "come back", lambda at: at["state"] == "available")
    await frontend.open("/config/repairs")
    await expect(frontend.page.locator("ha-config-repairs-dashboard")).to_be_visible()
    await expect(notices).to_have_count(0)


async def test_a_preference_that_does_not_show_is_fixed_by_its_repair(
    signed_in: Demo, frontend: Frontend
) -> None:
    home, microsoft = signed_in.home, signed_in.microsoft
    await microsoft.gesture(ROBIN, "close_teams")
    await frontend.open()
    row = frontend.page.locator("hui-select-entity-row", has_text="Preferred presence")
    await row.locator("ha-select").click()
    wish = TEXTS["entity"]["select"]["preferred_presence"]["state"]["do_not_disturb"]
    await frontend.page.get_by_role("menuitem", name=wish).locator("visible=true").click()
    await home.wait_for(PREFERENCE, "not show", lambda at: at["attributes"]["in_effect"] is False)

    await frontend.open("/config/repairs")
    issue = TEXTS["issues"]["preference_not_shown"]
    await frontend.page.get_by_text(issue["title"]).click()
    explanation = issue["fix_flow"]["step"]["confirm"]["description"].split("\n\n")[0]
    await expect(frontend.dialog).to_contain_text(explanation)
    await frontend.submit()
    await frontend.finish()

    async def is_shown() -> bool:
        presence = (await microsoft.state())["people"][ROBIN]["presence"]
        return bool(presence["availability"] == "DoNotDisturb")

    await until("Microsoft did not show the preference", is_shown, seconds=30)
    await home.wait_for(PREFERENCE, "show", lambda at: at["attributes"]["in_effect"] is True)
    await expect(frontend.page.get_by_text(issue["title"])).to_be_hidden()
