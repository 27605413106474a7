"""Colleagues in the frontend: find, add, remove."""

from collections.abc import AsyncIterator

from playwright.async_api import expect
import pytest
import pytest_asyncio

from scripts.live.demo import Demo
from scripts.live.home import DOMAIN, Home
from scripts.live.processes import until
from simulator.tenant import (
    DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET,
    DOMAIN as TENANT_DOMAIN,
)

from .frontend import TEXTS, Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ALEX = "sensor.alex_example_availability"
KIM = "sensor.kim_example_availability"


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _remove_accounts(demo: Demo) -> AsyncIterator[None]:
    """Remove the accounts that the test added."""
    yield
    for entry in await demo.home.entries():
        await demo.home.remove(entry)


async def wait_until_removed(home: Home, entity_id: str, device: str) -> None:
    """Wait until an entity and its device are removed."""

    async def is_removed() -> bool:
        return await home.state(entity_id) is None and await home.device(device) is None

    await until(f"{device} was not removed", is_removed, seconds=30)


async def test_adding_colleagues_leads_to_the_missing_permission(
    frontend: Frontend, demo: Demo
) -> None:
    await frontend.sign_in("kim")
    await frontend.add_colleagues()
    texts = TEXTS["config"]
    await expect(frontend.dialog).to_contain_text(texts["step"]["colleagues"]["description"])
    microsoft = await frontend.submit_and_open_microsoft()
    await microsoft.locator("#account-kim").click()
    await expect(microsoft.locator(".scopes")).to_contain_text("Presence.Read.All")
    await microsoft.locator("#accept").click()
    await expect(frontend.dialog).to_contain_text(texts["abort"]["colleagues_included"])
    await frontend.add_people("example", "Alex Example")
    await demo.home.wait_for(ALEX, "appear", lambda at: at["state"] == "available")


async def test_colleagues_are_found_added_and_removed(frontend: Frontend, demo: Demo) -> None:
    home = demo.home
    await demo.microsoft.gesture("kim", "join_call")
    await frontend.sign_in("robin", colleagues=True)
    await frontend.add_colleagues()
    await frontend.search("example")
    await expect(frontend.dialog).not_to_contain_text("Robin Example")
    names = ("Alex Example", "Kim Example")
    for name in names:
        await frontend.dialog.get_by_text(name).click()
    await frontend.submit()
    await frontend.finish()

    await home.wait_for(ALEX, "appear", lambda at: at["state"] == "available")
    await home.wait_for(KIM, "appear", lambda at: at["state"] == "busy")
    for name in names:
        await frontend.open_device(name)
        for platform, key in (("sensor", "availability"), ("binary_sensor", "in_call")):
            entity = TEXTS["entity"][platform][key]["name"]
            await expect(frontend.page.get_by_text(entity, exact=True).first).to_be_visible()

    await frontend.remove_colleague("Alex Example")
    await wait_until_removed(home, ALEX, "Alex Example")
    await home.wait_for(KIM, "stay", lambda at: at["state"] == "busy")


async def test_the_organizations_app_sets_the_message_of_a_colleague(
    frontend: Frontend, demo: Demo
) -> None:
    home, microsoft = demo.home, demo.microsoft
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("application")
    await frontend.fill_in(tenant=TENANT_DOMAIN, client_id=DAEMON_CLIENT_ID)
    await frontend.choose_simulator()
    await frontend.dialog.locator("input[name=client_secret]").fill(DAEMON_CLIENT_SECRET)
    await frontend.submit()
    await frontend.finish()
    assert [entry["title"] for entry in await home.entries()] == [
        f"Microsoft Teams ({TENANT_DOMAIN})"
    ]

    await frontend.add_colleagues()
    await frontend.search("alex")
    # A single result is preselected.
    await frontend.submit()
    await frontend.finish()
    await home.wait_for(ALEX, "appear", lambda at: at["state"] == "available")

    message = "Moved to room 4"
    await home.act(f"{DOMAIN}.set_status_message", entity_id=ALEX, message=message)
    assert await microsoft.message_of("alex") == message
