"""Section: homes that share one app and its limit."""

from collections import deque
from dataclasses import dataclass, field
import heapq
from math import ceil
import random
from statistics import median
from typing import Final

from custom_components.ms_teams_presence.graph.pacing import Pace

from .bench import Bench, log_progress
from .report import Findings, Table

# Graph's limit per app and tenant: requests and seconds.
# https://learn.microsoft.com/graph/throttling-limits
_LIMIT: Final = 1500
_WINDOW: Final = 30
_HOMES: Final = (100, 1_000, 10_000)
_INTERVAL: Final = 5.0
_HOURS: Final = 8
# Homes have settled by then; only later requests count.
_SETTLED: Final = 4 * 3600
_END: Final = _HOURS * 3600


@dataclass(slots=True)
class _Graph:
    """Graph's limit; rejected requests count, too."""

    times: deque[float] = field(default_factory=deque)

    def retry_after(self, now: float) -> int:
        """Count a request; return its Retry-After or 0."""
        while self.times and self.times[0] <= now - _WINDOW:
            self.times.popleft()
        self.times.append(now)
        if len(self.times) <= _LIMIT:
            return 0
        return max(1, ceil(self.times[-_LIMIT] + _WINDOW - now))


@dataclass(slots=True)
class _Home:
    """A home that polls."""

    pace: Pace
    last_success: float = 0.0
    longest_silence: float = 0.0


async def measure(_: Bench) -> Findings:
    """Simulate homes that share the limit; send nothing."""
    columns = frozenset({"Budget used", "Rejected", "Median interval, s", "Longest silence, s"})
    table = Table("Homes that share one app in one tenant", "", absolute=columns)
    for number in _HOMES:
        log_progress(f"simulating {number:,} homes for {_HOURS} hours")
        for column, value in _simulate(number).items():
            table.cells[f"{number:,} homes", column] = value
    return Findings([table])


def _simulate(number: int) -> dict[str, float]:
    """Simulate homes that all start within a minute."""
    generator = random.Random(number)  # noqa: S311  # the same in each run
    graph = _Graph()
    homes = [_Home(Pace(_INTERVAL, generator.uniform)) for _ in range(number)]
    polls = [(generator.uniform(0, 60), index) for index in range(number)]
    heapq.heapify(polls)
    accepted = rejected = 0
    while polls[0][0] < _END:
        now, index = polls[0]
        home = homes[index]
        is_settled = now >= _SETTLED
        if retry_after := graph.retry_after(now):
            home.pace.throttled(now, retry_after)
            rejected += is_settled
        else:
            accepted += is_settled
            if is_settled:
                home.longest_silence = max(home.longest_silence, now - home.last_success)
            home.last_success = now
        delay = home.pace.next_delay(now)
        heapq.heapreplace(polls, (now + delay, index))
    budget = _LIMIT / _WINDOW * (_END - _SETTLED)
    return {
        "Budget used": accepted / budget,
        "Rejected": rejected / (accepted + rejected),
        "Median interval, s": median(home.pace.interval for home in homes),
        "Longest silence, s": max(
            max(home.longest_silence, _END - home.last_success) for home in homes
        ),
    }
