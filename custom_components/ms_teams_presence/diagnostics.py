"""What a maintainer needs to help, without anything that tells who somebody is."""

from dataclasses import asdict
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_ACCESS_TOKEN, CONF_CLIENT_ID, CONF_CLIENT_SECRET
from homeassistant.core import HomeAssistant

from .const import CONF_CERTIFICATE, CONF_NAME, CONF_OBJECT_ID, CONF_TENANT
from .coordinator import PresenceConfigEntry

_SECRET: Final = {
    CONF_ACCESS_TOKEN,
    CONF_CERTIFICATE,
    CONF_CLIENT_ID,
    CONF_CLIENT_SECRET,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_TENANT,
    "id",
    "refresh_token",
    "text",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> dict[str, Any]:
    """Return an account's settings, how its polls go, and the last presences."""
    coordinator = entry.runtime_data
    return {
        "entry": async_redact_data(dict(entry.data), _SECRET),
        "options": dict(entry.options),
        "polls": {
            "last": coordinator.last_poll,
            "interval": coordinator.update_interval,
            "failures_in_a_row": coordinator.failures,
            "throttled_for": coordinator.throttled_for,
            "last_error": coordinator.last_error,
        },
        "people": [
            {
                "signed_in": person_id not in coordinator.subentry_ids,
                "writable": person_id in coordinator.writable_ids,
                "preference": coordinator.sessions.keeper.preferences.get(person_id),
                "session": coordinator.sessions.keeper.sessions.get(person_id),
                "presence": async_redact_data(
                    asdict(presence) | {"said": sorted(presence.said)}, _SECRET
                ),
            }
            for person_id, presence in coordinator.data.items()
        ],
    }
