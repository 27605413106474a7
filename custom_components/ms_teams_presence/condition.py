"""Condition platform."""

from functools import partial
from typing import Final, override

from homeassistant.const import STATE_OFF, STATE_ON, Platform
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


_binary_sensor: Final = partial(_make_condition, Platform.BINARY_SENSOR)
_is: Final = partial(_make_condition, Platform.SENSOR, "availability")


def _is_not(*states: Availability) -> type[Condition]:
    """Return a condition for a known availability that is none of these."""
    return _is(*set(Availability).difference(states))


CONDITIONS: Final = {
    "is_in_call": _binary_sensor("in_call", STATE_ON),
    "is_not_in_call": _binary_sensor("in_call", STATE_OFF),
    "is_in_meeting": _binary_sensor("in_meeting", STATE_ON),
    "is_not_in_meeting": _binary_sensor("in_meeting", STATE_OFF),
    "is_presenting": _binary_sensor("presenting", STATE_ON),
    "is_not_presenting": _binary_sensor("presenting", STATE_OFF),
    "is_out_of_office": _binary_sensor("out_of_office", STATE_ON),
    "is_not_out_of_office": _binary_sensor("out_of_office", STATE_OFF),
    "is_available": _is(Availability.AVAILABLE),
    "is_not_available": _is_not(Availability.AVAILABLE),
    "is_busy": _is(Availability.BUSY, Availability.DO_NOT_DISTURB),
    "is_not_busy": _is_not(Availability.BUSY, Availability.DO_NOT_DISTURB),
    "is_do_not_disturb": _is(Availability.DO_NOT_DISTURB),
    "is_not_do_not_disturb": _is_not(Availability.DO_NOT_DISTURB),
    "is_be_right_back": _is(Availability.BE_RIGHT_BACK),
    "is_not_be_right_back": _is_not(Availability.BE_RIGHT_BACK),
    "is_away": _is(Availability.AWAY),
    "is_not_away": _is_not(Availability.AWAY),
    "is_offline": _is(Availability.OFFLINE),
    "is_not_offline": _is_not(Availability.OFFLINE),
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
