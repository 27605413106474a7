"""The section about many homes that share one app in one tenant, and so Graph's limit."""

from collections import deque
from dataclasses import dataclass, field
import heapq
from math import ceil
import random
from statistics import median
from typing import Final

from custom_components.ms_teams_presence.graph.pacing import Pace

from .bench import Bench, say
from .report import Findings, Table

# Requests that Graph allows an app in a tenant, and the seconds for which it counts them.
# https://learn.microsoft.com/graph/throttling-limits
_LIMIT: Final = 1500
_WINDOW: Final = 30
_HOMES: Final = (100, 1_000, 10_000)
_INTERVAL: Final = 5.0
_HOURS: Final = 8
# The time after which homes have settled, from which on everything counts.
_SETTLED: Final = 4 * 3600
_END: Final = _HOURS * 3600


@dataclass(slots=True)
class _Graph:
    """Counts the requests of the last 30 s; rejected ones count, too."""

    times: deque[float] = field(default_factory=deque)

    def retry_after(self, now: float) -> int:
        """Return 0 if a request is accepted, its Retry-After otherwise."""
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
    answered: float = 0.0
    longest: float = 0.0


async def measure(_: Bench) -> Findings:
    """Let homes share the limit for hours; nothing is sent."""
    columns = frozenset({"Budget used", "Rejected", "Median interval, s", "Longest silence, s"})
    table = Table("Homes that share one app in one tenant", "", absolute=columns)
    for number in _HOMES:
        say(f"simulating {number:,} homes for {_HOURS} hours")
        for column, value in _simulate(number).items():
            table.cells[f"{number:,} homes", column] = value
    return Findings([table])


def _simulate(number: int) -> dict[str, float]:
    """Return what homes reach that all start within a minute."""
    chances = random.Random(number)  # noqa: S311  # the same in each run
    graph = _Graph()
    homes = [_Home(Pace(_INTERVAL, chances.uniform)) for _ in range(number)]
    polls = [(chances.uniform(0, 60), index) for index in range(number)]
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
                home.longest = max(home.longest, now - home.answered)
            home.answered = now
        delay = home.pace.next_delay(now)
        heapq.heapreplace(polls, (now + delay, index))
    budget = _LIMIT / _WINDOW * (_END - _SETTLED)
    return {
        "Budget used": accepted / budget,
        "Rejected": rejected / (accepted + rejected),
        "Median interval, s": median(home.pace.interval for home in homes),
        "Longest silence, s": max(max(home.longest, _END - home.answered) for home in homes),
    }
