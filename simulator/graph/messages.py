"""Requests and responses, alone or of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from typing import Final

from .errors import GraphError, bad_request

JSON_TYPE: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


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


def require_method(request: GraphRequest, allowed: str) -> None:
    """Reject any other HTTP method."""
    if request.method != allowed:
        raise GraphError(
            405,
            "MethodNotAllowed",
            f"The method {request.method} is not allowed.",
            {"Allow": allowed},
        )


def parse_body(request: GraphRequest, *, empty: bool = False) -> object:
    """Parse a JSON body; `empty` allows none."""
    if not request.body and empty:
        return {}
    if request.header("Content-Type").partition(";")[0].strip().lower() != "application/json":
        raise bad_request("Write requests must contain the Content-Type header application/json.")
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise bad_request("Unable to read JSON request payload.") from error
