"""The documentation's dashboards in the real frontend."""

from collections.abc import AsyncIterator, Iterator
import re
from typing import Any

from playwright.async_api import BrowserContext, Locator, expect
import pytest
import pytest_asyncio

from scripts.live.demo import AVAILABILITY, ROBIN, Demo
from scripts.live.home import Json
from scripts.live.processes import until
from tests.documents import ROOT, snippets

from .frontend import TEXTS, Frontend

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VIEW, BOARD, _, TIME_IN_CALLS, *_ = (
    snippet.content for snippet in snippets(ROOT / "docs/dashboards.md")
)
IN_CALL = "binary_sensor.robin_example_in_a_call"
BANNER = "Please do not come in"
# Elements and text for broken cards and missing entities.
ERROR_CARD = "hui-error-card, hui-warning, hui-error-badge, hui-error-heading-badge"
NOT_FOUND = re.compile("entity not (found|available)", re.IGNORECASE)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def signed_in(demo: Demo, window: BrowserContext) -> Demo:
    """Sign Robin in and add the board's colleagues."""
    frontend = Frontend(await window.new_page(), demo.home)
    await frontend.sign_in(ROBIN, colleagues=True)
    await frontend.add_people("example", "Alex Example", "Kim Example")
    await demo.home.wait_for("sensor.kim_example_availability", "appear", lambda _: True)
    return demo


@pytest_asyncio.fixture(loop_scope="session")
async def view(frontend: Frontend) -> AsyncIterator[Frontend]:
    """Open Robin's view."""
    await frontend.open_dashboard("pasted-view", VIEW)
    yield frontend


def card(frontend: Frontend, name: str) -> Locator:
    """Return a tile by its name."""
    return frontend.page.locator("hui-tile-card", has_text=name)


def errors(frontend: Frontend) -> Locator:
    """Return the errors on a dashboard."""
    return frontend.page.locator(ERROR_CARD).or_(frontend.page.get_by_text(NOT_FOUND))


def cards(tree: Any) -> Iterator[Json]:
    """Yield a dashboard's unconditional cards."""
    for section in tree["views"][0]["sections"]:
        yield from (found for found in section["cards"] if found["type"] != "conditional")


@pytest.mark.parametrize("config", [VIEW, BOARD], ids=["view", "board"])
async def test_every_card_is_shown_and_none_is_an_error(frontend: Frontend, config: Json) -> None:
    await frontend.open_dashboard("pasted-cards", config)
    for shown in cards(config):
        found = frontend.page.locator(f"hui-{shown['type']}-card")
        if name := shown.get("name") or shown.get("heading"):
            await expect(found.filter(has_text=name).first).to_be_visible()
        else:
            await expect(found.first).to_be_attached()
    assert await errors(frontend).count() == 0


async def test_time_in_calls_is_shown(frontend: Frontend) -> None:
    view = {"path": "time", "cards": [TIME_IN_CALLS]}
    await frontend.open_dashboard("pasted-time", {"views": [view]})
    await expect(frontend.page.get_by_text("This week")).to_be_visible()
    await expect(frontend.page.locator("hui-statistics-graph-card")).to_be_visible()
    assert await errors(frontend).count() == 0


@pytest.mark.parametrize(
    "wrong", [{"type": "no-such-card"}, {"type": "tile", "entity": "sensor.no"}]
)
async def test_a_wrong_card_is_an_error(frontend: Frontend, wrong: Json) -> None:
    await frontend.open_dashboard("pasted-wrong", {"views": [{"path": "wrong", "cards": [wrong]}]})
    await expect(errors(frontend).first).to_be_visible()


async def test_the_banner_is_there_during_a_call_only(view: Frontend, demo: Demo) -> None:
    await expect(card(view, "Availability")).to_be_visible()
    await expect(card(view, BANNER)).to_be_hidden()
    await demo.microsoft.gesture(ROBIN, "join_call")
    await demo.home.wait_for(IN_CALL, "go on", lambda at: at["state"] == "on")
    await expect(card(view, BANNER)).to_be_visible()
    await demo.microsoft.gesture(ROBIN, "leave_call")
    await demo.home.wait_for(IN_CALL, "go off", lambda at: at["state"] == "off")
    await expect(card(view, BANNER)).to_be_hidden()


async def test_a_preference_is_chosen_and_given_back(view: Frontend, demo: Demo) -> None:
    wish = TEXTS["entity"]["select"]["preferred_presence"]["state"]["away"]
    await card(view, "Preferred presence").locator("hui-select-options-card-feature").click()
    await view.page.get_by_role("menuitem", name=wish).locator("visible=true").click()
    await demo.home.wait_for(AVAILABILITY, "be away", lambda at: at["state"] == "away")
    await card(view, "Let Teams decide again").click()
    await demo.home.wait_for(AVAILABILITY, "be back", lambda at: at["state"] == "available")
    await expect(card(view, "Let Teams decide again")).to_be_hidden()


async def test_quiet_is_one_click(view: Frontend, demo: Demo) -> None:
    await card(view, "Quiet").click()
    await demo.home.wait_for(AVAILABILITY, "be quiet", lambda at: at["state"] == "do_not_disturb")
    await card(view, "Let Teams decide again").click()
    await demo.home.wait_for(AVAILABILITY, "be back", lambda at: at["state"] == "available")


async def test_lunch_is_one_click(view: Frontend, demo: Demo) -> None:
    await card(view, "At lunch").click()

    async def has_message() -> bool:
        return await demo.microsoft.message_of(ROBIN) == "At lunch"

    await until("The message did not arrive", has_message, seconds=10)


async def test_the_list_fills_itself(frontend: Frontend, demo: Demo) -> None:
    await demo.microsoft.gesture("kim", "present")
    await demo.home.wait_for(
        "sensor.kim_example_activity", "present", lambda at: at["state"] == "presenting", seconds=60
    )
    await frontend.open_dashboard("pasted-board", BOARD)
    table = frontend.page.locator("hui-markdown-card tbody tr")
    await expect(table).to_have_count(3)
    presenting = TEXTS["entity"]["sensor"]["activity"]["state"]["presenting"]
    await expect(table.filter(has_text="Kim Example")).to_contain_text(presenting)
    await expect(frontend.page.locator("hui-glance-card")).to_contain_text("Kim")
