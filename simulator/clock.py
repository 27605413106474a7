"""The simulator's clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """The simulator's time: a source that tests may freeze, plus what was advanced by hand."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        """Read the time from `now` (aware), or from the system when None."""
        self._now = now
        self._offset = timedelta()
        self._apart = timedelta()

    def source(self) -> datetime:
        """Return the time without what was advanced: the time that clients live in."""
        # Looked up at each call, so that freezegun can move it.
        now = datetime.now(UTC) if self._now is None else self._now().astimezone(UTC)
        return now + self._apart

    def now(self) -> datetime:
        """Return the simulator's time, in UTC."""
        return self.source() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the simulator's time; a negative number moves it back."""
        self._offset += timedelta(seconds=seconds)

    def disagree(self, seconds: float) -> None:
        """Set the clock apart from the one of its clients, as where one of the two is wrong."""
        self._apart += timedelta(seconds=seconds)
