"""Conditions of the automation editor: somebody is in a call, is out of office."""

from typing import Final, override

from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityStateConditionBase

from .entity import entities_with_key
from .graph.models import Availability


def _has(domain: str, key: str, *states: str) -> type[Condition]:
    """Return the condition that one entity of a person has one of some states."""
    specs = {domain: DomainSpec()}
    expected: set[str | bool] = set(states)

    class PresenceCondition(EntityStateConditionBase):
        """A state of the entity whose translation key says what it is about."""

        _domain_specs = specs
        _states = expected

        @override
        def entity_filter(self, entities: set[str]) -> set[str]:
            return entities_with_key(self._hass, super().entity_filter(entities), key)

        @override
        def _check_all_match_state(self, states: list[State]) -> bool:
            """Return whether all have it; no where nobody's state is known, as "all" of none."""
            return bool(states) and super()._check_all_match_state(states)

    return PresenceCondition


CONDITIONS: Final = {
    "is_available": _has(Platform.SENSOR, "availability", Availability.AVAILABLE),
    "is_busy": _has(
        Platform.SENSOR, "availability", Availability.BUSY, Availability.DO_NOT_DISTURB
    ),
    "is_in_call": _has(Platform.BINARY_SENSOR, "in_call", STATE_ON),
    "is_in_meeting": _has(Platform.BINARY_SENSOR, "in_meeting", STATE_ON),
    "is_out_of_office": _has(Platform.BINARY_SENSOR, "out_of_office", STATE_ON),
    "is_presenting": _has(Platform.BINARY_SENSOR, "presenting", STATE_ON),
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return every condition by its name."""
    return CONDITIONS
