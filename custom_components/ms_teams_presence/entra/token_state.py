"""What renewing a token keeps over a reload."""

from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Final

# Seconds between two tokens fetched because Graph rejected the one before: Entra blocks loops.
_FETCH_INTERVAL: Final = 300.0
# Tokens that may be fetched meanwhile, each for another claims challenge.
_MAX_CHALLENGES: Final = 4


@dataclass
class TokenState:
    """Last fetch and refusal of a token; times are monotonic."""

    refusal: Exception | None = None
    """The last error that is retried rarely."""
    refused_until: float = -inf
    # When a token was fetched because Graph rejected the one before, and the challenges since.
    _fetched_at: float = -inf
    _challenges: set[str | None] = field(default_factory=set)

    @property
    def refused_for(self) -> float:
        """Return the seconds until a refused sign-in is tried again, 0 if it may be now."""
        return max(0.0, self.refused_until - monotonic())

    def may_fetch(self, claims: str | None) -> bool:
        """Return whether a token may be fetched in place of a rejected one."""
        if monotonic() - self._fetched_at >= _FETCH_INTERVAL:
            return True
        is_new = claims is not None and claims not in self._challenges
        return is_new and len(self._challenges) < _MAX_CHALLENGES

    def fetched(self, claims: str | None) -> None:
        """Remember a token that was fetched in place of a rejected one."""
        if monotonic() - self._fetched_at >= _FETCH_INTERVAL:
            self._fetched_at = monotonic()
            self._challenges.clear()
        self._challenges.add(claims)
