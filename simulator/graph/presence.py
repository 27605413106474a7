"""The `presence` resource, and delays of its reads."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

from simulator.clock import Clock
from simulator.engine import PINNED, UNSPECIFIED, StatusMessage, WorkLocation
from simulator.tenant import Person
from simulator.wire import Json

NEVER: Final = "9999-12-30T23:00:00.0000000"
# The properties in every cloud.
_EVERYWHERE: Final = ("id", "availability", "activity", "statusMessage")
# The page "userWorkLocation resource type" defines what a person without a location has.
_NO_LOCATION: Final = WorkLocation(UNSPECIFIED, "none")


def timestamp(moment: datetime, ticks: int = 0) -> str:
    """Format a time in UTC with seven decimals."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}{ticks}"


def message_json(message: StatusMessage, *, own: bool, sanitized: bool = False) -> Json:
    """Serialize a status message; only authors see its dates."""
    content = message.content
    if sanitized:
        text = content.removesuffix(PINNED)
        content = escape(text) + content[len(text) :]
    body: Json = {"message": {"content": content, "contentType": "text"}}
    if own:
        expiry = timestamp(message.expires, message.ticks) if message.expires else NEVER
        body["expiryDateTime"] = {"dateTime": expiry, "timeZone": "UTC"}
        body["publishedDateTime"] = f"{timestamp(message.published)}Z"
    return body


def presence_json(
    person: Person,
    *,
    own: bool,
    complete: bool,
    lingered_since: datetime | None = None,
    sanitized: bool = False,
) -> Json:
    """Serialize a presence; `own` is the person's own view."""
    message = person.status_message
    if lingered_since is not None:
        message = person.status_message_at(lingered_since)
    place = person.work_location or _NO_LOCATION
    body: Json = {
        "id": person.id,
        "availability": person.availability,
        "activity": person.activity,
        "statusMessage": message and message_json(message, own=own, sanitized=sanitized),
    }
    if complete:
        body |= {
            "outOfOfficeSettings": {
                "message": person.out_of_office_message,
                "isOutOfOffice": person.is_out_of_office,
            },
            "sequenceNumber": person.sequence_number,
            "workLocation": {
                "workLocationType": place.type,
                "placeId": place.place_id,
                "source": place.source,
            },
        }
    return body


@dataclass
class PresenceReads:
    """Delays and changes of reads; none by default."""

    clock: Clock
    lag: float = 0
    """Seconds until a read shows a write through Graph."""
    message_lingers: float = 0
    """Seconds for which an expired status message is still returned."""
    sanitizes: bool = False
    """Whether status messages come back escaped as XML."""
    _old: dict[str, list[tuple[datetime, dict[bool, Json]]]] = field(default_factory=dict)

    def before_write(self, person: Person) -> None:
        """Store the presence to show until the lag ends."""
        if self.lag:
            now = self.clock.now()
            shown = {own: self._current(person, own=own) for own in (True, False)}
            pending = [old for old in self._old.get(person.id, []) if now < old[0]]
            self._old[person.id] = [*pending, (now + timedelta(seconds=self.lag), shown)]

    def read(self, person: Person, *, own: bool, complete: bool) -> Json:
        """Serialize a presence, as of before the lag."""
        now = self.clock.now()
        # Each write has its own lag.
        lagging = (old for until, old in self._old.get(person.id, []) if now < until)
        old = next(lagging, None) if self.lag else None
        body = old[own] if old else self._current(person, own=own)
        if complete:
            return body
        return {name: body[name] for name in _EVERYWHERE}

    def reset(self) -> None:
        """Remove delays and changes."""
        self.lag = self.message_lingers = 0
        self.sanitizes = False

    def _current(self, person: Person, *, own: bool) -> Json:
        since = self.clock.now() - timedelta(seconds=self.message_lingers)
        return presence_json(
            person, own=own, complete=True, lingered_since=since, sanitized=self.sanitizes
        )
