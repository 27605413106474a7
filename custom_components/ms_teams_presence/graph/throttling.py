"""Retry-After, for each endpoint by itself.

https://learn.microsoft.com/graph/throttling
"""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from math import ceil, inf
from time import monotonic
from typing import Final

from .errors import GraphThrottledError

# Seconds to add to Retry-After, which is rounded.
RETRY_AFTER_MARGIN: Final = 1.0
# In place of Graph's code, for a request that was not sent because of throttling.
_NOT_SENT: Final = "notSent"


class Endpoint(Enum):
    """What Microsoft throttles apart from each other."""

    ME = auto()
    COLLEAGUES = auto()
    DIRECTORY = auto()
    WRITES = auto()
    TOKEN = auto()


class Throttle:
    """When endpoints may be requested again."""

    def __init__(self) -> None:
        """Initialize."""
        self._until: dict[Endpoint, float] = {}

    def seconds(self, *endpoints: Endpoint) -> int:
        """Return the seconds until endpoints may be requested, 0 if they may be now."""
        until = max(self._until.get(endpoint, -inf) for endpoint in endpoints)
        return ceil(max(0.0, until - monotonic()))

    async def async_request[T](self, endpoint: Endpoint, request: Callable[[], Awaitable[T]]) -> T:
        """Send a request unless its endpoint is throttled; apply Retry-After."""
        if seconds := self.seconds(endpoint):
            raise GraphThrottledError(retry_after=seconds, code=_NOT_SENT)
        try:
            return await request()
        except Exception as err:
            # Sign-in errors are inside of OAuth2's.
            cause = err.__cause__ if endpoint is Endpoint.TOKEN else err
            retry_after: float | None = getattr(cause, "retry_after", None)
            if retry_after and not is_not_sent(err):
                until = monotonic() + retry_after + RETRY_AFTER_MARGIN
                self._until[endpoint] = max(self._until.get(endpoint, -inf), until)
            raise


def is_not_sent(err: Exception) -> bool:
    """Return whether a request was not sent because of throttling."""
    return isinstance(err, GraphThrottledError) and err.code == _NOT_SENT
