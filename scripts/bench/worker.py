"""Process of a candidate: `python -m scripts.bench.worker scripts.bench.candidates.floor`.

Reads a JSON object per line: first `Access`, then operations. Prints a result for each. Only the standard library is
imported before the candidate, because its memory is measured.
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
    """Addresses of the simulator, and the signed-in account."""

    tls_url: str
    """Login host and Graph root."""
    url: str
    """The pages and the control API."""
    directory: str
    """The working directory of the process."""
    token: str = ""
    """An access token that does not expire during the run."""
    entry: Json | None = None
    """The config entry of the account."""

    def to_json(self) -> str:
        """Serialize to the first line of input."""
        return json.dumps(asdict(self))


class Candidate(ABC):
    """A client that is signed in, connected and imported."""

    def __init__(self) -> None:
        """Initialize."""
        self.operations: dict[str, Callable[[Json], Awaitable[Json]]] = {"poll": self.measure}

    @abstractmethod
    async def poll(self) -> str:
        """Read the presence into own objects; return the availability."""

    async def close(self) -> None:  # noqa: B027
        """Close connections."""

    async def measure(self, arguments: Json) -> Json:
        """Poll repeatedly; return the mean seconds of a poll."""
        times: int = arguments["times"]
        rest: float = arguments["rest"]
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
    """A module in `candidates`."""

    async def start(self, access: Access, memory: Memory) -> Candidate:
        """Start the candidate until it is ready to poll."""


async def serve(name: str, respond: Callable[[Json], None]) -> None:
    """Start the candidate and run operations until the input ends."""
    memory = Memory()
    access = Access(**json.loads(sys.stdin.readline()))
    module = cast("CandidateModule", importlib.import_module(name))
    candidate = await module.start(access, memory)
    respond({})
    while line := await asyncio.to_thread(sys.stdin.readline):
        arguments = json.loads(line)
        if arguments["operation"] == "memory":
            respond({"added": memory.added, "base": memory.base})
        else:
            respond(await candidate.operations[arguments["operation"]](arguments))
    await candidate.close()


def main() -> None:
    """Reserve standard output for responses, and serve."""
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def respond(content: Json) -> None:
        responses.write(json.dumps(content) + "\n")
        responses.flush()

    asyncio.run(serve(sys.argv[1], respond))


if __name__ == "__main__":
    main()
