"""Throttling of presence requests."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import math

from .errors import GraphError


@dataclass
class Throttle:
    """The limit of presence requests per app."""

    limit: int = 1500
    window: timedelta = timedelta(seconds=30)
    _times: dict[str, deque[datetime]] = field(default_factory=dict)

    def count(self, app_id: str, now: datetime) -> None:
        """Count a request and reject it above the limit."""
        times = self._times.setdefault(app_id, deque())
        while times and (times[0] <= now - self.window or times[0] > now):
            times.popleft()
        times.append(now)
        if len(times) > self.limit:
            free = times[-self.limit] + self.window - now
            seconds = max(1, math.ceil(free.total_seconds()))
            raise GraphError(
                429, "TooManyRequests", "Please retry again later.", {"Retry-After": str(seconds)}
            )
