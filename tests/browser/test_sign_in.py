"""Signing in through the frontend, its languages, and its error messages."""

from collections.abc import AsyncIterator
from functools import reduce
from operator import getitem
from pathlib import Path
import re
from typing import Final

from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from scripts.live.demo import ROBIN, Demo, sign_in
from scripts.live.home import Json
from simulator.tenant import DOMAIN, PUBLIC_CLIENT_ID
from tests.repository import leaves

from .frontend import TEXTS, Frontend, error_text

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE: Final = 390, 844
DESKTOP: Final = 1280, 800
# Elements of the dialog that scroll sideways, or whose text ends with an ellipsis.
TOO_WIDE: Final = """dialog => {
    const found = [];
    // `scrollWidth` is rounded, and an ellipsis replaces a letter that misses a fraction of a pixel.
    const isCut = element => {
        const slot = element.querySelector("slot");
        const nodes = slot ? slot.assignedNodes({ flatten: true }) : [...element.childNodes];
        const { right } = element.getBoundingClientRect();
        const text = new Range();
        return nodes.some(node => {
            text.selectNode(node);
            return text.getBoundingClientRect().right > right + 0.01;
        });
    };
    const look = root => root.querySelectorAll("*").forEach(element => {
        if (element.shadowRoot) look(element.shadowRoot);
        const { overflowX, textOverflow } = getComputedStyle(element);
        const scrolls = element.scrollWidth > element.clientWidth;
        if (textOverflow == "ellipsis" ? isCut(element) || scrolls
            : ["auto", "scroll"].includes(overflowX) && scrolls) found.push(element.outerHTML);
    });
    look(dialog.shadowRoot);
    return found;
}"""
# Markdown and placeholders.
MARKUP: Final = re.compile(r"\*\*|`|\n[>\n -]*|\[|\]\([^)]*\)|\{\w+\}")


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


async def remove_accounts(demo: Demo) -> None:
    """Remove all accounts."""
    for entry in await demo.home.entries():
        await demo.home.remove(entry)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def accepted(demo: Demo) -> None:
    """Accept the permissions before the sign-in."""
    await remove_accounts(demo)
    await sign_in(demo, ROBIN)


@pytest_asyncio.fixture(loop_scope="session")
async def no_account(demo: Demo, accepted: None) -> AsyncIterator[None]:
    """Remove the account."""
    await remove_accounts(demo)
    yield
    await remove_accounts(demo)


async def set_language(demo: Demo, language: str) -> None:
    """Set the user's language, as the profile does."""
    value = {"language": language, "number_format": "language", "time_format": "language"}
    await demo.home.command("frontend/set_user_data", key="language", value=value)


@pytest_asyncio.fixture(loop_scope="session", params=["en", "de", "ja"])
async def language(demo: Demo, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Set the user's language."""
    language: str = request.param
    await set_language(demo, language)
    yield language
    await set_language(demo, "en")


def sentences(texts: Json, *paths: str) -> set[str]:
    """Return the texts below paths, as they are shown."""
    found = set()
    for path in paths:
        for _, text in leaves(reduce(getitem, path.split("."), texts)):
            parts = (part.strip() for part in MARKUP.split(text))
            found |= {part for part in parts if re.search(r"\w", part)}
    return found


async def check_step(frontend: Frontend, picture: Path, *paths: str) -> None:
    """Check a step's texts and widths, and take a picture."""
    ours, english = (sentences(texts, *paths) for texts in (frontend.texts, TEXTS))
    for sentence in ours:
        await expect(frontend.dialog).to_contain_text(sentence)
    if foreign := english - ours:
        leftover = re.compile("|".join(map(re.escape, foreign)))
        await expect(frontend.dialog).not_to_contain_text(leftover)
    await frontend.page.screenshot(path=picture, animations="disabled")
    page_width = await frontend.page.evaluate("document.scrollingElement.scrollWidth")
    assert page_width <= await frontend.page.evaluate("innerWidth")
    assert await frontend.dialog.evaluate(TOO_WIDE) == []


@pytest.mark.usefixtures("no_account")
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_sign_in_is_translated_and_fits(
    frontend: Frontend, demo: Demo, language: str, size: tuple[int, int], tmp_path: Path
) -> None:
    width, height = size
    await frontend.page.set_viewport_size({"width": width, "height": height})
    frontend = Frontend(frontend.page, demo.home, language)
    await frontend.choose_integration()
    await check_step(frontend, tmp_path / "menu.png", "config.step.user")
    await frontend.choose_sign_in_method("browser")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
    await frontend.choose_simulator()
    await check_step(frontend, tmp_path / "form.png", "config.step.browser", "selector.access")
    microsoft = await frontend.submit_and_open_microsoft()
    # Home Assistant does not show the title of this step.
    await check_step(frontend, tmp_path / "tab.png", "config.step.auth.description")
    await microsoft.locator("#account-robin").click()
    await expect(frontend.dialog).to_contain_text(frontend.labels["config_flow.device_created"])
    await check_step(frontend, tmp_path / "end.png", "config.create_entry.lamp")
    await frontend.finish()
    assert [entry["title"] for entry in await demo.home.entries()] == [
        "Robin Example (contoso.example)"
    ]


async def test_a_text_that_is_too_wide_is_found(frontend: Frontend) -> None:
    await frontend.choose_integration()
    assert await frontend.dialog.evaluate(TOO_WIDE) == []
    await frontend.page.set_viewport_size({"width": 240, "height": 800})
    assert await frontend.dialog.evaluate(TOO_WIDE) != []
