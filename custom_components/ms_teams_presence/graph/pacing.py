"""When to poll: slower after each 429, gradually back to the base interval.

Pure, so that a simulation can run it for thousands of homes that share one of Graph's limits.
"""

from collections.abc import Callable
from dataclasses import dataclass
import random
from typing import Final

from .throttling import RETRY_AFTER_MARGIN

MAX_INTERVAL: Final = 600.0
# The part of an interval that is random.
JITTER: Final = 0.05
# Seconds without a 429 after which the interval shrinks, random for each step.
_QUIET: Final = (300.0, 900.0)
_SHRINK: Final = 0.9


@dataclass(slots=True)
class Pace:
    """Seconds between two polls; times are monotonic.

    `base` is the interval without throttling and may change; `uniform` works as `random.uniform`.
    """

    base: float
    uniform: Callable[[float, float], float] = random.uniform
    _slowed: float = 0.0
    _shrink_at: float = 0.0
    _wait_until: float = 0.0

    @property
    def interval(self) -> float:
        """Return the current interval, without jitter."""
        return max(self.base, self._slowed)

    def throttled(self, now: float, retry_after: float) -> None:
        """Slow down after a 429."""
        self._slowed = min(2 * self.interval, MAX_INTERVAL)
        self._shrink_at = now + self.uniform(*_QUIET)
        wait = retry_after + RETRY_AFTER_MARGIN + self.uniform(0.0, self._slowed)
        self._wait_until = now + wait

    def next_delay(self, now: float) -> float:
        """Return the seconds until the next poll."""
        while self._slowed > self.base and self._shrink_at <= now:
            self._slowed *= _SHRINK
            self._shrink_at += self.uniform(*_QUIET)
        if now < self._wait_until:
            return self._wait_until - now
        return self.interval * (1.0 - self.uniform(0.0, JITTER))
