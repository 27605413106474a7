"""Presence: one person's state, computed from gestures, sessions and the clock.

There are no timers: sessions, preferences, messages and work locations have an end, and each read computes the
presence from the clock. The rules are those of Microsoft's page "Manage presence state using the Microsoft Graph
API"; comments explain what the page does not define.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal

from .clock import Clock
from .states import (
    AVAILABLE,
    AWAY,
    IN_A_MEETING,
    INACTIVE,
    OFFLINE,
    PREFERENCES,
    State,
    Vocabulary,
    in_vocabulary,
)

type LocationSource = Literal["manual", "automatic", "scheduled"]

PINNED: Final = "<pinnednote></pinnednote>"
"""Teams appends this to a message that is shown when people write to you."""

INACTIVE_AFTER: Final = timedelta(minutes=5)
AWAY_AFTER: Final = timedelta(minutes=10)
LOCATION_TYPES: Final = ("office", "remote", "timeOff")
UNSPECIFIED: Final = "unspecified"
"""The type of a work location without one; Graph accepts it, but Teams does not offer it."""

_RANK: Final = {"Away": 0, "Available": 1, "Busy": 2, "DoNotDisturb": 3}


@dataclass(frozen=True)
class Session:
    """A presence session of an application."""

    app_id: str
    state: State
    since: datetime
    ends: datetime

    def at(self, now: datetime) -> State | None:
        """Return the state at a time, None after the expiration."""
        # Only Available becomes inactive, whatever the duration of the session.
        if now >= self.ends:
            return None
        age = now - self.since
        if self.state != AVAILABLE or age < INACTIVE_AFTER:
            return self.state
        return INACTIVE if age < AWAY_AFTER else AWAY


@dataclass(frozen=True)
class Preference:
    """A preferred presence and its expiration."""

    state: State
    ends: datetime


@dataclass(frozen=True)
class StatusMessage:
    """A status message."""

    content: str
    published: datetime
    expires: datetime | None = None
    ticks: int = 0
    """The seventh decimal of the expiration, beyond a datetime's precision."""


@dataclass(frozen=True)
class WorkLocation:
    """A work location; `day` is None if it applies every day."""

    type: str
    source: LocationSource | Literal["none"]
    place_id: str | None = None
    day: date | None = None


@dataclass(frozen=True)
class Client:
    """The activity in the Teams client."""

    call: str | None = None
    presenting: bool = False
    meeting: bool = False
    focusing: bool = False
    away: bool = False

    @property
    def state(self) -> State:
        """The client's session, by priority."""
        candidates = (
            (self.presenting, State("DoNotDisturb", "Presenting")),
            (self.call is not None, State("Busy", self.call or "")),
            (self.meeting, IN_A_MEETING),
            (self.focusing, State("DoNotDisturb", "Focusing")),
            (self.away, AWAY),
        )
        return next((state for applies, state in candidates if applies), AVAILABLE)


class Presence:
    """One person's presence: gestures change it, properties compute it.

    A gesture is something the person does in Teams; it opens Teams if necessary.
    """

    def __init__(self, clock: Clock, vocabulary: Callable[[], Vocabulary]) -> None:
        """Start with Teams open and idle."""
        self._clock = clock
        self._vocabulary = vocabulary
        self._client: Client | None = Client()
        self._sessions: dict[str, Session] = {}
        self._preference: Preference | None = None
        self._meetings: list[tuple[datetime, datetime]] = []
        self._out_of_office = False
        self._out_of_office_message: str | None = None
        self._message: StatusMessage | None = None
        self._locations: dict[LocationSource, WorkLocation] = {}
        self._sequence = 129311062
        self._seen: object = None
        self.time_zone: tzinfo = UTC
        """The person's day, to which a work location applies."""

    # Properties that Graph reports.

    @property
    def state(self) -> State:
        """The effective state in the classic vocabulary."""
        state = self._effective()
        if state == AVAILABLE and self._out_of_office:
            return State("Available", "OutOfOffice")
        return state

    @property
    def availability(self) -> str:
        """The availability in the tenant's vocabulary."""
        return in_vocabulary(self.state, self._vocabulary()).availability

    @property
    def activity(self) -> str:
        """The activity in the tenant's vocabulary."""
        return in_vocabulary(self.state, self._vocabulary()).activity

    @property
    def is_out_of_office(self) -> bool:
        """Whether out of office is on."""
        return self._out_of_office

    @property
    def out_of_office_message(self) -> str | None:
        """The automatic reply while out of office is on."""
        return self._out_of_office_message if self._out_of_office else None

    @property
    def status_message(self) -> StatusMessage | None:
        """The status message until it expires."""
        return self.status_message_at(self._clock.now())

    def status_message_at(self, moment: datetime) -> StatusMessage | None:
        """Return the status message, None if it has expired at a moment."""
        message = self._message
        if message and message.expires and message.expires <= moment:
            return None
        return message

    @property
    def work_location(self) -> WorkLocation | None:
        """Today's work location: manual, then automatic, then scheduled."""
        order: tuple[LocationSource, ...] = ("manual", "automatic", "scheduled")
        for source in order:
            location = self._locations.get(source)
            if location and location.day in {None, self._today()}:
                return location
        return None

    @property
    def sequence_number(self) -> str:
        """A number that rises with each change between two reads."""
        seen = (
            self.state,
            self._out_of_office,
            self._out_of_office_message,
            self.status_message,
            self.work_location,
        )
        if seen != self._seen:
            self._seen = seen
            self._sequence += 1
        return f"A{self._sequence:010d}"

    @property
    def preference(self) -> Preference | None:
        """The preferred presence until it expires, in effect or not."""
        if self._preference and self._preference.ends > self._clock.now():
            return self._preference
        return None

    @property
    def sessions(self) -> list[tuple[Session, State]]:
        """The applications' sessions and their current states."""
        now = self._clock.now()
        alive = ((session, session.at(now)) for session in self._sessions.values())
        return [(session, state) for session, state in alive if state]

    @property
    def client(self) -> Client | None:
        """The Teams client, None while it is closed."""
        return self._client

    def _effective(self) -> State:
        states = [state for _, state in self.sessions]
        if self._client:
            states.append(self._client.state)
        if not states:
            return OFFLINE
        if self.preference:
            return self.preference.state
        now = self._clock.now()
        if any(start <= now < end for start, end in self._meetings):
            states.insert(0, IN_A_MEETING)
        # The last of equal states applies: Teams before applications before the calendar.
        return max(
            reversed(states), key=lambda state: (_RANK[state.availability], state != INACTIVE)
        )

    def _today(self) -> date:
        return self._clock.now().astimezone(self.time_zone).date()

    # Gestures in Teams.

    def open_teams(self) -> None:
        """Open Teams or come back to it."""
        self._act()

    def close_teams(self) -> None:
        """Close Teams everywhere; applications' sessions stay."""
        self._client = None

    go_offline = close_teams

    def come_back(self) -> None:
        """Use the keyboard again."""
        self._act()

    def go_away(self) -> None:
        """Leave the keyboard until an open Teams shows Away."""
        if self._client:
            self._client = replace(self._client, away=True)

    def join_call(self, *, conference: bool = False) -> None:
        """Join a call of two, or a conference call."""
        self._act(call="InAConferenceCall" if conference else "InACall")

    def leave_call(self) -> None:
        """Hang up, which also ends presenting."""
        self._act(call=None, presenting=False)

    def join_meeting(self) -> None:
        """Join a meeting."""
        self._act(meeting=True)

    def leave_meeting(self) -> None:
        """Leave the meeting, which also ends presenting."""
        self._act(meeting=False, presenting=False)

    def present(self) -> None:
        """Share the screen, in a new call if necessary."""
        client = self._client or Client()
        if not (client.call or client.meeting):
            self._act(call="InACall")
        self._act(presenting=True)

    def stop_presenting(self) -> None:
        """Stop sharing and stay in the call."""
        self._act(presenting=False)

    def focus(self) -> None:
        """Begin focus time."""
        self._act(focusing=True)

    def stop_focusing(self) -> None:
        """End focus time."""
        self._act(focusing=False)

    def be_right_back(self) -> None:
        """Choose "Be right back", a preference, in Teams' menu."""
        self.prefer("BeRightBack")

    def reset_status(self) -> None:
        """Choose "Reset status" in Teams' menu; also ends Away."""
        self.clear_preference()
        self._act()

    def prefer(self, availability: str, duration: timedelta | None = None) -> None:
        """Prefer an availability of PREFERENCES, by default for 1 or 7 days."""
        normalized = availability.replace("_", "").lower()
        name = next((name for name in PREFERENCES if name.lower() == normalized), None)
        if name is None:
            raise ValueError(f"{availability} is none of {', '.join(PREFERENCES)}")
        activity, default = PREFERENCES[name]
        ends = self._clock.now() + (default if duration is None else duration)
        self._preference = Preference(State(name, activity), ends)

    def clear_preference(self) -> None:
        """Clear the preferred presence."""
        self._preference = None

    def schedule_meeting(self, start: datetime, end: datetime) -> None:
        """Add a meeting to the calendar; it needs a session to show."""
        self._meetings.append((start, end))

    def set_out_of_office(self, on: bool = True, message: str | None = None) -> None:  # noqa: FBT001, FBT002
        """Turn out of office on or off, without Graph's delay."""
        self._out_of_office = on
        self._out_of_office_message = message if on else None

    def set_status_message(
        self, text: str, expires: datetime | timedelta | None = None, *, pinned: bool = False
    ) -> None:
        """Set the status message until a time (aware) or for a duration."""
        if isinstance(expires, timedelta):
            expires = self._clock.now() + expires
        self.publish(f"{text}{PINNED}" if pinned and text else text, expires)

    def clear_status_message(self) -> None:
        """Clear the status message."""
        self._message = None

    def set_work_location(
        self, location: str, source: LocationSource = "manual", place_id: str | None = None
    ) -> None:
        """Set the work location for today, or daily if scheduled."""
        if location not in {UNSPECIFIED, *LOCATION_TYPES}:
            raise ValueError(f"{location} is none of {', '.join(LOCATION_TYPES)}")
        day = None if source == "scheduled" else self._today()
        self._locations[source] = WorkLocation(location, source, place_id, day)

    def clear_work_location(self, *sources: LocationSource) -> None:
        """Clear work locations, by default as clearLocation does."""
        for source in sources or ("manual", "automatic"):
            self._locations.pop(source, None)

    def _act(self, **changes: bool | str | None) -> None:
        """Update the client: Teams is open and the person not away."""
        self._client = replace(self._client or Client(), away=False, **changes)  # type: ignore[arg-type]

    # Requests of applications through Graph.

    def set_session(self, app_id: str, state: State, duration: timedelta) -> None:
        """Set an application's session to one of SESSION_STATES."""
        now = self._clock.now()
        self._sessions[app_id] = Session(app_id, state, now, now + duration)

    def clear_session(self, app_id: str) -> bool:
        """Clear an application's session; False if there was none."""
        session = self._sessions.pop(app_id, None)
        return session is not None and session.at(self._clock.now()) is not None

    def publish(self, content: str, expires: datetime | None = None, ticks: int = 0) -> None:
        """Set or, without content, clear the status message."""
        now = self._clock.now()
        self._message = StatusMessage(content, now, expires, ticks) if content else None
