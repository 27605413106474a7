"""Sensor platform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import MAX_LENGTH_STATE_STATE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import PresenceEntity, async_add_person_entities
from .graph.clouds import Cloud
from .graph.models import NOT_SET, Activity, Availability, Presence, WorkLocation
from .runtime import PresenceConfigEntry

PARALLEL_UPDATES: Final = 0

ATTR_MESSAGE: Final = "message"


@dataclass(frozen=True, kw_only=True)
class PresenceSensorDescription(SensorEntityDescription):
    """Description of a sensor."""

    value_fn: Callable[[Presence], str | None]
    attributes_fn: Callable[[Presence], Mapping[str, Any]] | None = None
    exists_fn: Callable[[Cloud], bool] = lambda cloud: True


def _message(presence: Presence) -> str:
    """Return the message as far as a state holds it; nothing where none is set."""
    message = presence.status_message
    return message.text[:MAX_LENGTH_STATE_STATE] if message else ""


def _message_attributes(presence: Presence) -> Mapping[str, Any]:
    """Return the whole message and what is known about it."""
    message = presence.status_message
    return {
        ATTR_MESSAGE: message.text if message else None,
        "expires_at": message.expires_at if message else None,
        "published_at": message.published_at if message else None,
        "pinned": message.pinned if message else None,
    }


SENSORS: Final = (
    PresenceSensorDescription(
        key="availability",
        device_class=SensorDeviceClass.ENUM,
        options=list(Availability),
        value_fn=lambda presence: presence.availability,
    ),
    PresenceSensorDescription(
        key="activity",
        device_class=SensorDeviceClass.ENUM,
        options=list(Activity),
        value_fn=lambda presence: presence.activity,
    ),
    PresenceSensorDescription(
        key="status_message",
        value_fn=_message,
        attributes_fn=_message_attributes,
    ),
    PresenceSensorDescription(
        key="work_location",
        device_class=SensorDeviceClass.ENUM,
        options=[*WorkLocation, NOT_SET],
        value_fn=lambda presence: presence.work_location,
        exists_fn=lambda cloud: cloud.has_work_location,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of every person."""
    runtime = entry.runtime_data
    account = runtime.account
    descriptions = [
        description for description in SENSORS if description.exists_fn(account.registration.cloud)
    ]
    await async_add_person_entities(
        async_add_entities, PresenceSensor, runtime, account.people, descriptions
    )


class PresenceSensor(PresenceEntity, SensorEntity):
    """Sensor of a person."""

    entity_description: PresenceSensorDescription
    # The state has it, too.
    _unrecorded_attributes = frozenset({ATTR_MESSAGE})

    @property
    @override
    def native_value(self) -> str | None:
        """Return the state."""
        return self.entity_description.value_fn(self.presence)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return the attributes."""
        attributes_fn = self.entity_description.attributes_fn
        return attributes_fn(self.presence) if attributes_fn else None
