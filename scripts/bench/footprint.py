"""The section about what is there before anything is polled: import time and installed size."""

from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from statistics import median
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .bench import AROUND, FLOOR, GRAPH_SDK, INTEGRATION, NAMES, O365, TITLE, Bench, say
from .imported import INTEGRATION as SOURCE, home_assistant_modules, integration_modules
from .report import Findings, Goal, Table, at_most

# Starting an interpreter and importing is slow: fewer repetitions than of polls do.
_ROUNDS_PER_IMPORT: Final = 5
_PACKAGES: Final = {
    FLOOR: ("aiohttp", "orjson"),
    GRAPH_SDK: ("msgraph-sdk",),
    O365: ("O365",),
}


async def measure(bench: Bench) -> Findings:
    """Compare what importing costs and what is installed."""
    table = Table(TITLE, NAMES[FLOOR])
    goals = await _imports(bench, table)
    _sizes(bench, table)
    return Findings([table], goals)


async def _imports(bench: Bench, table: Table) -> list[Goal]:
    """Import everything in fresh interpreters, in turns."""
    groups: dict[str, tuple[str, ...]] = {
        name: (f"scripts.bench.candidates.{name}",) for name in _PACKAGES
    }
    groups[INTEGRATION] = (",".join(home_assistant_modules()), ",".join(integration_modules()))
    seconds: dict[str, list[list[float]]] = defaultdict(list)
    with_msal = False
    rounds = max(3, bench.rounds // _ROUNDS_PER_IMPORT)
    say(f"importing, {rounds} times each")
    for number in range(rounds + 1):
        for name, arguments in groups.items():
            found = await bench.run_python(name, "-m", "scripts.bench.imports", *arguments)
            # The first one may still have to compile.
            if number:
                seconds[name].append(found["seconds"])
            with_msal |= name == INTEGRATION and found["msal"]
    for name in _PACKAGES:
        table.cells[NAMES[name], "Import"] = median(each[0] for each in seconds[name])
    home, integration = ([each[index] for each in seconds[INTEGRATION]] for index in (0, 1))
    table.cells[NAMES[INTEGRATION], "Import"] = median(integration)
    table.cells[AROUND, "Import"] = median(home)
    together = median(
        (added + around) / around for around, added in zip(home, integration, strict=True)
    )
    return [
        at_most("Import with the Home Assistant modules it needs, relative to them", 1.3, together),
        Goal(
            "Importing all of the integration leaves MSAL alone",
            "MSAL was imported" if with_msal else "so it is",
            met=not with_msal,
        ),
    ]


def _sizes(bench: Bench, table: Table) -> None:
    """Add up the files of the packages, with all that they require."""
    home = Installed(bench.pythons[INTEGRATION])
    around = home.closure(["homeassistant"])
    for name, packages in _PACKAGES.items():
        installed = Installed(bench.pythons[name])
        size = installed.size(installed.closure(packages))
        table.cells[NAMES[name], "Installed"] = size
    own = sum(file.stat().st_size for file in SOURCE.rglob("*") if _counts(file))
    added = home.size(home.closure(["msal"]) - around)
    table.cells[NAMES[INTEGRATION], "Installed"] = own + added
    table.cells[AROUND, "Installed"] = home.size(around)


class Installed:
    """The packages of an environment."""

    def __init__(self, python: str) -> None:
        """Find them; the interpreter is `bin/python` of the environment."""
        paths = [str(path) for path in Path(python).parents[1].glob("lib/python3*/site-packages")]
        self._known: dict[str, Distribution] = {
            canonicalize_name(package.name): package for package in distributions(path=paths)
        }

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return packages with everything that they require, extras included."""
        found: set[tuple[str, str]] = set()
        waiting = [(canonicalize_name(name), "") for name in names]
        while waiting:
            name, extra = wanted = waiting.pop()
            if wanted in found or name not in self._known:
                continue
            found.add(wanted)
            for text in self._known[name].requires or ():
                requirement = Requirement(text)
                if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                    continue
                required = canonicalize_name(requirement.name)
                waiting += [(required, each) for each in ("", *requirement.extras)]
        return {name for name, _ in found}

    def size(self, names: Iterable[str]) -> int:
        """Return the bytes of their files, without what Python compiles."""
        files = (
            Path(str(package.locate_file(file)))
            for package in (self._known[name] for name in names)
            for file in package.files or ()
        )
        return sum(file.stat().st_size for file in files if _counts(file))


def _counts(file: Path) -> bool:
    return file.is_file() and file.suffix != ".pyc"
