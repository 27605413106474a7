"""scripts/demo before and around its processes."""

import fcntl
from pathlib import Path
import shutil
import socket
import subprocess
import sys

import pytest

from scripts.live import demo
from scripts.live.processes import free_port

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


def test_only_unchanged_files_of_the_home_are_refreshed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(demo.TEMPLATES, templates)
    monkeypatch.setattr(demo, "TEMPLATES", templates)
    home = tmp_path / "home"
    demo.write_configuration(home, "http://127.0.0.1:1")
    automations, configuration = home / "automations.yaml", home / "configuration.yaml"
    automations.write_text("- alias: Of my own")
    (templates / "automations.yaml").write_text("- alias: Newer")
    (templates / "configuration.yaml").write_text("frontend:")

    demo.write_configuration(home, "http://127.0.0.1:2")
    demo.write_configuration(home, "http://127.0.0.1:2")
    assert automations.read_text() == "- alias: Of my own"
    assert configuration.read_text() == "frontend:"
    assert "http://127.0.0.1:2/" in (home / "dashboards/simulator.yaml").read_text()


def test_the_configuration_of_an_older_demo_is_replaced(tmp_path: Path) -> None:
    configuration = tmp_path / "configuration.yaml"
    configuration.write_text("homeassistant:")
    demo.write_configuration(tmp_path, "http://127.0.0.1:1")
    assert configuration.read_text() == (demo.TEMPLATES / "configuration.yaml").read_text()


@pytest.mark.usefixtures("socket_enabled")
def test_a_port_in_use_is_replaced_and_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken, free = server.getsockname()[1], free_port()
        monkeypatch.setattr(demo, "DEFAULT_PORTS", (taken, free))
        new, same = demo.default_ports()
    assert (new != taken, same) == (True, free)
    assert f"{new} instead of {taken}" in capsys.readouterr().out
    monkeypatch.setattr(demo, "DEFAULT_PORTS", (free,))
    demo.default_ports()
    assert capsys.readouterr().out == ""
