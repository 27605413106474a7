"""What a maintainer needs to help, without anything that tells who somebody is.

Everything in here was chosen: what an entry or a presence gains later stays out until it is, too.
"""

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
    GUID,
    ORGANIZATIONS,
)
from .coordinator import PresenceConfigEntry, PresenceCoordinator
from .entra.registration import AppRegistration
from .graph.models import Presence, unknown_words

_SETTINGS: Final = (CONF_CLOUD, CONF_SIGN_IN, CONF_ACCESS, CONF_COLLEAGUES)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> dict[str, Any]:
    """Return an account's settings and sign-in, how its polls go, and the last presences.

    Of an account that could not be set up, which is when this is asked for most, there is the
    reason in place of polls and people.
    """
    diagnostics: dict[str, Any] = {
        "state": entry.state.value,
        "reason": entry.error_reason_translation_key,
        "entry": {key: entry.data[key] for key in _SETTINGS if key in entry.data},
        "options": dict(entry.options),
        "colleagues": len(entry.subentries),
        "sign_in": _sign_in(entry),
        "unknown_words": unknown_words(),
    }
    if entry.state is not ConfigEntryState.LOADED:
        return diagnostics
    coordinator = entry.runtime_data
    return diagnostics | {
        "polls": {
            "last": coordinator.last_poll,
            "succeeded": coordinator.last_update_success,
            "interval": str(coordinator.update_interval),
            "failures_in_a_row": coordinator.failures,
            "last_failure": coordinator.last_failure,
            "throttled_until": coordinator.throttled_until,
        },
        "answers": coordinator.response_counts,
        "people": [
            _person(coordinator, person_id, coordinator.data.get(person_id))
            for person_id in coordinator.people
        ],
    }


def _sign_in(entry: PresenceConfigEntry) -> dict[str, Any]:
    """Return what is known of the app and its tokens, without anything that would open a door."""
    registration = AppRegistration.from_data(entry.data)
    token = entry.data[CONF_TOKEN]
    return {
        "tenant_by": _kind_of_tenant(entry.data[CONF_TENANT].lower()),
        "credential": next((key for key in CREDENTIAL_KEYS if entry.data.get(key)), None),
        "asked_for": registration.permissions,
        "granted": token["scope"].split() if token.get("scope") else None,
        "token_expires_at": dt_util.utc_from_timestamp(token["expires_at"]),
        "can_be_renewed": bool(token.get("refresh_token")) or registration.is_app_only,
    }


def _kind_of_tenant(tenant: str) -> str:
    """Return how an account names its tenant."""
    if GUID.fullmatch(tenant):
        return "id"
    return tenant if tenant == ORGANIZATIONS else "domain"


def _person(
    coordinator: PresenceCoordinator, person_id: str, presence: Presence | None
) -> dict[str, Any]:
    """Return how somebody fares, in the order in which the account has them."""
    keeper = coordinator.sessions.keeper
    preference = keeper.preferences.get(person_id)
    session = keeper.sessions.get(person_id)
    return {
        "signed_in": person_id not in coordinator.subentry_ids,
        "writable": person_id in coordinator.writable_ids,
        "preference": asdict(preference) if preference else None,
        "session": asdict(session) if session else None,
        "presence": _presence(presence) if presence else None,
    }


def _presence(presence: Presence) -> dict[str, Any]:
    """Return a presence; of its message everything but the text."""
    message = presence.status_message
    return {
        "availability": presence.availability,
        "activity": presence.activity,
        "said": sorted(presence.said),
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
