"""What can go wrong when Graph is asked, one class for each thing a caller does about it.

https://learn.microsoft.com/graph/errors
"""

from typing import override


class GraphError(Exception):
    """Graph did not do what it was asked.

    The text holds the HTTP status, Graph's error code and its request id, never what was sent.
    """

    def __init__(self, *, status: int = 0, code: str = "", request_id: str = "") -> None:
        """Keep what a maintainer needs; `status` is 0 where no answer came."""
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
    """The access token is not accepted (401): sign in again."""

    def __init__(
        self, *, status: int = 401, code: str = "", request_id: str = "", claims: str | None = None
    ) -> None:
        """Keep what a new token has to prove, the JSON of a claims challenge, or None.

        https://learn.microsoft.com/entra/identity-platform/claims-challenge
        """
        super().__init__(status=status, code=code, request_id=request_id)
        self.claims = claims


class GraphPermissionError(GraphError):
    """The sign-in lacks a permission or the person a licence (403)."""


class GraphThrottledError(GraphError):
    """Too many requests (429): ask again after `retry_after` seconds."""

    def __init__(self, *, retry_after: float, code: str = "", request_id: str = "") -> None:
        """Keep for how long Graph wants to be left alone, in seconds."""
        super().__init__(status=429, code=code, request_id=request_id)
        self.retry_after = retry_after


class GraphUnavailableError(GraphError):
    """Graph is out of reach, down (5xx) or answers what is not presence; it will pass.

    `retry_after` is what Graph said about it, in seconds, or None.
    """

    def __init__(
        self,
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Keep for how long Graph expects to be down, in seconds."""
        super().__init__(status=status, code=code, request_id=request_id)
        self.retry_after = retry_after


class GraphRejectedError(GraphError):
    """Graph refuses this very request (400, 404, 409 and the like): asking again is no use."""
