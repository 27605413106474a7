"""Condition platform."""

from typing import Final, override

from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityStateConditionBase

from .entity import async_write_changed, entities_with_key
from .graph.models import Availability


def _make_condition(domain: str, key: str, *states: str) -> type[Condition]:
    """Return a condition for one entity of a person having some states."""
    specs = {domain: DomainSpec()}
    expected: set[str | bool] = set(states)

    class PresenceCondition(EntityStateConditionBase):
        """Condition for the entity with a translation key."""

        _domain_specs = specs
        _states = expected

        @override
        def entity_filter(self, entities: set[str]) -> set[str]:
            found = entities_with_key(self._hass, super().entity_filter(entities), key)
            # Home Assistant reads their states next. In the middle of an update they are old.
            async_write_changed(self._hass, found)
            return found

        @override
        def _check_all_match_state(self, states: list[State]) -> bool:
            """Return False instead of True for an empty set."""
            return bool(states) and super()._check_all_match_state(states)

    return PresenceCondition


CONDITIONS: Final = {
    "is_available": _make_condition(Platform.SENSOR, "availability", Availability.AVAILABLE),
    "is_busy": _make_condition(
        Platform.SENSOR, "availability", Availability.BUSY, Availability.DO_NOT_DISTURB
    ),
    "is_in_call": _make_condition(Platform.BINARY_SENSOR, "in_call", STATE_ON),
    "is_in_meeting": _make_condition(Platform.BINARY_SENSOR, "in_meeting", STATE_ON),
    "is_out_of_office": _make_condition(Platform.BINARY_SENSOR, "out_of_office", STATE_ON),
    "is_presenting": _make_condition(Platform.BINARY_SENSOR, "presenting", STATE_ON),
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
