"""Section: time, requests and memory of polls."""

from collections import defaultdict
import contextlib
from dataclasses import dataclass
from statistics import median
from typing import Final

from scripts.live.processes import LiveError

from .bench import (
    FLOOR,
    FLOOR_IN_HOME_ASSISTANT,
    GRAPH_SDK,
    HOME_ASSISTANT,
    INTEGRATION,
    NAMES,
    O365,
    TITLE,
    Bench,
    Worker,
    log_progress,
)
from .report import Findings, Goal, Table, at_least, at_most
from .worker import Json


@dataclass(frozen=True, slots=True)
class _Pace:
    """Polls per round, and the seconds between them."""

    times: int
    rest: float
    column: str


# In a home, caches are cold after the seconds between two polls. They are warm only back to back.
_RESTED: Final = _Pace(10, 0.02, "CPU per poll")
_BACK_TO_BACK: Final = _Pace(25, 0, "CPU per poll, back to back")

_WARM_UP: Final = _Pace(50, 0, "")


@dataclass(frozen=True, slots=True)
class _Runner:
    """A worker and its operation that polls."""

    worker: Worker
    operation: str = "poll"

    async def poll(self, pace: _Pace) -> Json:
        """Poll; raise LiveError if the presence was not read."""
        result = await self.worker.run(self.operation, times=pace.times, rest=pace.rest)
        if result["availability"].lower() != "available":
            raise LiveError(f"{self.worker.name} read {result['availability']!r}")
        return result


async def measure(bench: Bench) -> Findings:
    """Let the candidates poll in turns, and compare medians."""
    cpu: dict[tuple[str, _Pace], list[float]] = defaultdict(list)
    wall: dict[str, list[float]] = defaultdict(list)
    requests: dict[str, list[float]] = defaultdict(list)
    async with contextlib.AsyncExitStack() as stack:
        workers = {name: await stack.enter_async_context(bench.worker(name)) for name in NAMES}
        runners = {title: _Runner(workers[name]) for name, title in NAMES.items()}
        # Shows the cost of a large process.
        runners[FLOOR_IN_HOME_ASSISTANT] = _Runner(workers[INTEGRATION], "poll_floor")
        for runner in runners.values():
            await runner.poll(_WARM_UP)
        log_progress(f"polling, {bench.rounds} rounds")
        order = list(runners)
        for _ in range(bench.rounds):
            for pace in (_RESTED, _BACK_TO_BACK):
                for title in order:
                    await bench.tenant.clear_requests()
                    result = await runners[title].poll(pace)
                    cpu[title, pace].append(result["cpu"])
                    if pace is _RESTED:
                        wall[title].append(result["wall"])
                    requests[title].append(len(await bench.tenant.requests()) / pace.times)
            # Change which one is first.
            order = [*order[1:], order[0]]
        memory = {name: await worker.run("memory") for name, worker in workers.items()}

    table = Table(TITLE, NAMES[FLOOR])
    for title in runners:
        for pace in (_RESTED, _BACK_TO_BACK):
            table.cells[title, pace.column] = _ratio_per_round(
                cpu[title, pace], cpu[NAMES[FLOOR], pace]
            )
            log_progress(f"{title}: {median(cpu[title, pace]) * 1e6:.0f} us, {pace.column}")
        table.cells[title, "Wall time per poll"] = _ratio_per_round(wall[title], wall[NAMES[FLOOR]])
        table.cells[title, "Requests per poll"] = median(requests[title])
    for name, title in NAMES.items():
        table.cells[title, "Peak memory"] = memory[name]["added"]
    table.cells[HOME_ASSISTANT, "Peak memory"] = memory[INTEGRATION]["base"]
    return Findings([table], [*_goals(table, _RESTED), *_goals(table, _BACK_TO_BACK)])


def _ratio_per_round(values: list[float], references: list[float]) -> float:
    """Return the median of the ratios of each round."""
    # Within a round the machine is equally busy.
    return median(value / reference for value, reference in zip(values, references, strict=True))


def _goals(table: Table, pace: _Pace) -> list[Goal]:
    """Compare the integration with floor and better library."""
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
