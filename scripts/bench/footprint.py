"""Section: import time and installed size."""

from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from statistics import median
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .bench import (
    FLOOR,
    GRAPH_SDK,
    HOME_ASSISTANT,
    INTEGRATION,
    NAMES,
    O365,
    TITLE,
    Bench,
    log_progress,
)
from .imported import INTEGRATION as SOURCE, home_assistant_modules, integration_modules
from .report import Findings, Goal, Table, at_most

# Starting an interpreter is slow.
_ROUNDS_PER_IMPORT: Final = 5
_PACKAGES: Final = {
    FLOOR: ("aiohttp", "orjson"),
    GRAPH_SDK: ("msgraph-sdk",),
    O365: ("O365",),
}


async def measure(bench: Bench) -> Findings:
    """Compare import times and installed sizes."""
    table = Table(TITLE, NAMES[FLOOR])
    goals = await _imports(bench, table)
    _sizes(bench, table)
    return Findings([table], goals)


async def _imports(bench: Bench, table: Table) -> list[Goal]:
    """Import each candidate in new interpreters, in turns."""
    groups: dict[str, tuple[str, ...]] = {
        name: (f"scripts.bench.candidates.{name}",) for name in _PACKAGES
    }
    groups[INTEGRATION] = (",".join(home_assistant_modules()), ",".join(integration_modules()))
    seconds: dict[str, list[list[float]]] = defaultdict(list)
    with_msal = False
    rounds = max(3, bench.rounds // _ROUNDS_PER_IMPORT)
    log_progress(f"importing, {rounds} times each")
    for number in range(rounds + 1):
        for name, arguments in groups.items():
            result = await bench.run_python(name, "-m", "scripts.bench.imports", *arguments)
            # The first one may compile.
            if number:
                seconds[name].append(result["seconds"])
            with_msal |= name == INTEGRATION and result["msal"]
    for name in _PACKAGES:
        table.cells[NAMES[name], "Import"] = median(each[0] for each in seconds[name])
    home, integration = ([each[index] for each in seconds[INTEGRATION]] for index in (0, 1))
    table.cells[NAMES[INTEGRATION], "Import"] = median(integration)
    table.cells[HOME_ASSISTANT, "Import"] = median(home)
    together = median((added + base) / base for base, added in zip(home, integration, strict=True))
    return [
        at_most("Import with the Home Assistant modules it needs, relative to them", 1.3, together),
        Goal(
            "Importing all of the integration leaves MSAL alone",
            "MSAL was imported" if with_msal else "so it is",
            met=not with_msal,
        ),
    ]


def _sizes(bench: Bench, table: Table) -> None:
    """Compare the sizes of packages and their requirements."""
    home = Installed(bench.pythons[INTEGRATION])
    base = home.closure(["homeassistant"])
    for name, packages in _PACKAGES.items():
        installed = Installed(bench.pythons[name])
        size = installed.size(installed.closure(packages))
        table.cells[NAMES[name], "Installed"] = size
    own = sum(file.stat().st_size for file in SOURCE.rglob("*") if _is_counted(file))
    added = home.size(home.closure(["msal"]) - base)
    table.cells[NAMES[INTEGRATION], "Installed"] = own + added
    table.cells[HOME_ASSISTANT, "Installed"] = home.size(base)


class Installed:
    """The packages of an environment."""

    def __init__(self, python: str) -> None:
        """Find the distributions of an environment by its `bin/python`."""
        paths = [str(path) for path in Path(python).parents[1].glob("lib/python3*/site-packages")]
        self._distributions: dict[str, Distribution] = {
            canonicalize_name(package.name): package for package in distributions(path=paths)
        }

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return packages and their requirements, extras included."""
        found: set[tuple[str, str]] = set()
        pending = [(canonicalize_name(name), "") for name in names]
        while pending:
            name, extra = wanted = pending.pop()
            if wanted in found or name not in self._distributions:
                continue
            found.add(wanted)
            for text in self._distributions[name].requires or ():
                requirement = Requirement(text)
                if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                    continue
                required = canonicalize_name(requirement.name)
                pending += [(required, each) for each in ("", *requirement.extras)]
        return {name for name, _ in found}

    def size(self, names: Iterable[str]) -> int:
        """Return the size of their files, without bytecode."""
        files = (
            Path(str(package.locate_file(file)))
            for package in (self._distributions[name] for name in names)
            for file in package.files or ()
        )
        return sum(file.stat().st_size for file in files if _is_counted(file))


def _is_counted(file: Path) -> bool:
    return file.is_file() and file.suffix != ".pyc"
