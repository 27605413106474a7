"""Data update coordinators."""

from abc import abstractmethod
import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
import logging
from math import inf
from time import monotonic
from typing import Any, ClassVar, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
)
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .account import Account, root_cause
from .auth import is_retried_rarely
from .const import CONF_NAME, DOMAIN
from .graph.errors import (
    GraphError,
    GraphPermissionError,
    GraphThrottledError,
    GraphUnavailableError,
)
from .graph.missing import MissingPeople
from .graph.models import Availability, Person, Presence, without_expired
from .graph.pacing import MAX_INTERVAL, Pace
from .graph.pending_writes import PendingWrites
from .graph.poll_state import PollState
from .graph.text import plain_text
from .graph.throttling import Endpoint, is_not_sent
from .issues import (
    create_colleagues_issue,
    create_person_gone_issue,
    delete_colleagues_issue,
    delete_person_gone_issue,
)

_LOGGER = logging.getLogger(__name__)

# Seconds between two polls: of oneself, while offline, and of colleagues.
_INTERVAL: Final = 5.0
_OFFLINE_INTERVAL: Final = 30.0
_COLLEAGUES_INTERVAL: Final = 10.0
# Seconds between two polls that Microsoft rejects.
_REJECTED_INTERVAL: Final = 30.0
# Seconds after a write in which an offline person is polled as often as others.
_AFTER_WRITE: Final = 60.0
# Seconds for which data stays when no poll replaces it in time: a blink to unavailable would flash
# every light.
_GRACE: Final = 60.0
# Home Assistant cuts the fraction of a second off a delay.
_MIN_INTERVAL: Final = 1.0
# The order in which entities write their states; the others follow.
_WRITTEN_FIRST: Final = ("availability", "activity", "status_message", "work_location")
_RANKS: Final[dict[object, int]] = {key: rank for rank, key in enumerate(_WRITTEN_FIRST, -4)}
# Seconds between two looks at a colleague's name, and before it is tried again.
_NAME_INTERVAL: Final = 24 * 3600.0
_NAME_RETRY: Final = 600.0


class PresenceCoordinator(DataUpdateCoordinator[dict[str, Presence]]):
    """Presences by object id."""

    config_entry: ConfigEntry
    endpoint: ClassVar[Endpoint]
    """What it reads."""

    def __init__(self, hass: HomeAssistant, account: Account, name: str) -> None:
        """Initialize."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=account.entry,
            name=name,
            update_interval=timedelta(seconds=_INTERVAL),
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
        self._state = account.state.polls.setdefault(self.endpoint, PollState(Pace(_INTERVAL)))
        self.pace = self._state.pace
        self._pending = PendingWrites()
        self._written_at = -inf
        self._refreshing_after_write = False
        self._cancel_expiry: CALLBACK_TYPE = lambda: None
        self._is_expired = False

    @property
    def is_up_to_date(self) -> bool:
        """Return whether the last poll succeeded."""
        return not (self.failures or self.account.retry_after(self.endpoint))

    @property
    def is_primary(self) -> bool:
        """Return whether this coordinator reads the people who may be written."""
        return self.endpoint is Endpoint.ME or self.account.me is None

    @abstractmethod
    async def _async_read(self) -> dict[str, Presence]:
        """Read presences from Graph."""

    def _base_interval(self, data: dict[str, Presence]) -> float:
        """Return the seconds between two polls without throttling."""
        return _COLLEAGUES_INTERVAL

    @override
    async def _async_update_data(self) -> dict[str, Presence]:
        """Fetch presences."""
        self._refreshing_after_write = self._is_expired = False
        started = monotonic()
        try:
            read = await self.account.throttle.async_request(self.endpoint, self._async_read)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            return self._after_failure(err)
        self._state.presences = read
        self._state.read_at = monotonic()
        self._cancel_expiry()
        self.failures = 0
        self.last_poll = dt_util.utcnow()
        self._after_success()
        self._pending.confirm(read, started)
        known = self.data
        data = {
            # The same object if nothing changed makes every later comparison cheap.
            person_id: known[person_id] if known.get(person_id) == presence else presence
            for person_id, presence in without_expired(
                self._pending.apply(read), self.last_poll
            ).items()
        }
        self._schedule(data)
        return data

    def _after_success(self) -> None:
        """End the requests that a successful poll disproves."""
        if self.is_primary:
            self.account.end_reauth()

    def _after_failure(self, err: Exception) -> dict[str, Presence]:
        """Return the last data, or raise UpdateFailed if it is too old."""
        self._cancel_expiry()
        reason, placeholders = self.account.translate_error(err, self.endpoint)
        if not is_not_sent(err):
            self.failures += 1
            detail = str(root_cause(err))
            self.last_failure = {"at": dt_util.utcnow(), "reason": reason, "detail": detail}
            if isinstance(err, GraphThrottledError):
                self.pace.throttled(monotonic(), err.retry_after)
        _LOGGER.debug("Poll failed (%d in a row): %s: %s", self.failures, reason, err)
        if isinstance(err, OAuth2TokenRequestReauthError):
            # The token provider requests a sign-in for a new error, but not for one that it has kept.
            self._give_up(err)
            # After it, only a reload polls again, and one's own poll may end the request for it.
            is_retried = is_retried_rarely(err) or self.account.is_reconfigured
            if self.is_primary and not is_retried:
                raise ConfigEntryAuthFailed(
                    translation_domain=DOMAIN, translation_key=reason
                ) from err
        known = self.data or (self._state.presences if is_not_sent(err) else {})
        known = without_expired(known, dt_util.utcnow())
        seconds = self._schedule(known, err)
        failure = UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
            retry_after=seconds,
        )
        left = self._state.read_at + self.pace.interval + _GRACE - monotonic()
        if not known or left <= 0 or not self.last_update_success:
            self._give_up(err)
            raise failure from err

        self._expire_later(left, failure, err)
        return known

    def _expire_later(self, seconds: float, failure: UpdateFailed, err: Exception) -> None:
        """Let the data expire unless a poll succeeds before."""

        @callback
        def expire(now: datetime) -> None:
            self._give_up(err)
            self._is_expired = True
            self.async_set_update_error(failure)

        job = HassJob(expire, cancel_on_shutdown=True)
        self._cancel_expiry = async_call_later(self.hass, seconds, job)

    def _give_up(self, err: Exception) -> None:
        """Request what resolves an error that does not pass by itself."""
        if self.is_primary:
            self.account.start_reauth(err)

    def _schedule(self, data: dict[str, Presence], err: Exception | None = None) -> float:
        """Set and return the seconds until the next poll."""
        self.pace.base = self._base_interval(data)
        delay = max(
            self.pace.next_delay(monotonic()),
            self.account.retry_after(self.endpoint),
            getattr(err, "retry_after", None) or 0,
        )
        if err and not isinstance(err, GraphThrottledError | GraphUnavailableError):
            # It does not pass by asking often.
            refused_for = self.account.state.token.refused_for
            if isinstance(err, OAuth2TokenRequestReauthError) and not self.is_primary:
                refused_for = refused_for or MAX_INTERVAL
            delay = max(delay, _REJECTED_INTERVAL, refused_for)
        delay = max(min(delay, self._seconds_to_expiry(data)), _MIN_INTERVAL)
        self.update_interval = timedelta(seconds=delay)
        return delay

    def _seconds_to_expiry(self, data: dict[str, Presence]) -> float:
        """Return the seconds until a message has disappeared."""
        return inf

    @override
    async def async_request_refresh(self) -> None:
        """Request a poll, which a canceled caller does not cancel."""
        # Home Assistant would count a canceled poll as failed, and data would not outlast it.
        poll = self.hass.async_create_task(super().async_request_refresh(), f"{DOMAIN} poll")
        await asyncio.shield(poll)

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Tell what depends on presences that a poll succeeded."""
        if self._is_expired and self.last_update_success:
            # Home Assistant sees no change if they expired during this poll.
            self.async_update_listeners()
        if self.after_read and self.last_update_success and not self.failures:
            self.after_read()

    @override
    async def async_shutdown(self) -> None:
        """Cancel timers."""
        await super().async_shutdown()
        self._cancel_expiry()

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
        self._written_at = monotonic()
        self.async_update_listeners()
        if not self._refreshing_after_write:
            self._refreshing_after_write = True
            self.account.async_create_background_task(self.async_refresh(), "refresh after write")


class MyPresenceCoordinator(PresenceCoordinator):
    """Presence of the signed-in person."""

    endpoint = Endpoint.ME

    def __init__(self, hass: HomeAssistant, account: Account, me: Person) -> None:
        """Initialize."""
        super().__init__(hass, account, DOMAIN)
        self._me = me

    @override
    async def _async_read(self) -> dict[str, Presence]:
        return {self._me.id: await self.account.client.async_get_my_presence()}

    @override
    def _base_interval(self, data: dict[str, Presence]) -> float:
        presence = data.get(self._me.id)
        is_offline = presence is not None and presence.availability is Availability.OFFLINE
        is_written = monotonic() < self._written_at + _AFTER_WRITE
        return _OFFLINE_INTERVAL if is_offline and not is_written else _INTERVAL

    @override
    def _seconds_to_expiry(self, data: dict[str, Presence]) -> float:
        message = data[self._me.id].status_message if data else None
        if message is None or message.expires_at is None:
            return inf
        # Once and by our clock, whatever Graph shows then.
        return (message.expires_at - dt_util.utcnow()).total_seconds() + _MIN_INTERVAL


class ColleaguesCoordinator(PresenceCoordinator):
    """Presences of colleagues."""

    endpoint = Endpoint.COLLEAGUES

    def __init__(self, hass: HomeAssistant, account: Account) -> None:
        """Initialize."""
        super().__init__(hass, account, f"{DOMAIN} colleagues")
        self._missing = MissingPeople(account.subentry_ids)
        # A random first time spreads the requests, however often Home Assistant starts.
        self._names_due = {
            person_id: monotonic() + self.pace.uniform(0, _NAME_INTERVAL)
            for person_id in account.subentry_ids
        }

    @override
    async def _async_read(self) -> dict[str, Presence]:
        missing = self._missing
        found, rejection = await missing.async_read(self.account.client.async_get_presences)
        for person_id in missing.update(found):
            delete_person_gone_issue(self.account, person_id)
        if ids := missing.ids_to_check():
            self.account.async_create_background_task(
                self._async_check_each(ids), "look for missing people"
            )
        if rejection:
            raise rejection
        return found | missing.kept(self._state.presences)

    @override
    def _after_success(self) -> None:
        super()._after_success()
        delete_colleagues_issue(self.account)
        now = monotonic()
        for person_id, due in self._names_due.items():
            if due <= now:
                # One at a time.
                self._names_due[person_id] = now + _NAME_INTERVAL
                self.account.async_create_background_task(
                    self._async_check(person_id), "check a name"
                )
                break

    @override
    def _give_up(self, err: Exception) -> None:
        super()._give_up(err)
        if isinstance(err, GraphPermissionError) and not self.is_primary:
            create_colleagues_issue(self.account)

    async def _async_check_each(self, person_ids: list[str]) -> None:
        """Look people up one after another."""
        # An empty answer is about everyone.
        for person_id in person_ids:
            if person_id in self._missing and not await self._async_check(person_id):
                break

    async def _async_check(self, person_id: str) -> bool:
        """Look a person up; return whether the directory responds."""
        request = partial(self.account.client.async_get_person, person_id)
        try:
            person = await self.account.throttle.async_request(Endpoint.DIRECTORY, request)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            _LOGGER.debug("The directory is unavailable: %s", err)
            if not isinstance(err, GraphPermissionError):
                self._names_due[person_id] = monotonic() + _NAME_RETRY
            return False
        if person is not None:
            self._follow_name(person_id, person.name)
        elif person_id in self._missing:
            self._missing.mark_deleted(person_id)
            create_person_gone_issue(self.account, person_id)
        return True

    @callback
    def _follow_name(self, person_id: str, name: str) -> None:
        """Rename a colleague who was renamed in the directory."""
        devices = dr.async_get(self.hass)
        identifier = (DOMAIN, self.account.person_key(person_id))
        known_devices = dr.async_entries_for_config_entry(devices, self.config_entry.entry_id)
        device = next((each for each in known_devices if identifier in each.identifiers), None)
        subentry = self.config_entry.subentries.get(self.account.subentry_ids[person_id])
        # Without a name and an address, the directory's is the id.
        if device is None or device.name_by_user or subentry is None or name == person_id:
            return
        # A title that the user has changed stays; version 0.1.0 stored the title alone.
        known = subentry.data.get(CONF_NAME, subentry.title)
        title = name if subentry.title == known else subentry.title
        self.hass.config_entries.async_update_subentry(
            self.config_entry, subentry, data={**subentry.data, CONF_NAME: name}, title=title
        )
        self.account.people[person_id] = Person(id=person_id, name=plain_text(title))
        devices.async_update_device(device.id, name=plain_text(title))
