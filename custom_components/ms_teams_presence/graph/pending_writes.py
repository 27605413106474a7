"""Optimistic updates applied over what was read."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
import logging
from time import monotonic
from typing import Any, Final

from .models import Presence, StatusMessage
from .text import is_same_message

_LOGGER = logging.getLogger(__name__)

# Seconds after which an update that Graph does not show is given up.
_PENDING_TIMEOUT: Final = 60


@dataclass(frozen=True, slots=True)
class _PendingWrite:
    """A member of a presence that was written and not yet read back."""

    value: Any
    at: float


class PendingWrites:
    """Members of presences that were written and not yet read back, by person."""

    def __init__(self) -> None:
        """Initialize."""
        self._writes: defaultdict[str, dict[str, _PendingWrite]] = defaultdict(dict)
        self._texts: dict[str, str] = {}

    def add(self, person_id: str, **members: Any) -> None:
        """Add written members of a presence; `...` drops an earlier one."""
        if message := members.get("status_message"):
            self._texts[person_id] = message.text
        now = monotonic()
        writes = self._writes[person_id]
        for name, value in members.items():
            writes[name] = _PendingWrite(value, now)
            if value is ...:
                del writes[name]

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
            person_id: replace(
                shown[person_id], **{name: write.value for name, write in writes.items()}
            )
            for person_id, writes in self._writes.items()
            if writes and person_id in shown
        }

    def confirm(self, data: Mapping[str, Presence], started: float) -> None:
        """Drop what a read that began at `started` shows, and what no read has shown in time."""
        for person_id, writes in self._writes.items():
            read = data.get(person_id)
            for name, write in list(writes.items()):
                if started < write.at:
                    continue
                if _is_same(getattr(read, name, None), write.value):
                    del writes[name]
                elif started >= write.at + _PENDING_TIMEOUT:
                    del writes[name]
                    _LOGGER.warning(
                        "Microsoft Teams accepted a new %s and still shows another after %d "
                        "seconds; showing what it shows",
                        name.replace("_", " "),
                        _PENDING_TIMEOUT,
                    )


def _is_same(read: object, written: object) -> bool:
    """Return whether Graph shows what was written."""
    if isinstance(read, StatusMessage) and isinstance(written, StatusMessage):
        # Graph rounds the times of a message, and changes its text.
        return read.pinned == written.pinned and is_same_message(read.text, written.text)
    return read == written
