"""Automations created by clicking from the blueprints."""

import re
from typing import Any

from homeassistant.util.yaml import load_yaml
from playwright.async_api import Locator, expect
import pytest
import pytest_asyncio

from scripts.live.demo import ROBIN, TEMPLATES, Demo, sign_in
from scripts.live.processes import until

from .frontend import BLUEPRINT_FIELDS, Frontend, add_calendar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _prepared(demo: Demo) -> None:
    """Sign Robin in and add a calendar, which the demo home lacks."""
    await sign_in(demo, ROBIN)
    await add_calendar(demo.home)


async def save(frontend: Frontend) -> None:
    """Save the automation."""
    await frontend.page.get_by_role("button", name="Save").click()


async def create(demo: Demo, frontend: Frontend) -> str:
    """Save the automation, which must turn on; return its ID."""
    await save(frontend)
    await frontend.page.wait_for_url(re.compile(r"/edit/\d+$"))
    await expect(frontend.page.get_by_text("Traces")).to_be_visible()
    assert await errors(frontend).count() == 0
    automation_id = frontend.page.url.rsplit("/", 1)[-1]

    async def is_on() -> bool:
        states = await demo.home.rest("GET", "/api/states")
        return any(
            at["state"] == "on" and at["attributes"].get("id") == automation_id for at in states
        )

    await until("The automation was not turned on", is_on, seconds=20)
    return automation_id


def errors(frontend: Frontend) -> Locator:
    """Return the errors above the form and below it."""
    return frontend.page.locator("ha-alert, ha-toast")


def entities(selected: Any) -> list[str]:
    """Return the entities of an input, one or several."""
    return selected if isinstance(selected, list) else [selected]


@pytest.mark.parametrize("name", BLUEPRINT_FIELDS)
async def test_an_automation_is_created_by_clicking(
    demo: Demo, frontend: Frontend, name: str
) -> None:
    home = demo.home
    inputs = await frontend.open_blueprint(name)
    await frontend.fill_in_blueprint(inputs, name)
    automation_id = await create(demo, frontend)
    saved = await home.rest("GET", f"/api/config/automation/config/{automation_id}")
    automations = load_yaml(TEMPLATES / "automations.yaml")
    assert isinstance(automations, list)
    (given,) = (item["use_blueprint"]["input"] for item in automations if item["id"] == name)
    assert {key: entities(value) for key, value in saved["use_blueprint"]["input"].items()} == {
        key: entities(given[key]) for key in BLUEPRINT_FIELDS[name]
    }


async def test_assist_answers_after_clicking(demo: Demo, frontend: Frontend) -> None:
    inputs = await frontend.open_blueprint("voice")
    for key in ("people", "me"):
        await frontend.choose_device(inputs[key]["name"], "Robin Example")
    await create(demo, frontend)
    result = await demo.home.command("conversation/process", text="What's Robin doing?")
    answer = result["response"]["speech"]["plain"]["speech"]
    assert answer.startswith("Robin Example: ")


async def test_a_form_without_a_required_input_shows_an_error(frontend: Frontend) -> None:
    await frontend.open_blueprint("any_call")
    await save(frontend)
    await expect(errors(frontend).first).to_contain_text("Missing input")
