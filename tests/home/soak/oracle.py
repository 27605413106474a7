"""Expected states, derived from the tenant.

Independent of the integration: values are Microsoft's, and states are those in README.md.
"""

from typing import Final

from simulator import Person
from simulator.engine import PINNED
from simulator.states import State, Vocabulary

type Shown = dict[str, object]
"""States by the key of an entity, and attributes by key and name with a dot between."""

_STATES: Final = {
    State("Available", "Available"): ("available", "available"),
    State("Available", "AvailableInactive"): ("available", "inactive"),
    State("Available", "OutOfOffice"): ("available", "out_of_office"),
    State("Away", "Away"): ("away", "away"),
    State("BeRightBack", "BeRightBack"): ("be_right_back", "be_right_back"),
    State("Busy", "Busy"): ("busy", "busy"),
    State("Busy", "InACall"): ("busy", "in_a_call"),
    State("Busy", "InAConferenceCall"): ("busy", "in_a_conference_call"),
    State("Busy", "InAMeeting"): ("busy", "in_a_meeting"),
    State("DoNotDisturb", "DoNotDisturb"): ("do_not_disturb", "do_not_disturb"),
    State("DoNotDisturb", "Focusing"): ("do_not_disturb", "focusing"),
    State("DoNotDisturb", "Presenting"): ("do_not_disturb", "presenting"),
    State("Offline", "Offline"): ("offline", "offline"),
    State("Offline", "OffWork"): ("offline", "off_work"),
}
# Activities missing from the modern vocabulary, and their replacements.
_MODERN: Final = {
    "in_a_conference_call": "in_a_call",
    "inactive": "available",
    "off_work": "offline",
}
_CALLS: Final = frozenset({"in_a_call", "in_a_conference_call", "presenting"})
_PLACES: Final = {"office": "office", "remote": "remote", "timeOff": "time_off"}
_ON: Final = {True: "on", False: "off"}
# Home Assistant's maximum length of a state.
_LONGEST: Final = 255

SHOWN_OF_A_COLLEAGUE: Final = 8
"""A colleague's entities; the signed-in user has two more, for writing."""


def shown(person: Person, vocabulary: Vocabulary, *, own: bool) -> Shown:
    """Return the expected states of a person in the directory.

    Only the signed-in user's message has an expiration.
    """
    availability, activity = _STATES[person.state]
    if vocabulary == "modern":
        activity = _MODERN.get(activity, activity)
    message = person.status_message
    text = message.content.removesuffix(PINNED) if message else ""
    expires = message.expires if own and message else None
    place = person.work_location
    states: Shown = {
        "availability": availability,
        "activity": activity,
        "in_call": _ON[activity in _CALLS],
        "in_meeting": _ON[activity == "in_a_meeting"],
        "presenting": _ON[activity == "presenting"],
        "out_of_office": _ON[person.is_out_of_office],
        "status_message": text[:_LONGEST],
        "status_message.message": text or None,
        "status_message.expires_at": expires and expires.replace(microsecond=0),
        "status_message.pinned": message.content.endswith(PINNED) if message else None,
        "work_location": _PLACES[place.type] if place else "not_set",
    }
    if own:
        states["set_status_message"] = text[:_LONGEST]
    return states


def snake(value: str) -> str:
    """Convert a Microsoft value to snake case."""
    letters = [f"_{letter.lower()}" if letter.isupper() else letter for letter in value]
    return "".join(letters).removeprefix("_")
