"""Every fault in the table gives the expected result."""

from collections.abc import Callable

import pytest

from .stage import Stage
from .table import ROWS, Row


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row.name, marks=[] if row.sample else [pytest.mark.faults])
        for row in ROWS
    ],
)
async def test_fault(
    row: Row, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    seen = "; ".join([await row.play(stage), *dict.fromkeys(stage.harm())])
    for name, value in (
        ("number", ROWS.index(row)),
        ("fault", row.name),
        ("expected", row.expected),
        ("seen", seen),
    ):
        record_property(name, value)

    assert seen == row.expected
