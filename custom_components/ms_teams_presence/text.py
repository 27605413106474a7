"""Text platform."""

from typing import Final, override

from homeassistant.components.text import TextEntity, TextEntityDescription
from homeassistant.const import MAX_LENGTH_STATE_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import PresenceEntity, async_add_person_entities
from .graph.models import StatusMessage
from .graph.text import normalized
from .runtime import PresenceConfigEntry

PARALLEL_UPDATES: Final = 1

# The action takes 280 characters; a text entity's state has no room for more than 255.
TEXTS: Final = (TextEntityDescription(key="set_status_message", native_max=MAX_LENGTH_STATE_STATE),)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the text of every writable person."""
    runtime = entry.runtime_data
    await async_add_person_entities(
        async_add_entities, StatusMessageText, runtime, runtime.account.writable_ids, TEXTS
    )


class StatusMessageText(PresenceEntity, TextEntity):
    """Status message as a text."""

    @property
    @override
    def native_value(self) -> str:
        """Return the message, cut to the length of a state."""
        message = self.presence.status_message
        return message.text[:MAX_LENGTH_STATE_STATE] if message else ""

    @override
    async def async_set_value(self, value: str) -> None:
        """Set a message without an expiry; an empty text clears it."""
        await self.runtime.async_set_status_message(
            self.person_id, StatusMessage(text=value.strip() if normalized(value) else "")
        )
