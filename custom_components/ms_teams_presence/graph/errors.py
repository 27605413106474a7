"""Errors of Graph, one class for each reaction of a caller.

https://learn.microsoft.com/graph/errors
"""

from http import HTTPStatus
from typing import Final, override

# Statuses if an id or address belongs to no one.
NOT_FOUND: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


class GraphError(Exception):
    """A request to Graph failed; the text has status, code and request id."""

    def __init__(self, *, status: int = 0, code: str = "", request_id: str = "") -> None:
        """Initialize; `status` is 0 without a response."""
        super().__init__(status, code, request_id)
        self.status = status
        self.code = code
        self.request_id = request_id

    @override
    def __str__(self) -> str:
        """Return one line for a log."""
        parts = (f"HTTP {self.status}" if self.status else "no answer", self.code, self.request_id)
        return " ".join(part for part in parts if part)


class GraphAuthError(GraphError):
    """The access token is rejected (401)."""

    def __init__(
        self, *, status: int = 401, code: str = "", request_id: str = "", claims: str | None = None
    ) -> None:
        """Initialize; `claims` is the JSON of a claims challenge."""
        super().__init__(status=status, code=code, request_id=request_id)
        self.claims = claims


class GraphPermissionError(GraphError):
    """A permission or the person's license is missing (403)."""


class GraphThrottledError(GraphError):
    """Too many requests (429)."""

    def __init__(self, *, retry_after: float, code: str = "", request_id: str = "") -> None:
        """Initialize; `retry_after` is in seconds."""
        super().__init__(status=429, code=code, request_id=request_id)
        self.retry_after = retry_after


class GraphUnavailableError(GraphError):
    """Graph is unreachable, down (408, 5xx) or answers something else."""

    def __init__(
        self,
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Initialize; `retry_after` is in seconds, or None."""
        super().__init__(status=status, code=code, request_id=request_id)
        self.retry_after = retry_after


class GraphRejectedError(GraphError):
    """Graph rejects the request (400, 404, 409 and the like)."""
