"""What polling keeps over a reload."""

from dataclasses import dataclass, field
from math import inf

from .models import Presence
from .pacing import Pace


@dataclass
class PollState:
    """Pace and last answer of one endpoint; times are monotonic."""

    pace: Pace
    presences: dict[str, Presence] = field(default_factory=dict)
    read_at: float = -inf
