"""People that Graph leaves out of its answers, for a while or because they were deleted."""

from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Final

from .errors import GraphRejectedError
from .models import Presence

# Seconds for which the last presence stays.
_KEPT_FOR: Final = 60.0
# Reads without a person after which the directory is asked, then after twice as many, and so on.
_CHECK_AFTER: Final = 3
# Seconds after which a deleted person is requested again.
_RECHECK_AFTER: Final = 3600.0


class MissingPeople:
    """People missing from the last answer."""

    def __init__(self, person_ids: Mapping[str, object]) -> None:
        """Initialize with the people as keys."""
        # People who are no longer in the directory, and when they are requested again.
        self._deleted: dict[str, float] = {}
        self._person_ids = person_ids
        # Since when, and for how many reads.
        self._missing: dict[str, tuple[float, int]] = {}

    def __contains__(self, person_id: str) -> bool:
        """Return whether a person was missing from the last answer."""
        return person_id in self._missing

    async def async_read(
        self, read: Callable[[list[str]], Awaitable[dict[str, Presence]]]
    ) -> tuple[dict[str, Presence], GraphRejectedError | None]:
        """Return what can be read, and the error if everyone was rejected again."""
        now = monotonic()
        # Deleted people can spoil a request and are rarely in it.
        ids = [each for each in self._person_ids if self._deleted.get(each, now) <= now]
        try:
            return await read(ids), None
        except GraphRejectedError as err:
            # All of them may have been deleted. The directory knows, once the account is set up.
            expected = set(ids) - self._deleted.keys()
            return {}, err if expected and expected <= self._missing.keys() else None

    def mark_deleted(self, person_id: str) -> None:
        """Remember that a person is no longer in the directory."""
        self._deleted[person_id] = monotonic() + _RECHECK_AFTER

    def update(self, found: Mapping[str, object]) -> set[str]:
        """Take notice of an answer; return the deleted people who are back."""
        now = monotonic()
        self._missing = {
            person_id: (since, reads + 1)
            for person_id in self._person_ids.keys() - found.keys()
            for since, reads in [self._missing.get(person_id, (now, 0))]
        }
        back = self._deleted.keys() & found.keys()
        self._deleted = {
            person_id: at if now < at else now + _RECHECK_AFTER
            for person_id, at in self._deleted.items()
            if person_id not in back
        }
        return back

    def ids_to_check(self) -> list[str]:
        """Return the ids to look for in the directory: after 3, 6, 12, 24 ... reads."""
        return [
            person_id
            for person_id, (_, reads) in self._missing.items()
            if person_id not in self._deleted
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
