"""What every section works with: the simulated Microsoft, the workers, how long to measure."""

import asyncio
from collections.abc import AsyncIterator, Mapping
import contextlib
from dataclasses import dataclass, field, replace
import json
import os
from pathlib import Path
import sys
import tempfile
from typing import Any, Final

from scripts.live.microsoft import Microsoft
from scripts.live.processes import ROOT, LiveError, free_port

from .worker import Access, Json

ROBIN: Final = "robin"
FLOOR: Final = "floor"
INTEGRATION: Final = "integration"
GRAPH_SDK: Final = "graph_sdk"
O365: Final = "o365"

NAMES: Final = {
    FLOOR: "aiohttp and orjson",
    INTEGRATION: "This integration",
    GRAPH_SDK: "msgraph-sdk",
    O365: "O365",
}
BARE_INSIDE: Final = f"{NAMES[FLOOR]}, in Home Assistant"
AROUND: Final = "Home Assistant around it"
TITLE: Final = "One person"

# A little more than Graph's.
_THROTTLE_WINDOW: Final = 31
# The simulator's clock is ahead of ours by the end.
_MESSAGE_LASTS: Final = 30 * 86400
_START_SECONDS: Final = 120
_ANSWER_SECONDS: Final = 120


def say(text: str) -> None:
    """Tell what is going on, apart from the result."""
    sys.stderr.write(f"benchmark: {text}\n")


class Tenant(Microsoft):
    """The simulator in its own process, with what only a benchmark wants of it."""

    async def forget_requests(self) -> None:
        """Empty the log, and let the time pass over which Graph counts them to throttle."""
        await self._control("DELETE", "requests")
        await self._control("POST", "clock", {"advance": _THROTTLE_WINDOW})

    async def seen_requests(self) -> list[Json]:
        """Return what was asked over https since the log was emptied."""
        log: list[Json] = await self._control("GET", "requests")
        return log

    async def add_people(self, keys: list[str]) -> list[Json]:
        """Add people to the directory, and return their keys, ids, names and addresses."""
        people: list[Json] = await self._control("POST", "people", {"keys": keys})
        return people

    @contextlib.asynccontextmanager
    async def latency(self, seconds: float) -> AsyncIterator[None]:
        """Let every answer of the sign-in and of Graph take longer for a while."""
        await self._control("POST", "faults", {"match": "*", "latency": seconds})
        try:
            yield
        finally:
            await self._control("DELETE", "faults")


class Worker:
    """A candidate in its process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Take over a process that was just started."""
        self.name = name
        self._process = process
        self._log = log

    async def ask(self, do: str, **order: Any) -> Json:
        """Let it do something, and return its answer."""
        return await self._say({"do": do, **order})

    async def _say(self, line: Json, *, seconds: float = _ANSWER_SECONDS) -> Json:
        if self._process.stdin is None or self._process.stdout is None:
            raise LiveError(f"{self.name} cannot be talked to")
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(seconds):
            answer = await self._process.stdout.readline()
        if not answer:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            raise LiveError(f"{self.name} ended: {lines[-1] if lines else 'it said nothing'}")
        found: Json = json.loads(answer)
        return found

    async def begin(self, access: Access) -> None:
        """Wait until it is ready to poll."""
        await self._say(json.loads(access.to_json()), seconds=_START_SECONDS)

    async def end(self) -> None:
        """Let it go."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 30)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass
class Bench:
    """One run."""

    tenant: Tenant
    directory: Path
    """A temporary one, for whatever is written."""
    pythons: Mapping[str, str]
    """The interpreter of each candidate."""
    rounds: int
    """How often everything is repeated; the figures are medians."""
    access: Access = field(init=False)

    def __post_init__(self) -> None:
        """Know where Microsoft is."""
        self.access = Access(
            tls_url=self.tenant.tls_url, url=self.tenant.url, directory=str(self.directory)
        )

    @property
    def environment(self) -> dict[str, str]:
        """What every worker has in its environment: each library finds the certificate its way."""
        bundle = self.tenant.environment["REQUESTS_CA_BUNDLE"]
        return {**os.environ, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}

    @contextlib.asynccontextmanager
    async def worker(self, name: str, access: Access | None = None) -> AsyncIterator[Worker]:
        """Run a candidate, with a directory of its own."""
        directory = Path(tempfile.mkdtemp(dir=self.directory, prefix=f"{name}-"))
        log = directory / "log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                self.pythons[name],
                *("-m", "scripts.bench.worker", f"scripts.bench.candidates.{name}"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env=self.environment,
                limit=2**20,
            )
        worker = Worker(NAMES[name], process, log)
        try:
            await worker.begin(replace(access or self.access, directory=str(directory)))
            yield worker
        finally:
            await worker.end()

    async def run_python(self, name: str, *arguments: str) -> Json:
        """Run a module in a candidate's fresh interpreter, and return the JSON that it prints."""
        process = await asyncio.create_subprocess_exec(
            self.pythons[name],
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=self.environment,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise LiveError(f"{' '.join(arguments)} failed")
        found: Json = json.loads(output)
        return found

    async def sign_in(self) -> None:
        """Sign in once, through the config flow; everybody uses the token of that."""
        say("signing in")
        async with self.worker(INTEGRATION) as home:
            entry = await home.ask("sign_in")
        token = entry["data"]["token"]["access_token"]
        self.access = replace(self.access, entry=entry, token=token)
        # A presence with everything that there is to read.
        await self.tenant.gesture(
            ROBIN,
            "set_status_message",
            text="Walking the dog",
            expires=_MESSAGE_LASTS,
            pinned=True,
        )
        await self.tenant.gesture(ROBIN, "set_work_location", location="office")


@contextlib.asynccontextmanager
async def running(pythons: Mapping[str, str], rounds: int) -> AsyncIterator[Bench]:
    """Run the simulator, sign in, and be ready to measure."""
    with tempfile.TemporaryDirectory(prefix="teams-presence-benchmark-") as temporary:
        directory = Path(temporary)
        async with Tenant(directory, port=free_port(), tls_port=free_port()) as tenant:
            bench = Bench(tenant, directory, pythons, rounds)
            await bench.sign_in()
            yield bench
