"""Collect a run's output and search it for sensitive values.

The sensitive values are taken from the simulator's requests and responses. The output is everything
a user could copy into a bug report.
"""

from collections.abc import Iterator, Mapping
import contextlib
from dataclasses import dataclass, field
import logging
import re
from typing import Any, Final, override
from urllib.parse import quote, unquote_plus

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Simulator

# Secret members of the sign-in's requests and responses.
KIND_OF_MEMBER: Final = {
    "access_token": "token",
    "refresh_token": "token",
    "id_token": "token",
    "client_info": "token",
    "client_assertion": "token",
    "code": "proof",
    "code_verifier": "proof",
    "device_code": "proof",
    "user_code": "proof",
    "client_secret": "secret",
}
KINDS: Final = (
    "token",
    "proof",
    "secret",
    "certificate",
    "address",
    "message",
    "directory_id",
)
# Shorter values are not secret, such as `client_info=1`, and shorter parts of a token would match by
# chance.
_SHORTEST: Final = 9
_SHORTEST_PART: Final = 16


@dataclass
class Needles:
    """Sensitive values by kind."""

    by_kind: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def add(self, kind: str, *texts: str) -> None:
        """Add texts, and the parts of tokens and certificates."""
        for text in texts:
            parts = re.split(r"[.\s]", text) if kind in {"token", "certificate"} else []
            self.by_kind[kind] |= {
                text,
                *(part for part in parts if len(part) >= _SHORTEST_PART and "---" not in part),
            }

    def add_members(self, members: Mapping[str, object]) -> None:
        """Add the sensitive members of a form or response."""
        for member, kind in KIND_OF_MEMBER.items():
            if isinstance(text := members.get(member), str) and len(text) >= _SHORTEST:
                self.add(kind, text)

    def found_in(self, text: str) -> set[str]:
        """Return the kinds found in a text, also if URL-encoded."""
        spellings = {text.casefold(), unquote_plus(text).casefold()}
        return {
            kind
            for kind, needles in self.by_kind.items()
            if any(needle.casefold() in spelling for needle in needles for spelling in spellings)
        }

    @contextlib.contextmanager
    def watching(self, simulator: Simulator) -> Iterator[None]:
        """Collect values from token and device code endpoints."""
        endpoint, device_endpoint = (
            simulator.entra.token_endpoint,
            simulator.entra.device_code_endpoint,
        )
        token, start_device_flow = endpoint.respond, device_endpoint.respond

        def watched_token(authority: str, form: Mapping[str, str], origin: str | None) -> Any:
            self.add_members(form)
            response = token(authority, form, origin)
            self.add_members(response)
            return response

        def watched_start(authority: str, form: Mapping[str, str]) -> Any:
            response = start_device_flow(authority, form)
            self.add_members(response)
            return response

        endpoint.respond = watched_token  # type: ignore[method-assign]
        device_endpoint.respond = watched_start  # type: ignore[method-assign]
        yield
        endpoint.respond = token  # type: ignore[method-assign]
        device_endpoint.respond = start_device_flow  # type: ignore[method-assign]


@dataclass
class Evidence(logging.Handler):
    """Collected output as pairs of source and text."""

    pieces: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Initialize a handler for all levels."""
        super().__init__(logging.NOTSET)

    __hash__ = logging.Handler.__hash__

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Record a message with its arguments and exception."""
        text = f"{record.getMessage()} {record.args!r}"
        if record.exc_info and record.exc_info[1]:
            text += logging.Formatter().formatException(record.exc_info)
            text += "".join(texts_of(record.exc_info[1]))
        self.pieces.append((f"log of {record.name}", text))

    def add(self, where: str, what: object) -> None:
        """Record any other output."""
        self.pieces.append((where, str(what)))

    def add_error(self, error: BaseException) -> None:
        """Add an error and its causes."""
        self.pieces += [("error", text) for text in texts_of(error)]

    def leaks(self, needles: Needles) -> dict[str, set[str]]:
        """Return the kinds found in each source."""
        leaks: dict[str, set[str]] = {}
        for where, what in self.pieces:
            if found := needles.found_in(what):
                leaks.setdefault(where, set()).update(found)
        return leaks

    @contextlib.contextmanager
    def gathering(self, hass: HomeAssistant, simulator: Simulator) -> Iterator[None]:
        """Collect log records, repairs and requested URLs."""

        @callback
        def add_issues(event: Event[Any] | None = None) -> None:
            for issue in ir.async_get(hass).issues.values():
                where = "repair" if issue.domain == DOMAIN else f"repair of {issue.domain}"
                self.add(where, f"{issue!r}")

        cancel = hass.bus.async_listen(ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, add_issues)
        root = logging.getLogger()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        yield
        root.setLevel(level)
        root.removeHandler(self)
        cancel()
        for request in simulator.requests:
            query = "&".join(f"{key}={quote(value)}" for key, value in request.query.items())
            directory = "/users" in request.path and request.method == "GET"
            where = "URL of a directory lookup" if directory else "URL"
            self.add(where, f"{request.path}?{query}")


def texts_of(error: BaseException | None) -> Iterator[str]:
    """Yield the texts of an error and its causes."""
    while error is not None:
        yield f"{type(error).__name__} {error} {error!r} {error.args!r}"
        if isinstance(error, HomeAssistantError):
            yield str(error.translation_placeholders)
        error = error.__cause__ or error.__context__
