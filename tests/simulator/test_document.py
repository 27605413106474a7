"""The simulator's page in the documents names what there is."""

import re

from simulator import Simulator
from simulator.control import routes
from simulator.gestures import GESTURES
from tests.documents import ROOT, rows

PAGE = ROOT / "docs/simulator.md"


def named(heading: str) -> set[str]:
    """Return what the first columns of tables name."""
    return {name for row in rows(PAGE, heading) for name in re.findall(r"`([^`]+)`", row[0])}


def test_every_gesture_is_named() -> None:
    assert named("Gesture") == GESTURES


def test_every_request_is_named(simulator: Simulator) -> None:
    assert named("Request") == {f"{route.method} {route.path}" for route in routes(simulator)}
