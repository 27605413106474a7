"""What the entities of a person have in common: their device, their id, when they write."""

from collections.abc import Iterable
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import PresenceCoordinator
from .graph.models import Person, Presence


def person_key(coordinator: PresenceCoordinator, person_id: str) -> str:
    """Return the identifier of a person's device, which also begins their entities' ids."""
    return f"{coordinator.config_entry.unique_id}_{person_id}"


class PresenceEntity(CoordinatorEntity[PresenceCoordinator]):
    """An entity about one person."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: PresenceCoordinator, person: Person, description: EntityDescription
    ) -> None:
        """Describe an entity of a person; the description's key is its translation key too."""
        super().__init__(coordinator)
        self.entity_description = description
        self.person_id = person.id
        key = person_key(coordinator, person.id)
        self._attr_unique_id = f"{key}_{description.key}"
        self._attr_translation_key = description.key
        self._attr_device_info = DeviceInfo(
            entry_type=DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, key)},
            manufacturer="Microsoft",
            model="Teams",
            name=person.name,
        )
        self._written: tuple[object, ...] = ()

    @property
    def presence(self) -> Presence:
        """Return the presence of the person."""
        return self.coordinator.data[self.person_id]

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write a state only where something about this person has changed."""
        current = (
            self.available,
            self.presence,
            self.coordinator.keeper.preferences.get(self.person_id),
        )
        if current != self._written:
            self._written = current
            self.async_write_ha_state()


def entities[T: PresenceEntity, D: EntityDescription](
    kind: type[T],
    coordinator: PresenceCoordinator,
    people: Iterable[str],
    descriptions: Iterable[D],
) -> list[T]:
    """Return one entity for each of the people and descriptions."""
    return [
        kind(coordinator, coordinator.people[person_id], description)
        for person_id in people
        for description in descriptions
    ]
