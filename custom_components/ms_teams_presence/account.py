"""A config entry at run time: people, Graph client, token, throttling, writes and lookups."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
import logging
from math import inf
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import (
    HomeAssistantError,
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
)
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .auth import ConfigEntryTokenProvider, MicrosoftOAuth2Implementation
from .const import CONF_NAME, CONF_OBJECT_ID, DOMAIN, SUBENTRY_PERSON
from .entra.errors import Resolution, SignInError
from .entra.registration import ACCESS_READ_WRITE, AppRegistration
from .entra.token_state import TokenState
from .graph.client import PresenceClient
from .graph.errors import (
    GraphAuthError,
    GraphError,
    GraphPermissionError,
    GraphRejectedError,
    GraphThrottledError,
    GraphUnavailableError,
)
from .graph.models import Person, Presence
from .graph.poll_state import PollState
from .graph.text import GUID, plain_text
from .graph.throttling import Endpoint, Throttle
from .preferred_presence import async_get_store

_LOGGER = logging.getLogger(__name__)

# Seconds before a write without a response is sent again, and the longest wait of a caller. Writes
# are idempotent.
_RETRY_DELAYS: Final = (1.0, 3.0)
_MAX_WAIT: Final = 10.0

# Translation keys of errors.
REASONS: Final[dict[type[Exception], str]] = {
    GraphAuthError: "token_refused",
    GraphPermissionError: "not_permitted",
    GraphRejectedError: "refused",
    GraphThrottledError: "throttled",
    GraphUnavailableError: "graph_unavailable",
    OAuth2TokenRequestReauthError: "sign_in_needed",
}
_RETRYABLE: Final = frozenset({"graph_unavailable", "sign_in_unavailable", "throttled"})


@dataclass
class AccountState:
    """What an account keeps over a reload."""

    throttle: Throttle = field(default_factory=Throttle)
    token: TokenState = field(default_factory=TokenState)
    polls: dict[Endpoint, PollState] = field(default_factory=dict)
    sign_in_error: SignInError | None = None
    """The one that a person has to resolve."""


STATES: Final[HassKey[dict[str, AccountState]]] = HassKey(f"{DOMAIN}.states")
"""By config entry."""


def state_of(hass: HomeAssistant, entry: ConfigEntry) -> AccountState:
    """Return what was kept of an account."""
    states = hass.data.setdefault(STATES, {})
    if (state := states.get(entry.entry_id)) is None:
        state = states[entry.entry_id] = AccountState()

        @callback
        def forget_refusal() -> None:
            # A reload passes through this state, Home Assistant's own retry of a set-up does not.
            if entry.state is ConfigEntryState.NOT_LOADED:
                state.token.refused_until = -inf

        entry.async_on_state_change(forget_refusal)
    return state


class Account:
    """The account of one config entry.

    Lookups and writes raise `HomeAssistantError`; the client raises Graph's and OAuth2's errors.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Initialize."""
        self.hass = hass
        self.entry = entry
        self.registration = AppRegistration.from_data(entry.data)
        self.me: Person | None = None
        """The signed-in person; None for app-only access."""
        if not self.registration.is_app_only:
            self.me = Person(id=entry.data[CONF_OBJECT_ID], name=plain_text(entry.data[CONF_NAME]))
        colleagues = {
            person_id: subentry
            for subentry in entry.subentries.values()
            if subentry.subentry_type == SUBENTRY_PERSON
            # One that can't be read stays until it is removed.
            and isinstance(person_id := subentry.data.get(CONF_OBJECT_ID), str)
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
        self.state = state_of(hass, entry)
        self.throttle = self.state.throttle
        self._provider = ConfigEntryTokenProvider(
            hass,
            entry,
            MicrosoftOAuth2Implementation(hass, self.registration),
            self.state.token,
            self.throttle,
            start_reauth=self.start_reauth,
        )
        self.client = PresenceClient(
            async_get_clientsession(hass), self.registration.cloud, self._provider
        )
        self.writes = async_get_store(hass, entry.entry_id).writes

    @property
    def can_read_others(self) -> bool:
        """Return whether the sign-in includes other people than the signed-in one."""
        return self.registration.include_colleagues or self.registration.is_app_only

    def person_key(self, person_id: str) -> str:
        """Return the identifier of a person's device, which begins their entities' unique ids."""
        return f"{self.entry.unique_id}_{person_id}"

    # Throttling and errors

    def retry_after(self, endpoint: Endpoint) -> int:
        """Return the seconds until an endpoint may be requested, 0 if it may be now."""
        needed = (endpoint, Endpoint.TOKEN) if self._provider.is_expired else (endpoint,)
        return self.throttle.seconds(*needed)

    def throttled_until(self, *endpoints: Endpoint) -> datetime | None:
        """Return when endpoints may be requested again, or None if they may be now."""
        seconds = self.throttle.seconds(*(endpoints or Endpoint))
        return dt_util.utcnow() + timedelta(seconds=seconds) if seconds else None

    def translate_error(self, err: Exception, endpoint: Endpoint) -> tuple[str, dict[str, str]]:
        """Return translation key and placeholders."""
        reason = REASONS.get(type(err), "sign_in_unavailable")
        return reason, {"seconds": str(self.retry_after(endpoint)), "detail": str(err)}

    def _to_home_assistant_error(self, err: Exception, endpoint: Endpoint) -> HomeAssistantError:
        reason, placeholders = self.translate_error(err, endpoint)
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
        )

    @property
    def is_reconfigured(self) -> bool:
        """Return whether a reconfigure flow is in progress."""
        # Beside it, Home Assistant starts no reauth flow: a later poll has to.
        return any(self.entry.async_get_active_flows(self.hass, {SOURCE_RECONFIGURE}))

    @callback
    def start_reauth(self, err: Exception) -> None:
        """Start a reauth flow for an error that does not pass by itself."""
        match root_cause(err):
            case GraphAuthError():
                # Graph rejects a new token, too: only a new sign-in is left to try.
                error = SignInError("session_ended")
            case GraphPermissionError():
                is_app_only = self.registration.is_app_only
                error = SignInError("application_consent_missing" if is_app_only else "no_presence")
            case SignInError() as error:
                pass
            case _:
                return
        if error.kind.resolution is not Resolution.RETRY:
            self.state.sign_in_error = error
            self.entry.async_start_reauth(self.hass)

    @callback
    def end_reauth(self) -> None:
        """Abort a reauth flow that has become unnecessary."""
        self.state.sign_in_error = None
        for flow in list(self.entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):
            # One that a person has begun to fill in stays.
            if flow["step_id"] == "reauth_confirm":
                self.hass.config_entries.flow.async_abort(flow["flow_id"])

    # Lookups

    async def async_find_people(self, text: str) -> list[Person]:
        """Return people of the directory by words of their names, address or object id."""
        if (person := await self._async_look_up(text)) is not None:
            return [person]
        request = partial(self.client.async_find_people, text)
        return await self._async_get(Endpoint.DIRECTORY, request)

    async def async_get_presences(self, names: list[str]) -> dict[str, Presence | None]:
        """Return presences by object id or address; None for a person who can't be found."""
        ids = {name: await self._async_object_id(name) for name in names}
        wanted = {person_id for person_id in ids.values() if person_id}
        found: dict[str, Presence] = {}
        if wanted:
            request = partial(self.client.async_get_presences, wanted)
            found = await self._async_get(Endpoint.COLLEAGUES, request)
        return {name: found.get(person_id) for name, person_id in ids.items()}

    async def _async_object_id(self, name: str) -> str:
        """Return the object id of a person by object id or address; empty if there is none."""
        if GUID.fullmatch(name):
            return name.lower()
        person = await self._async_look_up(name)
        return person.id if person else ""

    async def _async_look_up(self, name: str) -> Person | None:
        """Return a person of the directory by object id or address."""
        request = partial(self.client.async_get_person, name)
        return await self._async_get(Endpoint.DIRECTORY, request)

    async def _async_get[T](self, endpoint: Endpoint, request: Callable[[], Awaitable[T]]) -> T:
        """Send a request and translate its errors."""
        try:
            return await self.throttle.async_request(endpoint, request)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._to_home_assistant_error(err, endpoint) from err

    # Writes

    async def async_write(self, person_id: str, write: Callable[[], Awaitable[None]]) -> None:
        """Run a write as one step, after earlier ones."""
        try:
            await self.writes.async_run(person_id, write)
        except TimeoutError:
            person = self.people.get(person_id)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="account_not_loaded",
                translation_placeholders={"person": person.name if person else ""},
            ) from None

    async def async_send(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send a request with retries, as part of a write."""
        error: Exception = GraphThrottledError(retry_after=0)
        for delay in (0.0, *_RETRY_DELAYS):
            wait = max(delay, self.retry_after(Endpoint.WRITES))
            if wait > _MAX_WAIT:
                break
            await asyncio.sleep(wait)
            is_first = self.writes.mark_sent()
            try:
                await self.throttle.async_request(Endpoint.WRITES, send)
            except (GraphError, OAuth2TokenRequestBaseError) as err:
                error = err
                reason, _ = self.translate_error(err, Endpoint.WRITES)
                _LOGGER.debug("Write failed: %s: %s", reason, err)
                if reason not in _RETRYABLE:
                    break
                if is_first and isinstance(err, GraphThrottledError):
                    self.writes.mark_unsent()
            else:
                return
        raise self._to_home_assistant_error(error, Endpoint.WRITES) from error

    @callback
    def async_create_background_task(self, job: Coroutine[Any, Any, Any], name: str) -> None:
        """Create a background task tied to the config entry."""
        self.entry.async_create_background_task(self.hass, job, f"{DOMAIN} {name}")


def root_cause(err: Exception) -> BaseException:
    """Return the SignInError behind an OAuth2 error, or the error itself."""
    cause = err.__cause__ if isinstance(err, OAuth2TokenRequestBaseError) else None
    return cause or err
