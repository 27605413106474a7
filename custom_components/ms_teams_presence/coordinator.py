"""One poll per account for everybody; the only way data comes in and writes go out."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
from math import ceil
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
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
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .auth import DetachedToken, MicrosoftSignIn, Registration
from .const import (
    ACCESS_READ_WRITE,
    CONF_HOLD_SESSION,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_POLL_INTERVAL,
    DEFAULT_POLL_INTERVAL,
    DOMAIN,
    GUID,
    ISSUE_PERSON_GONE,
    ISSUE_PREFERENCE_NOT_SHOWN,
    SUBENTRY_PERSON,
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
# Seconds between reads of colleagues.
_COLLEAGUES_INTERVAL: Final = 30
# Reads after which somebody of whom Graph has long been silent is asked for again: an hour.
_ASK_AGAIN_AFTER: Final = 120
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
        self.me: Person | None = None
        """The signed-in person; nobody for the organisation's app."""
        if not self.registration.is_application:
            self.me = Person(id=entry.data[CONF_OBJECT_ID], name=entry.data[CONF_NAME])
        colleagues = {
            subentry.data[CONF_OBJECT_ID]: subentry
            for subentry in entry.subentries.values()
            if subentry.subentry_type == SUBENTRY_PERSON
        }
        self.subentry_ids = {
            person_id: subentry.subentry_id for person_id, subentry in colleagues.items()
        }
        self.people = ({self.me.id: self.me} if self.me else {}) | {
            person_id: Person(id=person_id, name=subentry.title)
            for person_id, subentry in colleagues.items()
        }
        self.writable_ids = frozenset[str]()
        if self.registration.access == ACCESS_READ_WRITE:
            self.writable_ids = frozenset({self.me.id} if self.me else self.people)
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
        # Reads in a row that went wrong for colleagues as a whole, or said nothing of one.
        self._colleague_failures = 0
        self._silent: Counter[str] = Counter()
        # Moments on the monotonic clock.
        self._throttled_until = 0.0
        self._fast_until = 0.0
        self._colleagues_due = 0.0
        self._reloading = False
        entry.async_on_unload(self._async_stop_waiting)
        entry.async_on_unload(
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._async_entry_changed)
        )

    @property
    def throttled_for(self) -> int:
        """Return for how many more seconds Graph wants to be left alone; 0 when it does not."""
        return max(0, ceil(self._throttled_until - monotonic()))

    @property
    def may_watch_others(self) -> bool:
        """Return whether the sign-in includes other people than the signed-in one."""
        return self.registration.colleagues or self.registration.is_application

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
            data = await self._async_read()
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
        if self.data and self.me and data[self.me.id] is not self.data.get(self.me.id):
            self._poll_fast()
        self.update_interval = self._next_interval(data)
        return data

    async def _async_read(self) -> dict[str, Presence]:
        """Read the signed-in person, and colleagues where it is their turn."""
        known = self.data or {}
        data: dict[str, Presence] = {}
        if self.me is not None:
            data[self.me.id] = await self._client.async_get_my_presence()
        if self.subentry_ids and monotonic() >= self._colleagues_due:
            try:
                found = await self._client.async_get_presences(self._asked_for())
            except GraphError as err:
                if self.me is None:
                    raise
                found = self._after_colleagues_failure(err)
            else:
                self._colleague_failures = 0
                self._colleagues_due = monotonic() + _COLLEAGUES_INTERVAL
                found = self._with_silent(found)
        else:
            found = {
                person_id: known[person_id] for person_id in self.subentry_ids if person_id in known
            }
        data |= found
        # The very same object where nothing changed makes every later comparison cheap.
        return {
            person_id: known[person_id] if known.get(person_id) == presence else presence
            for person_id, presence in data.items()
        }

    def _asked_for(self) -> list[str]:
        """Return whom to ask for; who has left may spoil a request and is asked for now and then."""
        return [
            person_id
            for person_id in self.subentry_ids
            if (times := self._silent[person_id]) <= _TOLERATED_FAILURES + 1
            or times % _ASK_AGAIN_AFTER == 0
        ]

    def _after_colleagues_failure(self, err: GraphError) -> dict[str, Presence]:
        """Return what is known of colleagues, for as long as failures are tolerated."""
        self._colleague_failures += 1
        reason, _ = self._explain(err)
        if self._colleague_failures == _TOLERATED_FAILURES + 1:
            _LOGGER.warning("The presence of colleagues cannot be read: %s: %s", reason, err)
        if self._colleague_failures > _TOLERATED_FAILURES:
            return {}
        return {
            person_id: presence
            for person_id, presence in (self.data or {}).items()
            if person_id in self.subentry_ids
        }

    def _with_silent(self, found: dict[str, Presence]) -> dict[str, Presence]:
        """Return presences with those that Graph left out this time, but not for long."""
        silent = self.subentry_ids.keys() - found.keys()
        self._silent = Counter({person_id: self._silent[person_id] + 1 for person_id in silent})
        for person_id in silent:
            if self._silent[person_id] == _TOLERATED_FAILURES + 1:
                self._async_start(self._async_look_for(person_id), "look for somebody")
        for person_id in found:
            ir.async_delete_issue(self.hass, DOMAIN, self._issue_id(ISSUE_PERSON_GONE, person_id))
        return found | {
            person_id: self.data[person_id]
            for person_id in silent
            if self._silent[person_id] <= _TOLERATED_FAILURES
            and self.data
            and person_id in self.data
        }

    async def _async_look_for(self, person_id: str) -> None:
        """Offer to remove somebody who is not in the directory any more."""
        try:
            person = await self._client.async_get_person(person_id)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            _LOGGER.debug("The directory cannot be asked: %s", err)
            return
        if person is None:
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                self._issue_id(ISSUE_PERSON_GONE, person_id),
                data={
                    "entry_id": self.config_entry.entry_id,
                    "subentry_id": self.subentry_ids[person_id],
                },
                is_fixable=True,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUE_PERSON_GONE,
            )

    def _issue_id(self, kind: str, person_id: str) -> str:
        """Return the id of an issue about one person of this account."""
        return f"{kind}_{self.config_entry.entry_id}_{person_id}"

    @callback
    def _async_entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Reload when people were added or removed; a renewed token changes the entry too."""
        if entry is not self.config_entry or self._reloading:
            return
        if set(self.subentry_ids.values()) != entry.subentries.keys():
            self._reloading = True
            self.hass.config_entries.async_schedule_reload(entry.entry_id)

    async def async_find_people(self, text: str) -> list[Person]:
        """Return people of the directory by words of their names, by address or by object id.

        Raises `HomeAssistantError` where the directory can't be asked.
        """
        try:
            if (person := await self._client.async_get_person(text)) is not None:
                return [person]
            return await self._client.async_find_people(text)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._failure(err) from err

    async def async_get_presences(self, people: list[str]) -> dict[str, Presence | None]:
        """Return the presence of anybody by object id or address; None of who can't be found.

        Raises `HomeAssistantError` where Graph can't be asked.
        """
        try:
            ids = {
                name: name.lower()
                if GUID.fullmatch(name)
                else person.id
                if (person := await self._client.async_get_person(name))
                else None
                for name in people
            }
            wanted = {person_id for person_id in ids.values() if person_id}
            found = await self._client.async_get_presences(wanted) if wanted else {}
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._failure(err) from err
        return {name: found.get(person_id or "") for name, person_id in ids.items()}

    def _failure(self, err: Exception) -> HomeAssistantError:
        """Return the error with the sentence for a failure."""
        if isinstance(err, OAuth2TokenRequestReauthError):
            return HomeAssistantError(translation_domain=DOMAIN, translation_key="sign_in_needed")
        reason, placeholders = self._explain(err)
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
        )

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
        if self.me is None:
            self._colleagues_due = 0.0

    def _next_interval(self, data: dict[str, Presence]) -> timedelta:
        """Return how long to wait for the next poll."""
        if throttled_for := self.throttled_for:
            return timedelta(seconds=throttled_for)
        if monotonic() < self._fast_until:
            return timedelta(seconds=min(_FAST_INTERVAL, self._base_interval))
        if self.me is None:
            return timedelta(seconds=max(_COLLEAGUES_INTERVAL, self._base_interval))
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
                except (GraphError, OAuth2TokenRequestBaseError) as err:
                    error = err
                    reason, _ = self._explain(err)
                    _LOGGER.debug("Write failed: %s: %s", reason, err)
                    if reason not in _WORTH_REPEATING:
                        break
                else:
                    self._poll_fast()
                    return
            raise self._failure(error) from error

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
            if person_id in data
        }

    def _confirm_written(self, data: dict[str, Presence]) -> None:
        """Compare what was written with what Graph shows; give up what it never shows."""
        for person_id, written in list(self._written.items()):
            members = {
                name: value
                for name, value in written.members.items()
                if not _same(getattr(data.get(person_id), name, None), value)
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
        issue_id = self._issue_id(ISSUE_PREFERENCE_NOT_SHOWN, presence.id)
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
