"""Text: type to set the status message, empty it to clear."""

from typing import Final, override

from homeassistant.components.text import TextEntity, TextEntityDescription
from homeassistant.const import MAX_LENGTH_STATE_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PresenceConfigEntry
from .entity import PresenceEntity, add_entities
from .graph.models import StatusMessage

PARALLEL_UPDATES: Final = 1

# The action takes 280 characters; a text entity's state has no room for more than 255.
TEXTS: Final = (TextEntityDescription(key="set_status_message", native_max=MAX_LENGTH_STATE_STATE),)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the text of everybody whom the account may write."""
    coordinator = entry.runtime_data
    add_entities(
        async_add_entities, StatusMessageText, coordinator, coordinator.writable_ids, TEXTS
    )


class StatusMessageText(PresenceEntity, TextEntity):
    """The status message as something to type into."""

    @property
    @override
    def native_value(self) -> str:
        """Return the message as far as it fits."""
        message = self.presence.status_message
        return message.text[:MAX_LENGTH_STATE_STATE] if message else ""

    @override
    async def async_set_value(self, value: str) -> None:
        """Set a message without an end, or clear it."""
        await self.coordinator.async_set_status_message(
            self.person_id, StatusMessage(text=value.strip())
        )
