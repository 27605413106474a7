"""Optimistic updates applied over what was read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import logging
from time import monotonic
from typing import Any, Final

from .graph.models import Presence, StatusMessage
from .graph.text import is_same_message

_LOGGER = logging.getLogger(__name__)

# Seconds after which an update that Graph does not show is given up.
_PENDING_TIMEOUT: Final = 60


@dataclass(frozen=True, slots=True)
class _PendingWrite:
    """Members of a presence that were written and not yet read back."""

    members: dict[str, Any]
    at: float


class PendingWrites:
    """Members of presences that were written and not yet read back, by person."""

    def __init__(self) -> None:
        """Initialize."""
        self._writes: dict[str, _PendingWrite] = {}
        self._texts: dict[str, str] = {}

    def add(self, person_id: str, **members: Any) -> None:
        """Add written members of a presence."""
        if message := members.get("status_message"):
            self._texts[person_id] = message.text
        earlier = self._writes.get(person_id)
        known = earlier.members if earlier else {}
        self._writes[person_id] = _PendingWrite({**known, **members}, monotonic())

    def discard(self, person_id: str) -> None:
        """Drop what was written of a person."""
        self._writes.pop(person_id, None)

    def apply(self, data: Mapping[str, Presence]) -> dict[str, Presence]:
        """Return presences with pending members, and messages as written."""
        shown = {**data} | {
            # Automations compare a message with the one they set.
            person_id: replace(read, status_message=replace(message, text=text))
            for person_id, text in self._texts.items()
            if (read := data.get(person_id))
            and (message := read.status_message)
            and is_same_message(message.text, text)
        }
        return shown | {
            person_id: replace(shown[person_id], **write.members)
            for person_id, write in self._writes.items()
            if person_id in shown
        }

    def confirm(self, data: Mapping[str, Presence], started: float) -> None:
        """Drop what a read that began at `started` shows, and what no read has shown in time."""
        for person_id, write in list(self._writes.items()):
            if started < write.at:
                continue
            read = data.get(person_id)
            members = {
                name: value
                for name, value in write.members.items()
                if not _is_same(getattr(read, name, None), value)
            }
            if members and started < write.at + _PENDING_TIMEOUT:
                self._writes[person_id] = replace(write, members=members)
                continue
            del self._writes[person_id]
            if members:
                _LOGGER.warning(
                    "Microsoft Teams accepted a new %s and still shows another after %d seconds; "
                    "showing what it shows",
                    " and ".join(name.replace("_", " ") for name in members),
                    _PENDING_TIMEOUT,
                )


def _is_same(read: object, written: object) -> bool:
    """Return whether Graph shows what was written."""
    if isinstance(read, StatusMessage) and isinstance(written, StatusMessage):
        # Graph rounds the times of a message, and changes its text.
        return read.pinned == written.pinned and is_same_message(read.text, written.text)
    return read == written
