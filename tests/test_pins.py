"""What scripts install is pinned by version and hash, and users get the MSAL that was tested."""

import re
import runpy
import tomllib
from typing import Any
from urllib.parse import urlsplit

from homeassistant.util.yaml import load_yaml_dict
import pytest

from tests.documents import ROOT
from tests.repository import INTEGRATION, read_json

GROUPS: dict[str, list[Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "dependency-groups"
]
PINS = {group: [pin for pin in pins if isinstance(pin, str)] for group, pins in GROUPS.items()}
SETUP = runpy.run_path(str(ROOT / "scripts/setup"))
HOMES = [group for group in GROUPS if group.startswith("home-")]
PACKAGES = [
    package
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    if "virtual" not in package["source"]
]


def files(package: dict[str, Any]) -> list[dict[str, str]]:
    """Return the wheels and the source distribution of a locked package."""
    return [*package.get("wheels", []), *filter(None, [package.get("sdist")])]


def test_every_pin_is_locked() -> None:
    locked = {f"{package['name']}=={package['version']}" for package in PACKAGES}

    assert {pin.lower() for pins in PINS.values() for pin in pins} - locked == set()


def test_every_locked_file_has_a_hash() -> None:
    assert [package["name"] for package in PACKAGES if not files(package)] == []
    hashes = [file.get("hash", "") for package in PACKAGES for file in files(package)]
    assert [text for text in hashes if not re.fullmatch(r"sha256:[0-9a-f]{64}", text)] == []


def test_the_lock_names_no_package_index_of_one_machine() -> None:
    addresses = {package["source"]["registry"] for package in PACKAGES} | {
        file["url"] for package in PACKAGES for file in files(package)
    }

    assert {urlsplit(address).hostname for address in addresses} == {
        "pypi.org",
        "files.pythonhosted.org",
    }


@pytest.mark.parametrize("pin", PINS["bootstrap"])
def test_pip_gets_hashes_of_what_comes_before_uv(pin: str) -> None:
    hashes = SETUP["hashes"](pin)

    assert hashes
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes)


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


def test_dependabot_moves_the_tools_but_not_what_home_assistant_pins() -> None:
    updates = load_yaml_dict(ROOT / ".github/dependabot.yml")["updates"]

    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "uv"}
    (ignored,) = (update["ignore"] for update in updates if update["package-ecosystem"] == "uv")
    assert {found["dependency-name"] for found in ignored} == {
        pin.partition("==")[0] for home in HOMES for pin in PINS[home]
    }
