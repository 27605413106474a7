"""The documents' YAML examples work."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
import json
import logging
import re
from typing import Any

from homeassistant.components.history_stats.sensor import PLATFORM_SCHEMA as HISTORY_STATS_SCHEMA
from homeassistant.components.recorder import CONFIG_SCHEMA as RECORDER_SCHEMA
from homeassistant.const import ATTR_ENTITY_ID, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, slugify
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.documents import DOCUMENTS, ROOT, Snippet, blocks, rows, snippets
from tests.home.account import Account
from tests.home.blueprints import install
from tests.home.clock import HomeClock
from tests.home.people import async_add
from tests.home.states import state

# Those in other languages are inputs; tests/home/blueprints/test_voice.py uses them.
SNIPPETS = [
    snippet
    for document in DOCUMENTS
    if document.name != "voice-languages.md"
    for snippet in snippets(document)
]
OUR_ENTITY = re.compile(r"\b(?:binary_sensor|select|sensor|text)\.(?:robin|alex|kim)_example_\w+")
PASTED = "pasted"
# Sensors that the documents create.
SENSORS = {
    f"sensor.{slugify(sensor['name'])}"
    for snippet in SNIPPETS
    for group in (snippet.content, *snippet.content.get("template", []))
    for sensor in group.get("sensor", [])
}
# The longest delay in the documented automations.
DELAY = timedelta(seconds=10)

type Content = dict[str, Any]


def leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value of a tree with its key."""
    for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        if isinstance(value, (Mapping, list)):
            yield from leaves(value)
        else:
            yield str(key), value


def steps(tree: Any) -> Iterator[Content]:
    """Yield the integration's actions in a snippet, at any depth."""
    if isinstance(tree, Mapping) and str(tree.get("action", "")).startswith(f"{DOMAIN}."):
        yield dict(tree)
    elif isinstance(tree, (Mapping, list)):
        for branch in tree.values() if isinstance(tree, Mapping) else tree:
            yield from steps(branch)


def other_actions(hass: HomeAssistant, content: Content) -> list[str]:
    """Return the snippet's actions of other integrations."""
    actions = {value for key, value in leaves(content) if key == "action" and "." in str(value)}
    return [action for action in actions if not hass.services.has_service(*action.split("."))]


async def run_action(hass: HomeAssistant, entry: PresenceConfigEntry, content: Content) -> None:
    """Perform an action and check its response."""
    domain, _, name = content["action"].partition(".")
    data = content.get("data", {})
    if "config_entry_id" in data:
        data = data | {"config_entry_id": entry.entry_id}
    response: Any = await hass.services.async_call(
        domain,
        name,
        data,
        target=content.get("target"),
        blocking=True,
        return_response="response_variable" in content,
    )
    assert "response_variable" not in content or all(response["people"].values())


async def run_automation(hass: HomeAssistant, entry: PresenceConfigEntry, content: Content) -> None:
    """Set up an automation and run its actions.

    Other integrations' actions are mocked. A choice runs only one branch, so each of this
    integration's actions is also run alone.
    """
    for action in other_actions(hass, content):
        async_mock_service(hass, *action.split("."))
    config = content | {"alias": PASTED}
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    # An invalid automation is unavailable.
    assert state(hass, f"automation.{PASTED}") == STATE_ON
    target = {ATTR_ENTITY_ID: f"automation.{PASTED}"}
    run = hass.async_create_task(
        hass.services.async_call("automation", "trigger", target, blocking=True)
    )
    while not run.done():
        await asyncio.sleep(0.01)
        async_fire_time_changed(hass, dt_util.utcnow() + DELAY)
    await run
    await hass.services.async_call("automation", "turn_off", target, blocking=True)
    for step in steps(content):
        if "{{" not in str(step):
            await run_action(hass, entry, step)


async def run_triggers(_: HomeAssistant, __: PresenceConfigEntry, content: Content) -> None:
    """Validate triggers for a blueprint; see tests/home/blueprints."""
    for triggers in content.values():
        assert cv.TRIGGER_SCHEMA(triggers)


async def run_dashboard(hass: HomeAssistant, _: PresenceConfigEntry, content: Content) -> None:
    """Check a dashboard's entities; tests/browser shows it."""
    shown = {name for _, value in leaves(content) for name in OUR_ENTITY.findall(str(value))}
    shown |= {value for key, value in leaves(content) if key == "entity"}
    assert shown
    assert {name for name in shown if hass.states.get(name) is None} <= SENSORS


async def run_template(hass: HomeAssistant, _: PresenceConfigEntry, content: Content) -> None:
    """Set up template entities and check for values."""
    before = set(hass.states.async_entity_ids())
    assert await async_setup_component(hass, "template", content)
    await hass.async_block_till_done()
    created = set(hass.states.async_entity_ids()) - before
    assert len(created) == sum(
        len(entities) for group in content["template"] for entities in group.values()
    )
    assert {
        name for name in created if state(hass, name) in {STATE_UNKNOWN, STATE_UNAVAILABLE}
    } == set()


async def run_history_stats(_: HomeAssistant, __: PresenceConfigEntry, content: Content) -> None:
    """Validate History Stats sensors; see tests/home/test_dashboards.py."""
    for sensor in content["sensor"]:
        assert HISTORY_STATS_SCHEMA(sensor)["type"] == sensor["type"]


async def run_logger(hass: HomeAssistant, _: PresenceConfigEntry, content: Content) -> None:
    """Set log levels."""
    assert await async_setup_component(hass, "logger", content)
    for name, level in content["logger"]["logs"].items():
        assert logging.getLogger(name).level == logging.getLevelNamesMapping()[level.upper()]


async def run_recorder(_: HomeAssistant, __: PresenceConfigEntry, content: Content) -> None:
    """Validate the recorder's configuration; see tests/home/test_privacy.py."""
    assert RECORDER_SCHEMA(content)["recorder"]["exclude"].items() >= (
        content["recorder"]["exclude"].items()
    )


# Checks by the key that identifies a kind of snippet.
KINDS: dict[str, Callable[[HomeAssistant, PresenceConfigEntry, Content], Awaitable[None]]] = {
    "action": run_action,
    "triggers": run_automation,
    "use_blueprint": run_automation,
    "leaving": run_triggers,
    "views": run_dashboard,
    "cards": run_dashboard,
    "template": run_template,
    "sensor": run_history_stats,
    "logger": run_logger,
    "recorder": run_recorder,
}


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Return a configuration directory with the blueprints."""
    return install(hass_tmp_config_dir)


@pytest.fixture
async def entry(account: Account, simulator: Simulator) -> PresenceConfigEntry:
    """Sign in as Robin and add the documents' colleagues."""
    entry = await account.async_sign_in(colleagues=True)
    people = simulator.tenant.people
    await async_add(account.hass, entry, "example", people["alex"], people["kim"])
    return entry


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.name)
async def test_documented_yaml_works(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    snippet: Snippet,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kinds = KINDS.keys() & snippet.content
    assert len(kinds) == 1, f"what is {snippet.name}? {snippet.content}"

    await KINDS[kinds.pop()](hass, entry, snippet.content)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [
        record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR
    ] == []


def test_every_action_is_shown_with_an_example() -> None:
    shown = {
        action.partition(".")[2]
        for snippet in SNIPPETS
        if (action := snippet.content.get("action", "")).startswith(f"{DOMAIN}.")
    }
    described = load_yaml_dict(ROOT / "custom_components" / DOMAIN / "services.yaml")

    assert shown == set(described)


async def test_documented_templates_restore_old_values(
    hass: HomeAssistant, entry: PresenceConfigEntry, robin: Person, clock: HomeClock
) -> None:
    page = ROOT / "docs/coming-from.md"
    config = [found.content for found in snippets(page) if "template" in found.content]
    sensors = [group for content in config for group in content["template"]]
    assert await async_setup_component(hass, "template", {"template": sensors})

    async def old_values() -> dict[str, str]:
        await clock.async_advance(16)
        names = ("availability", "activity", "status", "call")
        return {name: state(hass, f"sensor.teams_{name}") for name in names}

    robin.join_call()
    assert await old_values() == {
        "availability": "Busy",
        "activity": "InACall",
        "status": "Busy",
        "call": "In a call",
    }
    robin.leave_call()
    robin.prefer("do_not_disturb")
    assert await old_values() == {
        "availability": "DoNotDisturb",
        "activity": "DoNotDisturb",
        "status": "Do not disturb",
        "call": "Not in a call",
    }


async def test_the_answer_that_is_shown_is_the_answer(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    (shown,) = (json.loads(block) for block in blocks(ROOT / "docs/actions.md", "json"))
    simulator.tenant.people["kim"].be_right_back()
    response = await hass.services.async_call(
        DOMAIN,
        "get_presence",
        {"config_entry_id": entry.entry_id, "people": list(shown["people"])},
        blocking=True,
        return_response=True,
    )

    assert response == shown


@pytest.mark.parametrize("kind", ["trigger", "condition"])
def test_every_trigger_and_condition_is_in_a_table_under_its_name(kind: str) -> None:
    english = load_yaml_dict(ROOT / "custom_components" / DOMAIN / "translations/en.json")
    tabled = rows(ROOT / "docs/automations.md", kind.capitalize())

    assert {name.strip("`"): title for title, name, _ in tabled} == {
        name: texts["name"] for name, texts in english[f"{kind}s"].items()
    }
