"""What scripts/demo does before and around its processes."""

import fcntl
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

from scripts.live import demo

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


@pytest.mark.parametrize(
    ("address", "part"),
    [("http://127.0.0.1:8123", "at http://127.0.0.1:8123"), ("", "is starting")],
)
def test_a_second_demo_names_the_address_of_the_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    part: str,
) -> None:
    monkeypatch.setattr(demo, "STATE", tmp_path)
    file = tmp_path / "lock"
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.write_text(address)
        assert demo.run_show(fresh=True) == 1
    assert part in capsys.readouterr().out
    assert file.read_text() == address
