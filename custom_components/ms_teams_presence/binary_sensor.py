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

from .entity import PresenceEntity, async_add_person_entities
from .graph.models import Presence
from .runtime import PresenceConfigEntry

PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class PresenceBinarySensorDescription(BinarySensorEntityDescription):
    """Description of a binary sensor."""

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
    """Add the binary sensors of every person."""
    runtime = entry.runtime_data
    await async_add_person_entities(
        async_add_entities, PresenceBinarySensor, runtime, runtime.account.people, BINARY_SENSORS
    )


class PresenceBinarySensor(PresenceEntity, BinarySensorEntity):
    """Binary sensor of a person."""

    entity_description: PresenceBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the state; None for unknown Graph values."""
        return self.entity_description.value_fn(self.presence)
