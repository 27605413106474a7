"""Binary sensors: the questions that a lamp asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PresenceConfigEntry
from .entity import PresenceEntity, add_entities
from .graph.models import Presence

PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class PresenceBinarySensorDescription(BinarySensorEntityDescription):
    """A binary sensor and how a presence answers it."""

    value_fn: Callable[[Presence], bool | None]


BINARY_SENSORS: Final = (
    PresenceBinarySensorDescription(key="in_call", value_fn=lambda presence: presence.in_call),
    PresenceBinarySensorDescription(
        key="in_meeting", value_fn=lambda presence: presence.in_meeting
    ),
    PresenceBinarySensorDescription(
        key="presenting", value_fn=lambda presence: presence.presenting
    ),
    PresenceBinarySensorDescription(
        key="out_of_office", value_fn=lambda presence: presence.is_out_of_office
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of everybody in an account."""
    coordinator = entry.runtime_data
    add_entities(
        async_add_entities, PresenceBinarySensor, coordinator, coordinator.people, BINARY_SENSORS
    )


class PresenceBinarySensor(PresenceEntity, BinarySensorEntity):
    """One question about a person that is answered by yes or no."""

    entity_description: PresenceBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the answer; None where Graph said nothing that is understood."""
        return self.entity_description.value_fn(self.presence)
