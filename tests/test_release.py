"""What stands between a tag and a release."""

import json
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

from tests.documents import ROOT
from tests.repository import INTEGRATION, read_json

VERSION = read_json(INTEGRATION / "manifest.json")["version"]


@pytest.fixture(name="copy")
def copy_fixture(tmp_path: Path) -> Path:
    """Copy what the script reads, to be changed."""
    for path in (ROOT / "scripts/release", INTEGRATION / "manifest.json", ROOT / "CHANGELOG.md"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def release(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the workflow does."""
    command = (sys.executable, root / "scripts/release", tag)
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def edit(path: Path, old: str, new: str) -> None:
    """Replace what is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_repository_is_ready_to_be_tagged() -> None:
    result = release(ROOT, f"v{VERSION}")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip() in (ROOT / "CHANGELOG.md").read_text()
    assert result.stdout.startswith("### ")
    assert "https://github.com" not in result.stdout


def test_a_release_prints_its_own_section_alone(copy: Path) -> None:
    manifest = copy / INTEGRATION.relative_to(ROOT) / "manifest.json"
    manifest.write_text(json.dumps(read_json(manifest) | {"version": "9.0.0"}))
    changes = "## [9.0.0] - 2030-01-01\n\n### Fixed\n\n- Something.\n\n"
    edit(copy / "CHANGELOG.md", f"## [{VERSION}]", f"{changes}## [{VERSION}]")
    links = "[9.0.0]: https://example.com/releases/tag/v9.0.0\n"
    edit(copy / "CHANGELOG.md", f"[{VERSION}]: ", f"{links}[{VERSION}]: ")

    assert release(copy, "v9.0.0").stdout == "### Fixed\n\n- Something.\n"


@pytest.mark.parametrize(
    ("tag", "old", "new", "says"),
    [
        ("v9.0.0", "", "", f"so the tag is v{VERSION} and not v9.0.0"),
        (VERSION, "", "", f"so the tag is v{VERSION} and not {VERSION}"),
        (f"v{VERSION}", f"## [{VERSION}]", "## [9.0.0]", f"is 9.0.0 and not {VERSION}"),
        (f"v{VERSION}", f"## [{VERSION}] - 20", "## [Unreleased] 20", "is none and not"),
        (f"v{VERSION}", f"[{VERSION}]: https", f"[{VERSION}] https", "without the link"),
        (
            f"v{VERSION}",
            f"## [{VERSION}]",
            f"## [{VERSION}]\n\n## [{VERSION}]",
            "does not say when",
        ),
        (
            f"v{VERSION}",
            f"## [{VERSION}]",
            f"## [{VERSION}] - 2030-01-01\n\n## [{VERSION}]",
            "says nothing about",
        ),
    ],
    ids=["wrong tag", "no v", "other heading", "no heading", "no link", "no date", "no text"],
)
def test_what_does_not_fit_is_refused(copy: Path, tag: str, old: str, new: str, says: str) -> None:
    edit(copy / "CHANGELOG.md", old, new) if old else None

    result = release(copy, tag)

    assert result.returncode == 1
    assert result.stderr.startswith("release: ")
    assert says in result.stderr
    assert result.stdout == ""
