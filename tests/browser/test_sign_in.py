"""Signing in through the frontend, and its error messages."""

from collections.abc import AsyncIterator

from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from scripts.live.demo import Demo
from simulator.tenant import DOMAIN, PUBLIC_CLIENT_ID

from .frontend import TEXTS, Frontend, error_text

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def only_admins_consent(demo: Demo) -> AsyncIterator[None]:
    """Allow only administrators to consent."""
    await demo.microsoft.change_tenant(user_consent="blocked")
    yield
    await demo.microsoft.change_tenant(user_consent="allowed")


async def open_microsoft_page(frontend: Frontend) -> Page:
    """Run the config flow up to Microsoft's page."""
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("browser")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
    await frontend.choose_simulator()
    return await frontend.submit_and_open_microsoft()


async def test_sign_in_with_the_browser_makes_a_device(frontend: Frontend) -> None:
    microsoft = await open_microsoft_page(frontend)
    await microsoft.locator("#account-robin").click()
    await expect(microsoft.locator(".scopes")).to_contain_text("Presence.ReadWrite")
    await microsoft.locator("#accept").click()
    await frontend.finish()

    await frontend.open_device("Robin Example")
    for platform in ("sensor", "binary_sensor", "select", "text"):
        for entity in TEXTS["entity"][platform].values():
            row = frontend.page.get_by_text(entity["name"], exact=True)
            await expect(row.first).to_be_visible()


async def test_sign_in_with_a_code_makes_a_device(frontend: Frontend, demo: Demo) -> None:
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("device_code")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
    await frontend.choose_simulator()
    await frontend.submit()
    code = await frontend.dialog.locator("h1").inner_text()
    async with frontend.page.context.expect_page() as tab:
        await frontend.dialog.get_by_role("link", name="/device").click()
    device = await tab.value
    await device.locator("#user-code").fill(code)
    await device.locator("#next").click()
    await device.locator("#account-alex").click()
    await device.locator("#accept").click()
    await frontend.finish()

    availability = "sensor.alex_example_availability"
    await demo.home.wait_for(availability, "appear", lambda at: at["state"] == "available")


async def test_denied_consent_is_explained(frontend: Frontend) -> None:
    microsoft = await open_microsoft_page(frontend)
    await microsoft.locator("#account-kim").click()
    await microsoft.locator("#deny").click()
    await expect(frontend.dialog).to_contain_text(error_text("consent_denied"))


async def test_wrong_tenant_is_explained(frontend: Frontend) -> None:
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("browser")
    await frontend.fill_in(tenant="nowhere.example", client_id=PUBLIC_CLIENT_ID)
    await frontend.choose_simulator()
    await frontend.submit()
    await expect(frontend.dialog).to_contain_text(error_text("tenant_not_found"))


@pytest.mark.usefixtures("only_admins_consent")
async def test_missing_approval_has_a_link_for_the_administrator(frontend: Frontend) -> None:
    microsoft = await open_microsoft_page(frontend)
    await microsoft.locator("#account-kim").click()
    await expect(microsoft.locator("#message")).to_contain_text("AADSTS90094")
    # Microsoft's page does not redirect back, so the dialog has the link.
    link = frontend.dialog.get_by_role("link", name="/v2.0/adminconsent?")
    await expect(link).to_be_visible()


async def test_the_number_on_microsofts_page_is_explained(frontend: Frontend) -> None:
    texts = TEXTS["config"]["step"]
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("browser")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
    await frontend.choose_simulator()
    await frontend.dialog.locator("input[name=number]").fill("AADSTS50105: Your administrator …")
    await frontend.submit()
    await expect(frontend.dialog).to_contain_text(error_text("not_assigned"))
    await expect(frontend.dialog).to_contain_text(texts["approval"]["title"])
    await expect(frontend.dialog).to_contain_text("AADSTS50105")
    await expect(frontend.dialog.get_by_role("link", name="/v2.0/adminconsent?")).to_be_visible()


async def test_a_number_about_the_form_is_explained_before_it(frontend: Frontend) -> None:
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("browser")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
    await frontend.choose_simulator()
    await frontend.dialog.locator("input[name=number]").fill("AADSTS700016")
    await frontend.submit()
    await expect(frontend.dialog).to_contain_text(error_text("app_not_found"))
    await expect(frontend.dialog).to_contain_text("AADSTS700016")
    await expect(frontend.dialog.locator("input")).to_have_count(0)
    await frontend.submit()
    await expect(frontend.dialog.locator("input[name=client_id]")).to_have_value(PUBLIC_CLIENT_ID)
    await expect(frontend.dialog).to_contain_text(error_text("app_not_found"))
