"""Diagnostics from an allow-list: no names, messages, ids or tokens."""

from dataclasses import asdict
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .const import (
    CONF_ACCESS,
    CONF_CLOUD,
    CONF_COLLEAGUES,
    CONF_SIGN_IN,
    CONF_TENANT,
    CREDENTIAL_KEYS,
)
from .coordinator import PresenceCoordinator
from .entra.pasted import ORGANIZATIONS
from .entra.registration import AppRegistration
from .graph.models import Presence, unknown_values
from .graph.text import GUID
from .registration_form import unreadable
from .runtime import PresenceConfigEntry, PresenceRuntime

_SETTINGS: Final = (CONF_CLOUD, CONF_SIGN_IN, CONF_ACCESS, CONF_COLLEAGUES)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> dict[str, Any]:
    """Return diagnostics; without polls and people if the account is not loaded."""
    diagnostics: dict[str, Any] = {
        "state": entry.state.value,
        "reason": entry.error_reason_translation_key,
        "options": dict(entry.options),
        "colleagues": len(entry.subentries),
        "unknown_values": unknown_values(),
    }
    if members := unreadable(entry.data):
        return diagnostics | {"unreadable": members}
    diagnostics |= {
        "entry": {key: entry.data[key] for key in _SETTINGS if key in entry.data},
        "sign_in": _sign_in(entry),
    }
    if entry.state is not ConfigEntryState.LOADED:
        return diagnostics
    runtime = entry.runtime_data
    for coordinator in runtime.coordinators[1:]:
        diagnostics["polls_of_colleagues"] = _polls(coordinator)
    return diagnostics | {
        "polls": _polls(runtime.primary),
        "answers": runtime.account.client.response_counts,
        "people": [_person(runtime, person_id) for person_id in runtime.account.people],
    }


def _polls(coordinator: PresenceCoordinator) -> dict[str, Any]:
    """Return the state of a coordinator."""
    return {
        "last": coordinator.last_poll,
        "succeeded": coordinator.last_update_success,
        "interval": coordinator.pace.interval,
        "failures_in_a_row": coordinator.failures,
        "last_failure": coordinator.last_failure,
        "throttled_until": coordinator.account.throttled_until(coordinator.endpoint),
    }


def _sign_in(entry: PresenceConfigEntry) -> dict[str, Any]:
    """Return the app registration and its token without secrets."""
    registration = AppRegistration.from_data(entry.data)
    token = entry.data[CONF_TOKEN]
    return {
        "tenant_by": _tenant_kind(entry.data[CONF_TENANT].lower()),
        "credential": next((key for key in CREDENTIAL_KEYS if entry.data.get(key)), None),
        "asked_for": registration.permissions,
        "granted": token["scope"].split() if token.get("scope") else None,
        "token_expires_at": dt_util.utc_from_timestamp(token["expires_at"]),
        "can_be_renewed": bool(token.get("refresh_token")) or registration.is_app_only,
    }


def _tenant_kind(tenant: str) -> str:
    """Return how the tenant is given."""
    if GUID.fullmatch(tenant):
        return "id"
    return tenant if tenant == ORGANIZATIONS else "domain"


def _person(runtime: PresenceRuntime, person_id: str) -> dict[str, Any]:
    """Return one person."""
    preference = runtime.preferences.preference_of(person_id)
    session = runtime.preferences.session_of(person_id)
    presence = runtime.coordinator_of(person_id).data.get(person_id)
    return {
        "signed_in": person_id not in runtime.account.subentry_ids,
        "writable": person_id in runtime.account.writable_ids,
        "preference": asdict(preference) if preference else None,
        "session": asdict(session) if session else None,
        "presence": _presence(presence) if presence else None,
    }


def _presence(presence: Presence) -> dict[str, Any]:
    """Return a presence without the text of its message."""
    message = presence.status_message
    return {
        "availability": presence.availability,
        "activity": presence.activity,
        "activities": sorted(presence.activities),
        "out_of_office": presence.out_of_office,
        "work_location": presence.work_location,
        "status_message": {
            "length": len(message.text),
            "pinned": message.pinned,
            "published_at": message.published_at,
            "expires_at": message.expires_at,
        }
        if message
        else None,
        "sequence_number": presence.sequence_number,
    }
