"""Measure the cost of a poll and compare alternatives."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import sys
from typing import Final

from scripts.document import write
from scripts.live.processes import ROOT, LiveError

from . import changes, footprint, homes, people, polls, set_up
from .bench import FLOOR, GRAPH_SDK, INTEGRATION, O365, Bench, running
from .report import Findings, markdown

DOCUMENT: Final = ROOT / "docs/benchmarks.md"

# Tables with the same title are merged.
SECTIONS: Final[dict[str, Callable[[Bench], Awaitable[Findings]]]] = {
    "polls": polls.measure,
    "footprint": footprint.measure,
    "set_up": set_up.measure,
    "people": people.measure,
    "changes": changes.measure,
    "homes": homes.measure,
}


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"all, or some of {', '.join(SECTIONS)}"
    )
    parser.add_argument("--rounds", type=int, default=40, help="fewer are faster but less exact")
    parser.add_argument("--write", action="store_true", help="also update docs/benchmarks.md")
    parser.add_argument("--libraries", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.sections) - SECTIONS.keys():
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    return options


async def run(options: argparse.Namespace) -> None:
    """Run the sections and print their results."""
    pythons = {
        FLOOR: sys.executable,
        INTEGRATION: sys.executable,
        GRAPH_SDK: options.libraries,
        O365: options.libraries,
    }
    async with running(pythons, options.rounds) as bench:
        findings = [await SECTIONS[name](bench) for name in options.sections or SECTIONS]
    text = markdown(findings)
    sys.stdout.write(text + "\n")
    if options.write:
        write(DOCUMENT, "scripts/benchmark", text)


if __name__ == "__main__":
    try:
        asyncio.run(run(parse()))
    except LiveError as error:
        sys.exit(f"benchmark: {error}")
