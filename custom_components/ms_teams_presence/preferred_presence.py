"""Preferred presences and presence sessions: rules and store.

https://learn.microsoft.com/graph/cloud-communications-manage-presence-state
"""

# Graph can't be asked for a preferred presence, and shows one only while the person has a presence
# session: a Teams client, or one created by an app. So what was set is stored here.

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .graph.models import Activity, Availability, Presence

# Graph's bounds of a session.
MIN_SESSION: Final = timedelta(minutes=5)
MAX_SESSION: Final = timedelta(hours=4)
# Graph lets "available" expire after five minutes, so it is renewed before.
_AVAILABLE_LASTS: Final = timedelta(minutes=4)
_RENEW_BEFORE: Final = timedelta(minutes=10)
# A session that could not be set or is not in effect is set again after this long.
_RETRY_AFTER: Final = timedelta(minutes=1)
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

type Stored = dict[str, dict[str, dict[str, Any]]]


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
        return max(due_at, self.retry_at) if self.retry_at else due_at

    @property
    def must_be_cleared(self) -> bool:
        """Return whether Graph would show it for longer than requested."""
        return self.expires_at > self.requested_until


class PreferenceStore:
    """Preferred presences and presence sessions of one account, in memory and on disk."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Initialize."""
        self._preferences: dict[str, PreferredPresence] = {}
        self._sessions: dict[str, PresenceSession] = {}
        self._overridden_since: dict[str, datetime] = {}
        self._store: Store[Stored] = Store(hass, _STORAGE_VERSION, f"{DOMAIN}.{entry_id}")

    async def async_load(self) -> None:
        """Load from storage."""
        stored = await self._store.async_load() or {}
        self._preferences = {
            person_id: PreferredPresence(
                Availability(data["availability"]), datetime.fromisoformat(data["expires_at"])
            )
            for person_id, data in stored.get("preferences", {}).items()
        }
        self._sessions = {
            person_id: PresenceSession(
                Activity(data["activity"]),
                datetime.fromisoformat(data["ends_at"]),
                data["held"],
                datetime.fromisoformat(data["posted_at"]),
                datetime.fromisoformat(data["posted_until"]),
            )
            for person_id, data in stored.get("sessions", {}).items()
        }

    async def async_save(self) -> None:
        """Save to storage, under the names of the first version."""
        await self._store.async_save(
            {
                "preferences": {
                    person_id: {
                        "availability": preference.availability,
                        "expires_at": preference.expires_at.isoformat(),
                    }
                    for person_id, preference in self._preferences.items()
                },
                "sessions": {
                    person_id: {
                        "activity": session.activity,
                        "ends_at": session.requested_until.isoformat(),
                        "held": session.is_hold,
                        "posted_at": session.set_at.isoformat(),
                        "posted_until": session.expires_at.isoformat(),
                    }
                    for person_id, session in self._sessions.items()
                },
            }
        )

    async def async_remove(self) -> None:
        """Remove the storage file."""
        await self._store.async_remove()

    @property
    def person_ids(self) -> set[str]:
        """Return the people with a preference or a session."""
        return {*self._preferences, *self._sessions}

    @property
    def session_person_ids(self) -> list[str]:
        """Return the people with a session."""
        return list(self._sessions)

    def preference_of(self, person_id: str) -> PreferredPresence | None:
        """Return the preferred presence of a person."""
        return self._preferences.get(person_id)

    def set_preference(self, person_id: str, preference: PreferredPresence | None) -> None:
        """Set or drop the preferred presence of a person."""
        self._overridden_since.pop(person_id, None)
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

    def set_session(self, person_id: str, session: PresenceSession) -> None:
        """Set the presence session of a person."""
        self._sessions[person_id] = session

    def drop_session(self, person_id: str) -> None:
        """Drop the presence session of a person."""
        self._sessions.pop(person_id, None)

    def schedule_retry(self, person_id: str, session: PresenceSession, now: datetime) -> None:
        """Schedule a retry of a session that could not be set."""
        known = self._sessions.get(person_id, session)
        self._sessions[person_id] = replace(known, retry_at=now + _RETRY_AFTER)

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
        if preference is None or not self.lacks_session(presence):
            return None
        session = self._sessions.get(presence.id)
        if session is not None and (
            not session.is_hold or now < (session.retry_at or session.set_at + _RETRY_AFTER)
        ):
            return None
        # Away is the lowest of all sessions: it hides nothing that Teams itself shows.
        return PresenceSession.create(now, Activity.AWAY, preference.expires_at, is_hold=True)
