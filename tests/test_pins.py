"""Scripts install pinned versions, and users get the tested MSAL."""

from pathlib import Path
import re
import tomllib
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
import pytest

from tests.documents import ROOT
from tests.repository import INTEGRATION, read_json

GROUPS: dict[str, list[Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "dependency-groups"
]
PINS = {group: [pin for pin in pins if isinstance(pin, str)] for group, pins in GROUPS.items()}
HOMES = [group for group in GROUPS if group.startswith("home-")]
LOCKED = sorted((ROOT / "requirements").glob("*.txt"))


def requirements(name: str) -> dict[str, list[str]]:
    """Return an environment's pins with their hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", "")
    lines = [line.split() for line in text.splitlines() if line]
    return {words[0]: [word for word in words if word.startswith("--hash")] for words in lines}


def test_every_environment_is_locked() -> None:
    assert {path.stem for path in LOCKED} == PINS.keys() - {"dev"}


@pytest.mark.parametrize("name", sorted(PINS.keys() - {"dev"}))
def test_every_pin_is_locked(name: str) -> None:
    pins = {*PINS[name], *(PINS["dev"] if name in HOMES else ())}

    assert pins
    assert {pin.lower() for pin in pins} - requirements(name).keys() == set()


@pytest.mark.parametrize("name", sorted(PINS.keys() - {"dev"}))
def test_every_locked_package_has_hashes(name: str) -> None:
    for pin, hashes in requirements(name).items():
        assert re.fullmatch(r"[\w.\[\],-]+==[\w.!+]+", pin)
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes), pin


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_the_lock_names_no_package_index(path: Path) -> None:
    assert "://" not in path.read_text()


def test_users_get_the_minor_version_of_msal_that_was_tested() -> None:
    (requirement,) = read_json(INTEGRATION / "manifest.json")["requirements"]
    (tested,) = re.findall(r"^msal==(\d+)\.(\d+)\.", "\n".join(PINS["dev"]), re.MULTILINE)
    major, minor = map(int, tested)

    bounds = re.fullmatch(r"msal>=(\d+)\.(\d+),<(\d+)\.(\d+)", requirement)
    assert bounds is not None
    lowest, first_excluded = (
        tuple(map(int, bounds.group(1, 2))),
        tuple(map(int, bounds.group(3, 4))),
    )
    assert lowest <= (major, minor)
    assert first_excluded == (major, minor + 1)


def test_dependabot_leaves_the_pins_of_home_assistant() -> None:
    updates = load_yaml_dict(ROOT / ".github/dependabot.yml")["updates"]

    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "uv"}
    (ignored,) = (update["ignore"] for update in updates if update["package-ecosystem"] == "uv")
    assert {found["dependency-name"] for found in ignored} == {
        pin.partition("==")[0] for home in HOMES for pin in PINS[home]
    }
