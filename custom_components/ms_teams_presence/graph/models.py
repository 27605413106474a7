"""Presence as this project speaks of it, read from Graph's JSON and written back to it.

https://learn.microsoft.com/graph/api/resources/presence

Graph renamed its values once: what used to be the activity `InACall` beside the availability
`Busy` became the availability `inACall`. Every word is accepted in either member, in any case, and
means the same. Reading never fails: what is missing, null, of another type or unknown is None.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
import logging
import re
from typing import Final, Self

from .text import plain_text
from .time_zones import time_zone

_LOGGER = logging.getLogger(__name__)

type Json = dict[str, object]


class Availability(StrEnum):
    """How a person can be reached, in six words."""

    AVAILABLE = "available"
    BUSY = "busy"
    DO_NOT_DISTURB = "do_not_disturb"
    BE_RIGHT_BACK = "be_right_back"
    AWAY = "away"
    OFFLINE = "offline"


class Activity(StrEnum):
    """What a person is doing: every documented word, old and new."""

    AVAILABLE = "available"
    AWAY = "away"
    BE_RIGHT_BACK = "be_right_back"
    BUSY = "busy"
    DO_NOT_DISTURB = "do_not_disturb"
    FOCUSING = "focusing"
    IN_A_CALL = "in_a_call"
    IN_A_CONFERENCE_CALL = "in_a_conference_call"
    IN_A_MEETING = "in_a_meeting"
    INACTIVE = "inactive"
    OFF_WORK = "off_work"
    OFFLINE = "offline"
    OUT_OF_OFFICE = "out_of_office"
    PRESENTING = "presenting"
    URGENT_INTERRUPTIONS_ONLY = "urgent_interruptions_only"


class WorkLocation(StrEnum):
    """Where a person works today; https://learn.microsoft.com/graph/api/resources/userworklocation."""

    OFFICE = "office"
    REMOTE = "remote"
    TIME_OFF = "time_off"


_WORK_LOCATIONS: Final = {
    "office": WorkLocation.OFFICE,
    "remote": WorkLocation.REMOTE,
    "timeoff": WorkLocation.TIME_OFF,
}

# Every word Graph has documented, in lower case: what it says of the availability where it stands
# there, and of the activity.
_WORDS: Final[dict[str, tuple[Availability | None, Activity]]] = {
    "available": (Availability.AVAILABLE, Activity.AVAILABLE),
    "availableidle": (Availability.AVAILABLE, Activity.INACTIVE),
    "availableinactive": (Availability.AVAILABLE, Activity.INACTIVE),
    "away": (Availability.AWAY, Activity.AWAY),
    "berightback": (Availability.BE_RIGHT_BACK, Activity.BE_RIGHT_BACK),
    "busy": (Availability.BUSY, Activity.BUSY),
    "busyidle": (Availability.BUSY, Activity.INACTIVE),
    "donotdisturb": (Availability.DO_NOT_DISTURB, Activity.DO_NOT_DISTURB),
    "focusing": (Availability.DO_NOT_DISTURB, Activity.FOCUSING),
    "inacall": (Availability.BUSY, Activity.IN_A_CALL),
    "inaconferencecall": (Availability.BUSY, Activity.IN_A_CONFERENCE_CALL),
    "inameeting": (Availability.BUSY, Activity.IN_A_MEETING),
    "inactive": (Availability.AVAILABLE, Activity.INACTIVE),
    "offline": (Availability.OFFLINE, Activity.OFFLINE),
    "offwork": (Availability.OFFLINE, Activity.OFF_WORK),
    "outofoffice": (None, Activity.OUT_OF_OFFICE),
    "presenting": (Availability.DO_NOT_DISTURB, Activity.PRESENTING),
    "urgentinterruptionsonly": (
        Availability.DO_NOT_DISTURB,
        Activity.URGENT_INTERRUPTIONS_ONLY,
    ),
}

# Activities that only repeat an availability, and those that say what a person is busy with.
_PLAIN: Final = frozenset(Activity(availability.value) for availability in Availability)
_DOING: Final = frozenset(
    {
        Activity.FOCUSING,
        Activity.IN_A_CALL,
        Activity.IN_A_CONFERENCE_CALL,
        Activity.IN_A_MEETING,
        Activity.PRESENTING,
        Activity.URGENT_INTERRUPTIONS_ONLY,
    }
)
# Somebody who presents is in a call: no lamp may go out when the sharing starts.
_CALLS: Final = frozenset({Activity.IN_A_CALL, Activity.IN_A_CONFERENCE_CALL, Activity.PRESENTING})

# What Teams appends to a message that is to be shown to whoever writes to the person.
_PIN: Final = "<pinnednote></pinnednote>"
_PIN_PATTERN: Final = re.compile(r"<pinnednote>\s*</pinnednote>", re.IGNORECASE)
# Words of Graph's that nobody here knows, each with its member: so many at most, of that length.
_unknown_words: Final[set[tuple[str, str]]] = set()
_MAX_UNKNOWN_WORDS: Final = 64
_MAX_WORD: Final = 40
# Teams writes "never" as the last days of this year.
_NEVER: Final = 9999


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose presence is watched."""

    id: str
    """Object id in the directory, a GUID in lower case."""
    name: str
    address: str = ""
    """E-mail address or user principal name, to tell people of one name apart."""

    @classmethod
    def from_graph(cls, data: object) -> Self | None:
        """Read a `user`; None where the answer names nobody.

        https://learn.microsoft.com/graph/api/resources/user
        """
        user = _object(data)
        if not (person_id := _text(user.get("id")).lower()):
            return None
        address = plain_text(user.get("mail")) or plain_text(user.get("userPrincipalName"))
        return cls(person_id, plain_text(user.get("displayName")) or address or person_id, address)


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusMessage:
    """The text a person shows beside their presence.

    https://learn.microsoft.com/graph/api/resources/presencestatusmessage
    """

    text: str = field(repr=False)
    expires_at: datetime | None = None
    """When it goes by itself; None for never, and always None of somebody else."""
    published_at: datetime | None = None
    """When it was set; None where Graph does not tell, as for somebody else."""
    pinned: bool = False
    """Whether it is shown to people who write to the person."""

    @classmethod
    def from_graph(cls, data: object) -> Self | None:
        """Read a `presenceStatusMessage`; None where there is no text."""
        status = _object(data)
        content = _text(_object(status.get("message")).get("content"))
        text = _PIN_PATTERN.sub("", content).strip()
        if not text:
            return None
        return cls(
            text=text,
            expires_at=_date_time_time_zone(status.get("expiryDateTime")),
            published_at=_date_time(_text(status.get("publishedDateTime")), "UTC"),
            pinned=_PIN_PATTERN.search(content) is not None,
        )

    def to_graph(self) -> Json:
        """Return the `presenceStatusMessage` that sets this message; an empty text clears it."""
        content = self.text + _PIN if self.pinned and self.text else self.text
        status: Json = {"message": {"content": content, "contentType": "text"}}
        if self.expires_at is not None:
            expires_at = self.expires_at.astimezone(UTC).replace(tzinfo=None)
            status["expiryDateTime"] = {
                "dateTime": expires_at.isoformat(timespec="microseconds"),
                "timeZone": "UTC",
            }
        return status


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """What Graph knows about one person at one moment.

    https://learn.microsoft.com/graph/api/presence-get
    """

    id: str
    """Object id of the person in lower case."""
    availability: Availability | None = None
    activity: Activity | None = None
    said: frozenset[Activity] = frozenset()
    """What the two members say between them, where `activity` has room for one word only."""
    out_of_office: bool | None = None
    """Whether an absence is set in Outlook, Teams or the calendar; None where the cloud is silent."""
    status_message: StatusMessage | None = None
    work_location: WorkLocation | None = None
    sequence_number: str = field(default="", compare=False)
    """Graph's version stamp; it moves without anything else moving."""

    @property
    def in_call(self) -> bool | None:
        """Return whether the person is in a call, a conference call or presenting."""
        return self._says(_CALLS)

    @property
    def in_meeting(self) -> bool | None:
        """Return whether the person is in a meeting of their calendar."""
        return self._says({Activity.IN_A_MEETING})

    @property
    def presenting(self) -> bool | None:
        """Return whether the person is sharing a screen."""
        return self._says({Activity.PRESENTING})

    @property
    def is_out_of_office(self) -> bool | None:
        """Return whether the person is out of office, by either way Graph has to say so."""
        if self.out_of_office or (said := self._says({Activity.OUT_OF_OFFICE})):
            return True
        return self.out_of_office if said is None else said

    def _says(self, activities: Set[Activity]) -> bool | None:
        """Return whether one of the activities is said; None where no word is understood."""
        return not self.said.isdisjoint(activities) if self.said else None

    @classmethod
    def from_graph(cls, data: object) -> Self | None:
        """Read a `presence`; None where the answer names no person."""
        presence = _object(data)
        if not (person_id := _text(presence.get("id")).lower()):
            return None
        availability, implied = _word(presence.get("availability"), "availability")
        _, activity = _word(presence.get("activity"), "activity")
        out_of_office = _object(presence.get("outOfOfficeSettings")).get("isOutOfOffice")
        return cls(
            id=person_id,
            availability=availability,
            activity=_more_telling(activity, implied),
            said=frozenset(word for word in (activity, implied) if word is not None),
            out_of_office=out_of_office if isinstance(out_of_office, bool) else None,
            status_message=StatusMessage.from_graph(presence.get("statusMessage")),
            work_location=_WORK_LOCATIONS.get(
                _text(_object(presence.get("workLocation")).get("workLocationType")).lower()
            ),
            sequence_number=_text(presence.get("sequenceNumber")),
        )


def time_zone_names(data: object) -> list[str]:
    """Return the time zones that a `presence` names, to load them outside an event loop."""
    expiry = _object(_object(_object(data).get("statusMessage")).get("expiryDateTime"))
    name = _text(expiry.get("timeZone"))
    return [name] if name else []


def _object(value: object) -> Json:
    """Return a JSON object as it is and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Return a JSON string as it is and anything else as an empty one."""
    return value if isinstance(value, str) else ""


def _word(value: object, member: str) -> tuple[Availability | None, Activity | None]:
    """Look up one of Graph's words; an unknown one is None, and said once in the debug log."""
    word = _text(value).lower()
    if word in _WORDS:
        return _WORDS[word]
    if word and word != "presenceunknown":
        # In ASCII and on one line, whatever it is: it goes into the log and the diagnostics.
        _report_unknown(member, ascii(_text(value)[:_MAX_WORD]))
    return None, None


def unknown_words() -> list[str]:
    """Return the words of Graph's that are in no table, each after its member."""
    return sorted(f"{member} {word}" for member, word in _unknown_words)


def _report_unknown(member: str, word: str) -> None:
    """Say once that Graph has a word that is not in the table."""
    if (member, word) not in _unknown_words and len(_unknown_words) < _MAX_UNKNOWN_WORDS:
        _unknown_words.add((member, word))
        _LOGGER.debug("Graph's %s %s is not known here and shown as unknown", member, word)


def _more_telling(activity: Activity | None, implied: Activity | None) -> Activity | None:
    """Choose between the activity and what the availability implies about it.

    `BusyIdle` with `InAMeeting` is a meeting; `inACall` with `outOfOffice` is a call, as the older
    pair `Busy` with `InACall` was; a plain word never hides a telling one.
    """
    if activity in _DOING or implied is None or implied in _PLAIN:
        return activity
    if implied in _DOING or activity is None or activity in _PLAIN:
        return implied
    return activity


def _date_time_time_zone(value: object) -> datetime | None:
    """Read a `dateTimeTimeZone`; None for never and for what cannot be read."""
    data = _object(value)
    return _date_time(_text(data.get("dateTime")), _text(data.get("timeZone")))


def _date_time(text: str, zone_name: str) -> datetime | None:
    """Read a date and time, in the named zone where it has no offset of its own.

    Without a known zone the time is taken as UTC, which is what Graph was seen to send.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.year >= _NEVER:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=time_zone(zone_name) or UTC)
        return moment.astimezone(UTC)
    except ValueError, OverflowError:
        return None
