"""The environment of all sections: simulator, workers, rounds."""

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
FLOOR_IN_HOME_ASSISTANT: Final = f"{NAMES[FLOOR]}, in Home Assistant"
HOME_ASSISTANT: Final = "Home Assistant around it"
TITLE: Final = "One person"

# One second more than Graph's.
_THROTTLE_WINDOW: Final = 31
# Sections advance the simulator's clock; the message must not expire.
_MESSAGE_LASTS: Final = 30 * 86400
_START_SECONDS: Final = 120
_RESPONSE_SECONDS: Final = 120


def log_progress(text: str) -> None:
    """Write progress to standard error."""
    sys.stderr.write(f"benchmark: {text}\n")


class Tenant(Microsoft):
    """The simulator in its own process."""

    async def clear_requests(self) -> None:
        """Clear the request log and skip the throttling window."""
        await self._control("DELETE", "requests")
        await self._control("POST", "clock", {"advance": _THROTTLE_WINDOW})

    async def add_people(self, keys: list[str]) -> list[Json]:
        """Add people to the directory and return them."""
        people: list[Json] = await self._control("POST", "people", {"keys": keys})
        return people

    @contextlib.asynccontextmanager
    async def latency(self, seconds: float) -> AsyncIterator[None]:
        """Delay each response of sign-in and Graph."""
        await self.add_fault("*", latency=seconds)
        try:
            yield
        finally:
            await self.clear_faults()


class Worker:
    """The process of a candidate."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Wrap a started process."""
        self.name = name
        self._process = process
        self._log = log

    async def run(self, operation: str, **arguments: Any) -> Json:
        """Run an operation and return its result."""
        return await self._send({"operation": operation, **arguments})

    async def _send(self, line: Json, *, seconds: float = _RESPONSE_SECONDS) -> Json:
        if self._process.stdin is None or self._process.stdout is None:
            raise LiveError(f"{self.name} has no pipes")
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(seconds):
            response = await self._process.stdout.readline()
        if not response:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            raise LiveError(f"{self.name} ended: {lines[-1] if lines else 'the log is empty'}")
        result: Json = json.loads(response)
        return result

    async def start(self, access: Access) -> None:
        """Wait until the candidate is ready to poll."""
        await self._send(json.loads(access.to_json()), seconds=_START_SECONDS)

    async def stop(self) -> None:
        """Close its input; kill it after a timeout."""
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
    """Temporary."""
    pythons: Mapping[str, str]
    """The interpreter of each candidate."""
    rounds: int
    """Repetitions; figures are medians."""
    access: Access = field(init=False)

    def __post_init__(self) -> None:
        """Set the simulator's addresses."""
        self.access = Access(
            tls_url=self.tenant.tls_url, url=self.tenant.url, directory=str(self.directory)
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the workers' environment, which trusts the simulator's certificate."""
        # requests reads the first, OpenSSL the second.
        bundle = self.tenant.environment["REQUESTS_CA_BUNDLE"]
        return {**os.environ, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}

    @contextlib.asynccontextmanager
    async def worker(self, name: str, access: Access | None = None) -> AsyncIterator[Worker]:
        """Run a candidate with its own directory."""
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
            await worker.start(replace(access or self.access, directory=str(directory)))
            yield worker
        finally:
            await worker.stop()

    async def run_python(self, name: str, *arguments: str) -> Json:
        """Run a new interpreter and parse its JSON output."""
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
        result: Json = json.loads(output)
        return result

    async def sign_in(self) -> None:
        """Sign in through the config flow for all candidates."""
        log_progress("signing in")
        async with self.worker(INTEGRATION) as home:
            entry = await home.run("sign_in")
        token = entry["data"]["token"]["access_token"]
        self.access = replace(self.access, entry=entry, token=token)
        # Give the presence a value for each property.
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
    """Run the simulator and sign in."""
    with tempfile.TemporaryDirectory(prefix="teams-presence-benchmark-") as temporary:
        directory = Path(temporary)
        async with Tenant(directory, port=free_port(), tls_port=free_port()) as tenant:
            bench = Bench(tenant, directory, pythons, rounds)
            await bench.sign_in()
            yield bench
