"""A candidate's process: does what it is told on standard input, one JSON object a line.

`python -m scripts.bench.worker scripts.bench.candidates.floor`. The first line says where Microsoft
is, every other is an operation. Only the standard library is imported before the candidate, so that
its memory is all its own.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
import importlib
import json
import os
import sys
from time import perf_counter, process_time
from typing import Any, Protocol, cast

from .memory import Memory

type Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where the simulated Microsoft is, and what was signed in there."""

    tls_url: str
    """Login host and root of Graph."""
    url: str
    """The pages and the control API."""
    directory: str
    """For whatever this process has to write."""
    token: str = ""
    """An access token that outlives the run."""
    entry: Json | None = None
    """The config entry that the sign-in made."""

    def to_json(self) -> str:
        """Return it as a worker reads it."""
        return json.dumps(asdict(self))


class Candidate(ABC):
    """A way to read one person's presence, warm: signed in, connected, imported."""

    def __init__(self) -> None:
        """Begin with the operation that all have."""
        self.operations: dict[str, Callable[[Json], Awaitable[Json]]] = {"poll": self.measure}

    @abstractmethod
    async def poll(self) -> str:
        """Read the presence into this way's own objects and return the availability."""

    async def close(self) -> None:  # noqa: B027
        """Leave nothing open."""

    async def measure(self, order: Json) -> Json:
        """Poll a number of times, resting after each, and tell what each poll took in seconds."""
        times: int = order["times"]
        rest: float = order["rest"]
        cpu = wall = 0.0
        availability = ""
        for _ in range(times):
            cpu_before, wall_before = process_time(), perf_counter()
            availability = await self.poll()
            cpu += process_time() - cpu_before
            wall += perf_counter() - wall_before
            if rest:
                await asyncio.sleep(rest)
        return {"cpu": cpu / times, "wall": wall / times, "availability": availability}


class CandidateModule(Protocol):
    """What a module in `candidates` has."""

    async def start(self, access: Access, memory: Memory) -> Candidate:
        """Return the candidate, ready to poll."""


async def serve(name: str, answer: Callable[[Json], None]) -> None:
    """Start the candidate and do what is asked until nobody asks any more."""
    memory = Memory()
    access = Access(**json.loads(sys.stdin.readline()))
    module = cast("CandidateModule", importlib.import_module(name))
    candidate = await module.start(access, memory)
    answer({})
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if order["do"] == "memory":
            answer({"added": memory.added, "around": memory.around})
        else:
            answer(await candidate.operations[order["do"]](order))
    await candidate.close()


def main() -> None:
    """Serve with whatever else is printed kept out of the answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(content: Json) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    asyncio.run(serve(sys.argv[1], answer))


if __name__ == "__main__":
    main()
