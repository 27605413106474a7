"""What a run produced, and what of it must not have got there.

The needles come from where they are known best: Microsoft's side of every exchange. The haystack is
whatever somebody could copy into a bug report.
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

# What opens a door, by the members of what is sent to Microsoft's sign-in and comes back from it.
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
# What is shorter opens no door, such as the "1" that asks for information about the client, and a
# part of a token that is shorter would be found by chance.
_SHORTEST: Final = 9
_SHORTEST_PART: Final = 16


@dataclass
class Needles:
    """What must not be found, by kind."""

    by_kind: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def add(self, kind: str, *texts: str) -> None:
        """Add texts, and of a token and a certificate their parts."""
        for text in texts:
            parts = re.split(r"[.\s]", text) if kind in {"token", "certificate"} else []
            self.by_kind[kind] |= {
                text,
                *(part for part in parts if len(part) >= _SHORTEST_PART and "---" not in part),
            }

    def add_members(self, members: Mapping[str, object]) -> None:
        """Add what opens a door of a form or an answer."""
        for member, kind in KIND_OF_MEMBER.items():
            if isinstance(text := members.get(member), str) and len(text) >= _SHORTEST:
                self.add(kind, text)

    def found_in(self, text: str) -> set[str]:
        """Return the kinds that a text has something of, however an address would spell it."""
        spellings = {text.casefold(), unquote_plus(text).casefold()}
        return {
            kind
            for kind, needles in self.by_kind.items()
            if any(needle.casefold() in spelling for needle in needles for spelling in spellings)
        }

    @contextlib.contextmanager
    def watching(self, simulator: Simulator) -> Iterator[None]:
        """Collect what goes over Microsoft's counter, in both directions."""
        endpoint, device_endpoint = (
            simulator.entra.token_endpoint,
            simulator.entra.device_code_endpoint,
        )
        token, start_device_flow = endpoint.respond, device_endpoint.respond

        def watched_token(authority: str, form: Mapping[str, str], origin: str | None) -> Any:
            self.add_members(form)
            answer = token(authority, form, origin)
            self.add_members(answer)
            return answer

        def watched_start(authority: str, form: Mapping[str, str]) -> Any:
            answer = start_device_flow(authority, form)
            self.add_members(answer)
            return answer

        endpoint.respond = watched_token  # type: ignore[method-assign]
        device_endpoint.respond = watched_start  # type: ignore[method-assign]
        yield
        endpoint.respond = token  # type: ignore[method-assign]
        device_endpoint.respond = start_device_flow  # type: ignore[method-assign]


@dataclass
class Evidence(logging.Handler):
    """Everything that was produced: pairs of where and what."""

    pieces: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Be a handler that takes every record."""
        super().__init__(logging.NOTSET)

    __hash__ = logging.Handler.__hash__

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Take a record with its arguments and its exception, before either changes."""
        text = f"{record.getMessage()} {record.args!r}"
        if record.exc_info and record.exc_info[1]:
            text += logging.Formatter().formatException(record.exc_info)
            text += "".join(explained(record.exc_info[1]))
        self.pieces.append((f"log of {record.name}", text))

    def add(self, where: str, what: object) -> None:
        """Take something else."""
        self.pieces.append((where, str(what)))

    def add_error(self, error: BaseException) -> None:
        """Take an error as its caller sees it, and all that led to it."""
        self.pieces += [("error", text) for text in explained(error)]

    def leaks(self, needles: Needles) -> dict[str, set[str]]:
        """Return what was found where."""
        leaks: dict[str, set[str]] = {}
        for where, what in self.pieces:
            if found := needles.found_in(what):
                leaks.setdefault(where, set()).update(found)
        return leaks

    @contextlib.contextmanager
    def gathering(self, hass: HomeAssistant, simulator: Simulator) -> Iterator[None]:
        """Take every log record and every repair, and in the end every address that was asked."""

        @callback
        def take_issues(event: Event[Any] | None = None) -> None:
            for issue in ir.async_get(hass).issues.values():
                where = "repair" if issue.domain == DOMAIN else f"repair of {issue.domain}"
                self.add(where, f"{issue!r}")

        cancel = hass.bus.async_listen(ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, take_issues)
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
            where = "address of a directory look-up" if directory else "address"
            self.add(where, f"{request.path}?{query}")


def explained(error: BaseException | None) -> Iterator[str]:
    """Return all that an error and those behind it can be made to say."""
    while error is not None:
        yield f"{type(error).__name__} {error} {error!r} {error.args!r}"
        if isinstance(error, HomeAssistantError):
            yield str(error.translation_placeholders)
        error = error.__cause__ or error.__context__
