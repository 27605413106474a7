"""Triggers of the automation editor: somebody joined a call, became available."""

from typing import Final, override

from homeassistant.const import STATE_OFF, STATE_ON, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import EntityTargetStateTriggerBase, Trigger

from .entity import entities_with_key
from .graph.models import Availability


def _turns(domain: str, key: str, *states: str) -> type[Trigger]:
    """Return the trigger that fires when one entity of a person turns to one of some states.

    Home Assistant's base leaves out what was unavailable or unknown before: after a restart or a
    hole in the network nobody can say whether the call has just begun.
    """
    specs, to_states = {domain: DomainSpec()}, set(states)

    class PresenceTrigger(EntityTargetStateTriggerBase):
        """A change of the entity whose translation key says what it is about."""

        _domain_specs = specs
        _to_states = to_states

        @override
        def entity_filter(self, entities: set[str]) -> set[str]:
            return entities_with_key(self._hass, super().entity_filter(entities), key)

    return PresenceTrigger


TRIGGERS: Final = {
    "became_available": _turns(Platform.SENSOR, "availability", Availability.AVAILABLE),
    "became_busy": _turns(
        Platform.SENSOR, "availability", Availability.BUSY, Availability.DO_NOT_DISTURB
    ),
    "joined_call": _turns(Platform.BINARY_SENSOR, "in_call", STATE_ON),
    "left_call": _turns(Platform.BINARY_SENSOR, "in_call", STATE_OFF),
    "started_presenting": _turns(Platform.BINARY_SENSOR, "presenting", STATE_ON),
    "stopped_presenting": _turns(Platform.BINARY_SENSOR, "presenting", STATE_OFF),
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return every trigger by its name."""
    return TRIGGERS
