"""One poll per account for everybody; the only way data comes in and writes go out."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
from math import ceil
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_CLIENT_ID, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    HomeAssistantError,
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
)
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import OAuth2Session
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .auth import DetachedToken, MicrosoftSignIn, Registration
from .const import (
    ACCESS_READ_WRITE,
    CONF_ACCESS,
    CONF_HOLD_SESSION,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_POLL_INTERVAL,
    DEFAULT_POLL_INTERVAL,
    DOMAIN,
    ISSUE_PREFERENCE_NOT_SHOWN,
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
from .graph.models import Activity, Availability, Person, Presence, StatusMessage, WorkLocation
from .keeper import Keeper, Preference, Session

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
# Seconds before a write that got no answer is sent again, and the longest wait that a caller is
# kept for. Every write says how things shall be, so that saying it twice does no harm.
_RETRY_DELAYS: Final = (1.0, 3.0)
_LONGEST_WAIT: Final = 10.0
_WORTH_REPEATING: Final = frozenset({"graph_unavailable", "sign_in_unavailable", "throttled"})

# Seconds that ending the sessions of an account may take.
_GOODBYE_TIMEOUT: Final = 5.0

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
class _Written:
    """Members of a presence that were set and are not yet seen in Graph."""

    members: dict[str, Any]
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
        self.registration = Registration.from_data(entry.data)
        self.me = Person(id=entry.data[CONF_OBJECT_ID], name=entry.data[CONF_NAME])
        self.people = {self.me.id: self.me}
        self.writable_ids = (
            frozenset({self.me.id})
            if entry.data[CONF_ACCESS] == ACCESS_READ_WRITE
            else frozenset[str]()
        )
        self.keeper = Keeper(hass, entry.entry_id)
        self.failures = 0
        self.last_poll: datetime | None = None
        self._session_id: str = entry.data[CONF_CLIENT_ID]
        self._oauth = OAuth2Session(hass, entry, MicrosoftSignIn(hass, self.registration))
        self._client = PresenceClient(
            async_get_clientsession(hass), self.registration.cloud, self._async_token
        )
        self._written: dict[str, _Written] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._keeping = asyncio.Lock()
        self._cancel_due: CALLBACK_TYPE | None = None
        # Moments on the monotonic clock.
        self._throttled_until = 0.0
        self._fast_until = 0.0
        entry.async_on_unload(self._async_stop_waiting)

    @property
    def throttled_for(self) -> int:
        """Return for how many more seconds Graph wants to be left alone; 0 when it does not."""
        return max(0, ceil(self._throttled_until - monotonic()))

    # What can be set. Each raises `HomeAssistantError` with a sentence where it fails.

    async def async_set_status_message(self, person_id: str, message: StatusMessage) -> None:
        """Set the status message of a person, or clear it with an empty text."""
        await self._async_write(
            person_id, lambda: self._client.async_set_status_message(person_id, message)
        )
        self._async_show(person_id, status_message=message if message.text else None)

    async def async_set_work_location(self, person_id: str, location: WorkLocation | None) -> None:
        """Set where the signed-in person works today; None goes back to their schedule."""
        if location is None:
            await self._async_write(person_id, self._client.async_clear_my_work_location)
            self._async_confirm()
        else:
            await self._async_write(
                person_id, lambda: self._client.async_set_my_work_location(location)
            )
            self._async_show(person_id, work_location=location)

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None = None
    ) -> None:
        """Set what a person is shown as while they have a presence session."""
        await self._async_write(
            person_id,
            lambda: self._client.async_set_preferred_presence(person_id, availability, duration),
        )
        self.keeper.preferences[person_id] = Preference.starting(
            dt_util.utcnow(), availability, duration
        )
        held = self.keeper.sessions.get(person_id)
        if held is not None and held.held:
            if availability is Availability.OFFLINE:
                await self._async_end_session(person_id)
            else:
                ends_at = self.keeper.preferences[person_id].expires_at
                self.keeper.sessions[person_id] = replace(held, ends_at=ends_at)
        await self._async_kept()
        self._async_confirm()

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Let Teams decide again how a person is shown."""
        await self._async_write(
            person_id, lambda: self._client.async_clear_preferred_presence(person_id)
        )
        await self._async_forget_preference(person_id)
        self._async_confirm()

    async def async_set_presence(
        self, person_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Make the app's own presence session of a person, in place of a held one."""
        now = dt_util.utcnow()
        await self._async_post_session(
            person_id, Session(activity, now + duration, now, held=False)
        )
        await self._async_kept()
        self._async_confirm()

    async def async_clear_presence(self, person_id: str) -> None:
        """End the app's own presence session of a person."""
        await self._async_write(
            person_id, lambda: self._client.async_clear_presence(person_id, self._session_id)
        )
        self.keeper.sessions.pop(person_id, None)
        await self._async_kept()
        self._async_confirm()

    # Reading

    @override
    async def _async_setup(self) -> None:
        """Take up what was set before a restart."""
        await self.keeper.async_load()

    @override
    async def _async_update_data(self) -> dict[str, Presence]:
        """Read everybody's presence, or what is known of it while Graph may not be asked."""
        if self.throttled_for and self.data:
            self.update_interval = self._next_interval(self.data)
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
        data = _without_expired(data, dt_util.utcnow())
        self._confirm_written(data)
        data = self._with_written(data)
        if self.data and data != self.data:
            self._poll_fast()
        self.update_interval = self._next_interval(data)
        return data

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Look after what was set whenever Graph has said how things are."""
        if self.last_update_success and not self.failures:
            self._async_start(self._async_keep(), "keep what was set")

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
        token = self._oauth.token
        if rejected == token["access_token"]:
            self.hass.config_entries.async_update_entry(
                self.config_entry,
                data={**self.config_entry.data, CONF_TOKEN: {**token, "expires_at": 0}},
            )
        await self._oauth.async_ensure_token_valid()
        return str(self._oauth.token["access_token"])

    # Writing

    async def _async_write(self, person_id: str, send: Callable[[], Awaitable[None]]) -> None:
        """Send a change to Graph, one after the other for each person, again where that may help.

        A later write waits for an earlier one, so that repeating the earlier can't undo it.
        """
        async with self._locks[person_id]:
            error: Exception = GraphThrottledError(retry_after=0)
            for delay in (0.0, *_RETRY_DELAYS):
                wait = max(delay, self.throttled_for)
                if wait > _LONGEST_WAIT:
                    break
                await asyncio.sleep(wait)
                try:
                    await send()
                except OAuth2TokenRequestReauthError as err:
                    raise HomeAssistantError(
                        translation_domain=DOMAIN, translation_key="sign_in_needed"
                    ) from err
                except (GraphError, OAuth2TokenRequestBaseError) as err:
                    error = err
                    reason, _ = self._explain(err)
                    _LOGGER.debug("Write failed: %s: %s", reason, err)
                    if reason not in _WORTH_REPEATING:
                        break
                else:
                    self._poll_fast()
                    return
            reason, placeholders = self._explain(error)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=reason,
                translation_placeholders=placeholders,
            ) from error

    @callback
    def _async_show(self, person_id: str, **members: Any) -> None:
        """Show written members of a presence at once, until a read confirms them."""
        earlier = self._written.get(person_id)
        self._written[person_id] = _Written(
            {**(earlier.members if earlier else {}), **members}, monotonic() + _WRITTEN_STANDS_FOR
        )
        self.data = self._with_written(self.data)
        self._async_confirm()

    @callback
    def _async_confirm(self) -> None:
        """Show what was written, and read soon whether Graph shows it too."""
        self.async_update_listeners()
        self._async_start(self.async_refresh(), "confirm a write")

    @callback
    def _async_start(self, job: Coroutine[Any, Any, None], what: str) -> None:
        """Do something that nobody waits for, and that ends with the account."""
        self.config_entry.async_create_background_task(self.hass, job, f"{DOMAIN} {what}")

    def _with_written(self, data: dict[str, Presence]) -> dict[str, Presence]:
        """Return presences with what was written to them and is not confirmed yet."""
        return data | {
            person_id: replace(data[person_id], **written.members)
            for person_id, written in self._written.items()
        }

    def _confirm_written(self, data: dict[str, Presence]) -> None:
        """Compare what was written with what Graph shows; give up what it never shows."""
        for person_id, written in list(self._written.items()):
            members = {
                name: value
                for name, value in written.members.items()
                if not _same(getattr(data[person_id], name), value)
            }
            if members and monotonic() < written.until:
                self._written[person_id] = replace(written, members=members)
                continue
            del self._written[person_id]
            if members:
                _LOGGER.warning(
                    "Microsoft Teams accepted a new %s and still shows another after %d seconds; "
                    "showing what it shows",
                    " and ".join(name.replace("_", " ") for name in members),
                    _WRITTEN_STANDS_FOR,
                )

    # Keeping what was set

    async def _async_keep(self) -> None:
        """Look after preferences, sessions and messages: end, renew or hold what is due."""
        async with self._keeping:
            now = dt_util.utcnow()
            for person_id in self.keeper.expired_preferences(now):
                await self._async_forget_preference(person_id)
            for person_id, session in self.keeper.due_sessions(now):
                await self._async_renew_or_end(person_id, session, now)
            for person_id in self.writable_ids & self.data.keys():
                await self._async_keep_preference(self.data[person_id], now)
            if (data := _without_expired(self.data, now)) != self.data:
                self.data = data
                self.async_update_listeners()
            self._async_wait_for_due()

    async def _async_keep_preference(self, presence: Presence, now: datetime) -> None:
        """Give up a preference that was changed in Teams, make one show, or offer to."""
        if self.keeper.changed_in_teams(presence, now):
            _LOGGER.info("A preferred presence was changed in Microsoft Teams: automatic again")
            await self._async_forget_preference(presence.id)
        holds = self.config_entry.options.get(CONF_HOLD_SESSION, False)
        issue_id = f"{ISSUE_PREFERENCE_NOT_SHOWN}_{self.config_entry.entry_id}_{presence.id}"
        if holds or not self.keeper.lacks_session(presence):
            ir.async_delete_issue(self.hass, DOMAIN, issue_id)
        else:
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                issue_id,
                data={"entry_id": self.config_entry.entry_id},
                is_fixable=True,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUE_PREFERENCE_NOT_SHOWN,
            )
        if holds and (session := self.keeper.hold(presence, now)):
            await self._async_try_session(presence.id, session, now)

    async def _async_renew_or_end(self, person_id: str, session: Session, now: datetime) -> None:
        """Tell Graph again of a session that goes on, and end one that is over."""
        if renewed := self.keeper.renewed(session, now):
            await self._async_try_session(person_id, renewed, now)
        elif session.outlives_its_end:
            await self._async_end_session(person_id)
        else:
            del self.keeper.sessions[person_id]
            await self.keeper.async_save()

    async def _async_try_session(self, person_id: str, session: Session, now: datetime) -> None:
        """Make or renew a session that nobody waits for; a failure is tried again later."""
        known = person_id in self.keeper.sessions
        try:
            await self._async_post_session(person_id, session)
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be kept: %s", err.translation_key)
            self.keeper.postpone(person_id, session, now)
            return
        if not known:
            await self.keeper.async_save()
            self._async_start(self.async_refresh(), "see what the session does")

    async def _async_post_session(self, person_id: str, session: Session) -> None:
        """Tell Graph of a session, and remember it."""
        await self._async_write(
            person_id,
            lambda: self._client.async_set_presence(
                person_id, self._session_id, session.activity, session.posted_for
            ),
        )
        self.keeper.sessions[person_id] = session

    async def _async_end_session(self, person_id: str) -> None:
        """End a session that nobody waits for; Graph forgets it by itself where that fails."""
        self.keeper.sessions.pop(person_id, None)
        try:
            await self._async_write(
                person_id, lambda: self._client.async_clear_presence(person_id, self._session_id)
            )
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be ended: %s", err.translation_key)
        await self.keeper.async_save()

    async def _async_forget_preference(self, person_id: str) -> None:
        """Go back to automatic, and end the session that made the preference show."""
        self.keeper.preferences.pop(person_id, None)
        session = self.keeper.sessions.get(person_id)
        if session is not None and session.held:
            await self._async_end_session(person_id)
        await self._async_kept()
        self.async_update_listeners()

    async def _async_kept(self) -> None:
        """Write down what is set, and be there when it next needs something."""
        await self.keeper.async_save()
        self._async_wait_for_due()

    @callback
    def _async_wait_for_due(self) -> None:
        """Set the one timer to the next moment at which something ends or has to be renewed."""
        self._async_stop_waiting()
        moments = [self.keeper.next_due()] + [
            presence.status_message.expires_at
            for presence in self.data.values()
            if presence.status_message
        ]
        due = min((moment for moment in moments if moment is not None), default=None)
        if due is not None:
            self._cancel_due = async_track_point_in_utc_time(self.hass, self._async_on_due, due)

    @callback
    def _async_on_due(self, now: datetime) -> None:
        """Do what is due without waiting for a poll, and look what Graph says."""
        self._cancel_due = None
        self._async_start(self._async_keep(), "keep what was set")
        self._async_start(self.async_refresh(), "see what has ended")

    @callback
    def _async_stop_waiting(self) -> None:
        """Cancel the timer."""
        if self._cancel_due is not None:
            self._cancel_due()
            self._cancel_due = None


def _without_expired(data: dict[str, Presence], now: datetime) -> dict[str, Presence]:
    """Return presences without the messages that are over."""
    return {
        person_id: replace(presence, status_message=None)
        if presence.status_message
        and presence.status_message.expires_at
        and presence.status_message.expires_at <= now
        else presence
        for person_id, presence in data.items()
    }


def _same(seen: object, written: object) -> bool:
    """Tell whether Graph shows what was written; it rounds the times of a message."""
    if isinstance(seen, StatusMessage) and isinstance(written, StatusMessage):
        return (seen.text, seen.pinned) == (written.text, written.pinned)
    return seen == written


async def async_end_sessions(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """End the presence sessions of an account that goes away, where that is quick.

    The entry is unloaded and perhaps removed, so nothing is kept in it any more.
    """
    keeper = Keeper(hass, entry.entry_id)
    await keeper.async_load()
    registration = Registration.from_data(entry.data)
    token = DetachedToken(MicrosoftSignIn(hass, registration), entry.data[CONF_TOKEN])
    client = PresenceClient(async_get_clientsession(hass), registration.cloud, token)
    try:
        async with asyncio.timeout(_GOODBYE_TIMEOUT):
            for person_id in keeper.sessions:
                await client.async_clear_presence(person_id, registration.client_id)
    except (GraphError, OAuth2TokenRequestBaseError, TimeoutError) as err:
        _LOGGER.debug("A presence session is left to end by itself: %s", err)
    keeper.sessions.clear()
    await keeper.async_save()
