"""Microsoft Teams Presence: Home Assistant knows how you are, and can answer back."""

from typing import Final

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .coordinator import PresenceConfigEntry, PresenceCoordinator, forget_issues
from .keeper import Keeper
from .services import async_setup_services
from .sessions import async_end_sessions

CONFIG_SCHEMA: Final = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS: Final = [Platform.BINARY_SENSOR, Platform.SELECT, Platform.SENSOR, Platform.TEXT]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, so that an automation is told what is wrong with an account."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Read an account for the first time and make its entities."""
    coordinator = PresenceCoordinator(hass, entry)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> bool:
    """Take an account's entities away; what was set stays, unless the account is disabled."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    await entry.runtime_data.async_finish()
    if entry.disabled_by is not None:
        forget_issues(hass, entry)
        await async_end_sessions(hass, entry)
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """Leave nothing behind of an account, here or in Teams."""
    forget_issues(hass, entry)
    await async_end_sessions(hass, entry)
    await Keeper(hass, entry.entry_id).async_remove()
