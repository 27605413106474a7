"""Sets, renews, holds and clears preferred presences and presence sessions."""

# Everything about one person is decided, sent and stored under the person's lock, so that no poll,
# timer or action undoes another.

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import starmap
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_CLIENT_ID, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, OAuth2TokenRequestBaseError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_call_later

from .account import Account
from .auth import InMemoryTokenProvider, MicrosoftOAuth2Implementation
from .const import CONF_HOLD_SESSION, DOMAIN
from .coordinator import PresenceCoordinator
from .entra.registration import AppRegistration
from .graph.client import PresenceClient
from .graph.errors import GraphError, GraphUnavailableError
from .graph.models import Activity, Availability, Presence
from .issues import (
    create_preference_issue,
    create_session_issue,
    delete_preference_issue,
    delete_session_issue,
)
from .preferred_presence import (
    PreferenceStore,
    PreferredPresence,
    PresenceSession,
    async_get_store,
)

_LOGGER = logging.getLogger(__name__)

# Seconds that clearing the sessions of an account may take.
_CLEAR_TIMEOUT: Final = 5.0


class PresenceSessionManager:
    """Preferences and sessions of writable people.

    Methods that set or clear are parts of a write.
    """

    def __init__(self, account: Account, coordinator: PresenceCoordinator) -> None:
        """Initialize."""
        self.preferences = async_get_store(account.hass, account.entry.entry_id)
        self._account = account
        self._coordinator = coordinator
        self._session_id: str = account.entry.data[CONF_CLIENT_ID]
        self._reconciling = False
        self._stopped = False
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._timer_at: datetime | None = None
        coordinator.after_read = self.async_reconcile_soon

    async def async_load(self) -> None:
        """Load what is stored, unless earlier writes still change it."""
        if self._account.writes.is_idle:
            await self.preferences.async_load()

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None
    ) -> None:
        """Set the preferred presence of a person."""
        set_preference = self._account.client.async_set_preferred_presence
        await self._account.async_send(partial(set_preference, person_id, availability, duration))
        now = self.preferences.now()
        preference = PreferredPresence.create(now, availability, duration)
        self.preferences.set_preference(person_id, preference)
        if hold := self.preferences.hold_of(person_id):
            self.preferences.set_session(
                person_id, replace(hold, requested_until=preference.expires_at)
            )
            if availability is Availability.OFFLINE:
                self.preferences.end_session(person_id, now)
        await self._async_save()

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Clear the preferred presence of a person."""
        await self._account.async_send(
            partial(self._account.client.async_clear_preferred_presence, person_id)
        )
        await self._async_drop_preference(person_id)

    async def async_set_presence(
        self, person_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Set the app's presence session of a person; it replaces a hold."""
        now = self.preferences.now()
        session = PresenceSession.create(now, activity, now + duration, is_hold=False)
        try:
            await self._async_set_session(person_id, session)
        finally:
            await self._async_save()

    async def async_clear_presence(self, person_id: str) -> None:
        """Clear the app's presence session of a person."""
        await self._async_clear_session(person_id)
        await self._async_save()

    @property
    def _hold_enabled(self) -> bool:
        return bool(self._account.entry.options.get(CONF_HOLD_SESSION))

    @callback
    def async_reconcile_soon(self) -> None:
        """Reconcile in the background if anything is set."""
        if self.preferences.person_ids:
            self._account.async_create_background_task(
                self._async_reconcile(), "reconcile presence sessions"
            )

    async def _async_reconcile(self) -> None:
        """Expire, renew or hold sessions that are due."""
        if self._reconciling or self._stopped:
            return
        self._reconciling = True
        try:
            # It fails if the account was disabled or removed meanwhile.
            with suppress(HomeAssistantError):
                for person_id in self.preferences.person_ids:
                    await self._account.async_write(
                        person_id, partial(self._async_reconcile_person, person_id)
                    )
        finally:
            self._reconciling = False
        self._async_schedule()

    async def _async_reconcile_person(self, person_id: str) -> None:
        """Do what is due for one person, as one write."""
        store, now = self.preferences, self.preferences.now()
        presence = self._coordinator.data.get(person_id)
        is_writable = person_id in self._account.writable_ids
        preference = store.preference_of(person_id)
        if preference is not None:
            is_overridden = (
                presence is not None
                and self._coordinator.is_up_to_date
                and store.is_overridden(presence, now)
            )
            if is_overridden:
                _LOGGER.info("A preferred presence was changed in Microsoft Teams: automatic again")
            # Not writable: the person was removed, or the access was lowered.
            if is_overridden or not is_writable or preference.expires_at <= now:
                await self._async_drop_preference(person_id)
                self._coordinator.async_refresh_after_write()
        if not is_writable or (not self._hold_enabled and store.hold_of(person_id)):
            store.end_session(person_id, now)
        session = store.session_of(person_id)
        if session is not None and session.due_at <= now:
            await self._async_renew_or_clear(person_id, session, now)
        if presence is None or not is_writable:
            return
        self._update_issues(presence, now)
        if self._hold_enabled and (session := store.session_to_set(presence, now)):
            await self._async_set_or_retry(person_id, session, now)

    def _update_issues(self, presence: Presence, now: datetime) -> None:
        """Create or delete the issues about what does not show."""
        if not self._hold_enabled and self.preferences.lacks_session(presence):
            create_preference_issue(self._account, presence.id)
        else:
            delete_preference_issue(self._account, presence.id)
        is_hidden = self.preferences.is_hidden(presence, now)
        if is_hidden:
            create_session_issue(self._account, presence.id)
        elif is_hidden is False:
            delete_session_issue(self._account, presence.id)

    async def _async_renew_or_clear(
        self, person_id: str, session: PresenceSession, now: datetime
    ) -> None:
        """Renew a session, or clear it at its end."""
        if now < session.requested_until:
            renewed = PresenceSession.create(
                now, session.activity, session.requested_until, is_hold=session.is_hold
            )
            await self._async_set_or_retry(person_id, renewed, now)
            return
        try:
            if session.is_hold or (session.must_be_cleared and now < session.expires_at):
                await self._async_clear_session(person_id)
            else:
                self._drop_session(person_id)
            self._coordinator.async_refresh_after_write()
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be cleared: %s", err.translation_key)
            self.preferences.schedule_retry(person_id, replace(session, is_hold=False), now)
        await self._async_save()

    async def _async_set_or_retry(
        self, person_id: str, session: PresenceSession, now: datetime
    ) -> None:
        """Set a session in the background; on failure schedule a retry."""
        known = self.preferences.session_of(person_id)
        try:
            await self._async_set_session(person_id, session)
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be set: %s", err.translation_key)
            self.preferences.schedule_retry(person_id, known or session, now)
        else:
            if session.is_hold:
                # If it shows, the next read starts anew.
                self.preferences.back_off(person_id, now)
                self._coordinator.async_refresh_after_write()
        await self._async_save()

    async def _async_set_session(self, person_id: str, session: PresenceSession) -> None:
        """Set a session."""
        known = self.preferences.session_of(person_id)
        # Graph may accept it and not answer: until it does, the session is one to be cleared.
        self.preferences.set_session(
            person_id, replace(session, requested_until=session.set_at, is_hold=False)
        )
        may_be_set = False

        async def send() -> None:
            nonlocal may_be_set
            try:
                await self._account.client.async_set_presence(
                    person_id, self._session_id, session.activity, session.duration
                )
            except GraphUnavailableError:
                may_be_set = True
                raise

        try:
            await self._account.async_send(send)
        except HomeAssistantError:
            if not may_be_set:
                self.preferences.set_session(person_id, known)
            elif known is not None and session.set_at < known.requested_until:
                # What lasted goes on, in case Graph accepted the new one.
                self.preferences.schedule_retry(person_id, known, session.set_at)
            raise
        self.preferences.set_session(person_id, session)

    async def _async_clear_session(self, person_id: str) -> None:
        """Clear a session."""
        await self._account.async_send(
            lambda: self._account.client.async_clear_presence(person_id, self._session_id)
        )
        self._drop_session(person_id)

    def _drop_session(self, person_id: str) -> None:
        """Forget a session that is over."""
        self.preferences.drop_session(person_id)
        delete_session_issue(self._account, person_id)

    async def _async_drop_preference(self, person_id: str) -> None:
        """Return to automatic, and end the hold."""
        self.preferences.set_preference(person_id, None)
        delete_preference_issue(self._account, person_id)
        if self.preferences.hold_of(person_id):
            self.preferences.end_session(person_id, self.preferences.now())
        await self._async_save()

    async def _async_save(self) -> None:
        """Save and reschedule."""
        await self.preferences.async_save()
        self._async_schedule()

    @callback
    def _async_schedule(self) -> None:
        """Set the timer to the next preference or session that is due."""
        due_at = self.preferences.next_due()
        if self._cancel_timer is not None and due_at == self._timer_at:
            return
        self._async_cancel()
        if not self._stopped and due_at is not None:
            self._timer_at = due_at
            # By the monotonic clock, which can't be set.
            self._cancel_timer = async_call_later(
                self._account.hass, due_at - self.preferences.now(), self._async_timer_fired
            )

    @callback
    def _async_timer_fired(self, now: datetime) -> None:
        """Reconcile without waiting for a poll."""
        self._cancel_timer = None
        self.async_reconcile_soon()

    @callback
    def _async_cancel(self) -> None:
        """Cancel the timer."""
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None

    @callback
    def shutdown(self) -> None:
        """Cancel the timer and refuse new work."""
        self._stopped = True
        self._async_cancel()


async def async_clear_sessions(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear the presence sessions of an unloaded account."""
    store = async_get_store(hass, entry.entry_id)
    await store.writes.async_cancel()
    if not store.is_loaded:
        await store.async_load()
    for person_id in store.sessions:
        store.end_session(person_id, store.now())
    await _async_clear_due(hass, entry, store)


async def _async_clear_due(hass: HomeAssistant, entry: ConfigEntry, store: PreferenceStore) -> None:
    """Clear presence sessions that are due; retry until they expire."""
    store.cancel_retry()
    registration = AppRegistration.from_data(entry.data)
    token = InMemoryTokenProvider(
        MicrosoftOAuth2Implementation(hass, registration), entry.data[CONF_TOKEN]
    )
    client = PresenceClient(async_get_clientsession(hass), registration.cloud, token)
    now = store.now()

    async def clear(person_id: str, session: PresenceSession) -> None:
        try:
            if now < session.expires_at:
                async with asyncio.timeout(_CLEAR_TIMEOUT):
                    await client.async_clear_presence(person_id, registration.client_id)
        except (GraphError, OAuth2TokenRequestBaseError, TimeoutError) as err:
            _LOGGER.debug("A presence session could not be cleared: %s", err)
            store.schedule_retry(person_id, session, now)
        else:
            store.drop_session(person_id)

    async def clear_again(now: datetime) -> None:
        known = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, str(entry.unique_id))
        # An enabled account does it itself, unless it was added again: that one only knows its own.
        if known is None or known.disabled_by or not async_get_store(hass, known.entry_id).sessions:
            await _async_clear_due(hass, entry, store)

    if due := {key: session for key, session in store.sessions.items() if session.due_at <= now}:
        await asyncio.gather(*starmap(clear, due.items()))
        await store.async_save()
    if store.sessions:
        due_at = min(session.due_at for session in store.sessions.values())
        job = HassJob(clear_again, cancel_on_shutdown=True)
        store.cancel_retry = async_call_later(hass, due_at - now, job)
