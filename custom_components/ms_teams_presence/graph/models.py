"""Models of the Graph presence API; reading them never fails.

https://learn.microsoft.com/graph/api/resources/presence
"""

# Graph renamed its values once: what used to be the activity `InACall` beside the availability
# `Busy` became the availability `inACall`. Both are read in either member, in any case. What is
# missing, null, of another type or unknown is None.

from collections.abc import Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
import logging
import re
from typing import Final, Literal, Self

from .text import message_text, plain_text
from .time_zones import time_zone

_LOGGER = logging.getLogger(__name__)

type Json = dict[str, object]


class Availability(StrEnum):
    """Availability."""

    AVAILABLE = "available"
    BUSY = "busy"
    DO_NOT_DISTURB = "do_not_disturb"
    BE_RIGHT_BACK = "be_right_back"
    AWAY = "away"
    OFFLINE = "offline"


class Activity(StrEnum):
    """Activity, both documented vocabularies."""

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
    """Work location; https://learn.microsoft.com/graph/api/resources/userworklocation."""

    OFFICE = "office"
    REMOTE = "remote"
    TIME_OFF = "time_off"


NOT_SET: Final = "not_set"
"""A work location that is not set."""

_WORK_LOCATIONS: Final[dict[str, WorkLocation | Literal["not_set"]]] = {
    "unspecified": NOT_SET,
    "office": WorkLocation.OFFICE,
    "remote": WorkLocation.REMOTE,
    "timeoff": WorkLocation.TIME_OFF,
}

# Availability and activity of every value that Graph has documented, in lower case.
_VALUES: Final[dict[str, tuple[Availability | None, Activity]]] = {
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

# Activities that only repeat an availability, and those that tell more.
_GENERIC: Final = frozenset(Activity(availability.value) for availability in Availability)
_SPECIFIC: Final = frozenset(
    {
        Activity.FOCUSING,
        Activity.IN_A_CALL,
        Activity.IN_A_CONFERENCE_CALL,
        Activity.IN_A_MEETING,
        Activity.PRESENTING,
        Activity.URGENT_INTERRUPTIONS_ONLY,
    }
)
# Presenting is part of a call: no lamp may go out when the sharing starts.
_CALLS: Final = frozenset({Activity.IN_A_CALL, Activity.IN_A_CONFERENCE_CALL, Activity.PRESENTING})

# Teams appends it to a message that is shown to people who write to the person.
_PIN: Final = "<pinnednote></pinnednote>"
_PIN_PATTERN: Final = re.compile(
    r"(?:<|&lt;)pinnednote\s*(?:/(?:>|&gt;)|(?:>|&gt;)\s*(?:<|&lt;)/pinnednote\s*(?:>|&gt;))",
    re.IGNORECASE,
)
# Unknown values with their member, bounded in number and length.
_unknown_values: Final[set[tuple[str, str]]] = set()
_MAX_UNKNOWN_VALUES: Final = 64
_MAX_VALUE: Final = 40
# Teams writes "never" as the last days of 9999. Unset dates are the first day of 1, 1601 or 1970.
_YEARS: Final = range(2000, 9999)


@dataclass(frozen=True, slots=True)
class Person:
    """A person in the directory."""

    id: str
    """Object id in the directory, a GUID in lower case."""
    name: str
    address: str = ""
    """E-mail address or user principal name, to tell people of one name apart."""

    @classmethod
    def from_graph(cls, data: object) -> Self | None:
        """Read a `user`; None without an id.

        https://learn.microsoft.com/graph/api/resources/user
        """
        user = _as_object(data)
        if not (person_id := _as_text(user.get("id")).lower()):
            return None
        address = plain_text(user.get("mail")) or plain_text(user.get("userPrincipalName"))
        return cls(person_id, plain_text(user.get("displayName")) or address or person_id, address)


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusMessage:
    """Status message.

    https://learn.microsoft.com/graph/api/resources/presencestatusmessage
    """

    text: str = field(repr=False)
    expires_at: datetime | None = None
    """Expiry; None for never, and always None for colleagues."""
    published_at: datetime | None = None
    """When it was set; always None for colleagues."""
    pinned: bool = False
    """Whether it is shown to people who write to the person."""

    @classmethod
    def from_graph(cls, data: object) -> Self | None:
        """Read a `presenceStatusMessage`; None without text."""
        status = _as_object(data)
        message = _as_object(status.get("message"))
        content = _as_text(message.get("content"))
        is_html = _as_text(message.get("contentType")).lower() == "html"
        text = message_text(_PIN_PATTERN.sub("", content), is_html=is_html)
        if not text:
            return None
        return cls(
            text=text,
            expires_at=_date_time_time_zone(status.get("expiryDateTime")),
            published_at=_date_time(_as_text(status.get("publishedDateTime")), "UTC"),
            pinned=_PIN_PATTERN.search(content) is not None,
        )

    def to_graph(self) -> Json:
        """Return the `presenceStatusMessage` for Graph; an empty text clears it."""
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
    """Presence of one person.

    https://learn.microsoft.com/graph/api/presence-get
    """

    id: str
    """Object id of the person in lower case."""
    availability: Availability | None = None
    activity: Activity | None = None
    activities: frozenset[Activity] = frozenset()
    """Activities of both members; `activity` is the more specific one."""
    out_of_office: bool | None = None
    """Whether an absence is set in Outlook, Teams or the calendar; None where the cloud is silent."""
    status_message: StatusMessage | None = None
    work_location: WorkLocation | Literal["not_set"] | None = NOT_SET
    sequence_number: str = field(default="", compare=False)
    """Graph's version stamp; it moves without anything else moving."""

    @property
    def in_call(self) -> bool | None:
        """Return whether the person is in a call, a conference call or presenting."""
        return self._has_activity(_CALLS)

    @property
    def in_meeting(self) -> bool | None:
        """Return whether the person is in a meeting of their calendar."""
        return self._has_activity({Activity.IN_A_MEETING})

    @property
    def presenting(self) -> bool | None:
        """Return whether the person is sharing a screen."""
        return self._has_activity({Activity.PRESENTING})

    @property
    def is_out_of_office(self) -> bool | None:
        """Return whether the person is out of office, by settings or activity."""
        if self.out_of_office or (found := self._has_activity({Activity.OUT_OF_OFFICE})):
            return True
        return self.out_of_office if found is None else found

    def _has_activity(self, activities: Set[Activity]) -> bool | None:
        """Return whether one of the activities applies; None if unknown."""
        return not self.activities.isdisjoint(activities) if self.activities else None

    @classmethod
    def from_graph(cls, data: object) -> Self | None:
        """Read a `presence`; None if it is not one."""
        presence = _as_object(data)
        if not (person_id := _as_text(presence.get("id")).lower()):
            return None
        values = _as_text(presence.get("availability")), _as_text(presence.get("activity"))
        if not "".join(values).strip():
            return None
        availability, implied = _parse_value(presence.get("availability"), "availability")
        _, activity = _parse_value(presence.get("activity"), "activity")
        out_of_office = _as_object(presence.get("outOfOfficeSettings")).get("isOutOfOffice")
        return cls(
            id=person_id,
            availability=availability,
            activity=_more_specific(activity, implied),
            activities=frozenset(value for value in (activity, implied) if value),
            out_of_office=out_of_office if isinstance(out_of_office, bool) else None,
            status_message=StatusMessage.from_graph(presence.get("statusMessage")),
            work_location=_parse_work_location(presence.get("workLocation")),
            sequence_number=_as_text(presence.get("sequenceNumber")),
        )


def _parse_work_location(data: object) -> WorkLocation | Literal["not_set"] | None:
    """Return a work location; None if unknown."""
    if (value := _as_object(data).get("workLocationType")) is None:
        return NOT_SET
    return _WORK_LOCATIONS.get(_as_text(value).lower())


def time_zone_names(data: object) -> list[str]:
    """Return the time zones in a `presence`, to load them in a thread."""
    expiry = _as_object(_as_object(_as_object(data).get("statusMessage")).get("expiryDateTime"))
    name = _as_text(expiry.get("timeZone"))
    return [name] if name else []


def _as_object(value: object) -> Json:
    """Return a JSON object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def _as_text(value: object) -> str:
    """Return a JSON string; empty for anything else."""
    return value if isinstance(value, str) else ""


def _parse_value(value: object, member: str) -> tuple[Availability | None, Activity | None]:
    """Look up a value; None and one debug line if unknown."""
    text = _as_text(value).lower()
    if text in _VALUES:
        return _VALUES[text]
    if text and text != "presenceunknown":
        # In ASCII and on one line, because it goes into the log and the diagnostics.
        _report_unknown(member, ascii(_as_text(value)[:_MAX_VALUE]))
    return None, None


def unknown_values() -> list[str]:
    """Return the unknown values of Graph so far, each after its member."""
    return sorted(f"{member} {value}" for member, value in _unknown_values)


def _report_unknown(member: str, value: str) -> None:
    if (member, value) not in _unknown_values and len(_unknown_values) < _MAX_UNKNOWN_VALUES:
        _unknown_values.add((member, value))
        _LOGGER.debug("Graph's %s %s is not known here and shown as unknown", member, value)


def _more_specific(activity: Activity | None, implied: Activity | None) -> Activity | None:
    """Return the activity or what the availability implies, whichever tells more."""
    # `BusyIdle` with `InAMeeting` is a meeting; `inACall` with `outOfOffice` is a call, as the older
    # pair `Busy` with `InACall` was.
    if activity in _SPECIFIC or implied is None or implied in _GENERIC:
        return activity
    if implied in _SPECIFIC or activity is None or activity in _GENERIC:
        return implied
    return activity


def _date_time_time_zone(value: object) -> datetime | None:
    """Read a `dateTimeTimeZone`; None for never and for anything unreadable."""
    data = _as_object(value)
    return _date_time(_as_text(data.get("dateTime")), _as_text(data.get("timeZone")))


def _date_time(text: str, zone_name: str) -> datetime | None:
    """Read a date and time, in the named zone if it has no offset."""
    # Without a known zone it is read as UTC, which is what Graph was seen to send.
    try:
        moment = datetime.fromisoformat(text)
        if moment.year not in _YEARS:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=time_zone(zone_name) or UTC)
        return moment.astimezone(UTC)
    except ValueError, OverflowError:
        return None


def without_expired(data: dict[str, Presence], now: datetime) -> dict[str, Presence]:
    """Return presences without expired messages."""
    return {
        person_id: replace(presence, status_message=None)
        if presence.status_message
        and presence.status_message.expires_at
        and presence.status_message.expires_at <= now
        else presence
        for person_id, presence in data.items()
    }
