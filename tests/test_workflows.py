"""Workflows need few permissions and run all tests."""

import asyncio
import os
from pathlib import Path
import re
import runpy
import shutil
import subprocess
import sys
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
import pytest

from tests.documents import ROOT
from tests.test_pins import HOMES

UNPINNED = runpy.run_path(str(ROOT / "scripts/setup"))["UNPINNED"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
NEWEST, *OLDER = reversed(HOMES)


def steps(path: Path) -> list[dict[str, Any]]:
    """Return all steps of a workflow or an action."""
    found = load_yaml_dict(path)
    jobs = found["jobs"].values() if "jobs" in found else [found["runs"]]
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_parses_and_has_few_permissions(path: Path) -> None:
    workflow = load_yaml_dict(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        # Only a release needs write access.
        allowed = {"contents": "write"} if (path.stem, name) == ("release", "release") else None
        assert job.get("permissions") == allowed, name
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert len(used) == sum("uses" in step for step in steps(path))
    for name in used:
        own = name.removeprefix("$/")
        if own != name:
            assert (ROOT / own / "action.yml").is_file()
        else:
            # A comment names the version or branch, for Dependabot.
            assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # (v\d+\.\d+\.\d+|main|master)", name)


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_every_script_that_is_run_is_there(path: Path) -> None:
    for step in steps(path):
        for script in re.findall(r"scripts/\w+", step.get("run", "")):
            assert (ROOT / script).is_file()


def test_the_workflows_are_there() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"lint", "release", "test", "validate"}


def test_github_tests_every_supported_home_assistant_and_those_to_come() -> None:
    jobs = load_yaml_dict(ROOT / ".github/workflows/test.yml")["jobs"]

    assert jobs["test"]["strategy"]["matrix"]["home"] == [NEWEST, *OLDER]
    assert "continue-on-error" not in jobs["test"]
    assert jobs["ahead"]["strategy"]["matrix"]["home"] == list(UNPINNED)
    assert jobs["ahead"]["continue-on-error"] is True


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout whose scripts only record their calls."""
    for name in (".ci/run", "scripts/test"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    note = f'#!/bin/sh\necho "$(basename "$0") $*" >>{tmp_path}/ran\n'
    programs = {
        "scripts/setup": f'#!/bin/sh\nln -sf python "{tmp_path}/$1"; echo "{tmp_path}/$1"\n',
        **dict.fromkeys(("python", "chromium", "scripts/lint", "scripts/demo"), note),
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(checkout: Path, *command: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a script; return the result and the recorded calls."""
    found = subprocess.run(  # noqa: S603
        command,
        cwd=checkout,
        env={"PATH": f"{checkout}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    ran = checkout / "ran"
    return found, ran.read_text().splitlines() if ran.exists() else []


WHOLE = f"{NEWEST} -m pytest --numprocesses 2 --cov"
AGAIN = [f"{home} -m pytest --numprocesses 2 --again" for home in OLDER]


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        ([], [WHOLE, *AGAIN]),
        (["tests/home", "-x"], [f"{NEWEST} -m pytest tests/home -x"]),
        (["--all"], [WHOLE, *AGAIN]),
        (["--all", "-x"], [f"{home} -m pytest -x" for home in (NEWEST, *OLDER)]),
        (["--on", NEWEST], [WHOLE]),
        (["--on", OLDER[0]], AGAIN[:1]),
        (["--on", OLDER[0], "-x"], [f"{OLDER[0]} -m pytest -x"]),
    ],
    ids=" ".join,
)
def test_scripts_test_chooses_home_assistants(
    checkout: Path, arguments: list[str], called: list[str]
) -> None:
    assert run(checkout, "scripts/test", *arguments)[1] == called


async def test_asyncio_debugs_one_of_two_runs(pytestconfig: pytest.Config) -> None:
    assert asyncio.get_running_loop().get_debug() is not pytestconfig.getoption("again")


@pytest.mark.once
def test_again_skips_tests_that_do_not_depend_on_home_assistant(
    request: pytest.FixtureRequest,
) -> None:
    options = ("-p", "no:homeassistant", "--again", "--collect-only", "-q")
    paths = ("tests/graph/test_time_zones.py", "tests/test_workflows.py")
    command = (sys.executable, "-m", "pytest", *options, *paths)
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603

    collected = [line for line in found.stdout.splitlines() if "::" in line]
    assert f"{paths[1]}::{test_the_workflows_are_there.__name__}" in collected
    assert request.node.nodeid not in collected
    assert not [name for name in collected if name.startswith(paths[0])]


def test_ci_runs_everything(checkout: Path) -> None:
    found, ran = run(checkout, "bash", ".ci/run")

    assert (found.returncode, found.stderr) == (0, "")
    assert ran == [
        "lint ",
        WHOLE,
        *AGAIN,
        (
            f"{NEWEST} -m pytest -p no:homeassistant --numprocesses 2 --dist loadfile"
            " tests/browser -m browser"
        ),
        "demo --check",
    ]


def test_a_failure_parallel_to_lint_ends_the_run(checkout: Path) -> None:
    setup = checkout / "scripts/setup"
    broken = f'#!/bin/sh\n[ "$1" = {OLDER[0]} ] && echo "no network" >&2 && exit 3\n'
    setup.write_text(broken + setup.read_text())

    found, ran = run(checkout, "bash", ".ci/run")

    assert found.returncode == 3
    assert f"{OLDER[0]}: no network" in found.stdout
    assert ran == ["lint "]
