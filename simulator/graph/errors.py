"""Errors that Graph responds with."""

from collections.abc import Mapping
from datetime import datetime

from simulator.wire import Json


class GraphError(Exception):
    """An error response: HTTP status, code and message."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Initialize with the content of Graph's error body."""
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def bad_request(message: str) -> GraphError:
    """Reject a request as malformed."""
    return GraphError(400, "BadRequest", message)


def error_body(error: GraphError, now: datetime, ids: Mapping[str, str]) -> Json:
    """Serialize an error; `ids` identify the request."""
    inner: Json = {
        "date": f"{now:%Y-%m-%dT%H:%M:%S}",
        "request-id": ids["request-id"],
        "client-request-id": ids["client-request-id"],
    }
    if error.status == 429:
        inner |= {"code": "429", "message": "Please retry after", "status": "429"}
    return {"error": {"code": error.code, "message": error.message, "innerError": inner}}
