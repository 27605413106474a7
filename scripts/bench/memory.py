"""Memory of this process, in bytes; Linux tells it, elsewhere it is None."""

from pathlib import Path
from typing import Final

_PROCESS: Final = Path("/proc/self")


class Memory:
    """What the process has grown by since a mark, at its peak."""

    def __init__(self) -> None:
        """Mark the start."""
        self.around: int | None = 0
        """What the process had grown by between the start and the last mark."""
        self._start = self._marked = _status("VmRSS")
        _forget_peak()

    def mark(self) -> None:
        """Count from here; what there is now belongs to the surroundings."""
        self._marked = _status("VmRSS")
        if self._marked is not None and self._start is not None:
            self.around = self._marked - self._start
        _forget_peak()

    @property
    def added(self) -> int | None:
        """What has been added since the last mark, at the peak."""
        peak = _status("VmHWM")
        return None if peak is None or self._marked is None else peak - self._marked


def _status(member: str) -> int | None:
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(member)), None)


def _forget_peak() -> None:
    try:
        # https://www.kernel.org/doc/html/latest/filesystems/proc.html
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        # The peak then includes what came before, which only makes it look worse.
        return
