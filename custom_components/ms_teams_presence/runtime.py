"""The parts of a loaded account; the one door for writes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .account import Account
from .coordinator import ColleaguesCoordinator, MyPresenceCoordinator, PresenceCoordinator
from .graph.models import Activity, Availability, StatusMessage, WorkLocation
from .issues import delete_issues
from .sessions import PresenceSessionManager

type PresenceConfigEntry = ConfigEntry[PresenceRuntime]

_NO_MESSAGE: Final = StatusMessage(text="")


class PresenceRuntime:
    """Runtime data of a config entry.

    Writes raise `HomeAssistantError`.
    """

    def __init__(self, hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
        """Initialize."""
        self.account = Account(hass, entry)
        self.coordinators: list[PresenceCoordinator] = []
        """The first one reads the people who may be written."""
        if self.account.me:
            self.coordinators.append(MyPresenceCoordinator(hass, self.account, self.account.me))
        if self.account.subentry_ids or not self.coordinators:
            self.coordinators.append(ColleaguesCoordinator(hass, self.account))
        self.sessions = PresenceSessionManager(self.account, self.primary)
        self.preferences = self.sessions.preferences
        self._entry = entry
        self._options = entry.options
        self._loaded = frozenset(entry.subentries)
        self._reloading = False

    @property
    def primary(self) -> PresenceCoordinator:
        """Return the coordinator of the people who may be written."""
        return self.coordinators[0]

    def coordinator_of(self, person_id: str) -> PresenceCoordinator:
        """Return the coordinator that reads a person."""
        is_colleague = person_id in self.account.subentry_ids
        return self.coordinators[-1] if is_colleague else self.primary

    async def async_setup(self) -> None:
        """Load what is stored and poll once; raises as the primary coordinator's first poll."""
        hass, entry = self.account.hass, self._entry
        entry.async_on_unload(partial(delete_issues, hass, entry))
        entry.async_on_unload(self.sessions.shutdown)
        entry.async_on_unload(
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._async_entry_changed)
        )
        if self.account.writable_ids:
            # Without it, nothing would be polled, and no session held, if all entities are disabled.
            entry.async_on_unload(self.primary.async_add_listener(lambda: None))
        await self.sessions.async_load()
        await self.primary.async_config_entry_first_refresh()
        for coordinator in self.coordinators[1:]:
            await coordinator.async_refresh()

    # Writes

    async def async_set_status_message(self, person_id: str, message: StatusMessage) -> None:
        """Set the status message of a person; an empty text clears it."""
        request = partial(self.account.client.async_set_status_message, person_id, message)
        await self._async_send(person_id, request, status_message=message if message.text else None)

    async def async_clear_status_message(self, person_id: str) -> None:
        """Clear the status message of a person."""
        await self.async_set_status_message(person_id, _NO_MESSAGE)

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None = None
    ) -> None:
        """Set the preferred presence of a person."""
        write = self.sessions.async_set_preferred_presence
        await self._async_write(person_id, partial(write, person_id, availability, duration))

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Clear the preferred presence of a person."""
        write = self.sessions.async_clear_preferred_presence
        await self._async_write(person_id, partial(write, person_id))

    async def async_set_presence(
        self, person_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Set the app's presence session of a person."""
        write = self.sessions.async_set_presence
        await self._async_write(person_id, partial(write, person_id, activity, duration))

    async def async_clear_presence(self, person_id: str) -> None:
        """Clear the app's presence session of a person."""
        await self._async_write(person_id, partial(self.sessions.async_clear_presence, person_id))

    async def async_set_work_location(self, person_id: str, location: WorkLocation) -> None:
        """Set the signed-in person's work location for today."""
        request = partial(self.account.client.async_set_my_work_location, location)
        await self._async_send(person_id, request, work_location=location)

    async def async_clear_work_location(self, person_id: str) -> None:
        """Clear the signed-in person's work location; their schedule applies again."""
        request = self.account.client.async_clear_my_work_location
        await self._async_send(person_id, request, work_location=...)

    async def _async_send(
        self, person_id: str, request: Callable[[], Awaitable[None]], **shown: Any
    ) -> None:
        """Send a request and show what was written."""
        await self._async_write(person_id, partial(self.account.async_send, request), **shown)

    async def _async_write(
        self, person_id: str, write: Callable[[], Awaitable[None]], **shown: Any
    ) -> None:
        """Write, store and show as one step."""

        async def step() -> None:
            await write()
            # The account may have been reloaded or unloaded meanwhile.
            if (runtime := getattr(self._entry, "runtime_data", None)) is not None:
                runtime.primary.async_show_written(person_id, **shown)

        await self.account.async_write(person_id, step)

    @callback
    def _async_entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Reload when people were added or removed; apply options at once."""
        # A renewed token changes the entry, too.
        if entry is not self._entry or self._reloading:
            return
        if entry.options != self._options:
            self._options = entry.options
            self.sessions.async_reconcile_soon()
        if self._loaded != entry.subentries.keys():
            self._reloading = True
            self.account.hass.config_entries.async_schedule_reload(entry.entry_id)
