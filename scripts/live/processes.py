"""Processes of this machine: started with a log file, waited for, and always ended."""

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
"""Seconds between two looks at something that is expected to change."""


class LiveError(Exception):
    """Something did not come about; the message is one sentence for the person at the keyboard."""


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback."""
    with socket.socket() as probe:
        # As servers do, so that connections that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def until[T](
    what: str, look: Callable[[], Coroutine[None, None, T | None]], *, seconds: float
) -> T:
    """Look again and again until there is something to see; `what` completes "… did not …"."""
    end = time.monotonic() + seconds
    while True:
        if found := await look():
            return found
        if time.monotonic() > end:
            raise LiveError(f"{what} within {seconds:.0f} seconds")
        await asyncio.sleep(POLL)


class Child:
    """A process of ours."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Take over a process that was just started."""
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
        """Start a command in a directory; what it prints is appended to the log file."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                # Ctrl-C in a terminal reaches its whole process group. Children are ended by
                # us alone, in order: Home Assistant before the tenant that it talks to.
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.returncode is None

    def check(self) -> None:
        """Raise if the process has ended by itself."""
        if not self.is_running:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "nothing was logged"
            raise LiveError(
                f"{self.name} ended with exit code {self._process.returncode}: {last} "
                f"(see {self.log})"
            )

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._process.wait()

    async def stop(self, *, seconds: float = 30) -> None:
        """Ask the process to end, and end it when it does not."""
        if self.is_running:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), seconds)
            except TimeoutError:
                self._signal_group(signal.SIGKILL)
                await self._process.wait()
        # Whatever it may have started itself.
        self._signal_group(signal.SIGKILL)

    async def kill(self) -> None:
        """End the process at once, without a chance to finish anything."""
        self._signal_group(signal.SIGKILL)
        await self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
