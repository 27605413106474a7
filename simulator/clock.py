"""The simulator's clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that tests can freeze, advance and skew."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        """Use `now` (aware) or the system's clock."""
        self._now = now
        self._offset = timedelta()
        self._skew = timedelta()

    def source(self) -> datetime:
        """Return the clients' time, which `advance` does not move."""
        # Looked up at each call, so that freezegun can move it.
        now = datetime.now(UTC) if self._now is None else self._now().astimezone(UTC)
        return now + self._skew

    def now(self) -> datetime:
        """Return the simulator's time, in UTC."""
        return self.source() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the time, forward or back."""
        self._offset += timedelta(seconds=seconds)

    def skew(self, seconds: float) -> None:
        """Set the clock ahead of or behind its clients'."""
        self._skew += timedelta(seconds=seconds)
