"""What the home has to show, by what Teams shows: written down again, so as not to ask who is asked.

Nothing here is the integration's: the words are Microsoft's, and the states are those of README.md.
"""

from typing import Final

from simulator import Person
from simulator.engine import PINNED
from simulator.states import State, Vocabulary

type Shown = dict[str, object]
"""States by the key of an entity, and attributes by key and name with a dot between."""

_WORDS: Final = {
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
# What Microsoft's modern words cannot say, and what is left of it.
_LOST: Final = {
    "in_a_conference_call": "in_a_call",
    "inactive": "available",
    "off_work": "offline",
}
_CALLS: Final = frozenset({"in_a_call", "in_a_conference_call", "presenting"})
_PLACES: Final = {"office": "office", "remote": "remote", "timeOff": "time_off"}
_ON: Final = {True: "on", False: "off"}
# As much as a state holds.
_LONGEST: Final = 255

SHOWN_OF_A_COLLEAGUE: Final = 8
"""How many entities somebody else has; who signed in has two more, to write with."""


def shown(person: Person, vocabulary: Vocabulary, *, own: bool) -> Shown:
    """Return what is to be seen of a person who is in the directory.

    When a message ends is told to who signed in, and of nobody else.
    """
    availability, activity = _WORDS[person.state]
    if vocabulary == "modern":
        activity = _LOST.get(activity, activity)
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
        "work_location": _PLACES[place.type] if place else "unknown",
    }
    if own:
        states["set_status_message"] = text[:_LONGEST]
    return states


def snake(word: str) -> str:
    """Write one of Microsoft's words as Home Assistant does."""
    letters = [f"_{letter.lower()}" if letter.isupper() else letter for letter in word]
    return "".join(letters).removeprefix("_")
