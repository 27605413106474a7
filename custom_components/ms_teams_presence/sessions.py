"""Set means set: preferences and presence sessions are set, kept up, and ended in time.

Everything about one person is decided, told to Graph and remembered under the person's lock, so that
no poll, timer or action undoes another.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.const import CONF_CLIENT_ID, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, OAuth2TokenRequestBaseError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .auth import InMemoryTokenProvider, MicrosoftOAuth2Implementation
from .const import CONF_HOLD_SESSION, DOMAIN, ISSUE_PREFERENCE_NOT_SHOWN
from .entra.registration import AppRegistration
from .graph.client import PresenceClient
from .graph.errors import GraphError
from .graph.models import Activity, Availability, Presence
from .keeper import Keeper, Preference, Session

if TYPE_CHECKING:
    from .coordinator import PresenceConfigEntry, PresenceCoordinator

_LOGGER = logging.getLogger(__name__)

# Seconds that ending the sessions of an account may take.
_GOODBYE_TIMEOUT: Final = 5.0


class PresenceSessions:
    """Preferences and sessions of the people of one account.

    Methods that an action waits for raise `HomeAssistantError` with a sentence where they fail.
    """

    def __init__(self, coordinator: PresenceCoordinator, client: PresenceClient) -> None:
        """Work for a coordinator, which carries what is sent and says what is seen."""
        entry = coordinator.config_entry
        self.keeper = Keeper(coordinator.hass, entry.entry_id)
        self._coordinator = coordinator
        self._client = client
        self._session_id: str = entry.data[CONF_CLIENT_ID]
        self._holds: bool = entry.options.get(CONF_HOLD_SESSION, False)
        self._looking = False
        self._stopped = False
        self._cancel_due: CALLBACK_TYPE | None = None
        self._due_at: datetime | None = None

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None
    ) -> None:
        """Set what a person is shown as while they have a presence session."""
        async with self._coordinator.lock(person_id):
            await self._coordinator.async_send(
                lambda: self._client.async_set_preferred_presence(person_id, availability, duration)
            )
            preference = Preference.starting(dt_util.utcnow(), availability, duration)
            self.keeper.prefer(person_id, preference)
            if held := self.keeper.held_session(person_id):
                self.keeper.sessions[person_id] = replace(held, ends_at=preference.expires_at)
                if availability is Availability.OFFLINE:
                    await self._async_let_go(person_id)
            await self._async_remember()

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Let Teams decide again how a person is shown."""
        async with self._coordinator.lock(person_id):
            await self._coordinator.async_send(
                lambda: self._client.async_clear_preferred_presence(person_id)
            )
            await self._async_forget_preference(person_id)

    async def async_set_presence(
        self, person_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Make the app's own presence session of a person, in place of a held one."""
        async with self._coordinator.lock(person_id):
            now = dt_util.utcnow()
            await self._async_post(
                person_id, Session.starting(now, activity, now + duration, held=False)
            )
            await self._async_remember()

    async def async_clear_presence(self, person_id: str) -> None:
        """End the app's own presence session of a person."""
        async with self._coordinator.lock(person_id):
            await self._coordinator.async_send(
                lambda: self._client.async_clear_presence(person_id, self._session_id)
            )
            self.keeper.sessions.pop(person_id, None)
            await self._async_remember()

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is set, so that there is nothing to look after."""
        return not (self.keeper.preferences or self.keeper.sessions)

    async def async_look_after(self) -> None:
        """End, renew, hold or give up whatever is due, now that presences are known."""
        if self._looking or self._stopped:
            return
        self._looking = True
        try:
            for person_id in {*self.keeper.preferences, *self.keeper.sessions}:
                async with self._coordinator.lock(person_id):
                    await self._async_look_after(person_id, dt_util.utcnow())
        finally:
            self._looking = False
        self._async_wait_for_due()

    async def _async_look_after(self, person_id: str, now: datetime) -> None:
        """Do what is due about one person, whose lock is held."""
        keeper = self.keeper
        presence = self._coordinator.data.get(person_id)
        preference = keeper.preferences.get(person_id)
        if person_id not in self._coordinator.writable_ids:
            # Removed, or not to be written any more.
            if person_id in keeper.sessions:
                await self._async_let_go(person_id)
            await self._async_forget_preference(person_id)
            return
        if preference is not None and preference.expires_at <= now:
            await self._async_forget_preference(person_id)
        elif (
            presence is not None
            and self._coordinator.is_up_to_date
            and keeper.changed_in_teams(presence, now)
        ):
            _LOGGER.info("A preferred presence was changed in Microsoft Teams: automatic again")
            await self._async_forget_preference(person_id)
        if not self._holds and keeper.held_session(person_id):
            await self._async_let_go(person_id)
            await self._async_remember()
        session = keeper.sessions.get(person_id)
        if session is not None and session.due_at <= now:
            await self._async_renew_or_end(person_id, session, now)
        if presence is not None:
            self._offer_to_hold(presence)
            if self._holds and (wanted := keeper.hold(presence, now)):
                await self._async_try(person_id, wanted, now)

    def _offer_to_hold(self, presence: Presence) -> None:
        """Explain a preference that does not show, with the option that makes it."""
        if self._holds or not self.keeper.lacks_session(presence):
            self._withdraw_offer(presence.id)
            return
        ir.async_create_issue(
            self._coordinator.hass,
            DOMAIN,
            self._coordinator.issue_id(ISSUE_PREFERENCE_NOT_SHOWN, presence.id),
            data={"entry_id": self._coordinator.config_entry.entry_id},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_PREFERENCE_NOT_SHOWN,
        )

    def _withdraw_offer(self, person_id: str) -> None:
        """Delete what explained a preference that did not show."""
        issue_id = self._coordinator.issue_id(ISSUE_PREFERENCE_NOT_SHOWN, person_id)
        ir.async_delete_issue(self._coordinator.hass, DOMAIN, issue_id)

    async def _async_renew_or_end(self, person_id: str, session: Session, now: datetime) -> None:
        """Tell Graph again of a session that goes on, and end one that is over."""
        if now < session.ends_at:
            renewed = Session.starting(now, session.activity, session.ends_at, held=session.held)
            await self._async_try(person_id, renewed, now)
            return
        if session.outlives_its_end:
            await self._async_let_go(person_id)
        self.keeper.sessions.pop(person_id, None)
        await self._async_remember()

    async def _async_try(self, person_id: str, session: Session, now: datetime) -> None:
        """Make or renew a session that nobody waits for; a failure is tried again later."""
        try:
            await self._async_post(person_id, session)
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be kept: %s", err.translation_key)
            self.keeper.postpone(person_id, session, now)
            return
        await self._async_remember()

    async def _async_post(self, person_id: str, session: Session) -> None:
        """Tell Graph of a session, and remember it."""
        await self._coordinator.async_send(
            lambda: self._client.async_set_presence(
                person_id, self._session_id, session.activity, session.lasts
            )
        )
        self.keeper.sessions[person_id] = session

    async def _async_let_go(self, person_id: str) -> None:
        """End a session that nobody waits for; Graph forgets it by itself where that fails."""
        try:
            await self._coordinator.async_send(
                lambda: self._client.async_clear_presence(person_id, self._session_id)
            )
        except HomeAssistantError as err:
            _LOGGER.debug("A presence session could not be ended: %s", err.translation_key)
        self.keeper.sessions.pop(person_id, None)

    async def _async_forget_preference(self, person_id: str) -> None:
        """Go back to automatic, and end the session that made the preference show."""
        self.keeper.prefer(person_id, None)
        self._withdraw_offer(person_id)
        if self.keeper.held_session(person_id):
            await self._async_let_go(person_id)
        await self._async_remember()

    async def _async_remember(self) -> None:
        """Write down what is set, be there when it next needs something, and see what it does."""
        await self.keeper.async_save()
        self._async_wait_for_due()
        self._coordinator.async_confirm()

    @callback
    def _async_wait_for_due(self) -> None:
        """Set the one timer to the next moment at which something ends or has to be renewed."""
        due = self.keeper.next_due()
        if self._cancel_due is not None and due == self._due_at:
            return
        self._async_cancel()
        if not self._stopped and due is not None:
            self._due_at = due
            self._cancel_due = async_track_point_in_utc_time(
                self._coordinator.hass, self._async_on_due, due
            )

    @callback
    def _async_on_due(self, now: datetime) -> None:
        """Do what is due without waiting for a poll."""
        self._cancel_due = None
        self._coordinator.start(self.async_look_after(), "look after what was set")

    @callback
    def _async_cancel(self) -> None:
        """Cancel the timer."""
        if self._cancel_due is not None:
            self._cancel_due()
            self._cancel_due = None

    @callback
    def stop(self) -> None:
        """Begin nothing any more."""
        self._stopped = True
        self._async_cancel()


async def async_end_sessions(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """End the presence sessions of an account that goes away, where that is quick.

    The entry is unloaded and perhaps removed, so nothing is kept in it any more.
    """
    keeper = Keeper(hass, entry.entry_id)
    await keeper.async_load()
    registration = AppRegistration.from_data(entry.data)
    token = InMemoryTokenProvider(
        MicrosoftOAuth2Implementation(hass, registration), entry.data[CONF_TOKEN]
    )
    client = PresenceClient(async_get_clientsession(hass), registration.cloud, token)

    async def end(person_id: str) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_TIMEOUT):
                await client.async_clear_presence(person_id, registration.client_id)
        except (GraphError, OAuth2TokenRequestBaseError, TimeoutError) as err:
            _LOGGER.debug("A presence session is left to end by itself: %s", err)

    await asyncio.gather(*(end(person_id) for person_id in keeper.sessions))
    keeper.sessions.clear()
    await keeper.async_save()
