"""Data update coordinators."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
)
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .account import Account, is_not_sent, root_cause
from .const import CONF_POLL_INTERVAL, DEFAULT_POLL_INTERVAL, DOMAIN
from .graph.errors import GraphAuthError, GraphError
from .graph.models import Availability, Person, Presence
from .issues import (
    create_person_gone_issue,
    create_sign_in_issue,
    delete_person_gone_issue,
    delete_sign_in_issue,
)
from .pending_writes import PendingWrites

_LOGGER = logging.getLogger(__name__)

# Seconds between two polls while the person is offline, and after a change, when lights follow.
_OFFLINE_INTERVAL: Final = 60
_FAST_INTERVAL: Final = 5
_FAST_FOR: Final = 60
_COLLEAGUES_INTERVAL: Final = 30
_MIN_INTERVAL: Final = 1.0
# Failed polls in a row that change nothing: a blink to unavailable would flash every light.
_TOLERATED_FAILURES: Final = 2
# The order in which entities write their states; the others follow.
_WRITTEN_FIRST: Final = ("availability", "activity", "status_message", "work_location")
_RANKS: Final[dict[object, int]] = {key: rank for rank, key in enumerate(_WRITTEN_FIRST, -4)}
# Polls after which a deleted person is requested again: an hour.
_RECHECK_AFTER: Final = 120


class PresenceCoordinator(DataUpdateCoordinator[dict[str, Presence]]):
    """Presences by object id."""

    config_entry: ConfigEntry

    def __init__(self, hass: HomeAssistant, account: Account, name: str) -> None:
        """Initialize."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=account.entry,
            name=name,
            update_interval=timedelta(seconds=_MIN_INTERVAL),
            request_refresh_debouncer=Debouncer(hass, _LOGGER, cooldown=1, immediate=True),
            always_update=False,
        )
        # Home Assistant's is None until the first poll succeeds, which may be after the set-up.
        self.data = {}
        self.account = account
        self.after_read: Callable[[], None] | None = None
        """Called after each successful poll."""
        self.failures = 0
        """Failed polls in a row."""
        self.last_poll: datetime | None = None
        self.last_failure: dict[str, Any] | None = None
        """Time and reason of the last failure, without personal data."""
        self._pending = PendingWrites()
        self._last_read: dict[str, Presence] = {}
        self._fast_until = 0.0
        self._refreshing_after_write = False

    @property
    def is_up_to_date(self) -> bool:
        """Return whether the last poll succeeded."""
        return not (self.failures or self.account.retry_after)

    @property
    def is_primary(self) -> bool:
        """Return whether this coordinator reads the people who may be written."""
        return True

    @property
    def _is_fast(self) -> bool:
        return monotonic() < self._fast_until

    @abstractmethod
    async def _async_read(self) -> dict[str, Presence]:
        """Read presences from Graph."""

    @abstractmethod
    def _seconds(self, data: dict[str, Presence]) -> float:
        """Return the seconds until the next poll."""

    @override
    async def _async_update_data(self) -> dict[str, Presence]:
        """Fetch presences."""
        self._refreshing_after_write = False
        started = monotonic()
        try:
            self.account.raise_if_throttled()
            self._last_read = await self._async_read()
        except OAuth2TokenRequestReauthError as err:
            # The OAuth2 session has started a reauth flow.
            self._record_failure("sign_in_needed", err)
            if self.is_primary:
                create_sign_in_issue(self.account, err)
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="sign_in_needed"
            ) from err
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            return self._after_failure(err)
        self.failures = 0
        self.last_poll = dt_util.utcnow()
        if self.is_primary:
            delete_sign_in_issue(self.account)
        self._pending.confirm(self._last_read, started)
        known = self.data
        data = {
            # The same object if nothing changed makes every later comparison cheap.
            person_id: known[person_id] if known.get(person_id) == presence else presence
            for person_id, presence in self._pending.apply(
                _without_expired(self._last_read, self.last_poll)
            ).items()
        }
        if known and data != known:
            self._after_change()
        self._schedule(self._seconds(data))
        return data

    def _after_change(self) -> None:
        """Handle presences that differ from the last poll's."""

    def _after_failure(self, err: Exception) -> dict[str, Presence]:
        """Return the last data, or raise UpdateFailed after three failures."""
        reason, placeholders = self.account.translate_error(err)
        known = self.data
        if is_not_sent(err):
            # Home Assistant may start a poll just before Retry-After is over.
            self._schedule(0)
        else:
            self.failures += 1
            self._record_failure(reason, err)
            self._schedule(self._seconds(known))
        _LOGGER.debug("Poll failed (%d in a row): %s: %s", self.failures, reason, err)
        if known and self.failures <= _TOLERATED_FAILURES:
            return _without_expired(known, dt_util.utcnow())
        if self.is_primary:
            create_sign_in_issue(self.account, err)
            if isinstance(err, GraphAuthError):
                # Graph rejects a new token, too: only a new sign-in is left to try.
                self.config_entry.async_start_reauth(self.hass)
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
            retry_after=self.account.retry_after or None,
        ) from err

    def _record_failure(self, reason: str, err: Exception) -> None:
        """Record the failure for diagnostics."""
        detail = str(root_cause(err))
        self.last_failure = {"at": dt_util.utcnow(), "reason": reason, "detail": detail}

    def _schedule(self, seconds: float) -> None:
        """Set the time until the next poll, at least for as long as Retry-After lasts."""
        self.update_interval = timedelta(
            seconds=max(self.account.retry_after, seconds, _MIN_INTERVAL)
        )

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Tell what depends on presences that a poll succeeded."""
        if self.after_read and self.last_update_success and not self.failures:
            self.after_read()

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Update the entities, sensors first."""
        # An automation runs while other entities still have the state of the last poll.
        ranked = sorted(self._listeners.items(), key=lambda item: _RANKS.get(item[1][1], 0))
        self._listeners = dict(ranked)
        super().async_update_listeners()

    @callback
    def async_show_written(self, person_id: str, **members: Any) -> None:
        """Apply an optimistic update and refresh."""
        self._pending.add(person_id, **members)
        self.data = self._pending.apply(self.data)
        self.async_refresh_after_write()

    @callback
    def async_refresh_after_write(self) -> None:
        """Update the entities, and read soon whether Graph shows what was written."""
        self._fast_until = monotonic() + _FAST_FOR
        self.async_update_listeners()
        if not self._refreshing_after_write:
            self._refreshing_after_write = True
            self.account.async_create_background_task(self.async_refresh(), "refresh after write")


class MyPresenceCoordinator(PresenceCoordinator):
    """Presence of the signed-in person."""

    def __init__(self, hass: HomeAssistant, account: Account, me: Person) -> None:
        """Initialize."""
        super().__init__(hass, account, DOMAIN)
        self._me = me
        self._interval: int = account.entry.options.get(CONF_POLL_INTERVAL, DEFAULT_POLL_INTERVAL)

    @override
    async def _async_read(self) -> dict[str, Presence]:
        return {self._me.id: await self.account.client.async_get_my_presence()}

    @override
    def _after_change(self) -> None:
        self._fast_until = monotonic() + _FAST_FOR

    @override
    def _seconds(self, data: dict[str, Presence]) -> float:
        if self._is_fast:
            return min(_FAST_INTERVAL, self._interval)
        seconds: float = self._interval
        presence = data.get(self._me.id)
        if presence is None:
            return seconds
        if presence.availability is Availability.OFFLINE:
            seconds = max(_OFFLINE_INTERVAL, seconds)
        if presence.status_message and presence.status_message.expires_at:
            # A message disappears at its expiry.
            left = presence.status_message.expires_at - dt_util.utcnow()
            seconds = min(seconds, left.total_seconds())
        return seconds


class ColleaguesCoordinator(PresenceCoordinator):
    """Presences of colleagues."""

    def __init__(self, hass: HomeAssistant, account: Account) -> None:
        """Initialize."""
        super().__init__(hass, account, f"{DOMAIN} colleagues")
        # Polls in a row without a person, and people who are no longer in the directory.
        self._missing_polls: Counter[str] = Counter()
        self._deleted: set[str] = set()

    @property
    @override
    def is_primary(self) -> bool:
        return self.account.me is None

    @override
    async def _async_read(self) -> dict[str, Presence]:
        found = await self.account.client.async_get_presences(self._ids_to_read())
        missing = self.account.subentry_ids.keys() - found.keys()
        self._missing_polls = Counter(
            {person_id: self._missing_polls[person_id] + 1 for person_id in missing}
        )
        for person_id in missing:
            if self._missing_polls[person_id] == _TOLERATED_FAILURES + 1:
                self.account.async_create_background_task(
                    self._async_check_exists(person_id), "check that a person exists"
                )
        for person_id in self._deleted & found.keys():
            self._deleted.discard(person_id)
            delete_person_gone_issue(self.account, person_id)
        return found | {
            # Keep the last presence of people missing from up to two polls.
            person_id: self._last_read[person_id]
            for person_id in missing & self._last_read.keys()
            if self._missing_polls[person_id] <= _TOLERATED_FAILURES
        }

    @override
    def _seconds(self, data: dict[str, Presence]) -> float:
        # Others' writes can't be followed; those of the organization's app are its own.
        return _FAST_INTERVAL if self._is_fast and self.is_primary else _COLLEAGUES_INTERVAL

    def _ids_to_read(self) -> list[str]:
        """Return the ids to request; deleted people can spoil a request and are rarely in it."""
        return [
            person_id
            for person_id in self.account.subentry_ids
            if person_id not in self._deleted
            or self._missing_polls[person_id] % _RECHECK_AFTER == 0
        ]

    async def _async_check_exists(self, person_id: str) -> None:
        """Create an issue if a person is no longer in the directory."""
        try:
            person = await self.account.client.async_get_person(person_id)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            _LOGGER.debug("The directory is unavailable: %s", err)
            return
        if person is None:
            self._deleted.add(person_id)
            create_person_gone_issue(self.account, person_id)


def _without_expired(data: dict[str, Presence], now: datetime) -> dict[str, Presence]:
    """Return presences without expired messages."""
    return {
        person_id: replace(presence, status_message=None)
        if presence.status_message
        and presence.status_message.expires_at
        and presence.status_message.expires_at <= now
        else presence
        for person_id, presence in data.items()
    }
