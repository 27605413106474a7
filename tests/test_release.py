"""Checks between a tag and a release."""

import json
from pathlib import Path
import re
import shutil
import subprocess
import sys

import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from tests.documents import ROOT
from tests.repository import INTEGRATION, read_json

CHANGELOG = """# Changelog

What changes.

## [Unreleased]

## [1.2.0] - 2026-12-01

### Added

- One [thing](docs/one.md#thing), described in a line that
  is [wrapped](https://example.com/wrapped).
  - A part of it.

### Fixed

- Another, as in [1.1.0].

[Everything](README.md) else stays.

## [1.1.0] - 2026-11-01

### Added

- Something.

[1.2.0]: https://example.com/releases/tag/v1.2.0
[1.1.0]: https://example.com/releases/tag/v1.1.0
"""
NOTES = """### Added

- One [thing](https://example.com/home/blob/v1.2.0/docs/one.md#thing), described in a line that \
is [wrapped](https://example.com/wrapped).
  - A part of it.

### Fixed

- Another, as in [1.1.0].

[Everything](https://example.com/home/blob/v1.2.0/README.md) else stays.
"""
ENTRIES = CHANGELOG[CHANGELOG.index("### Added") : CHANGELOG.index("## [1.1.0]")]


def release(root: Path, tag: str, changelog: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the workflow does, with manifest version 1.2.0."""
    manifest = root / f"custom_components/{DOMAIN}/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(
        json.dumps({"documentation": "https://example.com/home", "version": "1.2.0"})
    )
    (root / "CHANGELOG.md").write_text(changelog)
    script = root / "scripts/release"
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts/release", script)
    command = (sys.executable, script, tag)
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def test_the_newest_release_in_the_changelog_is_the_manifests_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.+?)\](.*)$", changelog, re.MULTILINE)
    if headings[0][0] == "Unreleased":
        headings.pop(0)

    assert headings[0][0] == read_json(INTEGRATION / "manifest.json")["version"]
    for version, date in headings:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert re.fullmatch(r" - \d{4}-\d\d-\d\d", date), version
        assert re.search(rf"^\[{version}\]: https://.+/v{version}$", changelog, re.MULTILINE)


def test_a_release_prints_its_own_section_alone(tmp_path: Path) -> None:
    result = release(tmp_path, "v1.2.0", CHANGELOG)

    assert (result.returncode, result.stdout, result.stderr) == (0, NOTES, "")


@pytest.mark.parametrize(
    ("tag", "old", "new", "message"),
    [
        ("v1.3.0", "", "", "so the tag is v1.2.0 and not v1.3.0"),
        ("1.2.0", "", "", "so the tag is v1.2.0 and not 1.2.0"),
        ("v1.2.0", "\n## [1.2.0] - 2026-12-01", "", "has unreleased entries"),
        ("v1.2.0", "## [1.2.0]", "## [1.1.1]", "is 1.1.1 and not 1.2.0"),
        ("v1.2.0", "## [", "## ", "is none and not 1.2.0"),
        ("v1.2.0", "] - 2026-12-01", "]", "has no release date for 1.2.0"),
        ("v1.2.0", ENTRIES, "", "has no entries for 1.2.0"),
        ("v1.2.0", "tag/v1.2.0", "tag/v1.1.0", "has no link for [1.2.0]"),
    ],
    ids=[
        "other tag",
        "no v",
        "not released",
        "older heading",
        "no heading",
        "no date",
        "no text",
        "other link",
    ],
)
def test_a_mismatch_is_rejected(tmp_path: Path, tag: str, old: str, new: str, message: str) -> None:
    assert old in CHANGELOG

    result = release(tmp_path, tag, CHANGELOG.replace(old, new))

    assert result.returncode == 1
    assert result.stderr.startswith("release: ")
    assert message in result.stderr
    assert result.stdout == ""
