"""The section about polls: CPU time, wall time, requests and memory."""

from collections import defaultdict
import contextlib
from dataclasses import dataclass
from statistics import median
from typing import Final

from scripts.live.processes import LiveError

from .bench import (
    AROUND,
    BARE_INSIDE,
    FLOOR,
    GRAPH_SDK,
    INTEGRATION,
    NAMES,
    O365,
    TITLE,
    Bench,
    Worker,
    say,
)
from .report import Findings, Goal, Table, at_least, at_most
from .worker import Json


@dataclass(frozen=True, slots=True)
class _Pace:
    """A way to poll: how many times in a round, and how many seconds of rest after each."""

    times: int
    rest: float
    column: str


# At home a poll comes after seconds in which the machine did something else, so that nothing of it
# is in a cache any more. Back to back everything is, which only a benchmark sees.
_RESTED: Final = _Pace(10, 0.02, "CPU per poll")
_BACK_TO_BACK: Final = _Pace(25, 0, "CPU per poll, back to back")

_WARM_UP: Final = _Pace(50, 0, "")


@dataclass(frozen=True, slots=True)
class _Runner:
    """A worker and the way it is to poll."""

    worker: Worker
    do: str = "poll"

    async def poll(self, pace: _Pace) -> Json:
        """Poll; something has to have been read."""
        found = await self.worker.ask(self.do, times=pace.times, rest=pace.rest)
        if found["availability"].lower() != "available":
            raise LiveError(f"{self.worker.name} read {found['availability']!r}")
        return found


async def measure(bench: Bench) -> Findings:
    """Let the candidates poll in turns, a few polls each, and compare the medians."""
    cpu: dict[tuple[str, _Pace], list[float]] = defaultdict(list)
    wall: dict[str, list[float]] = defaultdict(list)
    requests: dict[str, list[float]] = defaultdict(list)
    async with contextlib.AsyncExitStack() as stack:
        workers = {name: await stack.enter_async_context(bench.worker(name)) for name in NAMES}
        runners = {title: _Runner(workers[name]) for name, title in NAMES.items()}
        # How much of a difference comes from the surroundings.
        runners[BARE_INSIDE] = _Runner(workers[INTEGRATION], "poll_bare")
        for runner in runners.values():
            await runner.poll(_WARM_UP)
        say(f"polling, {bench.rounds} rounds")
        order = list(runners)
        for _ in range(bench.rounds):
            for pace in (_RESTED, _BACK_TO_BACK):
                for title in order:
                    await bench.tenant.forget_requests()
                    found = await runners[title].poll(pace)
                    cpu[title, pace].append(found["cpu"])
                    if pace is _RESTED:
                        wall[title].append(found["wall"])
                    requests[title].append(len(await bench.tenant.seen_requests()) / pace.times)
            # Nobody always comes after the same one.
            order = [*order[1:], order[0]]
        memory = {name: await worker.ask("memory") for name, worker in workers.items()}

    table = Table(TITLE, NAMES[FLOOR])
    for title in runners:
        for pace in (_RESTED, _BACK_TO_BACK):
            table.cells[title, pace.column] = _times(cpu[title, pace], cpu[NAMES[FLOOR], pace])
            say(f"{title}: {median(cpu[title, pace]) * 1e6:.0f} us, {pace.column}")
        table.cells[title, "Wall time per poll"] = _times(wall[title], wall[NAMES[FLOOR]])
        table.cells[title, "Requests per poll"] = median(requests[title])
    for name, title in NAMES.items():
        table.cells[title, "Peak memory"] = memory[name]["added"]
    table.cells[AROUND, "Peak memory"] = memory[INTEGRATION]["around"]
    return Findings([table], [*_goals(table, _RESTED), *_goals(table, _BACK_TO_BACK)])


def _times(mine: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios of each round, in which the machine was equally busy."""
    return median(one / other for one, other in zip(mine, theirs, strict=True))


def _goals(table: Table, pace: _Pace) -> list[Goal]:
    """Compare the integration with the floor and with the better library."""
    times = {name: table.cells[title, pace.column] or 0 for name, title in NAMES.items()}
    better = min((GRAPH_SDK, O365), key=times.__getitem__)
    return [
        at_most(f"{pace.column}, relative to the floor", 1.5, times[INTEGRATION]),
        at_least(
            f"{pace.column}, of the better library ({NAMES[better]}) relative to the integration",
            5,
            times[better] / times[INTEGRATION],
        ),
    ]
