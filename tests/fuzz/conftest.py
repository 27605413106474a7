"""How much is generated, and a home to give it to."""

from collections import Counter
from collections.abc import Callable, Iterator
import os

from hypothesis import HealthCheck, settings
import pytest

from tests.home.conftest import (  # noqa: F401  # pytest finds fixtures by their names here
    _home,
    account,
    clock,
    cloud,
)

ASKED_FOR = os.environ.get("FUZZ_ANSWERS")
ANSWERS = int(ASKED_FOR or 1000)
"""How many answers of Graph are generated in all; the texts for forms are fewer in proportion."""

BATCH = 10
"""How many are drawn at once, which is faster."""


def share(percent: float) -> settings:
    """Return settings for so many percent of the answers, in batches.

    They are different ones at each run by `scripts/faults`, and the same ones otherwise.
    """
    return settings(
        max_examples=max(1, round(ANSWERS * percent / 100 / BATCH)),
        deadline=None,
        database=None,
        derandomize=ASKED_FOR is None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """Count what was tried, and report it."""
    counted: Counter[str] = Counter()
    yield counted
    for what, number in counted.items():
        record_property(what, number)
