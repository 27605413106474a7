"""Trigger platform."""

from functools import partial
from typing import Final, override

from homeassistant.const import STATE_OFF, STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA,
    EntityTargetStateTriggerBase,
    EntityTriggerBase,
    Trigger,
)

from .entity import entities_with_key
from .graph.models import Availability

# A state has no room for a whole status message.
_WHOLE_MESSAGE: Final[dict[str, DomainSpec]] = {Platform.SENSOR: DomainSpec(value_source="message")}


def _turned_to(domain: str, key: str, *states: str) -> type[Trigger]:
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


class StatusMessageTrigger(EntityTriggerBase):
    """Trigger for a changed status message."""

    _domain_specs = _WHOLE_MESSAGE
    _schema = ENTITY_STATE_TRIGGER_SCHEMA

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return entities_with_key(self._hass, super().entity_filter(entities), "status_message")

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        """Return whether the message differs, not only its expiry."""
        return bool(self._get_tracked_value(from_state) != self._get_tracked_value(to_state))


_turned: Final = partial(_turned_to, Platform.BINARY_SENSOR)
_became: Final = partial(_turned_to, Platform.SENSOR, "availability")


def _no_longer(*states: Availability) -> type[Trigger]:
    """Return a trigger for an availability that is none of these any more."""
    return _became(*set(Availability).difference(states))


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "joined_call": _turned("in_call", STATE_ON),
    "left_call": _turned("in_call", STATE_OFF),
    "joined_meeting": _turned("in_meeting", STATE_ON),
    "left_meeting": _turned("in_meeting", STATE_OFF),
    "started_presenting": _turned("presenting", STATE_ON),
    "stopped_presenting": _turned("presenting", STATE_OFF),
    "became_out_of_office": _turned("out_of_office", STATE_ON),
    "no_longer_out_of_office": _turned("out_of_office", STATE_OFF),
    "became_available": _became(Availability.AVAILABLE),
    "no_longer_available": _no_longer(Availability.AVAILABLE),
    "became_busy": _became(Availability.BUSY, Availability.DO_NOT_DISTURB),
    "no_longer_busy": _no_longer(Availability.BUSY, Availability.DO_NOT_DISTURB),
    "became_do_not_disturb": _became(Availability.DO_NOT_DISTURB),
    "no_longer_do_not_disturb": _no_longer(Availability.DO_NOT_DISTURB),
    "became_be_right_back": _became(Availability.BE_RIGHT_BACK),
    "no_longer_be_right_back": _no_longer(Availability.BE_RIGHT_BACK),
    "became_away": _became(Availability.AWAY),
    "no_longer_away": _no_longer(Availability.AWAY),
    "became_offline": _became(Availability.OFFLINE),
    "no_longer_offline": _no_longer(Availability.OFFLINE),
    "status_message_changed": StatusMessageTrigger,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
