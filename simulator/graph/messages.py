"""Requests and responses, alone or of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from typing import Final

from .errors import GraphError, bad_request

JSON_TYPE: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
ERROR_TYPE: Final = "application/json"
COUNT_TYPE: Final = "text/plain"


@dataclass(frozen=True)
class GraphRequest:
    """A request, alone or of a batch."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header, matched case-insensitively, or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


@dataclass
class GraphResponse:
    """A response; without a body if `body` is None."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers with those of a body."""
        headers = self.headers | {"Cache-Control": "no-cache"}
        if self.body is None:
            return headers
        if self.status >= 400:
            return headers | {"Content-Type": ERROR_TYPE}
        kind = COUNT_TYPE if isinstance(self.body, int) else JSON_TYPE
        return headers | {"Content-Type": kind, "OData-Version": "4.0"}


def require_method(request: GraphRequest, allowed: str) -> None:
    """Reject any other HTTP method."""
    if request.method != allowed:
        raise GraphError(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
            {"Allow": allowed},
        )


def parse_body(request: GraphRequest, *, empty: bool = False) -> object:
    """Parse a JSON body; `empty` allows none."""
    if not request.body:
        if empty:
            return {}
        raise bad_request("Empty Payload. JSON content expected.")
    kind = request.header("Content-Type").partition(";")[0].strip().lower()
    if not kind:
        raise bad_request("Write requests must contain the Content-Type header application/json.")
    if kind != "application/json":
        raise GraphError(415, "RequestBodyRead", f"The content type '{kind}' is not supported.")
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise bad_request("Unable to read JSON request payload.") from error
