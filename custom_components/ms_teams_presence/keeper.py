"""What was set for people, in memory and on disk, and what has to be done about it when.

Graph cannot be asked for a preference, and shows one only while the person has a presence session:
Teams open somewhere, or one made by an app. What was set is therefore remembered here, over reloads
and restarts. The keeper decides; `sessions` does.

https://learn.microsoft.com/graph/cloud-communications-manage-presence-state
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .graph.models import Activity, Availability, Presence

# What Graph takes as the duration of a session.
MIN_SESSION: Final = timedelta(minutes=5)
MAX_SESSION: Final = timedelta(hours=4)
# Graph lets "available" fade after five minutes, so it is said again before that.
_AVAILABLE_LASTS: Final = timedelta(minutes=4)
# A session that has to go on is renewed this long before its end.
_RENEW_BEFORE: Final = timedelta(minutes=10)
# A session that could not be made or does not show is tried again after this long.
_TRY_AGAIN_AFTER: Final = timedelta(minutes=1)
# For how long Teams shows something else before it counts as somebody's decision.
_CONTRADICTED_FOR: Final = timedelta(minutes=5)

# How long Graph keeps a preference that came without a duration.
# https://learn.microsoft.com/graph/api/presence-setuserpreferredpresence
_PREFERENCE_LASTS: Final = {
    Availability.BUSY: timedelta(days=1),
    Availability.DO_NOT_DISTURB: timedelta(days=1),
}
_OTHER_PREFERENCE_LASTS: Final = timedelta(days=7)

_STORAGE_VERSION: Final = 1

type Stored = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person was set to prefer from here."""

    availability: Availability
    expires_at: datetime

    @classmethod
    def starting(
        cls, now: datetime, availability: Availability, duration: timedelta | None
    ) -> Self:
        """Return a preference that lasts for a duration, or as long as Graph keeps one."""
        lasts = duration or _PREFERENCE_LASTS.get(availability, _OTHER_PREFERENCE_LASTS)
        return cls(availability, now + lasts)

    def shows_in(self, presence: Presence) -> bool:
        """Tell whether this is what Graph shows; it may put be right back as a way to be away."""
        return self.availability.value in {presence.availability, presence.activity}


@dataclass(frozen=True, slots=True)
class Session:
    """The presence session that this app made of a person; Graph knows one for each."""

    activity: Activity
    ends_at: datetime
    """When it is to be over."""
    held: bool
    """Whether it only makes a preference show, or was asked for by an action."""
    posted_at: datetime
    """When Graph was last told of it."""
    posted_until: datetime
    """When Graph lets it end, as far as it was told."""
    not_before: datetime | None = None
    """When to try again after a failure."""

    @classmethod
    def starting(cls, now: datetime, activity: Activity, ends_at: datetime, *, held: bool) -> Self:
        """Return a session as it is told to Graph: for what is left, within what Graph takes."""
        lasts = min(max(ends_at - now, MIN_SESSION), MAX_SESSION)
        return cls(activity, ends_at, held, now, now + lasts)

    @property
    def lasts(self) -> timedelta:
        """Return the duration that Graph is told."""
        return self.posted_until - self.posted_at

    @property
    def due_at(self) -> datetime:
        """Return when something has to be done about it next: renewing or ending it."""
        due_at = self.ends_at
        if self.activity is Activity.AVAILABLE:
            due_at = min(due_at, self.posted_at + _AVAILABLE_LASTS)
        elif self.posted_until < self.ends_at:
            due_at = self.posted_until - _RENEW_BEFORE
        return max(due_at, self.not_before) if self.not_before else due_at

    @property
    def outlives_its_end(self) -> bool:
        """Return whether Graph would show it for longer than was asked for."""
        return self.posted_until > self.ends_at


class Keeper:
    """What was set for the people of one account."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare for one config entry; nothing is read yet."""
        self.preferences: dict[str, Preference] = {}
        self.sessions: dict[str, Session] = {}
        self._contradicted_since: dict[str, datetime] = {}
        self._store: Store[Stored] = Store(hass, _STORAGE_VERSION, f"{DOMAIN}.{entry_id}")

    async def async_load(self) -> None:
        """Take up what was set before a restart; what ended meanwhile is due at once."""
        stored = await self._store.async_load() or {}
        self.preferences = {
            person_id: Preference(
                Availability(data["availability"]), datetime.fromisoformat(data["expires_at"])
            )
            for person_id, data in stored.get("preferences", {}).items()
        }
        self.sessions = {
            person_id: Session(
                Activity(data["activity"]),
                datetime.fromisoformat(data["ends_at"]),
                data["held"],
                datetime.fromisoformat(data["posted_at"]),
                datetime.fromisoformat(data["posted_until"]),
            )
            for person_id, data in stored.get("sessions", {}).items()
        }

    async def async_save(self) -> None:
        """Write down what is set."""
        await self._store.async_save(
            {
                "preferences": _stored(self.preferences),
                "sessions": _stored(self.sessions),
            }
        )

    async def async_remove(self) -> None:
        """Forget everything, on disk too."""
        await self._store.async_remove()

    def prefer(self, person_id: str, preference: Preference | None) -> None:
        """Remember a preference, or that there is none; what contradicted the last one is over."""
        self._contradicted_since.pop(person_id, None)
        if preference is None:
            self.preferences.pop(person_id, None)
        else:
            self.preferences[person_id] = preference

    def next_due(self) -> datetime | None:
        """Return when the next preference or session needs something, or None."""
        return min(
            (
                *(preference.expires_at for preference in self.preferences.values()),
                *(session.due_at for session in self.sessions.values()),
            ),
            default=None,
        )

    def held_session(self, person_id: str) -> Session | None:
        """Return the session that only makes a preference show, if there is one."""
        session = self.sessions.get(person_id)
        return session if session is not None and session.held else None

    def changed_in_teams(self, presence: Presence, now: datetime) -> bool:
        """Tell whether somebody has decided against the preference of a person, in Teams itself.

        Teams has to show something else for five minutes; offline only says that no session is
        left.
        """
        preference = self.preferences.get(presence.id)
        if (
            preference is None
            or presence.availability in {None, Availability.OFFLINE}
            or preference.shows_in(presence)
        ):
            self._contradicted_since.pop(presence.id, None)
            return False
        since = self._contradicted_since.setdefault(presence.id, now)
        return now - since >= _CONTRADICTED_FOR

    def in_effect(self, presence: Presence) -> bool | None:
        """Tell whether a preference shows; None where there is none, or nobody knows."""
        preference = self.preferences.get(presence.id)
        if preference is None or presence.availability is None:
            return None
        return preference.shows_in(presence)

    def lacks_session(self, presence: Presence) -> bool:
        """Tell whether a preference does not show because the person has no session at all."""
        return self.in_effect(presence) is False and presence.availability is Availability.OFFLINE

    def hold(self, presence: Presence, now: datetime) -> Session | None:
        """Return the session to make so that a preference shows, or None where none is needed.

        Away is the lowest of all sessions: it hides nothing that Teams itself says.
        """
        if not self.lacks_session(presence):
            return None
        session = self.sessions.get(presence.id)
        if session is not None and (
            not session.held or now < (session.not_before or session.posted_at + _TRY_AGAIN_AFTER)
        ):
            return None
        ends_at = self.preferences[presence.id].expires_at
        return Session.starting(now, Activity.AWAY, ends_at, held=True)

    def postpone(self, person_id: str, session: Session, now: datetime) -> None:
        """Remember a session that Graph could not be told of, to try again in a while."""
        known = self.sessions.get(person_id, session)
        self.sessions[person_id] = replace(known, not_before=now + _TRY_AGAIN_AFTER)


def _stored(items: Mapping[str, Preference] | Mapping[str, Session]) -> dict[str, dict[str, Any]]:
    """Return what JSON can hold of preferences or sessions."""
    return {
        person_id: {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in asdict(item).items()
        }
        for person_id, item in items.items()
    }
