"""Settings and fixtures for the fuzz tests."""

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

REQUESTED = os.environ.get("FUZZ_RESPONSES")
RESPONSES = int(REQUESTED or 1000)
"""The number of Graph responses; form inputs are proportional."""

BATCH = 10
"""Examples per draw, for speed."""


def share(percent: float) -> settings:
    """Return settings for a percentage of the responses, in batches.

    `scripts/faults` uses random examples; other runs are deterministic.
    """
    return settings(
        max_examples=max(1, round(RESPONSES * percent / 100 / BATCH)),
        deadline=None,
        database=None,
        derandomize=REQUESTED is None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """Count the examples and report the counts."""
    counted: Counter[str] = Counter()
    yield counted
    for what, number in counted.items():
        record_property(what, number)
