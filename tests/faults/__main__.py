"""Run all fault tests; see scripts/faults."""

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
SUITES: Final = (
    ["tests/faults", "--numprocesses", "2"],
    ["-p", "no:homeassistant", "tests/killed"],
)
FUZZ: Final = ["tests/fuzz", "--numprocesses", "2"]
_BEGIN: Final = "<!-- scripts/faults writes from here -->"
_END: Final = "<!-- to here -->"


@dataclass(frozen=True)
class Report:
    """What a test reported, and whether it passed."""

    properties: dict[str, str]
    passed: bool
    name: str


def run(*arguments: str, **environment: str) -> list[Report]:
    """Run tests and return their reports."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "", "--quiet", "--show-capture=no"]
        command += ["--tb=line", f"--junitxml={report}", "-o", "junit_family=xunit1", *arguments]
        result = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=os.environ | environment, stdout=sys.stderr, check=False
        )
        if not report.exists():
            sys.exit(result.returncode)
        # A file that pytest has just written.
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314
    return [
        Report(
            {item.attrib["name"]: item.attrib["value"] for item in case.iter("property")},
            passed=case.find("failure") is None and case.find("error") is None,
            name=case.attrib["name"],
        )
        for case in cases
    ]


def number(case: Report) -> int:
    """Return a fault's position in the table."""
    return int(case.properties.get("number", 0))


def table(cases: Iterable[Report]) -> str:
    """Return the table; equal results in one place share a row."""
    lines = ["| Fault | Expected | Seen |", "|---|---|---|"]
    lines += [
        f"| {fault} | {expected} | {seen if seen == expected else f'**{seen}**'} |"
        for fault, expected, seen in _merged(cases)
    ]
    return "\n".join(lines)


def _merged(cases: Iterable[Report]) -> Iterator[tuple[str, str, str]]:
    def place(case: Report) -> str:
        return case.properties.get("fault", case.name).partition(": ")[0]

    for where, here in groupby(cases, place):
        outcomes: dict[tuple[str, str], list[str]] = {}
        for case in here:
            expected = case.properties.get("expected", "")
            seen = case.properties.get("seen", "nothing: the test did not get this far")
            if not case.passed and seen == expected:
                seen = f"{seen}; failed afterwards"
            fault = case.properties.get("fault", case.name).partition(": ")[2]
            outcomes.setdefault((expected, seen), []).append(fault)
        for (expected, seen), faults in outcomes.items():
            yield f"{where}: {', '.join(faults)}" if any(faults) else where, expected, seen


def write(text: str) -> None:
    """Replace the table in the document."""
    pattern = re.compile(f"({re.escape(_BEGIN)}\n).*?({re.escape(_END)})", re.DOTALL)
    old = DOCUMENT.read_text()
    if not pattern.search(old):
        raise ValueError(f"{DOCUMENT} has no markers for the table")
    DOCUMENT.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", old))


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--write", action="store_true", help="also update docs/reliability.md")
    parser.add_argument(
        "--fuzz",
        nargs="?",
        type=int,
        const=100_000,
        metavar="NUMBER",
        help="instead, generate this many Graph responses (default: 100,000) and form inputs",
    )
    return parser.parse_args()


def main() -> int:
    """Run the tests; return 1 on unexpected results."""
    options = parse()
    if options.fuzz:
        cases = run(*FUZZ, FUZZ_RESPONSES=str(options.fuzz))
        counted: Counter[str] = Counter()
        for case in cases:
            counted.update({what: int(number) for what, number in case.properties.items()})
        lines = [f"{number:>9,} {what}" for what, number in counted.items()]
        failed = [f"FAILED: {case.name}" for case in cases if not case.passed]
        sys.stdout.write("\n".join(lines + failed) + "\n")
        return bool(failed)
    cases = [case for suite in SUITES for case in sorted(run(*suite), key=number)]
    passed = sum(case.passed for case in cases)
    text = table(cases) + f"\n\n{passed} of {len(cases)} faults went as expected."
    sys.stdout.write(text + "\n")
    if options.write:
        write(text)
    return int(passed != len(cases))


if __name__ == "__main__":
    sys.exit(main())
