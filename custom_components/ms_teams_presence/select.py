"""Select platform."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import PresenceEntity, async_add_person_entities
from .graph.models import Availability
from .runtime import PresenceConfigEntry

PARALLEL_UPDATES: Final = 1

# No preferred presence: Teams decides.
AUTOMATIC: Final = "automatic"

SELECTS: Final = (
    SelectEntityDescription(key="preferred_presence", options=[AUTOMATIC, *Availability]),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the select of every writable person."""
    runtime = entry.runtime_data
    await async_add_person_entities(
        async_add_entities,
        PreferredPresenceSelect,
        runtime,
        runtime.account.writable_ids,
        SELECTS,
    )


class PreferredPresenceSelect(PresenceEntity, SelectEntity):
    """Preferred presence that was set here; Graph can't be asked for it."""

    @property
    @override
    def current_option(self) -> str:
        """Return the preferred presence."""
        preference = self.preference
        return preference.availability if preference else AUTOMATIC

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return whether the preference is in effect, and its expiry."""
        preference, preferences = self.preference, self.runtime.preferences
        return {
            "in_effect": preferences.in_effect(self.presence),
            "expires_at": preferences.to_wall_clock(preference.expires_at) if preference else None,
        }

    @override
    async def async_select_option(self, option: str) -> None:
        """Set the preferred presence for as long as Graph keeps it, or clear it."""
        if option == AUTOMATIC:
            await self.runtime.async_clear_preferred_presence(self.person_id)
        else:
            await self.runtime.async_set_preferred_presence(self.person_id, Availability(option))
