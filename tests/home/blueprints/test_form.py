"""Checks of every blueprint."""

from pathlib import Path
from urllib.parse import quote

from homeassistant.util.yaml import load_yaml
import pytest

from tests.home.blueprints import BLUEPRINTS, FOLDER, NAMES, read

PLACE = "https://github.com/ms-teams-presence/ms-teams-presence/blob/main/blueprints/automation/"
BADGE = "https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url="


@pytest.mark.parametrize("name", NAMES)
def test_home_assistant_accepts_the_file(name: str) -> None:
    blueprint = read(name)
    assert blueprint.validate() is None
    assert blueprint.metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert blueprint.metadata["source_url"] == f"{PLACE}ms_teams_presence/{name}.yaml"
    assert blueprint.metadata["description"]


@pytest.mark.parametrize("name", NAMES)
def test_every_input_has_a_description(name: str) -> None:
    inputs = read(name).inputs.values()
    assert {"name", "description", "selector"} <= set.intersection(*map(set, inputs))


@pytest.mark.parametrize("name", NAMES)
def test_every_blueprint_can_be_imported_with_a_click(name: str) -> None:
    document = (BLUEPRINTS.parent / "docs/automations.md").read_text()
    assert f"({BADGE}{quote(f'{PLACE}ms_teams_presence/{name}.yaml', safe='')})" in document
    assert f"(../blueprints/{FOLDER}/{name}.yaml)" in document


def test_demo_home_has_every_blueprint_and_only_the_busy_light_on() -> None:
    automations = load_yaml(BLUEPRINTS.parent / "scripts/live/demo_home/automations.yaml")
    assert isinstance(automations, list)
    used = [Path(automation["use_blueprint"]["path"]).stem for automation in automations]
    # Two people have a door.
    assert sorted(used) == sorted([*NAMES, "quiet_knock"])
    for name, automation in zip(used, automations, strict=True):
        assert automation["use_blueprint"]["path"] == f"ms_teams_presence/{name}.yaml"
        assert automation.get("initial_state", True) is (name == "busy_light")
        given = automation["use_blueprint"]["input"]
        inputs = read(name).inputs
        assert {key for key, value in inputs.items() if "default" not in value} <= set(given)
        assert set(given) <= set(inputs)
