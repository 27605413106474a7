"""The Microsoft Teams Presence integration."""

from typing import Final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.typing import ConfigType

from .account import STATES
from .const import DOMAIN
from .issues import delete_issues
from .preferred_presence import async_get_store
from .registration_form import unreadable
from .runtime import PresenceConfigEntry, PresenceRuntime
from .services import async_setup_services
from .sessions import async_clear_sessions

CONFIG_SCHEMA: Final = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS: Final = [Platform.BINARY_SENSOR, Platform.SELECT, Platform.SENSOR, Platform.TEXT]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, so that an automation gets an error if an account is not loaded."""
    async_setup_services(hass)

    @callback
    def entry_changed(change: ConfigEntryChange, entry: ConfigEntry) -> None:
        # Home Assistant doesn't unload an account whose set-up failed.
        is_disabled = change is ConfigEntryChange.UPDATED and entry.disabled_by is not None
        if entry.domain == DOMAIN and is_disabled and entry.state is ConfigEntryState.NOT_LOADED:
            hass.async_create_task(_async_clear(hass, entry), f"{DOMAIN} clear presence sessions")

    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, entry_changed)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Set up an account from a config entry."""
    if unreadable(entry.data):
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key="entry_unreadable")
    _update_unique_ids(hass, entry)
    runtime = PresenceRuntime(hass, entry)
    await runtime.async_setup()
    entry.runtime_data = runtime
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Drop the poll interval of version 0.1.0, which can still read what is left."""
    options = {key: entry.options[key] for key in entry.options if key != "poll_interval"}
    hass.config_entries.async_update_entry(
        entry, options=options, minor_version=max(entry.minor_version, 2)
    )
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Unload a config entry; clear presence sessions if it was disabled."""
    # Entities stay until writes are done. One that takes longer continues after the reload.
    await entry.runtime_data.account.writes.async_wait()
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded and entry.disabled_by is not None:
        entry.runtime_data.sessions.shutdown()
        await _async_clear(hass, entry)
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """Clear presence sessions, issues and stored data of a removed entry."""
    # Home Assistant aborts only those of its own.
    for flow in list(entry.async_get_active_flows(hass, {SOURCE_RECONFIGURE})):
        hass.config_entries.flow.async_abort(flow["flow_id"])
    await _async_clear(hass, entry)
    await async_get_store(hass, entry.entry_id).async_remove()
    hass.data.get(STATES, {}).pop(entry.entry_id, None)


async def _async_clear(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear presence sessions and issues of a disabled or removed entry."""
    delete_issues(hass, entry)
    if not unreadable(entry.data):
        await async_clear_sessions(hass, entry)


@callback
def _update_unique_ids(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """Follow an organization's app that was registered anew."""

    def follow(unique_id: str) -> str:
        # They begin with the entry's unique id, which ends with the client id.
        return f"{entry.unique_id}_{unique_id.partition('_')[2]}"

    devices, entities = dr.async_get(hass), er.async_get(hass)
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        identifiers = {(domain, follow(own)) for domain, own in device.identifiers}
        if identifiers != device.identifiers:
            devices.async_update_device(device.id, new_identifiers=identifiers)
    for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
        if (unique_id := follow(entity.unique_id)) != entity.unique_id:
            entities.async_update_entity(entity.entity_id, new_unique_id=unique_id)
