"""What the sections find, and how it is printed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

type Cells = dict[tuple[str, str], float | None]
"""Figures by row and column."""

_MET: Final = {True: "met", False: "**not met**", None: "no goal"}


@dataclass
class Table:
    """Figures with one unit: that row's figure, by which the others of its column are divided."""

    title: str
    unit: str
    cells: Cells = field(default_factory=dict)
    absolute: frozenset[str] = frozenset()
    """Columns whose figures are shown as they are."""
    units: dict[str, float] = field(default_factory=dict)
    """Units of columns in which that row has none."""

    def markdown(self) -> str:
        """Return the ratios."""
        rows = list(dict.fromkeys(row for row, _ in self.cells))
        columns = list(dict.fromkeys(column for _, column in self.cells))
        lines = [
            "| " + " | ".join((self.title, *columns)) + " |",
            "|---|" + "---:|" * len(columns),
        ]
        lines += [
            "| " + " | ".join((row, *(self._cell(row, column) for column in columns))) + " |"
            for row in rows
        ]
        return "\n".join(lines)

    def _cell(self, row: str, column: str) -> str:
        value = self.cells.get((row, column))
        unit = self.units.get(column) or self.cells.get((self.unit, column))
        if value is not None and column in self.absolute:
            return ratio(value) if value % 1 else f"{value:.0f}"
        if value is None or not unit:
            return ""
        return ratio(value / unit)


@dataclass(frozen=True)
class Goal:
    """Something that has to hold."""

    text: str
    measured: str
    met: bool | None
    """None where it is only to be known."""


@dataclass
class Findings:
    """What a section found; tables of one title become one."""

    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)


def ratio(value: float) -> str:
    """Return a ratio with as many digits as one run can stand for."""
    if value < 0.1:
        return f"{value:.2g}"
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def at_most(text: str, limit: float, measured: float) -> Goal:
    """Return a goal that has an upper limit."""
    return Goal(f"{text}: at most {limit:g}", ratio(measured), met=measured <= limit)


def at_least(text: str, limit: float, measured: float) -> Goal:
    """Return a goal that has a lower limit."""
    return Goal(f"{text}: at least {limit:g}", ratio(measured), met=measured >= limit)


def markdown(findings: Iterable[Findings]) -> str:
    """Return everything that was found."""
    tables: dict[str, Table] = {}
    goals: list[Goal] = []
    for found in findings:
        for table in found.tables:
            tables.setdefault(table.title, replace(table, cells={})).cells |= table.cells
        goals += found.goals
    parts = [table.markdown() for table in tables.values()]
    if goals:
        lines = ["| Goal | Measured | |", "|---|---:|---|"]
        lines += [f"| {goal.text} | {goal.measured} | {_MET[goal.met]} |" for goal in goals]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
