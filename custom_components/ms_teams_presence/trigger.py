"""Trigger platform."""

from typing import Final, override

from homeassistant.const import STATE_OFF, STATE_ON, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import EntityTargetStateTriggerBase, Trigger

from .entity import entities_with_key
from .graph.models import Availability


def _make_trigger(domain: str, key: str, *states: str) -> type[Trigger]:
    """Return a trigger for one entity of a person turning to some states."""
    # Home Assistant's base leaves out a change from unavailable or unknown: after a restart or an
    # outage it can't be known whether the call has just begun.
    specs, to_states = {domain: DomainSpec()}, set(states)

    class PresenceTrigger(EntityTargetStateTriggerBase):
        """Trigger for the entity with a translation key."""

        _domain_specs = specs
        _to_states = to_states

        @override
        def entity_filter(self, entities: set[str]) -> set[str]:
            return entities_with_key(self._hass, super().entity_filter(entities), key)

    return PresenceTrigger


TRIGGERS: Final = {
    "became_available": _make_trigger(Platform.SENSOR, "availability", Availability.AVAILABLE),
    "became_busy": _make_trigger(
        Platform.SENSOR, "availability", Availability.BUSY, Availability.DO_NOT_DISTURB
    ),
    "joined_call": _make_trigger(Platform.BINARY_SENSOR, "in_call", STATE_ON),
    "left_call": _make_trigger(Platform.BINARY_SENSOR, "in_call", STATE_OFF),
    "started_presenting": _make_trigger(Platform.BINARY_SENSOR, "presenting", STATE_ON),
    "stopped_presenting": _make_trigger(Platform.BINARY_SENSOR, "presenting", STATE_OFF),
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
