"""docs/simulator.md lists every gesture and every request."""

import re

from simulator import Simulator
from simulator.control import routes
from simulator.gestures import GESTURES
from tests.documents import ROOT, rows

PAGE = ROOT / "docs/simulator.md"


def documented(heading: str) -> set[str]:
    """Return the names in the first column of tables."""
    return {name for row in rows(PAGE, heading) for name in re.findall(r"`([^`]+)`", row[0])}


def test_every_gesture_is_documented() -> None:
    assert documented("Gesture") == GESTURES


def test_every_request_is_documented(simulator: Simulator) -> None:
    assert documented("Request") == {f"{route.method} {route.path}" for route in routes(simulator)}
