"""Base entity."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final, cast, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    async_get_current_platform,
    async_get_platforms,
)
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .account import Account
from .const import DOMAIN
from .coordinator import PresenceCoordinator
from .graph.models import Person, Presence
from .preferred_presence import PreferredPresence
from .runtime import PresenceRuntime

# The only entities of a colleague that are enabled by default.
ENABLED_FOR_COLLEAGUES: Final = frozenset({"activity", "availability", "in_call"})


def entities_with_key(hass: HomeAssistant, entity_ids: Collection[str], key: str) -> set[str]:
    """Return which entities are ours and have a translation key."""
    # Nothing else tells "in a call" from "out of office": ids change, both lack a device class.
    entries = map(er.async_get(hass).async_get, entity_ids)
    return {
        entry.entity_id
        for entry in entries
        if entry and entry.platform == DOMAIN and entry.translation_key == key
    }


@callback
def async_write_changed(hass: HomeAssistant, entity_ids: Collection[str]) -> None:
    """Write what the current update has changed but not written yet."""
    for platform in async_get_platforms(hass, DOMAIN):
        for entity_id in platform.entities.keys() & entity_ids:
            cast("PresenceEntity", platform.entities[entity_id]).async_write_if_changed()


def _model(account: Account, person: Person) -> str:
    """Return what tells a colleague from the same person's own account."""
    if account.me is None:
        return "Teams user"
    return "Teams account" if person == account.me else f"Teams colleague of {account.me.name}"


def _unique_id(account: Account, person_id: str, description: EntityDescription) -> str:
    return f"{account.person_key(person_id)}_{description.key}"


class PresenceEntity(CoordinatorEntity[PresenceCoordinator]):
    """Entity of one person."""

    _attr_has_entity_name = True

    def __init__(
        self, runtime: PresenceRuntime, person: Person, description: EntityDescription
    ) -> None:
        """Initialize."""
        super().__init__(runtime.coordinator_of(person.id), description.key)
        self.runtime = runtime
        self.entity_description = description
        self.person_id = person.id
        self._attr_unique_id = _unique_id(runtime.account, person.id, description)
        self._attr_translation_key = description.key
        self._attr_entity_registry_enabled_default = (
            person == runtime.account.me or description.key in ENABLED_FOR_COLLEAGUES
        )
        self._attr_device_info = DeviceInfo(
            entry_type=DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, runtime.account.person_key(person.id))},
            manufacturer="Microsoft",
            model=_model(runtime.account, person),
            configuration_url=runtime.account.registration.cloud.teams,
            name=person.name,
        )
        self._last_inputs = self._state_inputs

    @property
    def presence(self) -> Presence:
        """Return the presence of the person, who is available."""
        return self.coordinator.data[self.person_id]

    @property
    def preference(self) -> PreferredPresence | None:
        """Return the preferred presence of the person."""
        return self.runtime.preferences.preference_of(self.person_id)

    @property
    @override
    def available(self) -> bool:
        """Return if the entity is available."""
        return super().available and self.person_id in self.coordinator.data

    @override
    async def async_added_to_hass(self) -> None:
        """Remember the initially written state."""
        await super().async_added_to_hass()
        self._last_inputs = self._state_inputs

    @property
    def _state_inputs(self) -> tuple[object, ...]:
        """Return everything that a state is made of."""
        return (
            self.coordinator.last_update_success,
            self.coordinator.data.get(self.person_id),
            self.preference,
        )

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self.async_write_if_changed()

    @callback
    def async_write_if_changed(self) -> None:
        """Write the state if something about this person has changed."""
        if (inputs := self._state_inputs) != self._last_inputs:
            self._last_inputs = inputs
            self.async_write_ha_state()


async def async_add_person_entities[T: PresenceEntity, D: EntityDescription](
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity_class: Callable[[PresenceRuntime, Person, D], T],
    runtime: PresenceRuntime,
    person_ids: Collection[str],
    descriptions: Collection[D],
) -> None:
    """Add one entity per person and description; remove stale registry entries."""
    account = runtime.account
    unique_ids = {_unique_id(account, one, each) for one in person_ids for each in descriptions}
    registry = er.async_get(account.hass)
    domain = async_get_current_platform().domain
    for known in er.async_entries_for_config_entry(registry, account.entry.entry_id):
        if (
            known.domain == domain
            and known.unique_id not in unique_ids
            and known.entity_id in registry.entities
        ):
            registry.async_remove(known.entity_id)
            await asyncio.sleep(0)
    for person_id in person_ids:
        # Thousands at once would block the event loop for seconds.
        await asyncio.sleep(0)
        subentry_id = account.subentry_ids.get(person_id)
        if subentry_id and subentry_id not in account.entry.subentries:
            # Removed in the meantime; the account is about to reload.
            continue
        added = [entity_class(runtime, account.people[person_id], each) for each in descriptions]
        async_add_entities(added, config_subentry_id=subentry_id)
