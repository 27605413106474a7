"""One poll per account for everybody; the only way data comes in and writes go out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    HomeAssistantError,
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
)
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import OAuth2Session
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.storage import Store
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .auth import MicrosoftSignIn, Registration
from .const import (
    ACCESS_READ_WRITE,
    CONF_ACCESS,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_POLL_INTERVAL,
    DEFAULT_POLL_INTERVAL,
    DOMAIN,
)
from .graph.client import PresenceClient
from .graph.errors import (
    GraphAuthError,
    GraphError,
    GraphPermissionError,
    GraphRejectedError,
    GraphThrottledError,
    GraphUnavailableError,
)
from .graph.models import Availability, Person, Presence, StatusMessage

_LOGGER = logging.getLogger(__name__)

# Seconds between polls while somebody is offline, and around a change, when lights must follow.
_OFFLINE_INTERVAL: Final = 60
_FAST_INTERVAL: Final = 5
_FAST_FOR: Final = 60
# Failed polls in a row that change nothing: a blink to unavailable would flash every light.
_TOLERATED_FAILURES: Final = 2
# Seconds for which a written value stands although Graph still shows the old one.
_WRITTEN_STANDS_FOR: Final = 60
# Seconds to add to Retry-After, which is rounded.
_THROTTLE_MARGIN: Final = 1

# How long Graph keeps a preference that came without a duration.
# https://learn.microsoft.com/graph/api/presence-setuserpreferredpresence
_DEFAULT_PREFERENCE_DURATION: Final = {
    Availability.BUSY: timedelta(days=1),
    Availability.DO_NOT_DISTURB: timedelta(days=1),
}
_OTHER_PREFERENCE_DURATION: Final = timedelta(days=7)

_STORAGE_VERSION: Final = 1

# The sentence in the translations for each way in which Graph can fail.
_REASON_OF_ERROR: Final[dict[type[Exception], str]] = {
    GraphAuthError: "token_refused",
    GraphPermissionError: "not_permitted",
    GraphRejectedError: "refused",
    GraphThrottledError: "throttled",
    GraphUnavailableError: "graph_unavailable",
}

type PresenceConfigEntry = ConfigEntry[PresenceCoordinator]


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person was set to prefer from here; Graph cannot be asked for it."""

    availability: Availability
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Written:
    """A status message that was set and is not yet seen in Graph."""

    message: StatusMessage | None
    until: float


class PresenceCoordinator(DataUpdateCoordinator[dict[str, Presence]]):
    """Presence of the people of one account, by object id."""

    config_entry: PresenceConfigEntry

    def __init__(self, hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
        """Prepare for the account of a config entry; nothing is read yet."""
        self._base_interval: int = entry.options.get(CONF_POLL_INTERVAL, DEFAULT_POLL_INTERVAL)
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=DOMAIN,
            update_interval=timedelta(seconds=self._base_interval),
            request_refresh_debouncer=Debouncer(hass, _LOGGER, cooldown=1, immediate=True),
            always_update=False,
        )
        registration = Registration.from_data(entry.data)
        self.me = Person(id=entry.data[CONF_OBJECT_ID], name=entry.data[CONF_NAME])
        self.people = {self.me.id: self.me}
        self.writable_ids = (
            frozenset({self.me.id})
            if entry.data[CONF_ACCESS] == ACCESS_READ_WRITE
            else frozenset[str]()
        )
        self.preferences: dict[str, Preference] = {}
        self.failures = 0
        self.last_poll: datetime | None = None
        self._session = OAuth2Session(hass, entry, MicrosoftSignIn(hass, registration))
        self._client = PresenceClient(
            async_get_clientsession(hass), registration.cloud, self._async_token
        )
        self._store = preference_store(hass, entry)
        self._cancel_expiry: CALLBACK_TYPE | None = None
        self._written: dict[str, _Written] = {}
        # Moments on the monotonic clock.
        self._throttled_until = 0.0
        self._fast_until = 0.0
        entry.async_on_unload(self._async_cancel_expiry)

    @property
    def throttled_for(self) -> int:
        """Return for how many more seconds Graph wants to be left alone; 0 when it does not."""
        return max(0, round(self._throttled_until - monotonic()))

    async def async_set_status_message(self, person_id: str, message: StatusMessage) -> None:
        """Set the status message of a person, or clear it with an empty text."""
        await self._async_write(
            person_id, lambda: self._client.async_set_status_message(person_id, message)
        )
        self._written[person_id] = _Written(
            message if message.text else None, monotonic() + _WRITTEN_STANDS_FOR
        )
        self.data = self._with_written(self.data)
        self._async_confirm()

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None = None
    ) -> None:
        """Set what a person is shown as while they have a presence session."""
        await self._async_write(
            person_id,
            lambda: self._client.async_set_preferred_presence(person_id, availability, duration),
        )
        kept_for = duration or _DEFAULT_PREFERENCE_DURATION.get(
            availability, _OTHER_PREFERENCE_DURATION
        )
        self.preferences[person_id] = Preference(availability, dt_util.utcnow() + kept_for)
        await self._async_preferences_changed()
        self._async_confirm()

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Let Teams decide again how a person is shown."""
        await self._async_write(
            person_id, lambda: self._client.async_clear_preferred_presence(person_id)
        )
        self.preferences.pop(person_id, None)
        await self._async_preferences_changed()
        self._async_confirm()

    @override
    async def _async_setup(self) -> None:
        """Take up the preferences from before a restart."""
        for person_id, stored in (await self._store.async_load() or {}).items():
            self.preferences[person_id] = Preference(
                Availability(stored["availability"]), datetime.fromisoformat(stored["expires_at"])
            )
        self._async_expire_preferences()

    @override
    async def _async_update_data(self) -> dict[str, Presence]:
        """Read everybody's presence, at once or when Graph may be asked again."""
        if self.throttled_for and self.data:
            return self.data
        try:
            data = {self.me.id: await self._client.async_get_my_presence()}
        except OAuth2TokenRequestReauthError as err:
            # The session has started a reauth flow; this marks the entities unavailable.
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="sign_in_needed"
            ) from err
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            return self._after_failure(err)
        self.failures = 0
        self.last_poll = dt_util.utcnow()
        data = self._with_written(data)
        if self.data and data != self.data:
            self._poll_fast()
        self.update_interval = self._next_interval(data)
        return data

    def _after_failure(self, err: Exception) -> dict[str, Presence]:
        """Return what is known already, or raise where polls have failed too often."""
        self.failures += 1
        reason, placeholders = self._explain(err)
        _LOGGER.debug("Poll failed (%d in a row): %s: %s", self.failures, reason, err)
        self.update_interval = self._next_interval(self.data or {})
        if self.data and self.failures <= _TOLERATED_FAILURES:
            return self.data
        if isinstance(err, GraphAuthError):
            # Even a fresh token is not taken: signing in again is what is left to try.
            self.config_entry.async_start_reauth(self.hass)
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
            retry_after=self.throttled_for or None,
        ) from err

    def _explain(self, err: Exception) -> tuple[str, dict[str, str]]:
        """Return the sentence for a failure, and heed what it says about when to ask again."""
        if retry_after := getattr(err, "retry_after", None):
            self._throttled_until = monotonic() + retry_after + _THROTTLE_MARGIN
        reason = _REASON_OF_ERROR.get(type(err), "sign_in_unavailable")
        return reason, {"seconds": str(self.throttled_for), "detail": str(err)}

    async def _async_write(self, person_id: str, send: Callable[[], Awaitable[None]]) -> None:
        """Send a change to Graph; raises `HomeAssistantError` with a sentence where it fails."""
        try:
            if self.throttled_for:
                raise GraphThrottledError(retry_after=0)
            await send()
        except OAuth2TokenRequestReauthError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="sign_in_needed"
            ) from err
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            reason, placeholders = self._explain(err)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=reason,
                translation_placeholders=placeholders,
            ) from err
        self._poll_fast()

    def _async_confirm(self) -> None:
        """Show what was written, and read soon whether Graph shows it too."""
        self.async_update_listeners()
        self.config_entry.async_create_background_task(
            self.hass, self.async_refresh(), f"{DOMAIN} confirm a write"
        )

    def _with_written(self, data: dict[str, Presence]) -> dict[str, Presence]:
        """Return the presences with what was written and Graph does not show yet."""
        shown = dict(data)
        for person_id, written in list(self._written.items()):
            seen = data[person_id].status_message
            if _same_text(seen, written.message):
                del self._written[person_id]
            elif monotonic() >= written.until:
                del self._written[person_id]
                _LOGGER.warning(
                    "Microsoft Teams took a status message and still shows another one after "
                    "%d seconds; showing what it shows",
                    _WRITTEN_STANDS_FOR,
                )
            else:
                shown[person_id] = replace(shown[person_id], status_message=written.message)
        return shown

    def _poll_fast(self) -> None:
        """Poll often for a while: where one change was, the next is near."""
        self._fast_until = monotonic() + _FAST_FOR

    def _next_interval(self, data: dict[str, Presence]) -> timedelta:
        """Return how long to wait for the next poll."""
        if throttled_for := self.throttled_for:
            return timedelta(seconds=throttled_for)
        if monotonic() < self._fast_until:
            return timedelta(seconds=min(_FAST_INTERVAL, self._base_interval))
        me = data.get(self.me.id)
        if me is not None and me.availability is Availability.OFFLINE:
            return timedelta(seconds=max(_OFFLINE_INTERVAL, self._base_interval))
        return timedelta(seconds=self._base_interval)

    async def _async_token(self, *, rejected: str | None = None) -> str:
        """Return an access token; a new one where Graph does not take the one at hand."""
        token = self._session.token
        if rejected == token["access_token"]:
            self.hass.config_entries.async_update_entry(
                self.config_entry,
                data={**self.config_entry.data, CONF_TOKEN: {**token, "expires_at": 0}},
            )
        await self._session.async_ensure_token_valid()
        return str(self._session.token["access_token"])

    async def _async_preferences_changed(self) -> None:
        """Keep the preferences over a restart, and end each in time."""
        self._async_expire_preferences()
        await self._store.async_save(
            {
                person_id: {
                    "availability": preference.availability.value,
                    "expires_at": preference.expires_at.isoformat(),
                }
                for person_id, preference in self.preferences.items()
            }
        )

    @callback
    def _async_expire_preferences(self, _now: datetime | None = None) -> None:
        """Drop preferences that are over, and come back when the next one is."""
        self._async_cancel_expiry()
        now = dt_util.utcnow()
        kept = {
            person_id: preference
            for person_id, preference in self.preferences.items()
            if preference.expires_at > now
        }
        if len(kept) < len(self.preferences):
            self.preferences = kept
            self.async_update_listeners()
        if kept:
            self._cancel_expiry = async_track_point_in_utc_time(
                self.hass,
                self._async_expire_preferences,
                min(preference.expires_at for preference in kept.values()),
            )

    @callback
    def _async_cancel_expiry(self) -> None:
        """Forget the timer for the end of a preference."""
        if self._cancel_expiry is not None:
            self._cancel_expiry()
            self._cancel_expiry = None


def preference_store(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> Store[dict[str, dict[str, Any]]]:
    """Return where the preferences of an account are kept over a restart."""
    return Store(hass, _STORAGE_VERSION, f"{DOMAIN}.{entry.entry_id}")


def _same_text(one: StatusMessage | None, other: StatusMessage | None) -> bool:
    """Tell whether two messages show the same; Graph rounds their times."""
    if one is None or other is None:
        return one is other
    return (one.text, one.pinned) == (other.text, other.pinned)
