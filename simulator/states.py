"""Availability and activity: the pairs Graph accepts, and both vocabularies."""

from datetime import timedelta
from typing import Final, Literal, NamedTuple

type Vocabulary = Literal["classic", "modern"]


class State(NamedTuple):
    """Availability and activity in the classic vocabulary."""

    availability: str
    activity: str


OFFLINE: Final = State("Offline", "Offline")
AVAILABLE: Final = State("Available", "Available")
INACTIVE: Final = State("Available", "AvailableInactive")
AWAY: Final = State("Away", "Away")
IN_A_MEETING: Final = State("Busy", "InAMeeting")

# Graph accepts these pairs and no others in setPresence.
SESSION_STATES: Final = frozenset(
    {
        AVAILABLE,
        State("Busy", "InACall"),
        State("Busy", "InAConferenceCall"),
        AWAY,
        State("DoNotDisturb", "Presenting"),
    }
)

# Availability that a person may prefer: its activity and its default expiration.
PREFERENCES: Final[dict[str, tuple[str, timedelta]]] = {
    "Available": ("Available", timedelta(days=7)),
    "Busy": ("Busy", timedelta(days=1)),
    "DoNotDisturb": ("DoNotDisturb", timedelta(days=1)),
    "BeRightBack": ("BeRightBack", timedelta(days=7)),
    "Away": ("Away", timedelta(days=7)),
    "Offline": ("OffWork", timedelta(days=7)),
}

# Since September 2025 Microsoft documents these activities as availability.
_MODERN_AVAILABILITY: Final = {
    "InACall": "inACall",
    "InAConferenceCall": "inACall",
    "InAMeeting": "inAMeeting",
    "Presenting": "presenting",
    "Focusing": "focusing",
}
# The modern list lacks the other activities; the availability replaces them.
_MODERN_ACTIVITY: Final = {
    "Available": "available",
    "Away": "away",
    "BeRightBack": "beRightBack",
    "Busy": "busy",
    "DoNotDisturb": "doNotDisturb",
    "Offline": "offline",
    "OutOfOffice": "outOfOffice",
}


def in_vocabulary(state: State, vocabulary: Vocabulary) -> State:
    """Translate a classic state into a vocabulary."""
    if vocabulary == "classic":
        return state
    base = _MODERN_ACTIVITY[state.availability]
    return State(
        _MODERN_AVAILABILITY.get(state.activity, base),
        _MODERN_ACTIVITY.get(state.activity, base),
    )
