"""What the entities of a person have in common: their device, their id, when they write."""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Final, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    async_get_current_platform,
)
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import PresenceCoordinator
from .graph.models import Person, Presence

# Of a colleague only this is on from the start; the rest is there to switch on.
ENABLED_FOR_COLLEAGUES: Final = frozenset({"activity", "availability", "in_call"})


def person_key(coordinator: PresenceCoordinator, person_id: str) -> str:
    """Return the identifier of a person's device, which also begins their entities' ids."""
    return f"{coordinator.config_entry.unique_id}_{person_id}"


def entities_with_key(hass: HomeAssistant, entity_ids: Collection[str], key: str) -> set[str]:
    """Return which of some entities are ours and about one thing, by their translation key.

    Nothing else tells "in a call" from "out of office": ids are renamed, both lack a device class.
    """
    entries = map(er.async_get(hass).async_get, entity_ids)
    return {
        entry.entity_id
        for entry in entries
        if entry and entry.platform == DOMAIN and entry.translation_key == key
    }


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
        self._attr_entity_registry_enabled_default = (
            person == coordinator.me or description.key in ENABLED_FOR_COLLEAGUES
        )
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
        """Return the presence of the person, who is available."""
        return self.coordinator.data[self.person_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the polls go well and tell about the person."""
        return super().available and self.person_id in self.coordinator.data

    @override
    async def async_added_to_hass(self) -> None:
        """Know what Home Assistant writes when it has added the entity."""
        await super().async_added_to_hass()
        self._written = self._current

    @property
    def _current(self) -> tuple[object, ...]:
        """Return what a state is made of."""
        return (
            self.coordinator.last_update_success,
            self.coordinator.data.get(self.person_id),
            self.coordinator.sessions.keeper.preferences.get(self.person_id),
        )

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write a state only where something about this person has changed."""
        if (current := self._current) != self._written:
            self._written = current
            self.async_write_ha_state()


def add_entities[T: PresenceEntity, D: EntityDescription](
    async_add_entities: AddConfigEntryEntitiesCallback,
    kind: Callable[[PresenceCoordinator, Person, D], T],
    coordinator: PresenceCoordinator,
    person_ids: Collection[str],
    descriptions: Collection[D],
) -> None:
    """Make a platform's entities: one for each of the people and descriptions, and no others.

    Each goes to the subentry of its person. What the account had before and has no more, as when
    its access was lowered, is forgotten.
    """
    entities: defaultdict[str | None, list[T]] = defaultdict(list)
    for person_id in person_ids:
        subentry_id = coordinator.subentry_ids.get(person_id)
        person = coordinator.people[person_id]
        entities[subentry_id] += [
            kind(coordinator, person, description) for description in descriptions
        ]
    unique_ids = {entity.unique_id for made in entities.values() for entity in made}
    registry = er.async_get(coordinator.hass)
    domain = async_get_current_platform().domain
    for known in er.async_entries_for_config_entry(registry, coordinator.config_entry.entry_id):
        if known.domain == domain and known.unique_id not in unique_ids:
            registry.async_remove(known.entity_id)
    for subentry_id, made in entities.items():
        async_add_entities(made, config_subentry_id=subentry_id)
