"""What scripts/demo does before and around its processes."""

from pathlib import Path
import shutil
import subprocess
import sys

import pytest

from .documents import ROOT


@pytest.mark.parametrize(
    ("argument", "code", "part"),
    [("--help", 0, "--fresh"), ("--oops", 2, "unrecognized arguments: --oops")],
)
def test_the_command_line_is_read_before_anything_is_installed(
    tmp_path: Path, argument: str, code: int, part: str
) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    command = [sys.executable, str(tmp_path / "scripts/demo"), argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == code
    assert part in done.stdout + done.stderr
    assert not (tmp_path / ".venvs").exists()
