"""Select: what a person prefers to be shown as."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PresenceConfigEntry
from .entity import PresenceEntity, add_entities
from .graph.models import Availability

PARALLEL_UPDATES: Final = 1

# Nothing is preferred: Teams shows what it sees.
AUTOMATIC: Final = "automatic"

SELECTS: Final = (
    SelectEntityDescription(key="preferred_presence", options=[AUTOMATIC, *Availability]),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the select of everybody whom the account may write."""
    coordinator = entry.runtime_data
    add_entities(
        async_add_entities, PreferredPresenceSelect, coordinator, coordinator.writable_ids, SELECTS
    )


class PreferredPresenceSelect(PresenceEntity, SelectEntity):
    """The preference that was set here; Graph cannot be asked for it."""

    @property
    @override
    def current_option(self) -> str:
        """Return the preference, which ends by itself at its expiry."""
        preference = self.coordinator.sessions.keeper.preferences.get(self.person_id)
        return preference.availability if preference else AUTOMATIC

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return whether the preference shows in Teams, and until when it lasts."""
        keeper = self.coordinator.sessions.keeper
        preference = keeper.preferences.get(self.person_id)
        return {
            "in_effect": keeper.in_effect(self.presence),
            "expires_at": preference.expires_at if preference else None,
        }

    @override
    async def async_select_option(self, option: str) -> None:
        """Set the preference for as long as Graph keeps it, or clear it."""
        if option == AUTOMATIC:
            await self.coordinator.sessions.async_clear_preferred_presence(self.person_id)
        else:
            await self.coordinator.sessions.async_set_preferred_presence(
                self.person_id, Availability(option), None
            )
