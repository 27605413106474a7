"""A config entry at run time: people, Graph client, token, throttling, writes and lookups."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
import logging
from math import ceil
from time import monotonic
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import (
    HomeAssistantError,
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
)
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util

from .auth import ConfigEntryTokenProvider, MicrosoftOAuth2Implementation
from .const import CONF_NAME, CONF_OBJECT_ID, DOMAIN, GUID, SUBENTRY_PERSON
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
from .graph.models import Person, Presence
from .graph.text import plain_text
from .preferred_presence import async_get_store

_LOGGER = logging.getLogger(__name__)

# Seconds to add to Retry-After, which is rounded.
_THROTTLE_MARGIN: Final = 1
# In place of Graph's code, for a request that was not sent because of throttling.
_NOT_SENT: Final = "notSent"
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
        implementation = MicrosoftOAuth2Implementation(hass, self.registration)
        self.client = PresenceClient(
            async_get_clientsession(hass),
            self.registration.cloud,
            ConfigEntryTokenProvider(hass, entry, implementation),
        )
        self.writes = async_get_store(hass, entry.entry_id).writes
        self._throttled_until = 0.0

    @property
    def can_read_others(self) -> bool:
        """Return whether the sign-in includes other people than the signed-in one."""
        return self.registration.include_colleagues or self.registration.is_app_only

    def person_key(self, person_id: str) -> str:
        """Return the identifier of a person's device, which begins their entities' unique ids."""
        return f"{self.entry.unique_id}_{person_id}"

    # Throttling and errors

    @property
    def retry_after(self) -> int:
        """Return the remaining Retry-After in seconds, 0 if requests may be sent."""
        return max(0, ceil(self._throttled_until - monotonic()))

    @property
    def throttled_until(self) -> datetime | None:
        """Return when requests may be sent again, or None if they may now."""
        seconds = self.retry_after
        return dt_util.utcnow() + timedelta(seconds=seconds) if seconds else None

    def raise_if_throttled(self) -> None:
        """Raise `GraphThrottledError` while Retry-After lasts."""
        if self.retry_after:
            raise GraphThrottledError(retry_after=0, code=_NOT_SENT)

    def translate_error(self, err: Exception) -> tuple[str, dict[str, str]]:
        """Return translation key and placeholders; apply Retry-After."""
        if retry_after := getattr(root_cause(err), "retry_after", None):
            until = monotonic() + retry_after + _THROTTLE_MARGIN
            self._throttled_until = max(self._throttled_until, until)
        reason = REASONS.get(type(err), "sign_in_unavailable")
        return reason, {"seconds": str(self.retry_after), "detail": str(err)}

    def _to_home_assistant_error(self, err: Exception) -> HomeAssistantError:
        reason, placeholders = self.translate_error(err)
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=reason,
            translation_placeholders=placeholders,
        )

    # Lookups

    async def async_find_people(self, text: str) -> list[Person]:
        """Return people of the directory by words of their names, address or object id."""
        try:
            self.raise_if_throttled()
            if (person := await self.client.async_get_person(text)) is not None:
                return [person]
            return await self.client.async_find_people(text)
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._to_home_assistant_error(err) from err

    async def async_get_presences(self, names: list[str]) -> dict[str, Presence | None]:
        """Return presences by object id or address; None for a person who can't be found."""
        try:
            self.raise_if_throttled()
            ids = {name: await self._async_object_id(name) for name in names}
            wanted = {person_id for person_id in ids.values() if person_id}
            found = await self.client.async_get_presences(wanted) if wanted else {}
        except (GraphError, OAuth2TokenRequestBaseError) as err:
            raise self._to_home_assistant_error(err) from err
        return {name: found.get(person_id) for name, person_id in ids.items()}

    async def _async_object_id(self, name: str) -> str:
        """Return the object id of a person by object id or address; empty if there is none."""
        if GUID.fullmatch(name):
            return name.lower()
        person = await self.client.async_get_person(name)
        return person.id if person else ""

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
            wait = max(delay, self.retry_after)
            if wait > _MAX_WAIT:
                break
            await asyncio.sleep(wait)
            is_first = self.writes.mark_sent()
            try:
                await send()
            except (GraphError, OAuth2TokenRequestBaseError) as err:
                error = err
                reason, _ = self.translate_error(err)
                _LOGGER.debug("Write failed: %s: %s", reason, err)
                if reason not in _RETRYABLE:
                    break
                if is_first and isinstance(err, GraphThrottledError):
                    self.writes.mark_unsent()
            else:
                return
        raise self._to_home_assistant_error(error) from error

    @callback
    def async_create_background_task(self, job: Coroutine[Any, Any, None], name: str) -> None:
        """Create a background task tied to the config entry."""
        self.entry.async_create_background_task(self.hass, job, f"{DOMAIN} {name}")


def is_not_sent(err: Exception) -> bool:
    """Return whether a request was not sent because of throttling."""
    return isinstance(err, GraphThrottledError) and err.code == _NOT_SENT


def root_cause(err: Exception) -> BaseException:
    """Return the SignInError behind an OAuth2 error, or the error itself."""
    cause = err.__cause__ if isinstance(err, OAuth2TokenRequestBaseError) else None
    return cause or err
