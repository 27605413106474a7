"""What renewing a token keeps over a reload."""

from dataclasses import dataclass
from math import inf
from time import monotonic


@dataclass
class TokenState:
    """Last fetch and refusal of a token; times are monotonic."""

    last_fetch: tuple[str | None, float] = (None, -inf)
    """Claims and time of the last token fetched because Graph rejected the one before."""
    refusal: Exception | None = None
    """The last error that others can resolve."""
    refused_until: float = -inf

    @property
    def refused_for(self) -> float:
        """Return the seconds until a refused sign-in is tried again, 0 if it may be now."""
        return max(0.0, self.refused_until - monotonic())
