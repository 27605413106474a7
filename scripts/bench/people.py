"""The section about many people: what each costs, and whether the event loop notices them."""

import asyncio
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Final

from scripts.live.processes import LiveError

from .bench import INTEGRATION, Bench, Worker, say
from .report import Findings, Goal, Table, at_most, ratio
from .worker import Json

_TITLE: Final = "Many people"
_PEOPLE: Final = (1, 10, 100, 650, 1000, 5000, 10_000)
_FIRST: Final = "1 person"
# Beyond that only the client and the coordinator.
_MOST_WITH_ENTITIES: Final = 1000
_PER_REQUEST: Final = 650
_ENTITIES_EACH: Final = 3
# One in so many changes between two polls.
_CHANGED_OF: Final = 100
_CHANGED_POLLS: Final = 6
_WARM_UP: Final = 3
_REST: Final = 0.02
# Until what a set-up leaves behind, such as saving, is done.
_SETTLE_SECONDS: Final = 3

_STRETCH_AT: Final = 5000
_STRETCH_LIMIT: Final = 50
_SET_UP_LIMIT: Final = 100
_WRITES_AT: Final = 1000
# Figures of two runs on the same machine differ by as much.
_FLAT: Final = 1.1
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
class _Measured:
    """What was found with a number of people."""

    people: int
    set_up: Json
    quiet: list[Json] = field(default_factory=list)
    changed: list[Json] = field(default_factory=list)
    requests: float = 0
    memory: int | None = None

    @property
    def row(self) -> str:
        """The row's name."""
        if self.people == 1:
            return _FIRST
        bare = ", no entities" if self.people > _MOST_WITH_ENTITIES else ""
        return f"{self.people:,} people{bare}"

    @property
    def wanted_requests(self) -> int:
        """One for the signed-in person, and one for every 650 others."""
        return ceil(self.people / _PER_REQUEST) + 1

    def cpu(self, polls: list[Json]) -> float:
        """Return the CPU time of a poll for each person, who signed in included."""
        return median(float(poll["cpu"]) for poll in polls) / (self.people + 1)


async def measure(bench: Bench) -> Findings:
    """Watch more and more people, each number in a Home Assistant of its own."""
    say("signing in for the presence of others")
    async with bench.worker(INTEGRATION, replace(bench.access, entry=None)) as home:
        entry = await home.ask("sign_in", colleagues=True)
    people = await bench.tenant.add_people([f"person{number}" for number in range(max(_PEOPLE))])
    all_measured = [await _measure(bench, entry, people[:count]) for count in _PEOPLE]
    return _findings(all_measured)


async def _measure(bench: Bench, entry: Json, people: list[Json]) -> _Measured:
    """Poll with a number of people."""
    count = len(people)
    async with bench.worker(INTEGRATION, replace(bench.access, entry=None)) as home:
        set_up = await home.ask(
            "watch", entry=entry, people=people, entities=count <= _MOST_WITH_ENTITIES
        )
        say(f"{count} people: set-up {set_up['longest'] * 1e3:.1f} ms in {set_up['what']}")
        measured = _Measured(count, set_up)
        await asyncio.sleep(_SETTLE_SECONDS)
        await _poll(home, count, _WARM_UP)
        await bench.tenant.forget_requests()
        times = max(8, min(bench.rounds * 2, 20_000 // count))
        measured.quiet = await _poll(home, count, times)
        measured.requests = len(await bench.tenant.seen_requests()) / times
        if any(poll["writes"] for poll in measured.quiet):
            raise LiveError("an entity has written although nothing has changed")
        if count >= _CHANGED_OF:
            measured.changed = [
                await _poll_changed(bench, home, people, number) for number in range(_CHANGED_POLLS)
            ]
        measured.memory = (await home.ask("grown"))["added"]
    for polls in (measured.quiet, measured.changed):
        if polls:
            worst = max(polls, key=lambda each: float(each["longest"]))
            say(
                f"{count} people: {median(each['cpu'] for each in polls) * 1e3:.2f} ms of CPU, "
                f"longest {worst['longest'] * 1e3:.1f} ms in {worst['what']}, of which "
                f"{worst['collecting'] * 1e3:.1f} ms collecting garbage; without it "
                f"{max(each['without_collecting'] for each in polls) * 1e3:.1f} ms; writes: "
                f"{', '.join(str(len(each['writes'])) for each in polls if each['writes'])}"
            )
    return measured


async def _poll(home: Worker, count: int, times: int) -> list[Json]:
    """Poll; everybody has to have been read."""
    found = await home.ask("poll_people", times=times, rest=_REST)
    polls: list[Json] = found["polls"]
    if any(poll["read"] != count + 1 for poll in polls):
        raise LiveError(f"not all of {count} people were read")
    return polls


async def _poll_changed(bench: Bench, home: Worker, people: list[Json], number: int) -> Json:
    """Let some join a call, or leave it, and poll."""
    # They join, and by the next poll they have left.
    changed = people[(number // 2) % _CHANGED_OF :: _CHANGED_OF]
    for person in changed:
        await bench.tenant.gesture(person["key"], "leave_call" if number % 2 else "join_call")
    await bench.tenant.forget_requests()
    (poll,) = await _poll(home, len(people), 1)
    if len(people) <= _MOST_WITH_ENTITIES:
        wanted = sorted(
            f"{person['id']}_{key}"
            for person in changed
            for key in ("activity", "availability", "in_call")
        )
        poll["wrong"] = sorted(poll["writes"]) != wanted
    return poll


def _findings(all_measured: list[_Measured]) -> Findings:
    """Fill the table, and compare with the goals."""
    table = Table(_TITLE, _FIRST, absolute=_ABSOLUTE)
    first = all_measured[0]
    for each in all_measured:
        cells: dict[str, float | None] = {
            _REQUESTS: each.requests,
            _CPU: each.cpu(each.quiet),
            _STRETCH: _MILLI * max(poll["longest"] for poll in each.quiet),
            _STRETCH_SET_UP: _MILLI * each.set_up["longest"],
        }
        if each.changed:
            # In units of the first row, which has nobody who could be one in a hundred.
            cells[_CPU_CHANGED] = each.cpu(each.changed)
            cells[_STRETCH_CHANGED] = _MILLI * max(poll["longest"] for poll in each.changed)
        if each.people >= _CHANGED_OF and each.memory and first.memory:
            cells[_MEMORY] = (each.memory - first.memory) / (each.people - 1) / _KIBI
        for column in (
            *(_REQUESTS, _CPU, _CPU_CHANGED, _STRETCH, _STRETCH_CHANGED),
            *(_STRETCH_SET_UP, _MEMORY),
        ):
            table.cells[each.row, column] = cells.get(column)
    table.units[_CPU_CHANGED] = first.cpu(first.quiet)
    return Findings(
        [table], [*_requests(all_measured), *_cpu(all_measured), *_others(all_measured)]
    )


def _requests(all_measured: list[_Measured]) -> list[Goal]:
    return [
        Goal(
            f"{each.row}: requests per poll: exactly {each.wanted_requests}",
            f"{each.requests:g}",
            met=each.requests == each.wanted_requests,
        )
        for each in all_measured
    ]


def _cpu(all_measured: list[_Measured]) -> list[Goal]:
    return [
        at_most(
            f"{more.row}: CPU per person and poll, relative to {fewer.row}",
            _FLAT,
            more.cpu(more.quiet) / fewer.cpu(fewer.quiet),
        )
        for fewer, more in pairwise(all_measured)
    ]


def _others(all_measured: list[_Measured]) -> list[Goal]:
    by_count = {each.people: each for each in all_measured}
    crowd, writers = by_count[_STRETCH_AT], by_count[_WRITES_AT]
    memory = (writers.memory or 0) - (all_measured[0].memory or 0)
    return [
        *_stretches(crowd, crowd.quiet, "a poll"),
        *_stretches(crowd, crowd.changed, "a poll with 1 % changed"),
        Goal(
            f"{writers.row}: longest stretch of the event loop in the set-up, in milliseconds",
            ratio(_MILLI * writers.set_up["longest"]),
            met=None,
        ),
        at_most(
            f"{writers.row}: longest stretch of the event loop in the set-up, "
            "garbage collection aside, in milliseconds",
            _SET_UP_LIMIT,
            _MILLI * writers.set_up["without_collecting"],
        ),
        Goal(
            f"{writers.row}: memory per person with entities, in KiB",
            ratio(memory / (_WRITES_AT - 1) / _KIBI),
            met=None,
        ),
        _writes(writers, writers.changed[:1], "the first time after the set-up"),
        _writes(writers, writers.changed[1:], "from then on"),
    ]


def _stretches(crowd: _Measured, polls: list[Json], when: str) -> list[Goal]:
    """Compare the longest stretch, with and without what the whole process has to do with it."""
    text = f"{crowd.row}: longest stretch of the event loop in {when}"
    longest, bare = (
        _MILLI * max(poll[figure] for poll in polls) for figure in ("longest", "without_collecting")
    )
    return [
        at_most(f"{text}, in milliseconds", _STRETCH_LIMIT, longest),
        at_most(f"{text}, garbage collection aside, in milliseconds", _STRETCH_LIMIT, bare),
    ]


def _writes(writers: _Measured, polls: list[Json], when: str) -> Goal:
    """Tell whether exactly the entities of those who changed have written."""
    wanted = _WRITES_AT // _CHANGED_OF * _ENTITIES_EACH
    wrong = [poll for poll in polls if poll["wrong"]]
    found = len((wrong or polls)[0]["writes"])
    return Goal(
        f"{writers.row}: with 1 % changed, {when}: state writes of exactly those people's "
        f"{wanted} entities",
        f"{found:,}",
        met=not wrong,
    )
