"""Gestures: people's actions in Teams, by name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, cast

from .tenant import Person
from .wire import Json

GESTURES: Final = frozenset(
    {
        "be_right_back",
        "clear_preference",
        "clear_status_message",
        "clear_work_location",
        "close_teams",
        "come_back",
        "focus",
        "go_away",
        "go_offline",
        "join_call",
        "join_meeting",
        "leave_call",
        "leave_meeting",
        "open_teams",
        "prefer",
        "present",
        "reset_status",
        "schedule_meeting",
        "set_out_of_office",
        "set_status_message",
        "set_work_location",
        "stop_focusing",
        "stop_presenting",
    }
)
"""Methods of a person that the control API may call."""

_MOMENTS: Final = frozenset({"expires", "start", "end"})
_DURATIONS: Final = frozenset({"expires", "duration"})


def perform(person: Person, gesture: str, arguments: Json) -> None:
    """Perform a gesture; times are ISO 8601, durations seconds.

    Raises KeyError for an unknown gesture, TypeError or ValueError for wrong arguments.
    """
    if gesture not in GESTURES:
        raise KeyError(gesture)
    values = {name: _value(name, value) for name, value in arguments.items()}
    cast("Callable[..., None]", getattr(person, gesture))(**values)


def _value(name: str, value: object) -> object:
    if name in _MOMENTS and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"{name} has no offset")
        return moment
    if name in _DURATIONS and isinstance(value, int | float):
        return timedelta(seconds=value)
    if name in _MOMENTS | _DURATIONS and value is not None:
        raise ValueError(f"{name} can't be {value}")
    return value
