"""Child processes with a log file."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
import contextlib
import os
from pathlib import Path
import signal
import socket
import time
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
POLL: Final = 0.1
"""Seconds between two checks."""


class LiveError(Exception):
    """A step failed or timed out; the message is for users."""


def free_port() -> int:
    """Return a free TCP port on the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether a server could listen on a loopback port."""
    with socket.socket() as probe:
        # As servers do; ignores connections that are still closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def until[T](
    failure: str, check: Callable[[], Coroutine[None, None, T | None]], *, seconds: float
) -> T:
    """Poll until the result is truthy; raise LiveError after a timeout."""
    end = time.monotonic() + seconds
    while True:
        if found := await check():
            return found
        if time.monotonic() > end:
            raise LiveError(f"{failure} within {seconds:.0f} seconds")
        await asyncio.sleep(POLL)


class Child:
    """A child process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Wrap a started process."""
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        *command: str | Path,
        log: Path,
        directory: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a command and append its output to the log."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                # Ctrl-C in a terminal signals the whole process group, but Home Assistant has to
                # stop before the tenant.
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def is_running(self) -> bool:
        """Return whether the process is running."""
        return self._process.returncode is None

    def check(self) -> None:
        """Raise LiveError if the process has ended."""
        if not self.is_running:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "the log is empty"
            raise LiveError(
                f"{self.name} ended with exit code {self._process.returncode}: {last} "
                f"(see {self.log})"
            )

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._process.wait()

    def cpu_seconds(self) -> float:
        """Return the CPU time so far; Linux only."""
        # Fields 14 and 15 are user and system time; a name in parentheses may contain spaces.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def stop(self, *, seconds: float = 30) -> None:
        """Terminate the process; kill it after a timeout."""
        if self.is_running:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), seconds)
            except TimeoutError:
                self._signal_group(signal.SIGKILL)
                await self._process.wait()
        # Also kills its children.
        self._signal_group(signal.SIGKILL)

    async def kill(self) -> None:
        """Kill the process and its children."""
        self._signal_group(signal.SIGKILL)
        await self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
