"""One poll per account for everybody; the only way data comes in and writes go out."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
import logging
from math import ceil
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.const import CONF_TOKEN
from homeassistant.core import HomeAssistant, callback
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
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .auth import MicrosoftOAuth2Implementation
from .const import (
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_POLL_INTERVAL,
    DEFAULT_POLL_INTERVAL,
    DOMAIN,
    GUID,
    ISSUE_PERSON_GONE,
    ISSUE_SIGN_IN_REFUSED,
    SUBENTRY_PERSON,
)
from .entra.errors import Resolution, SignInError
from .entra.registration import ACCESS_READ_WRITE, AppRegistration
from .graph.client import PresenceClient
from .graph.errors import (
    GraphAuthError,
    GraphError,
    GraphPermissionError,
    GraphRejectedError,
    GraphThrottledError,
    GraphUnavailableError,
)
from .graph.models import Availability, Person, Presence, StatusMessage, WorkLocation
from .graph.text import plain_text
from .issues import sign_in_issue_id
from .sessions import PresenceSessions

_LOGGER = logging.getLogger(__name__)

# Seconds between polls while somebody is offline, and around a change, when lights must follow.
_OFFLINE_INTERVAL: Final = 60
_FAST_INTERVAL: Final = 5
_FAST_FOR: Final = 60
# Seconds between reads of colleagues.
_COLLEAGUES_INTERVAL: Final = 30
# Home Assistant starts a poll up to a second before it was asked for.
_EARLY: Final = 1.0
# Reads after which somebody who has left the directory is asked for again: an hour.
_ASK_AGAIN_AFTER: Final = 120
# Failed polls in a row that change nothing: a blink to unavailable would flash every light.
_TOLERATED_FAILURES: Final = 2
# Seconds for which a written value stands although Graph still shows the old one.
_WRITTEN_STANDS_FOR: Final = 60
# Seconds to add to Retry-After, which is rounded.
_THROTTLE_MARGIN: Final = 1
# Stands in place of Graph's code where Graph was not asked, as it wants to be left alone.
_NOT_ASKED: Final = "notAsked"
# Seconds before a write that got no answer is sent again, and the longest wait that a caller is
# kept for. Every write says how things shall be, so that saying it twice does no harm.
_RETRY_DELAYS: Final = (1.0, 3.0)
_LONGEST_WAIT: Final = 10.0

# The sentence in the translations for each way in which Microsoft can fail us.
_REASON_OF_ERROR: Final[dict[type[Exception], str]] = {
    GraphAuthError: "token_refused",
    GraphPermissionError: "not_permitted",
    GraphRejectedError: "refused",
    GraphThrottledError: "throttled",
    GraphUnavailableError: "graph_unavailable",
    OAuth2TokenRequestReauthError: "sign_in_needed",
}
_WORTH_REPEATING: Final = frozenset({"graph_unavailable", "sign_in_unavailable", "throttled"})

type PresenceConfigEntry = ConfigEntry[PresenceCoordinator]


@dataclass(frozen=True, slots=True)
class _Written:
    """Members of a presence that were set and are not yet seen in Graph."""

    members: dict[str, Any]
    at: float


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
        self.registration = AppRegistration.from_data(entry.data)
        self.me: Person | None = None
        """The signed-in person; nobody for the organisation's app."""
        if not self.registration.is_app_only:
            self.me = Person(id=entry.data[CONF_OBJECT_ID], name=plain_text(entry.data[CONF_NAME]))
        colleagues = {
            subentry.data[CONF_OBJECT_ID]: subentry
            for subentry in entry.subentries.values()
            if subentry.subentry_type == SUBENTRY_PERSON
        }
        self.subentry_ids = {
            person_id: subentry.subentry_id for person_id, subentry in colleagues.items()
        }
        self.people = ({self.me.id: self.me} if self.me else {}) | {
            person_id: Person(id=person_id, name=plain_text(subentry.title))
            for person_id, subentry in colleagues.items()
        }
        self.writable_ids = frozenset[str]()
        if self.registration.access == ACCESS_READ_WRITE:
            self.writable_ids = frozenset({self.me.id} if self.me else self.people)
        self.failures = 0
        self.last_poll: datetime | None = None
        self.last_failure: dict[str, Any] | None = None
        """When a read failed last, and why; nothing in it tells who anybody is."""
        self._sign_in = MicrosoftOAuth2Implementation(hass, self.registration)
        self._oauth = OAuth2Session(hass, entry, self._sign_in)
        self._client = PresenceClient(
            async_get_clientsession(hass), self.registration.cloud, self._async_token
        )
        self.sessions = PresenceSessions(self, self._client)
        # What Graph showed last, and what is shown over it until Graph shows it too.
        self._seen: dict[str, Presence] = {}
        self._written: dict[str, _Written] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._confirming = False
        self._reloading = False
        # Reads in a row that went wrong for colleagues as a whole, or said nothing of one, and
        # who is not in the directory any more.
        self._colleague_failures = 0
        self._silent: Counter[str] = Counter()
        self._gone: set[str] = set()
        # Moments on the monotonic clock: until when, and when to read whom again.
        self._throttled_until = 0.0
        self._fast_until = 0.0
        self._me_due = 0.0
        self._colleagues_due = 0.0
        entry.async_on_unload(
            partial(forget_issues, hass, entry, but=sign_in_issue_id(entry.entry_id))
        )
        entry.async_on_unload(self.sessions.stop)
        entry.async_on_unload(
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._async_entry_changed)
        )

    @property
    def throttled_for(self) -> int:
        """Return for how many more seconds Graph wants to be left alone; 0 when it does not."""
        return max(0, ceil(self._throttled_until - monotonic()))

    @property
    def throttled_until(self) -> datetime | None:
        """Return when Graph may be asked again, or None when it may be now."""
        seconds = self.throttled_for
        return dt_util.utcnow() + timedelta(seconds=seconds) if seconds else None

    @property
    def response_counts(self) -> dict[str, int]:
        """Return the number of Graph's responses by HTTP status."""
        return self._client.response_counts

    @property
    def is_up_to_date(self) -> bool:
        """Return whether polls go well, so that what is known is how things are."""
        return not (self.failures or self.throttled_for)

    @property
    def can_read_others(self) -> bool:
        """Return whether the sign-in includes other people than the signed-in one."""
        return self.registration.include_colleagues or self.registration.is_app_only

    def issue_id(self, kind: str, person_id: str) -> str:
        """Return the id of an issue about one person of this account."""
        # By nothing of Microsoft's: the ids of repairs are in the diagnostics.
        return f"{kind}_{self.config_entry.entry_id}_{self.subentry_ids.get(person_id, '')}"

    # Reading

    @override
    async def _async_setup(self) -> None:
        """Take up what was set before a restart."""
        await self.sessions.keeper.async_load()

    @override
    async def async_request_refresh(self) -> None:
        """Poll everybody at once, as somebody asks for it."""
        self._me_due = self._colleagues_due = 0.0
        await super().async_request_refresh()

    @override
    async def _async_update_data(self) -> dict[str, Presence]:
        """Read whose turn it is, or tell what is known while Graph may not be asked."""
        self._confirming = False
        started = monotonic()
        try:
            self._raise_if_throttled()
            self._seen = await self._async_read(started)
        except OAuth2TokenRequestReauthError as err:
            # The session has started a reauth flow; this marks the entities unavailable.
            self._note_failure("sign_in_needed", err)
            self._offer_cure(err)
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="sign_in_needed"
            ) from err
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            return self._after_failure(err, started)
        self.failures = 0
        self.last_poll = dt_util.utcnow()
        ir.async_delete_issue(self.hass, DOMAIN, sign_in_issue_id(self.config_entry.entry_id))
        self._confirm_written(self._seen, started)
        data = self._with_written(_without_expired(self._seen, self.last_poll))
        known = self.data or {}
        # The very same object where nothing changed makes every later comparison cheap.
        data = {
            person_id: known[person_id] if known.get(person_id) == presence else presence
            for person_id, presence in data.items()
        }
        if known and self.me and data[self.me.id] != known.get(self.me.id):
            self._fast_until = monotonic() + _FAST_FOR
        self.update_interval = self._next_interval(data, started)
        return data

    async def _async_read(self, started: float) -> dict[str, Presence]:
        """Read the signed-in person and colleagues, each where it is their turn."""
        data = dict(self._seen)
        # After a failure it is the signed-in person's turn in any case: a read of colleagues alone
        # does not tell whether things work again.
        is_my_turn = started >= self._me_due - _EARLY or self.failures or not data
        if self.me is not None and is_my_turn:
            data[self.me.id] = await self._client.async_get_my_presence()
            self._me_due = started + self._my_interval(data[self.me.id])
        if self.subentry_ids and (started >= self._colleagues_due - _EARLY or not data):
            try:
                found = await self._client.async_get_presences(self._asked_for())
            except GraphError as err:
                if self.me is None:
                    raise
                found = self._after_colleagues_failure(err)
            else:
                if self._colleague_failures > _TOLERATED_FAILURES:
                    _LOGGER.info("The presence of colleagues can be read again")
                self._colleague_failures = 0
                found = self._with_silent(found)
            self._colleagues_due = started + self._colleagues_interval()
            data = {key: data[key] for key in data.keys() - self.subentry_ids.keys()} | found
        return data

    def _after_failure(self, err: Exception, started: float) -> dict[str, Presence]:
        """Return what is known already, or raise where polls have failed too often."""
        reason, placeholders = self._explain(err)
        known = self.data or {}
        # Being left alone as Graph asked for is no failure of its own, and puts nobody off: Home
        # Assistant may start a poll just before Graph may be asked again.
        if not (isinstance(err, GraphThrottledError) and err.code == _NOT_ASKED):
            self.failures += 1
            self._note_failure(reason, err)
            self._me_due = started + self._my_interval(known.get(self.me.id) if self.me else None)
            self._colleagues_due = started + self._colleagues_interval()
        _LOGGER.debug("Poll failed (%d in a row): %s: %s", self.failures, reason, err)
        self.update_interval = self._next_interval(known, started)
        if known and self.failures <= _TOLERATED_FAILURES:
            return _without_expired(known, dt_util.utcnow())
        self._offer_cure(err)
        if isinstance(err, GraphAuthError):
            # Even a fresh token is not taken: signing in again is what is left to try.
            self.config_entry.async_start_reauth(self.hass)
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
            retry_after=self.throttled_for or None,
        ) from err

    def _note_failure(self, reason: str, err: Exception) -> None:
        """Keep why a read failed for who looks for it later."""
        self.last_failure = {"at": dt_util.utcnow(), "reason": reason, "detail": str(_origin(err))}

    def _asked_for(self) -> list[str]:
        """Return whom to ask for; who has left may spoil a request and is asked for now and then."""
        return [
            person_id
            for person_id in self.subentry_ids
            if person_id not in self._gone or self._silent[person_id] % _ASK_AGAIN_AFTER == 0
        ]

    def _after_colleagues_failure(self, err: GraphError) -> dict[str, Presence]:
        """Return what is known of colleagues, for as long as failures are tolerated."""
        self._colleague_failures += 1
        reason, _ = self._explain(err)
        self._note_failure(reason, err)
        if self._colleague_failures == _TOLERATED_FAILURES + 1:
            _LOGGER.warning("The presence of colleagues cannot be read: %s: %s", reason, err)
        if self._colleague_failures > _TOLERATED_FAILURES:
            return {}
        return {key: self._seen[key] for key in self._seen.keys() & self.subentry_ids.keys()}

    def _with_silent(self, found: dict[str, Presence]) -> dict[str, Presence]:
        """Return presences with those that Graph left out this time, but not for long."""
        silent = self.subentry_ids.keys() - found.keys()
        self._silent = Counter({person_id: self._silent[person_id] + 1 for person_id in silent})
        for person_id in silent:
            if self._silent[person_id] == _TOLERATED_FAILURES + 1:
                self.start(self._async_look_for(person_id), "look for somebody")
        for person_id in self._gone & found.keys():
            self._gone.discard(person_id)
            ir.async_delete_issue(self.hass, DOMAIN, self.issue_id(ISSUE_PERSON_GONE, person_id))
        tolerated = {key for key in silent if self._silent[key] <= _TOLERATED_FAILURES}
        return found | {key: self._seen[key] for key in tolerated & self._seen.keys()}

    async def _async_look_for(self, person_id: str) -> None:
        """Offer to remove somebody who is not in the directory any more."""
        try:
            person = await self._client.async_get_person(person_id)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            _LOGGER.debug("The directory cannot be asked: %s", err)
            return
        if person is None:
            self._gone.add(person_id)
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                self.issue_id(ISSUE_PERSON_GONE, person_id),
                data={
                    "entry_id": self.config_entry.entry_id,
                    "subentry_id": self.subentry_ids[person_id],
                },
                is_fixable=True,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUE_PERSON_GONE,
            )

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Look after what was set whenever Graph has said how things are."""
        if self.last_update_success and not self.failures and not self.sessions.is_idle:
            self.start(self.sessions.async_look_after(), "look after what was set")

    def _my_interval(self, presence: Presence | None) -> float:
        """Return after how many seconds the signed-in person is read again."""
        if monotonic() < self._fast_until:
            return min(_FAST_INTERVAL, self._base_interval)
        interval: float = self._base_interval
        if presence is not None and presence.availability is Availability.OFFLINE:
            interval = max(_OFFLINE_INTERVAL, interval)
        if presence is not None and presence.status_message is not None:
            # A message that ends goes at its end.
            left = _seconds_until(presence.status_message.expires_at)
            interval = min(interval, max(left, _EARLY))
        return interval

    def _colleagues_interval(self) -> float:
        """Return after how many seconds colleagues are read again.

        Around a write by the organisation's app they are what has to be followed.
        """
        is_fast = self.me is None and monotonic() < self._fast_until
        return _FAST_INTERVAL if is_fast else _COLLEAGUES_INTERVAL

    def _next_interval(self, data: dict[str, Presence], started: float) -> timedelta:
        """Return how long to wait for the next poll, whoever it is for."""
        if self.me is not None:
            self._me_due = min(self._me_due, started + self._my_interval(data.get(self.me.id)))
        due = [self._me_due] if self.me is not None else []
        due += [self._colleagues_due] if self.subentry_ids or self.me is None else []
        return timedelta(seconds=max(self.throttled_for, min(due) - started, _EARLY))

    async def _async_token(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token; a new one where Graph does not take the one at hand."""
        token = self._oauth.token
        if rejected == token["access_token"]:
            self._sign_in.claims = claims
            self.hass.config_entries.async_update_entry(
                self.config_entry,
                data={**self.config_entry.data, CONF_TOKEN: {**token, "expires_at": 0}},
            )
        await self._oauth.async_ensure_token_valid()
        return str(self._oauth.token["access_token"])

    def _explain(self, err: Exception) -> tuple[str, dict[str, str]]:
        """Return the sentence for a failure, and heed what it says about when to ask again."""
        if retry_after := getattr(_origin(err), "retry_after", None):
            until = monotonic() + retry_after + _THROTTLE_MARGIN
            self._throttled_until = max(self._throttled_until, until)
        reason = _REASON_OF_ERROR.get(type(err), "sign_in_unavailable")
        return reason, {"seconds": str(self.throttled_for), "detail": str(err)}

    def _offer_cure(self, err: Exception) -> None:
        """Make a repair out of a refusal that does not pass by itself."""
        match _origin(err):
            case GraphAuthError():
                refusal = SignInError("session_ended")
            case GraphPermissionError():
                is_application = self.registration.is_app_only
                refusal = SignInError(
                    "application_consent_missing" if is_application else "no_presence"
                )
            case SignInError() as refusal:
                pass
            case _:
                return
        if refusal.kind.resolution is Resolution.RETRY:
            return
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            sign_in_issue_id(self.config_entry.entry_id),
            data={
                "entry_id": self.config_entry.entry_id,
                "reason": refusal.reason,
                "code": refusal.code,
            },
            is_fixable=True,
            severity=ir.IssueSeverity.ERROR,
            translation_key=ISSUE_SIGN_IN_REFUSED,
        )

    def _failure(self, err: Exception) -> HomeAssistantError:
        """Return the error with the sentence for a failure."""
        reason, placeholders = self._explain(err)
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
        )

    # Asking, without keeping the answer. Each raises `HomeAssistantError` where it fails.

    async def async_find_people(self, text: str) -> list[Person]:
        """Return people of the directory by words of their names, by address or by object id."""
        try:
            self._raise_if_throttled()
            if (person := await self._client.async_get_person(text)) is not None:
                return [person]
            return await self._client.async_find_people(text)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._failure(err) from err

    async def async_get_presences(self, names: list[str]) -> dict[str, Presence | None]:
        """Return the presence of anybody by object id or address; None of who can't be found."""
        try:
            self._raise_if_throttled()
            ids = {name: await self._async_id_of(name) for name in names}
            wanted = {person_id for person_id in ids.values() if person_id}
            found = await self._client.async_get_presences(wanted) if wanted else {}
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._failure(err) from err
        return {name: found.get(person_id) for name, person_id in ids.items()}

    async def _async_id_of(self, name: str) -> str:
        """Return the object id that is, or that belongs to, a name; empty where nobody has it."""
        if GUID.fullmatch(name):
            return name.lower()
        person = await self._client.async_get_person(name)
        return person.id if person else ""

    def _raise_if_throttled(self) -> None:
        """Leave Graph alone while it wants to be."""
        if self.throttled_for:
            raise GraphThrottledError(retry_after=0, code=_NOT_ASKED)

    # Writing. What an action waits for raises `HomeAssistantError` where it fails.

    async def async_set_status_message(self, person_id: str, message: StatusMessage) -> None:
        """Set the status message of a person, or clear it with an empty text."""
        async with self.lock(person_id):
            await self.async_send(lambda: self._client.async_set_status_message(person_id, message))
            self._show(person_id, status_message=message if message.text else None)

    async def async_set_work_location(self, person_id: str, location: WorkLocation | None) -> None:
        """Set where the signed-in person works today; None goes back to their schedule."""
        async with self.lock(person_id):
            if location is not None:
                await self.async_send(lambda: self._client.async_set_my_work_location(location))
                self._show(person_id, work_location=location)
                return
            await self.async_send(self._client.async_clear_my_work_location)
            # What the schedule says is for Graph to tell.
            self._written.pop(person_id, None)
            self.async_confirm()

    def lock(self, person_id: str) -> asyncio.Lock:
        """Return what lets one write after the other through for a person.

        Repeating an earlier write can't undo a later one then.
        """
        return self._locks[person_id]

    async def async_send(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send a change to Graph, again where that may help; the person's lock is held."""
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
                self._fast_until = monotonic() + _FAST_FOR
                return
        raise self._failure(error) from error

    async def async_finish(self) -> None:
        """Begin nothing any more, and wait for the writes that are under way."""
        self.sessions.stop()
        for lock in list(self._locks.values()):
            async with lock:
                pass

    @callback
    def async_confirm(self) -> None:
        """Show what was written, and read soon whether Graph shows it too."""
        self.async_update_listeners()
        self._me_due = 0.0
        if self.me is None:
            self._colleagues_due = 0.0
        if not self._confirming:
            self._confirming = True
            self.start(self.async_refresh(), "confirm a write")

    @callback
    def start(self, job: Coroutine[Any, Any, None], what: str) -> None:
        """Do something that nobody waits for, and that ends with the account."""
        self.config_entry.async_create_background_task(self.hass, job, f"{DOMAIN} {what}")

    @callback
    def _show(self, person_id: str, **members: Any) -> None:
        """Show written members of a presence at once, until a read confirms them."""
        earlier = self._written.get(person_id)
        known = earlier.members if earlier else {}
        self._written[person_id] = _Written({**known, **members}, monotonic())
        self.data = self._with_written(self.data)
        self.async_confirm()

    def _with_written(self, data: dict[str, Presence]) -> dict[str, Presence]:
        """Return presences with what was written to them and is not confirmed yet."""
        return data | {
            person_id: replace(data[person_id], **written.members)
            for person_id, written in self._written.items()
            if person_id in data
        }

    def _confirm_written(self, data: dict[str, Presence], started: float) -> None:
        """Compare what was written with what a read that began later shows.

        What Graph never shows is given up after a while.
        """
        for person_id, written in list(self._written.items()):
            if started < written.at:
                continue
            seen = data.get(person_id)
            members = {
                name: value
                for name, value in written.members.items()
                if not _same(getattr(seen, name, None), value)
            }
            if members and started < written.at + _WRITTEN_STANDS_FOR:
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

    # The account

    @callback
    def _async_entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Reload when people were added or removed; a renewed token changes the entry too."""
        if entry is not self.config_entry or self._reloading:
            return
        if set(self.subentry_ids.values()) != entry.subentries.keys():
            self._reloading = True
            self.hass.config_entries.async_schedule_reload(entry.entry_id)


@callback
def forget_issues(hass: HomeAssistant, entry: ConfigEntry, *, but: str = "") -> None:
    """Withdraw the repairs of an account; the next poll offers what still stands."""
    for issue in list(ir.async_get(hass).issues.values()):
        belongs = (issue.data or {}).get("entry_id") == entry.entry_id
        if issue.domain == DOMAIN and belongs and issue.issue_id != but:
            ir.async_delete_issue(hass, DOMAIN, issue.issue_id)


def _origin(err: Exception) -> BaseException:
    """Return what an error came from: Home Assistant's of the sign-in say less than ours behind."""
    behind = err.__cause__ if isinstance(err, OAuth2TokenRequestBaseError) else None
    return behind or err


def _seconds_until(moment: datetime | None) -> float:
    """Return how far away a moment is; for ever where there is none."""
    return (moment - dt_util.utcnow()).total_seconds() if moment else float("inf")


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
