"""Tables and goals, printed as Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

type Cells = dict[tuple[str, str], float | None]
"""Figures by row and column."""

_MET: Final = {True: "met", False: "**not met**", None: "no goal"}


@dataclass
class Table:
    """Figures relative to those of one row."""

    title: str
    unit: str
    """The row whose figures are 1.00."""
    cells: Cells = field(default_factory=dict)
    absolute: frozenset[str] = frozenset()
    """Columns with absolute figures."""
    units: dict[str, float] = field(default_factory=dict)
    """Units of columns in which that row is empty."""

    def markdown(self) -> str:
        """Render the table."""
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
    """A requirement and the measured figure."""

    text: str
    measured: str
    met: bool | None
    """None without a limit."""


@dataclass
class Findings:
    """Results of a section."""

    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)


def ratio(value: float) -> str:
    """Format a ratio with its significant digits."""
    if value < 0.1:
        return f"{value:.2g}"
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def at_most(text: str, limit: float, measured: float) -> Goal:
    """Create a goal with an upper limit."""
    return Goal(f"{text}: at most {limit:g}", ratio(measured), met=measured <= limit)


def at_least(text: str, limit: float, measured: float) -> Goal:
    """Create a goal with a lower limit."""
    return Goal(f"{text}: at least {limit:g}", ratio(measured), met=measured >= limit)


def markdown(findings: Iterable[Findings]) -> str:
    """Render results; merge tables with the same title."""
    tables: dict[str, Table] = {}
    goals: list[Goal] = []
    for section in findings:
        for table in section.tables:
            tables.setdefault(table.title, replace(table, cells={})).cells |= table.cells
        goals += section.goals
    parts = [table.markdown() for table in tables.values()]
    if goals:
        lines = ["| Goal | Measured | |", "|---|---:|---|"]
        lines += [f"| {goal.text} | {goal.measured} | {_MET[goal.met]} |" for goal in goals]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
