"""The pages in a real browser."""

from collections.abc import AsyncIterator
from datetime import timedelta

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, async_playwright, expect
import pytest

from simulator import Simulator
from simulator.states import AWAY
from simulator.tenant import PUBLIC_CLIENT_ID, TENANT_ID

from .conftest import Client

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def page(simulator: Simulator) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page()
        yield page
        await browser.close()


@pytest.fixture
async def app(socket_enabled: None) -> AsyncIterator[str]:
    """Serve the app's redirect URI and return it."""

    async def callback(request: web.Request) -> web.Response:
        form = await request.post()
        return web.Response(text=f"back at the app by {request.method} {sorted(form)}")

    server = TestServer(web.Application())
    server.app.router.add_route("*", "/auth/external/callback", callback)
    async with server:
        yield str(server.make_url("/auth/external/callback"))


async def test_join_and_leave_a_call(page: Page, simulator: Simulator) -> None:
    await page.goto(simulator.url)
    card = page.locator("#robin")
    await card.get_by_role("button", name="Join a call").click()
    await expect(card.locator("#robin-state")).to_have_text("In a call")
    await card.get_by_role("button", name="Leave the call").click()
    await expect(card.locator("#robin-state")).to_have_text("Available")


async def test_the_page_shows_changes_made_elsewhere(page: Page, simulator: Simulator) -> None:
    await page.goto(simulator.url)
    simulator.tenant.people["kim"].close_teams()
    await expect(page.locator("#kim-state")).to_have_text("Offline")


async def test_an_update_keeps_a_typed_message(page: Page, simulator: Simulator) -> None:
    await page.goto(simulator.url)
    await page.fill("#robin-message-field", "Half typed")
    simulator.tenant.people["robin"].join_call()
    await expect(page.locator("#robin-state")).to_have_text("In a call")
    await page.click("#robin-set-message")
    await expect(page.locator("#robin-message")).to_have_text("Half typed")


async def test_messages_are_text_not_markup(page: Page, simulator: Simulator) -> None:
    robin = simulator.tenant.people["robin"]
    robin.set_status_message("<b id=evil>bold</b>", timedelta(hours=1))
    robin.set_out_of_office(message="<script>alert(1)</script>")
    await page.goto(simulator.url)
    await expect(page.locator("#robin-message")).to_have_text("<b id=evil>bold</b>")
    assert await page.locator("#evil").count() == 0


async def test_the_clock_is_advanced(page: Page, simulator: Simulator) -> None:
    simulator.tenant.people["robin"].set_status_message("Soon gone", timedelta(minutes=30))
    await page.goto(simulator.url)
    await page.click("#advance-1-h")
    await expect(page.locator("#robin-message")).to_have_count(0)


async def test_a_session_names_its_app(page: Page, simulator: Simulator) -> None:
    robin = simulator.tenant.people["robin"]
    robin.close_teams()
    robin.set_session(PUBLIC_CLIENT_ID, AWAY, timedelta(hours=1))
    await page.goto(simulator.url)
    await expect(page.locator("#robin")).to_contain_text("Away, by Presence for the home")


async def test_a_fault_is_switched_on_and_off(page: Page, client: Client) -> None:
    await page.goto(client.simulator.url)
    switch = page.locator("#trouble-unavailable")
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "true")
    assert (await client.get("/v1.0/me")).status == 503
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "false")
    assert (await client.get("/v1.0/me")).status == 401


async def test_the_page_works_in_a_frame(page: Page, simulator: Simulator) -> None:
    await page.set_content(f"<iframe src='{simulator.url}' width=900 height=900></iframe>")
    frame = page.frame_locator("iframe")
    await frame.locator("#robin-join-call").click()
    await expect(frame.locator("#robin-state")).to_have_text("In a call")


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_is_wider_than_the_screen(
    page: Page, simulator: Simulator, width: int
) -> None:
    simulator.tenant.people["robin"].set_status_message("x" * 280)
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(simulator.url)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_sign_in(page: Page, client: Client, app: str) -> None:
    await page.goto(client.authorize_url(redirect_uri=app))
    await page.get_by_role("button", name="Robin Example").click()
    await expect(page.get_by_text("See your presence information")).to_be_visible()
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_text("back at the app")).to_be_visible()
    assert "code=" in page.url


async def test_the_second_sign_in_skips_consent(page: Page, client: Client, app: str) -> None:
    await client.sign_in("Presence.Read")
    await page.goto(client.authorize_url(redirect_uri=app))
    await page.get_by_role("button", name="Robin Example").click()
    await expect(page.get_by_text("back at the app")).to_be_visible()


async def test_prompt_consent_shows_consent_again(page: Page, client: Client, app: str) -> None:
    await client.sign_in("Presence.Read")
    await page.goto(client.authorize_url(redirect_uri=app, prompt="consent"))
    await page.get_by_role("button", name="Robin Example").click()
    await expect(page.get_by_role("heading")).to_have_text("Permissions requested")


async def test_decline(page: Page, client: Client, app: str) -> None:
    await page.goto(client.authorize_url(redirect_uri=app))
    await page.get_by_role("button", name="Robin Example").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("back at the app")).to_be_visible()
    assert "error=access_denied" in page.url


async def test_the_response_as_a_form(page: Page, client: Client, app: str) -> None:
    await page.goto(client.authorize_url(redirect_uri=app, response_mode="form_post"))
    await page.get_by_role("button", name="Robin Example").click()
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_text("by POST ['code', 'session_state', 'state']")).to_be_visible()


async def test_admin_approval_is_required(page: Page, client: Client, app: str) -> None:
    client.simulator.tenant.user_consent = "blocked"
    await page.goto(client.authorize_url(redirect_uri=app))
    await page.get_by_role("button", name="Robin Example").click()
    await expect(page.get_by_role("heading")).to_have_text("Need admin approval")
    await expect(page.get_by_text("AADSTS90094")).to_be_visible()


async def test_an_administrator_consents(page: Page, client: Client, app: str) -> None:
    query = f"client_id={PUBLIC_CLIENT_ID}&redirect_uri={app}"
    await page.goto(f"{client.simulator.url}/{TENANT_ID}/adminconsent?{query}")
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_text("back at the app")).to_be_visible()
    registration = client.simulator.tenant.apps[PUBLIC_CLIENT_ID]
    assert registration.admin_consented == registration.delegated


@pytest.mark.parametrize(("button", "text"), [("Accept", "signed in"), ("Cancel", "not let in")])
async def test_enter_a_device_code(page: Page, client: Client, button: str, text: str) -> None:
    fields = {"client_id": PUBLIC_CLIENT_ID, "scope": "Presence.Read"}
    flow = (await client.form("devicecode", **fields)).json
    await page.goto(str(flow["verification_uri"]))
    await page.fill("#user-code", str(flow["user_code"]).lower())
    await page.get_by_role("button", name="Next").click()
    await page.get_by_role("button", name="Kim Example").click()
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_text(text)).to_be_visible()


async def test_a_wrong_device_code_can_be_corrected(page: Page, simulator: Simulator) -> None:
    await page.goto(f"{simulator.url}/device")
    await page.fill("#user-code", "WRONG")
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("alert")).to_contain_text("AADSTS70018")
