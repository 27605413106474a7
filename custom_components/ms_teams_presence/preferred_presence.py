"""Preferred presences and presence sessions: rules and store.

https://learn.microsoft.com/graph/cloud-communications-manage-presence-state
"""

# Graph can't be asked for a preferred presence, and shows one only while the person has a presence
# session: a Teams client, or one created by an app. So what was set is stored here.

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import logging
from time import monotonic
from typing import Any, Final, Self

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .graph.client import SESSION_ACTIVITIES
from .graph.models import Activity, Availability, Presence
from .graph.text import GUID
from .writes import WriteQueue

_LOGGER = logging.getLogger(__name__)

# Graph's bounds of a session.
MIN_SESSION: Final = timedelta(minutes=5)
MAX_SESSION: Final = timedelta(hours=4)
# Graph lets "available" expire after five minutes, so it is renewed before.
_AVAILABLE_LASTS: Final = timedelta(minutes=4)
_RENEW_BEFORE: Final = timedelta(minutes=10)
# A session that could not be set or cleared, or is not in effect, is retried after this long; then
# after twice as long, up to half an hour.
_RETRY_AFTER: Final = timedelta(minutes=1)
_MAX_DOUBLINGS: Final = 5
# How far the wall clock may be from the monotonic one until it counts as set.
_CLOCK_DRIFT: Final = timedelta(seconds=30)
# How long Teams has to show something else until it counts as the user's choice.
_OVERRIDDEN_AFTER: Final = timedelta(minutes=5)

# How long Graph keeps a preferred presence without a duration.
# https://learn.microsoft.com/graph/api/presence-setuserpreferredpresence
_PREFERENCE_LASTS: Final = {
    Availability.BUSY: timedelta(days=1),
    Availability.DO_NOT_DISTURB: timedelta(days=1),
}
_OTHER_PREFERENCE_LASTS: Final = timedelta(days=7)

_STORAGE_VERSION: Final = 1

type Stored = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreferredPresence:
    """A preferred presence that was set here."""

    availability: Availability
    expires_at: datetime

    @classmethod
    def create(cls, now: datetime, availability: Availability, duration: timedelta | None) -> Self:
        """Create a preference that lasts for a duration, or as long as Graph keeps one."""
        lasts = duration or _PREFERENCE_LASTS.get(availability, _OTHER_PREFERENCE_LASTS)
        return cls(availability, now + lasts)

    @classmethod
    def from_stored(cls, data: Mapping[str, Any]) -> Self:
        """Parse what was stored."""
        return cls(Availability(data["availability"]), _parse_time(data["expires_at"]))

    def is_in_effect(self, presence: Presence) -> bool:
        """Return whether this is what Graph shows."""
        # Graph may show "be right back" as the activity of "away".
        return self.availability.value in {presence.availability, presence.activity}


@dataclass(frozen=True, slots=True)
class PresenceSession:
    """The presence session that this app set; Graph has one per person and app."""

    activity: Activity
    requested_until: datetime
    is_hold: bool
    """Whether it only keeps a preference in effect, or was requested by an action."""
    set_at: datetime
    """When Graph was last told of it."""
    expires_at: datetime
    """When Graph lets it expire."""
    retry_at: datetime | None = None
    """When to retry after a failure; not stored."""

    @classmethod
    def create(
        cls, now: datetime, activity: Activity, requested_until: datetime, *, is_hold: bool
    ) -> Self:
        """Create a session clamped to Graph's 5 minutes to 4 hours."""
        duration = min(max(requested_until - now, MIN_SESSION), MAX_SESSION)
        return cls(activity, requested_until, is_hold, now, now + duration)

    @classmethod
    def from_stored(cls, data: Mapping[str, Any]) -> Self:
        """Parse what was stored."""
        activity, is_hold = Activity(data["activity"]), data["held"]
        times = [_parse_time(data[name]) for name in ("ends_at", "posted_at", "posted_until")]
        # The clock may have been set back while Home Assistant was stopped.
        late = max(timedelta(), times[1] - dt_util.utcnow())
        requested_until, set_at, expires_at = (time - late for time in times)
        is_possible = timedelta() < expires_at - set_at <= MAX_SESSION
        if not (is_possible and activity in SESSION_ACTIVITIES and isinstance(is_hold, bool)):
            raise ValueError
        return cls(activity, requested_until, is_hold, set_at, expires_at)

    @property
    def duration(self) -> timedelta:
        """Return the duration for Graph."""
        return self.expires_at - self.set_at

    @property
    def due_at(self) -> datetime:
        """Return when it has to be renewed or cleared."""
        due_at = self.requested_until
        if self.activity is Activity.AVAILABLE:
            due_at = min(due_at, self.set_at + _AVAILABLE_LASTS)
        elif self.expires_at < self.requested_until:
            due_at = self.expires_at - _RENEW_BEFORE
        return self.retry_at or due_at

    @property
    def must_be_cleared(self) -> bool:
        """Return whether Graph would show it for longer than requested."""
        return self.expires_at > self.requested_until


class PreferenceStore:
    """Preferred presences and presence sessions of one account, by the monotonic clock."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Initialize."""
        self.writes = WriteQueue(hass)
        self.is_loaded = False
        self.cancel_retry: CALLBACK_TYPE = lambda: None
        self._is_removed = False
        # Graph's times don't move when the wall clock is set.
        self._wall, self._steady = dt_util.utcnow(), monotonic()
        self._preferences: dict[str, PreferredPresence] = {}
        self._sessions: dict[str, PresenceSession] = {}
        self._overridden_since: dict[str, datetime] = {}
        # How often a session was retried, and when it may be again.
        self._retries: dict[str, tuple[int, datetime]] = {}
        self._entry_id = entry_id
        self._store: Store[Stored] = Store(hass, _STORAGE_VERSION, f"{DOMAIN}.{entry_id}")

    async def async_load(self) -> None:
        """Load from storage; drop what can't be read."""
        try:
            stored = await self._store.async_load() or {}
            preferences, sessions = stored.get("preferences", {}), stored.get("sessions", {})
        except Exception:  # noqa: BLE001  # Home Assistant's store raises whatever happens to fail
            preferences, sessions = None, None
        self.is_loaded = True
        self._wall, self._steady = dt_util.utcnow(), monotonic()
        dropped: list[object] = []
        self._preferences = _parse(preferences, PreferredPresence.from_stored, dropped)
        self._sessions = _parse(sessions, PresenceSession.from_stored, dropped)
        if dropped:
            _LOGGER.warning("Dropped stored preferences or presence sessions that can't be read")
            await self.async_save()

    async def async_save(self) -> None:
        """Save to storage, under the names of the first version."""
        if self._is_removed:
            return

        def stored(time: datetime) -> str:
            return self.to_wall_clock(time).isoformat()

        await self._store.async_save(
            {
                "preferences": {
                    person_id: {
                        "availability": one.availability,
                        "expires_at": stored(one.expires_at),
                    }
                    for person_id, one in self._preferences.items()
                },
                "sessions": {
                    person_id: {
                        "activity": session.activity,
                        "ends_at": stored(session.requested_until),
                        "held": session.is_hold,
                        "posted_at": stored(session.set_at),
                        "posted_until": stored(session.expires_at),
                    }
                    for person_id, session in self._sessions.items()
                },
            }
        )

    async def async_remove(self) -> None:
        """Remove the storage file for good."""
        self._is_removed = True
        self._store.hass.data.get(_STORES, {}).pop(self._entry_id, None)
        await self._store.async_remove()

    def now(self) -> datetime:
        """Return the time by the monotonic clock."""
        return self._wall + timedelta(seconds=monotonic() - self._steady)

    def to_wall_clock(self, time: datetime) -> datetime:
        """Return a time by the wall clock."""
        shift = dt_util.utcnow() - self.now()
        return time + shift if abs(shift) > _CLOCK_DRIFT else time

    @property
    def person_ids(self) -> set[str]:
        """Return the people with a preference or a session."""
        return {*self._preferences, *self._sessions}

    @property
    def sessions(self) -> dict[str, PresenceSession]:
        """Return the presence sessions by person."""
        return dict(self._sessions)

    def preference_of(self, person_id: str) -> PreferredPresence | None:
        """Return the preferred presence of a person."""
        return self._preferences.get(person_id)

    def set_preference(self, person_id: str, preference: PreferredPresence | None) -> None:
        """Set or drop the preferred presence of a person."""
        self._overridden_since.pop(person_id, None)
        self._retries.pop(person_id, None)
        if preference is None:
            self._preferences.pop(person_id, None)
        else:
            self._preferences[person_id] = preference

    def session_of(self, person_id: str) -> PresenceSession | None:
        """Return the presence session of a person."""
        return self._sessions.get(person_id)

    def hold_of(self, person_id: str) -> PresenceSession | None:
        """Return the session that only keeps a preference in effect."""
        session = self._sessions.get(person_id)
        return session if session is not None and session.is_hold else None

    def set_session(self, person_id: str, session: PresenceSession | None) -> None:
        """Set or drop the presence session of a person."""
        self._sessions.pop(person_id, None)
        if session is not None:
            self._sessions[person_id] = session

    def drop_session(self, person_id: str) -> None:
        """Drop the presence session of a person, and its retries."""
        self.set_session(person_id, None)
        self._retries.pop(person_id, None)

    def end_session(self, person_id: str, now: datetime) -> None:
        """Let the presence session of a person be cleared."""
        if (session := self._sessions.get(person_id)) and session.requested_until > now:
            self._sessions[person_id] = replace(
                session, requested_until=now, is_hold=False, retry_at=None
            )

    def back_off(self, person_id: str, now: datetime) -> datetime:
        """Return when to retry, twice as late each time."""
        count, _ = self._retries.get(person_id, (0, now))
        retry_at: datetime = now + _RETRY_AFTER * 2 ** min(count, _MAX_DOUBLINGS)
        self._retries[person_id] = count + 1, retry_at
        return retry_at

    def schedule_retry(self, person_id: str, session: PresenceSession, now: datetime) -> None:
        """Schedule a retry for a session."""
        retry_at = self.back_off(person_id, now)
        if session.requested_until > now:
            if not session.is_hold:
                # It was requested and is missing in Teams.
                retry_at = now + _RETRY_AFTER
            retry_at = min(retry_at, session.requested_until)
        self._sessions[person_id] = replace(session, retry_at=retry_at)

    def next_due(self) -> datetime | None:
        """Return when the next preference or session is due, or None."""
        return min(
            (
                *(preference.expires_at for preference in self._preferences.values()),
                *(session.due_at for session in self._sessions.values()),
            ),
            default=None,
        )

    def is_overridden(self, presence: Presence, now: datetime) -> bool:
        """Return whether Teams has shown something else for five minutes."""
        preference = self._preferences.get(presence.id)
        if (
            preference is None
            # Offline only means that no session is left.
            or presence.availability in {None, Availability.OFFLINE}
            or preference.is_in_effect(presence)
        ):
            self._overridden_since.pop(presence.id, None)
            return False
        since = self._overridden_since.setdefault(presence.id, now)
        return now - since >= _OVERRIDDEN_AFTER

    def in_effect(self, presence: Presence) -> bool | None:
        """Return whether a preference is in effect; None without one or if unknown."""
        preference = self._preferences.get(presence.id)
        if preference is None or presence.availability is None:
            return None
        return preference.is_in_effect(presence)

    def lacks_session(self, presence: Presence) -> bool:
        """Return whether a preference is not in effect for lack of a session."""
        return self.in_effect(presence) is False and presence.availability is Availability.OFFLINE

    def session_to_set(self, presence: Presence, now: datetime) -> PresenceSession | None:
        """Return the session that puts a preference into effect, or None if none is needed."""
        preference = self._preferences.get(presence.id)
        if preference is None:
            return None
        if not self.lacks_session(presence):
            self._retries.pop(presence.id, None)
            return None
        session = self._sessions.get(presence.id)
        if session is not None and not session.is_hold and session.requested_until > now:
            return None
        if presence.id in self._retries and now < self._retries[presence.id][1]:
            return None
        # Away is the lowest of all sessions: it hides nothing that Teams itself shows.
        return PresenceSession.create(now, Activity.AWAY, preference.expires_at, is_hold=True)

    def is_hidden(self, presence: Presence, now: datetime) -> bool | None:
        """Return whether a requested session is hidden; None while unknown."""
        session = self._sessions.get(presence.id)
        if (
            session is None
            or session.is_hold
            or session.requested_until <= now
            or presence.availability is not Availability.OFFLINE
        ):
            return False
        return True if now - session.set_at >= _RETRY_AFTER else None


_STORES: HassKey[dict[str, PreferenceStore]] = HassKey(f"{DOMAIN}_preferences")


@callback
def async_get_store(hass: HomeAssistant, entry_id: str) -> PreferenceStore:
    """Return the store of a config entry, which outlives a reload."""
    stores = hass.data.setdefault(_STORES, {})
    return stores.setdefault(entry_id, PreferenceStore(hass, entry_id))


def _parse[T](records: object, parse: Callable[[Any], T], dropped: list[object]) -> dict[str, T]:
    """Parse records by person, or add them to `dropped`."""
    parsed: dict[str, T] = {}
    for person_id, record in records.items() if isinstance(records, dict) else [("", None)]:
        try:
            parsed[GUID.fullmatch(person_id).string] = parse(record)  # type: ignore[union-attr]
        except ArithmeticError, AttributeError, LookupError, TypeError, ValueError:
            dropped.append(person_id)
    return parsed


def _parse_time(value: str) -> datetime:
    """Parse a stored time with a zone."""
    time = datetime.fromisoformat(value)
    # Arithmetic fails near the first and the last day of a datetime.
    if time.tzinfo is None or not 1970 < time.year < 9000:
        raise ValueError
    return time.astimezone(UTC)
