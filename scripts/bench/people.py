"""Section: CPU time, memory and event loop by people."""

import asyncio
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Final

from scripts.live.processes import LiveError

from .bench import INTEGRATION, Bench, Worker, log_progress
from .report import Findings, Goal, Table, at_most, ratio
from .worker import Json

_TITLE: Final = "Many people"
_PEOPLE: Final = (1, 10, 100, 650, 1000, 5000, 10_000)
_FIRST: Final = "1 person"
# With more people, only the client and the coordinator run.
_MAX_WITH_ENTITIES: Final = 1000
_PER_REQUEST: Final = 650
_ENTITIES_EACH: Final = 3
# 1 % of the people change between two polls.
_PEOPLE_PER_CHANGE: Final = 100
_CHANGED_POLLS: Final = 6
_WARM_UP: Final = 3
_REST: Final = 0.02
# The set-up delays some work, such as saving.
_SETTLE_SECONDS: Final = 3

_STRETCH_AT: Final = 5000
_STRETCH_LIMIT: Final = 50
_SET_UP_LIMIT: Final = 100
_WRITES_AT: Final = 1000
# Two runs on the same machine differ by a tenth.
_CPU_LIMIT: Final = 1.1
_MILLI: Final = 1000
_KIBI: Final = 1024

_REQUESTS: Final = "Requests per poll"
_CPU: Final = "CPU per person and poll"
_CPU_CHANGED: Final = "the same, 1 % changed"
_STRETCH: Final = "Longest stretch of a poll, ms"
_STRETCH_CHANGED: Final = "the same, 1 % changed, ms"
_STRETCH_SET_UP: Final = "Longest stretch of the set-up, ms"
_MEMORY: Final = "Memory per person, KiB"
_ABSOLUTE: Final = frozenset({_REQUESTS, _STRETCH, _STRETCH_CHANGED, _STRETCH_SET_UP, _MEMORY})


@dataclass
class _Measurement:
    """Results for a number of people."""

    people: int
    set_up: Json
    unchanged: list[Json] = field(default_factory=list)
    changed: list[Json] = field(default_factory=list)
    requests: float = 0
    memory: int | None = None

    @property
    def row(self) -> str:
        """Return the title of the row."""
        if self.people == 1:
            return _FIRST
        bare = ", no entities" if self.people > _MAX_WITH_ENTITIES else ""
        return f"{self.people:,} people{bare}"

    @property
    def expected_requests(self) -> int:
        """Return 1, and 1 for every 650 people."""
        return ceil(self.people / _PER_REQUEST) + 1

    def cpu(self, polls: list[Json]) -> float:
        """Return the CPU time per person, signed-in one included."""
        return median(float(poll["cpu"]) for poll in polls) / (self.people + 1)


async def measure(bench: Bench) -> Findings:
    """Poll more and more people, each in new processes."""
    log_progress("signing in with colleagues")
    async with bench.worker(INTEGRATION, replace(bench.access, entry=None)) as home:
        entry = await home.run("sign_in", colleagues=True)
    people = await bench.tenant.add_people([f"person{number}" for number in range(max(_PEOPLE))])
    measurements = [await _measure(bench, entry, people[:count]) for count in _PEOPLE]
    return _findings(measurements)


async def _measure(bench: Bench, entry: Json, people: list[Json]) -> _Measurement:
    """Set up and poll a number of people."""
    count = len(people)
    async with bench.worker(INTEGRATION, replace(bench.access, entry=None)) as home:
        set_up = await home.run(
            "set_up_people", entry=entry, people=people, entities=count <= _MAX_WITH_ENTITIES
        )
        log_progress(
            f"{count} people: set-up {set_up['longest'] * 1e3:.1f} ms in {set_up['callback']}"
        )
        measured = _Measurement(count, set_up)
        await asyncio.sleep(_SETTLE_SECONDS)
        await _poll(home, count, _WARM_UP)
        await bench.tenant.clear_requests()
        times = max(8, min(bench.rounds * 2, 20_000 // count))
        measured.unchanged = await _poll(home, count, times)
        measured.requests = len(await bench.tenant.requests()) / times
        if any(poll["writes"] for poll in measured.unchanged):
            raise LiveError("an entity wrote its state without a change")
        if count >= _PEOPLE_PER_CHANGE:
            measured.changed = [
                await _poll_changed(bench, home, people, number) for number in range(_CHANGED_POLLS)
            ]
        measured.memory = (await home.run("people_memory"))["added"]
    for polls in (measured.unchanged, measured.changed):
        if polls:
            worst = max(polls, key=lambda each: float(each["longest"]))
            log_progress(
                f"{count} people: {median(each['cpu'] for each in polls) * 1e3:.2f} ms of CPU, "
                f"longest {worst['longest'] * 1e3:.1f} ms in {worst['callback']}, of which "
                f"{worst['collecting'] * 1e3:.1f} ms collecting garbage; without it "
                f"{max(each['without_collecting'] for each in polls) * 1e3:.1f} ms; writes: "
                f"{', '.join(str(len(each['writes'])) for each in polls if each['writes'])}"
            )
    return measured


async def _poll(home: Worker, count: int, times: int) -> list[Json]:
    """Poll; raise LiveError if a person was not read."""
    result = await home.run("poll_people", times=times, rest=_REST)
    polls: list[Json] = result["polls"]
    if any(poll["read"] != count + 1 for poll in polls):
        raise LiveError(f"not all of {count} people were read")
    return polls


async def _poll_changed(bench: Bench, home: Worker, people: list[Json], number: int) -> Json:
    """Change 1 % of the people, and poll."""
    # The same people leave by the next poll.
    changed = people[(number // 2) % _PEOPLE_PER_CHANGE :: _PEOPLE_PER_CHANGE]
    for person in changed:
        await bench.tenant.gesture(person["key"], "leave_call" if number % 2 else "join_call")
    await bench.tenant.clear_requests()
    (poll,) = await _poll(home, len(people), 1)
    if len(people) <= _MAX_WITH_ENTITIES:
        expected = sorted(
            f"{person['id']}_{key}"
            for person in changed
            for key in ("activity", "availability", "in_call")
        )
        poll["unexpected"] = sorted(poll["writes"]) != expected
    return poll


def _findings(measurements: list[_Measurement]) -> Findings:
    """Fill the table and evaluate the goals."""
    table = Table(_TITLE, _FIRST, absolute=_ABSOLUTE)
    first = measurements[0]
    for each in measurements:
        cells: dict[str, float | None] = {
            _REQUESTS: each.requests,
            _CPU: each.cpu(each.unchanged),
            _STRETCH: _MILLI * max(poll["longest"] for poll in each.unchanged),
            _STRETCH_SET_UP: _MILLI * each.set_up["longest"],
        }
        if each.changed:
            # Relative to the first row's column without changes.
            cells[_CPU_CHANGED] = each.cpu(each.changed)
            cells[_STRETCH_CHANGED] = _MILLI * max(poll["longest"] for poll in each.changed)
        if each.people >= _PEOPLE_PER_CHANGE and each.memory and first.memory:
            cells[_MEMORY] = (each.memory - first.memory) / (each.people - 1) / _KIBI
        for column in (
            *(_REQUESTS, _CPU, _CPU_CHANGED, _STRETCH, _STRETCH_CHANGED),
            *(_STRETCH_SET_UP, _MEMORY),
        ):
            table.cells[each.row, column] = cells.get(column)
    table.units[_CPU_CHANGED] = first.cpu(first.unchanged)
    return Findings(
        [table], [*_requests(measurements), *_cpu(measurements), *_others(measurements)]
    )


def _requests(measurements: list[_Measurement]) -> list[Goal]:
    return [
        Goal(
            f"{each.row}: requests per poll: exactly {each.expected_requests}",
            f"{each.requests:g}",
            met=each.requests == each.expected_requests,
        )
        for each in measurements
    ]


def _cpu(measurements: list[_Measurement]) -> list[Goal]:
    return [
        at_most(
            f"{more.row}: CPU per person and poll, relative to {fewer.row}",
            _CPU_LIMIT,
            more.cpu(more.unchanged) / fewer.cpu(fewer.unchanged),
        )
        for fewer, more in pairwise(measurements)
    ]


def _others(measurements: list[_Measurement]) -> list[Goal]:
    by_count = {each.people: each for each in measurements}
    many, with_entities = by_count[_STRETCH_AT], by_count[_WRITES_AT]
    memory = (with_entities.memory or 0) - (measurements[0].memory or 0)
    return [
        *_stretches(many, many.unchanged, "a poll"),
        *_stretches(many, many.changed, "a poll with 1 % changed"),
        Goal(
            f"{with_entities.row}: longest stretch of the event loop in the set-up, in milliseconds",
            ratio(_MILLI * with_entities.set_up["longest"]),
            met=None,
        ),
        at_most(
            f"{with_entities.row}: longest stretch of the event loop in the set-up, "
            "garbage collection aside, in milliseconds",
            _SET_UP_LIMIT,
            _MILLI * with_entities.set_up["without_collecting"],
        ),
        Goal(
            f"{with_entities.row}: memory per person with entities, in KiB",
            ratio(memory / (_WRITES_AT - 1) / _KIBI),
            met=None,
        ),
        _writes(with_entities, with_entities.changed[:1], "the first time after the set-up"),
        _writes(with_entities, with_entities.changed[1:], "from then on"),
    ]


def _stretches(many: _Measurement, polls: list[Json], when: str) -> list[Goal]:
    """Evaluate the longest stretch, with and without garbage collection."""
    text = f"{many.row}: longest stretch of the event loop in {when}"
    longest, bare = (
        _MILLI * max(poll[figure] for poll in polls) for figure in ("longest", "without_collecting")
    )
    return [
        at_most(f"{text}, in milliseconds", _STRETCH_LIMIT, longest),
        at_most(f"{text}, garbage collection aside, in milliseconds", _STRETCH_LIMIT, bare),
    ]


def _writes(with_entities: _Measurement, polls: list[Json], when: str) -> Goal:
    """Check that exactly the changed people's entities wrote states."""
    expected = _WRITES_AT // _PEOPLE_PER_CHANGE * _ENTITIES_EACH
    unexpected = [poll for poll in polls if poll["unexpected"]]
    count = len((unexpected or polls)[0]["writes"])
    return Goal(
        f"{with_entities.row}: with 1 % changed, {when}: state writes of exactly those people's "
        f"{expected} entities",
        f"{count:,}",
        met=not unexpected,
    )
