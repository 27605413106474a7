"""People that Graph leaves out of its answers, for a while or because they were deleted."""

from collections.abc import Mapping
from time import monotonic
from typing import Final

from .models import Presence

# Seconds for which the last presence stays.
_KEPT_FOR: Final = 60.0
# Reads without a person after which the directory is asked, then after twice as many, and so on.
_CHECK_AFTER: Final = 3
# Reads after which a deleted person is requested again: an hour.
_RECHECK_AFTER: Final = 360


class MissingPeople:
    """People missing from the last answer."""

    def __init__(self, person_ids: Mapping[str, object]) -> None:
        """Initialize with the people as keys."""
        self.deleted: set[str] = set()
        """People who are no longer in the directory."""
        self._person_ids = person_ids
        # Since when, and for how many reads.
        self._missing: dict[str, tuple[float, int]] = {}

    def __contains__(self, person_id: str) -> bool:
        """Return whether a person was missing from the last answer."""
        return person_id in self._missing

    def ids_to_read(self) -> list[str]:
        """Return the ids to request; deleted people can spoil a request and are rarely in it."""
        return [
            person_id
            for person_id in self._person_ids
            if person_id not in self.deleted
            or self._missing.get(person_id, (0, 0))[1] % _RECHECK_AFTER == 0
        ]

    def update(self, found: Mapping[str, object]) -> None:
        """Take notice of an answer."""
        now = monotonic()
        self._missing = {
            person_id: (since, reads + 1)
            for person_id in self._person_ids.keys() - found.keys()
            for since, reads in [self._missing.get(person_id, (now, 0))]
        }

    def ids_to_check(self) -> list[str]:
        """Return the ids to look for in the directory: after 3, 6, 12, 24 ... reads."""
        return [
            person_id
            for person_id, (_, reads) in self._missing.items()
            if person_id not in self.deleted
            and reads % _CHECK_AFTER == 0
            and (reads // _CHECK_AFTER).bit_count() == 1
        ]

    def kept(self, last: Mapping[str, Presence]) -> dict[str, Presence]:
        """Return the last presences of people who are missing since a short time."""
        start = monotonic() - _KEPT_FOR
        return {
            person_id: last[person_id]
            for person_id, (since, _) in self._missing.items()
            if since > start and person_id in last
        }
