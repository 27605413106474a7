"""People whose ids Graph rejects: found by halving, rarely requested again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from itertools import batched
from time import monotonic
from typing import Final

from .errors import NOT_FOUND, GraphRejectedError

# How many people one request may be about.
_MAX_PEOPLE: Final = 650
# Statuses that may be about an id; 0 if an id can't be sent. Others are about the request.
_ABOUT_IDS: Final = NOT_FOUND | {0}
# How many requests a search may split, and until it finds the first person who can be read: ten
# lead from 650 ids to one.
_MAX_SPLITS: Final = 50
_MAX_SPLITS_IN_VAIN: Final = 12
# Seconds until a rejected person is requested again, or a search repeated; each time twice as long.
_FIRST_RETRY: Final = 30.0
_LAST_RETRY: Final = 3600.0
# In place of an id, for the search itself.
_SEARCH: Final = "search"

type _Read[T] = Callable[[tuple[str, ...]], Awaitable[list[T]]]


@dataclass(slots=True)
class _Outcome:
    """Result of one read."""

    answers: int = 0
    splits: int = 0
    rejection: GraphRejectedError | None = None
    """Of a request about several people."""
    rejected: set[str] = field(default_factory=set)


class RejectedPeople:
    """People whose ids Graph rejects."""

    def __init__(self) -> None:
        """Initialize."""
        # When each is requested again, and the seconds between the last two requests.
        self._retries: dict[str, tuple[float, float]] = {}

    async def async_read[T](self, person_ids: Collection[str], read: _Read[T]) -> list[T]:
        """Return what can be read; raises `GraphRejectedError` if no one of several can be."""
        outcome = _Outcome()
        parts = [
            asyncio.ensure_future(self._async_read_part(part, read, outcome))
            for part in self._parts(person_ids)
        ]
        try:
            found = await asyncio.gather(*parts)
            if outcome.rejection and not outcome.answers:
                raise outcome.rejection
        except GraphRejectedError:
            if outcome.splits:
                self._back_off(_SEARCH)
            raise
        else:
            self._retries.pop(_SEARCH, None)
        finally:
            # After a failure the others are not needed.
            for part in parts:
                part.cancel()
            if outcome.answers:
                for person_id in outcome.rejected:
                    self._back_off(person_id)
        return [each for members in found for each in members]

    def _parts(self, person_ids: Collection[str]) -> list[tuple[str, ...]]:
        """Return the ids of each request: a rejected one is alone in its own."""
        if len(person_ids) == 1:
            return [tuple(person_ids)]
        others = [person_id for person_id in person_ids if person_id not in self._retries]
        due = [
            (person_id,)
            for person_id in person_ids
            if person_id in self._retries and self._is_due(person_id)
        ]
        return [*batched(others, _MAX_PEOPLE, strict=False), *due]

    async def _async_read_part[T](
        self, part: tuple[str, ...], read: _Read[T], outcome: _Outcome
    ) -> list[T]:
        """Read a part; halve it if Graph rejects it."""
        try:
            found = await read(part)
        except GraphRejectedError as err:
            if err.status not in _ABOUT_IDS:
                raise
            if len(part) == 1:
                outcome.rejected.update(part)
                return []
            limit = _MAX_SPLITS if outcome.answers else _MAX_SPLITS_IN_VAIN
            if outcome.splits >= limit or not self._is_due(_SEARCH):
                raise
            outcome.splits += 1
            outcome.rejection = err
        else:
            outcome.answers += 1
            for person_id in part:
                self._retries.pop(person_id, None)
            return found
        middle = len(part) // 2
        return [
            each
            for half in (part[:middle], part[middle:])
            for each in await self._async_read_part(half, read, outcome)
        ]

    def _is_due(self, key: str) -> bool:
        return self._retries.get(key, (0.0, 0.0))[0] <= monotonic()

    def _back_off(self, key: str) -> None:
        _, last = self._retries.get(key, (0.0, 0.0))
        wait = min(2 * last or _FIRST_RETRY, _LAST_RETRY)
        self._retries[key] = monotonic() + wait, wait
