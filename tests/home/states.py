"""Access to entity states."""

from homeassistant.core import HomeAssistant


def state(hass: HomeAssistant, entity_id: str) -> str:
    """Return the state of an existing entity."""
    found = hass.states.get(entity_id)
    assert found is not None
    return found.state
