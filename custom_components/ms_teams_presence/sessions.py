"""Sets, renews, holds and clears preferred presences and presence sessions."""

# Everything about one person is decided, sent and stored under the person's lock, so that no poll,
# timer or action undoes another.

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_CLIENT_ID, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, OAuth2TokenRequestBaseError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .account import Account
from .auth import InMemoryTokenProvider, MicrosoftOAuth2Implementation
from .const import CONF_HOLD_SESSION
from .coordinator import PresenceCoordinator
from .entra.registration import AppRegistration
from .graph.client import PresenceClient
from .graph.errors import GraphError
from .graph.models import Activity, Availability
from .issues import create_preference_issue, delete_preference_issue
from .preferred_presence import PreferenceStore, PreferredPresence, PresenceSession

_LOGGER = logging.getLogger(__name__)

# Seconds that clearing the sessions of an account may take.
_CLEAR_TIMEOUT: Final = 5.0


class PresenceSessionManager:
    """Preferences and sessions of the people that an account may write.

    Methods that an action awaits raise `HomeAssistantError`.
    """

    def __init__(self, account: Account, coordinator: PresenceCoordinator) -> None:
        """Initialize."""
        self.preferences = PreferenceStore(account.hass, account.entry.entry_id)
        self._account = account
        self._coordinator = coordinator
        self._session_id: str = account.entry.data[CONF_CLIENT_ID]
        self._hold_enabled: bool = account.entry.options.get(CONF_HOLD_SESSION, False)
        self._reconciling = False
        self._stopped = False
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._timer_at: datetime | None = None
        coordinator.after_read = self._async_reconcile_soon

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None
    ) -> None:
        """Set the preferred presence of a person."""
        async with self._account.lock(person_id):
            await self._account.async_send(
                lambda: self._account.client.async_set_preferred_presence(
                    person_id, availability, duration
                )
            )
            preference = PreferredPresence.create(dt_util.utcnow(), availability, duration)
            self.preferences.set_preference(person_id, preference)
            if hold := self.preferences.hold_of(person_id):
                self.preferences.set_session(
                    person_id, replace(hold, requested_until=preference.expires_at)
                )
                if availability is Availability.OFFLINE:
                    await self._async_clear_session(person_id)
            await self._async_save_and_refresh()

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Clear the preferred presence of a person."""
        async with self._account.lock(person_id):
            await self._account.async_send(
                lambda: self._account.client.async_clear_preferred_presence(person_id)
            )
            await self._async_drop_preference(person_id)

    async def async_set_presence(
        self, person_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Set the app's presence session of a person; it replaces a hold."""
        async with self._account.lock(person_id):
            now = dt_util.utcnow()
            session = PresenceSession.create(now, activity, now + duration, is_hold=False)
            await self._async_set_session(person_id, session)
            await self._async_save_and_refresh()

    async def async_clear_presence(self, person_id: str) -> None:
        """Clear the app's presence session of a person."""
        async with self._account.lock(person_id):
            await self._account.async_send(
                lambda: self._account.client.async_clear_presence(person_id, self._session_id)
            )
            self.preferences.drop_session(person_id)
            await self._async_save_and_refresh()

    @callback
    def _async_reconcile_soon(self) -> None:
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
            for person_id in self.preferences.person_ids:
                async with self._account.lock(person_id):
                    await self._async_reconcile_person(person_id, dt_util.utcnow())
        finally:
            self._reconciling = False
        self._async_schedule()

    async def _async_reconcile_person(self, person_id: str, now: datetime) -> None:
        """Do what is due for one person, whose lock is held."""
        store = self.preferences
        presence = self._coordinator.data.get(person_id)
        preference = store.preference_of(person_id)
        if person_id not in self._account.writable_ids:
            # Removed, or the access was lowered.
            if store.session_of(person_id):
                await self._async_clear_session(person_id)
            await self._async_drop_preference(person_id)
            return
        if preference is not None and preference.expires_at <= now:
            await self._async_drop_preference(person_id)
        elif (
            presence is not None
            and self._coordinator.is_up_to_date
            and store.is_overridden(presence, now)
        ):
            _LOGGER.info("A preferred presence was changed in Microsoft Teams: automatic again")
            await self._async_drop_preference(person_id)
        if not self._hold_enabled and store.hold_of(person_id):
            await self._async_clear_session(person_id)
            await self._async_save_and_refresh()
        session = store.session_of(person_id)
        if session is not None and session.due_at <= now:
            await self._async_renew_or_clear(person_id, session, now)
        if presence is None:
            return
        if not self._hold_enabled and store.lacks_session(presence):
            create_preference_issue(self._account, person_id)
        else:
            delete_preference_issue(self._account, person_id)
        if self._hold_enabled and (session := store.session_to_set(presence, now)):
            await self._async_set_or_retry(person_id, session, now)

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
        if session.must_be_cleared:
            await self._async_clear_session(person_id)
        self.preferences.drop_session(person_id)
        await self._async_save_and_refresh()

    async def _async_set_or_retry(
        self, person_id: str, session: PresenceSession, now: datetime
    ) -> None:
        """Set a session in the background; on failure schedule a retry."""
        try:
            await self._async_set_session(person_id, session)
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be set: %s", err.translation_key)
            self.preferences.schedule_retry(person_id, session, now)
            return
        await self._async_save_and_refresh()

    async def _async_set_session(self, person_id: str, session: PresenceSession) -> None:
        """Set a session."""
        await self._account.async_send(
            lambda: self._account.client.async_set_presence(
                person_id, self._session_id, session.activity, session.duration
            )
        )
        self.preferences.set_session(person_id, session)

    async def _async_clear_session(self, person_id: str) -> None:
        """Clear a session; on failure Graph lets it expire."""
        try:
            await self._account.async_send(
                lambda: self._account.client.async_clear_presence(person_id, self._session_id)
            )
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be cleared: %s", err.translation_key)
        self.preferences.drop_session(person_id)

    async def _async_drop_preference(self, person_id: str) -> None:
        """Return to automatic, and clear the hold of the preference."""
        self.preferences.set_preference(person_id, None)
        delete_preference_issue(self._account, person_id)
        if self.preferences.hold_of(person_id):
            await self._async_clear_session(person_id)
        await self._async_save_and_refresh()

    async def _async_save_and_refresh(self) -> None:
        """Save, reschedule and refresh."""
        await self.preferences.async_save()
        self._async_schedule()
        self._coordinator.async_refresh_after_write()

    @callback
    def _async_schedule(self) -> None:
        """Set the timer to the next preference or session that is due."""
        due_at = self.preferences.next_due()
        if self._cancel_timer is not None and due_at == self._timer_at:
            return
        self._async_cancel()
        if not self._stopped and due_at is not None:
            self._timer_at = due_at
            self._cancel_timer = async_track_point_in_utc_time(
                self._account.hass, self._async_timer_fired, due_at
            )

    @callback
    def _async_timer_fired(self, now: datetime) -> None:
        """Reconcile without waiting for a poll."""
        self._cancel_timer = None
        self._async_reconcile_soon()

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
    store = PreferenceStore(hass, entry.entry_id)
    await store.async_load()
    registration = AppRegistration.from_data(entry.data)
    token = InMemoryTokenProvider(
        MicrosoftOAuth2Implementation(hass, registration), entry.data[CONF_TOKEN]
    )
    client = PresenceClient(async_get_clientsession(hass), registration.cloud, token)

    async def clear(person_id: str) -> None:
        try:
            async with asyncio.timeout(_CLEAR_TIMEOUT):
                await client.async_clear_presence(person_id, registration.client_id)
        except (GraphError, OAuth2TokenRequestBaseError, TimeoutError) as err:
            _LOGGER.debug("A presence session is left to expire: %s", err)
        store.drop_session(person_id)

    await asyncio.gather(*map(clear, store.session_person_ids))
    await store.async_save()
