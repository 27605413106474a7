"""The battery as a command; scripts/faults makes the environment that it needs."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile
from typing import Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs/reliability.md"
RINGS: Final = (
    ["tests/faults", "--numprocesses", "2"],
    ["-p", "no:homeassistant", "tests/killed"],
)
FUZZ: Final = ["tests/fuzz", "--numprocesses", "2"]
_BEGIN: Final = "<!-- scripts/faults writes from here -->"
_END: Final = "<!-- to here -->"


@dataclass(frozen=True)
class Seen:
    """What a test reported of itself, and whether it passed."""

    properties: dict[str, str]
    passed: bool
    name: str


def run(*arguments: str, **environment: str) -> list[Seen]:
    """Run tests, showing how they go on, and return what they reported."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "", "--quiet", "--show-capture=no"]
        command += ["--tb=line", f"--junitxml={report}", "-o", "junit_family=xunit1", *arguments]
        result = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=os.environ | environment, stdout=sys.stderr, check=False
        )
        if not report.exists():
            sys.exit(result.returncode)
        # Our own file, written a moment ago.
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314
    return [
        Seen(
            {item.attrib["name"]: item.attrib["value"] for item in case.iter("property")},
            passed=case.find("failure") is None and case.find("error") is None,
            name=case.attrib["name"],
        )
        for case in cases
    ]


def number(case: Seen) -> int:
    """Return where a fault stands in the table, however its tests were shared among processes."""
    return int(case.properties.get("number", 0))


def table(cases: Iterable[Seen]) -> str:
    """Return the table; faults in one place of which the same is expected and seen share a row."""
    lines = ["| Fault | Expected | Seen |", "|---|---|---|"]
    lines += [
        f"| {fault} | {expected} | {seen if seen == expected else f'**{seen}**'} |"
        for fault, expected, seen in _merged(cases)
    ]
    return "\n".join(lines)


def _merged(cases: Iterable[Seen]) -> Iterator[tuple[str, str, str]]:
    def place(case: Seen) -> str:
        return case.properties.get("fault", case.name).partition(": ")[0]

    for where, here in groupby(cases, place):
        outcomes: dict[tuple[str, str], list[str]] = {}
        for case in here:
            expected = case.properties.get("expected", "")
            seen = case.properties.get("seen", "nothing: it did not come so far")
            if not case.passed and seen == expected:
                seen = f"{seen}; failed afterwards"
            fault = case.properties.get("fault", case.name).partition(": ")[2]
            outcomes.setdefault((expected, seen), []).append(fault)
        for (expected, seen), faults in outcomes.items():
            yield f"{where}: {', '.join(faults)}" if any(faults) else where, expected, seen


def write(text: str) -> None:
    """Put the table between the two marks of the document."""
    pattern = re.compile(f"({re.escape(_BEGIN)}\n).*?({re.escape(_END)})", re.DOTALL)
    old = DOCUMENT.read_text()
    if not pattern.search(old):
        raise ValueError(f"{DOCUMENT} has no place for the table")
    DOCUMENT.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", old))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/reliability.md, too"
    )
    parser.add_argument(
        "--fuzz",
        nargs="?",
        type=int,
        const=100_000,
        metavar="ANSWERS",
        help="instead, generate so many answers of Graph (100,000) and texts for the forms",
    )
    return parser.parse_args()


def main() -> int:
    """Run what is asked for; returns 1 where something is not as it is to be."""
    options = parse()
    if options.fuzz:
        cases = run(*FUZZ, FUZZ_ANSWERS=str(options.fuzz))
        counted: Counter[str] = Counter()
        for case in cases:
            counted.update({what: int(number) for what, number in case.properties.items()})
        lines = [f"{number:>9,} {what}" for what, number in counted.items()]
        failed = [f"FAILED: {case.name}" for case in cases if not case.passed]
        sys.stdout.write("\n".join(lines + failed) + "\n")
        return bool(failed)
    cases = [case for ring in RINGS for case in sorted(run(*ring), key=number)]
    passed = sum(case.passed for case in cases)
    text = table(cases) + f"\n\n{passed} of {len(cases)} faults went as expected."
    sys.stdout.write(text + "\n")
    if options.write:
        write(text)
    return int(passed != len(cases))


if __name__ == "__main__":
    sys.exit(main())
