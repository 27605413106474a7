"""Memory of this process in bytes; Linux only."""

from pathlib import Path
from typing import Final

_PROCESS: Final = Path("/proc/self")


class Memory:
    """Peak growth of the process since a mark."""

    def __init__(self) -> None:
        """Start to measure."""
        self.base: int | None = 0
        """Growth from the start to the last mark."""
        self._start = self._marked = _status("VmRSS")
        _reset_peak()

    def mark(self) -> None:
        """Measure growth from here on."""
        self._marked = _status("VmRSS")
        if self._marked is not None and self._start is not None:
            self.base = self._marked - self._start
        _reset_peak()

    @property
    def added(self) -> int | None:
        """Return the peak growth since the last mark."""
        peak = _status("VmHWM")
        return None if peak is None or self._marked is None else peak - self._marked


def _status(member: str) -> int | None:
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(member)), None)


def _reset_peak() -> None:
    try:
        # https://www.kernel.org/doc/html/latest/filesystems/proc.html
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        # The peak then includes earlier growth, so the figure is too high.
        return
