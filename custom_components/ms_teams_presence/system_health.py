"""System health."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import CONF_CLOUD, CONF_SIGN_IN, DOMAIN
from .graph.clouds import CLOUDS, DEFAULT_CLOUD
from .registration_form import read, unreadable
from .runtime import PresenceConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the system health callback."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return reachability and account counts."""
    entries: list[PresenceConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    loaded = [entry.runtime_data for entry in entries if entry.state is ConfigEntryState.LOADED]
    registrations = [read(entry.data) for entry in entries if not unreadable(entry.data)]
    keys = {registration[CONF_CLOUD] for registration in registrations} or {DEFAULT_CLOUD}
    clouds = [CLOUDS[key] for key in sorted(keys)]
    addresses = {
        "can_reach_sign_in": [
            f"{cloud.login}/organizations/v2.0/.well-known/openid-configuration" for cloud in clouds
        ],
        "can_reach_graph": [f"{cloud.graph}/v1.0/$metadata" for cloud in clouds],
    }
    reachable = {key: _async_check_reachable(hass, urls) for key, urls in addresses.items()}
    polls = [runtime.primary.last_poll for runtime in loaded if runtime.primary.last_poll]
    return reachable | {
        "accounts": len(entries),
        "accounts_loaded": len(loaded),
        "people": sum(len(runtime.account.people) for runtime in loaded),
        "last_poll": min(polls, default=None),
        "throttled_until": max(
            (until for runtime in loaded if (until := runtime.account.throttled_until())),
            default=None,
        ),
        "sign_in_ways": ", ".join(
            sorted({registration[CONF_SIGN_IN] for registration in registrations})
        ),
    }


async def _async_check_reachable(hass: HomeAssistant, urls: list[str]) -> str | dict[str, str]:
    """Return "ok", or the error of the first address that can't be reached."""
    answers = [await system_health.async_check_can_reach_url(hass, url) for url in urls]
    return next((answer for answer in answers if answer != "ok"), "ok")
