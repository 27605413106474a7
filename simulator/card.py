"""A person's card: its content and its buttons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from .engine import PINNED
from .states import State
from .tenant import App, Person

_LABELS: Final = {
    "Available": "Available",
    "AvailableInactive": "Available, inactive",
    "Away": "Away",
    "BeRightBack": "Be right back",
    "Busy": "Busy",
    "DoNotDisturb": "Do not disturb",
    "Focusing": "Focusing",
    "InACall": "In a call",
    "InAConferenceCall": "In a conference call",
    "InAMeeting": "In a meeting",
    "OffWork": "Appears offline",
    "Offline": "Offline",
    "OutOfOffice": "Out of office",
    "Presenting": "Presenting",
}
_PLACES: Final = {
    "office": "At the office",
    "remote": "Remote",
    "timeOff": "Time off",
    "unspecified": "Not specified",
}
_SOURCES: Final = {"manual": "set by hand", "automatic": "detected", "scheduled": "planned"}


@dataclass(frozen=True)
class Command:
    """A button: its label and its gesture."""

    label: str
    gesture: str
    arguments: dict[str, object] = field(default_factory=dict)


COMMANDS: Final = {
    "join_call": Command("Join a call", "join_call"),
    "leave_call": Command("Leave the call", "leave_call"),
    "join_meeting": Command("Join a meeting", "join_meeting"),
    "leave_meeting": Command("Leave the meeting", "leave_meeting"),
    "present": Command("Present", "present"),
    "stop_presenting": Command("Stop presenting", "stop_presenting"),
    "focus": Command("Focus", "focus"),
    "stop_focusing": Command("Stop focusing", "stop_focusing"),
    "go_away": Command("Go away", "go_away"),
    "come_back": Command("Come back", "come_back"),
    "be_right_back": Command("Be right back", "be_right_back"),
    "do_not_disturb": Command("Do not disturb", "prefer", {"availability": "DoNotDisturb"}),
    "out_of_office": Command("Out of office", "set_out_of_office", {"on": True}),
    "in_office": Command("Back in office", "set_out_of_office", {"on": False}),
    "close_teams": Command("Close Teams", "close_teams"),
    "open_teams": Command("Open Teams", "open_teams"),
    "reset_status": Command("Reset status", "reset_status"),
    "at_office": Command("At the office", "set_work_location", {"location": "office"}),
    "at_home": Command("Remote", "set_work_location", {"location": "remote"}),
    "nowhere": Command("Clear location", "clear_work_location"),
    "clear_message": Command("Clear", "clear_status_message"),
}
"""The buttons, by the value that they send."""


@dataclass(frozen=True)
class Line:
    """A line of a card, and when it expires."""

    name: str
    text: str
    ends: datetime | None = None


@dataclass(frozen=True)
class Card:
    """The content of a card."""

    person: Person
    state: State
    label: str
    badge: str
    message: str
    pinned: bool
    lines: list[Line]
    buttons: list[tuple[str, str, bool]]


def card(person: Person, apps: Mapping[str, App]) -> Card:
    """Describe a person's presence."""
    state = person.state
    message = person.status_message
    content = message.content if message else ""
    away_from_office = person.is_out_of_office and state.availability == "Available"
    return Card(
        person,
        State(person.availability, person.activity),
        _LABELS[state.activity],
        "outofoffice" if away_from_office else state.availability.lower(),
        content.removesuffix(PINNED),
        content.endswith(PINNED),
        _lines(person, apps),
        [(name, COMMANDS[name].label, pressed) for name, pressed in _buttons(person)],
    )


def _lines(person: Person, apps: Mapping[str, App]) -> list[Line]:
    lines: list[Line] = []
    message = person.status_message
    if message:
        lines.append(
            Line("Message", "shown until" if message.expires else "stays", message.expires)
        )
    if preference := person.preference:
        lines.append(Line("Prefers", _LABELS[preference.state.activity], preference.ends))
    if person.is_out_of_office:
        lines.append(Line("Mailbox", person.out_of_office_message or "Out of office"))
    if place := person.work_location:
        lines.append(Line("Works", f"{_PLACES[place.type]} ({_SOURCES[place.source]})"))
    if person.client:
        lines.append(Line("Teams", _LABELS[person.client.state.activity]))
    for session, state in person.sessions:
        app = apps.get(session.app_id)
        name = app.name if app else session.app_id
        lines.append(Line("App", f"{_LABELS[state.activity]}, by {name}", session.ends))
    if not (person.client or person.sessions):
        lines.append(Line("Sessions", "none, so a preference has no effect"))
    return lines


def _buttons(person: Person) -> list[tuple[str, bool]]:
    """List the applicable buttons and whether each is on."""
    client = person.client
    preferred = person.preference.state.availability if person.preference else ""
    place = person.work_location.type if person.work_location else ""

    def either(on: bool, off_name: str, on_name: str) -> tuple[str, bool]:  # noqa: FBT001
        return (on_name if on else off_name, on)

    return [
        either(bool(client and client.call), "join_call", "leave_call"),
        either(bool(client and client.meeting), "join_meeting", "leave_meeting"),
        either(bool(client and client.presenting), "present", "stop_presenting"),
        either(bool(client and client.focusing), "focus", "stop_focusing"),
        either(bool(client and client.away), "go_away", "come_back"),
        ("be_right_back", preferred == "BeRightBack"),
        ("do_not_disturb", preferred == "DoNotDisturb"),
        either(person.is_out_of_office, "out_of_office", "in_office"),
        either(place == "office", "at_office", "nowhere"),
        either(place == "remote", "at_home", "nowhere"),
        ("reset_status", False),
        ("close_teams" if client else "open_teams", False),
    ]
