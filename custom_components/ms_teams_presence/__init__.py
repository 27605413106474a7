"""The Microsoft Teams Presence integration."""

from typing import Final

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .issues import delete_issues
from .preferred_presence import PreferenceStore
from .runtime import PresenceConfigEntry, PresenceRuntime
from .services import async_setup_services
from .sessions import async_clear_sessions

CONFIG_SCHEMA: Final = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS: Final = [Platform.BINARY_SENSOR, Platform.SELECT, Platform.SENSOR, Platform.TEXT]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, so that an automation gets an error if an account is not loaded."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Set up an account from a config entry."""
    runtime = PresenceRuntime(hass, entry)
    await runtime.async_setup()
    entry.runtime_data = runtime
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Unload a config entry; clear presence sessions if it was disabled."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    await entry.runtime_data.async_shutdown()
    if entry.disabled_by is not None:
        delete_issues(hass, entry)
        await async_clear_sessions(hass, entry)
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """Clear presence sessions, issues and stored data of a removed entry."""
    delete_issues(hass, entry)
    await async_clear_sessions(hass, entry)
    await PreferenceStore(hass, entry.entry_id).async_remove()
