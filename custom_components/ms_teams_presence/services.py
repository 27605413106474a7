"""Actions: whom they are for, what they take, and what they send.

Each takes the usual target. One resolver turns it into people, each of whom is written once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    service,
)
from homeassistant.helpers.target import (
    SelectedEntities,
    TargetSelection,
    async_extract_referenced_entity_ids,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from .const import DOMAIN
from .coordinator import PresenceConfigEntry, PresenceCoordinator
from .entity import person_key
from .graph.client import SESSION_ACTIVITIES
from .graph.models import (
    Availability,
    Person,
    Presence,
    StatusMessage,
    WorkLocation,
)
from .keeper import MAX_SESSION, MIN_SESSION

ATTR_ACTIVITY: Final = "activity"
ATTR_AVAILABILITY: Final = "availability"
ATTR_DURATION: Final = "duration"
ATTR_EXPIRES_AT: Final = "expires_at"
ATTR_EXPIRES_IN: Final = "expires_in"
ATTR_LOCATION: Final = "location"
ATTR_MESSAGE: Final = "message"
ATTR_PEOPLE: Final = "people"
ATTR_PINNED: Final = "pinned"

# What Teams lets a person type.
MAX_MESSAGE_LENGTH: Final = 280
# How long a presence session lasts where nobody says; Graph's own five minutes are too short to use.
DEFAULT_SESSION: Final = timedelta(hours=1)
# Longer than anybody means a message or a preference to last.
MAX_DURATION: Final = timedelta(days=366)

# Seconds to wait for an account that is just being set up.
_LONGEST_SET_UP: Final = 10.0

type Write = Callable[[PresenceCoordinator, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Action:
    """An action: its fields, and how a call becomes what is done for each person.

    `prepare` raises `ServiceValidationError` before anything is sent.
    """

    name: str
    fields: Mapping[vol.Marker, Any]
    prepare: Callable[[Mapping[str, Any]], Write]
    work_location: bool = False
    """Whether it is for the signed-in person only, in a cloud that knows work locations."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Somebody whom an action is for."""

    coordinator: PresenceCoordinator
    person: Person
    named: str
    """The entity or device that the caller named. Errors say it, as they end in logs, and no name."""


def _prepare_set_status_message(data: Mapping[str, Any]) -> Write:
    """Check a message and its end; https://learn.microsoft.com/graph/api/presence-setstatusmessage."""
    text = data[ATTR_MESSAGE].strip()
    if not text:
        raise _invalid("message_empty")
    if len(text) > MAX_MESSAGE_LENGTH:
        raise _invalid("message_too_long", length=len(text), limit=MAX_MESSAGE_LENGTH)
    message = StatusMessage(text=text, expires_at=_expiry(data), pinned=data[ATTR_PINNED])
    return lambda coordinator, person_id: coordinator.async_set_status_message(person_id, message)


def _prepare_clear_status_message(data: Mapping[str, Any]) -> Write:
    return lambda coordinator, person_id: coordinator.async_set_status_message(
        person_id, StatusMessage(text="")
    )


def _prepare_set_preferred_presence(data: Mapping[str, Any]) -> Write:
    """Check a preference and its duration."""
    availability = _one_of(Availability, data[ATTR_AVAILABILITY])
    duration: timedelta | None = data.get(ATTR_DURATION)
    if duration is not None:
        _check_duration(duration)
    return lambda coordinator, person_id: coordinator.sessions.async_set_preferred_presence(
        person_id, availability, duration
    )


def _prepare_clear_preferred_presence(data: Mapping[str, Any]) -> Write:
    return lambda coordinator, person_id: coordinator.sessions.async_clear_preferred_presence(
        person_id
    )


def _prepare_set_presence(data: Mapping[str, Any]) -> Write:
    """Check a session; https://learn.microsoft.com/graph/api/presence-setpresence."""
    activity = _one_of(SESSION_ACTIVITIES, data[ATTR_ACTIVITY])
    duration: timedelta = data[ATTR_DURATION]
    if not MIN_SESSION <= duration <= MAX_SESSION:
        raise _invalid("duration_out_of_range", shortest=MIN_SESSION, longest=MAX_SESSION)
    return lambda coordinator, person_id: coordinator.sessions.async_set_presence(
        person_id, activity, duration
    )


def _prepare_clear_presence(data: Mapping[str, Any]) -> Write:
    return lambda coordinator, person_id: coordinator.sessions.async_clear_presence(person_id)


def _prepare_set_work_location(data: Mapping[str, Any]) -> Write:
    """Check a place; https://learn.microsoft.com/graph/api/presence-setmanuallocation."""
    location = _one_of(WorkLocation, data[ATTR_LOCATION])
    return lambda coordinator, person_id: coordinator.async_set_work_location(person_id, location)


def _prepare_clear_work_location(data: Mapping[str, Any]) -> Write:
    return lambda coordinator, person_id: coordinator.async_set_work_location(person_id, None)


ACTIONS: Final = (
    Action(
        "set_status_message",
        {
            vol.Required(ATTR_MESSAGE): cv.string,
            vol.Optional(ATTR_EXPIRES_IN): cv.time_period,
            vol.Optional(ATTR_EXPIRES_AT): cv.datetime,
            vol.Optional(ATTR_PINNED, default=False): cv.boolean,
        },
        _prepare_set_status_message,
    ),
    Action("clear_status_message", {}, _prepare_clear_status_message),
    Action(
        "set_preferred_presence",
        {
            vol.Required(ATTR_AVAILABILITY): cv.string,
            vol.Optional(ATTR_DURATION): cv.time_period,
        },
        _prepare_set_preferred_presence,
    ),
    Action("clear_preferred_presence", {}, _prepare_clear_preferred_presence),
    Action(
        "set_presence",
        {
            vol.Required(ATTR_ACTIVITY): cv.string,
            vol.Optional(ATTR_DURATION, default=DEFAULT_SESSION): cv.time_period,
        },
        _prepare_set_presence,
    ),
    Action("clear_presence", {}, _prepare_clear_presence),
    Action(
        "set_work_location",
        {vol.Required(ATTR_LOCATION): cv.string},
        _prepare_set_work_location,
        work_location=True,
    ),
    Action(
        "clear_work_location",
        {},
        _prepare_clear_work_location,
        work_location=True,
    ),
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register every action."""
    for action in ACTIONS:
        hass.services.async_register(
            DOMAIN,
            action.name,
            partial(_async_run, action),
            schema=cv.make_entity_service_schema(dict(action.fields)),
        )
    # It reads people who have no entity whose control could be checked.
    service.async_register_admin_service(
        hass,
        DOMAIN,
        "get_presence",
        _async_get_presence,
        schema=vol.Schema(
            {
                vol.Required(ATTR_CONFIG_ENTRY_ID): cv.string,
                vol.Required(ATTR_PEOPLE): vol.All(cv.ensure_list, [cv.string]),
            }
        ),
        supports_response=SupportsResponse.ONLY,
    )


async def _async_get_presence(call: ServiceCall) -> ServiceResponse:
    """Return the presence of anybody by object id or address; nothing is stored.

    https://learn.microsoft.com/graph/api/cloudcommunications-getpresencesbyuserid
    """
    entry: PresenceConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
    )
    coordinator = entry.runtime_data
    if not coordinator.can_read_others:
        raise _invalid("colleagues_not_included", account=entry.entry_id)
    people = [name.strip() for name in call.data[ATTR_PEOPLE]]
    presences = await coordinator.async_get_presences([name for name in people if name])
    return {
        "people": {
            name: _response(presence) if presence else None for name, presence in presences.items()
        }
    }


def _response(presence: Presence) -> JsonObjectType:
    """Return what an automation is told of a presence, in the words of the entities."""
    message = presence.status_message
    return {
        "id": presence.id,
        "availability": presence.availability,
        "activity": presence.activity,
        "in_call": presence.in_call,
        "in_meeting": presence.in_meeting,
        "presenting": presence.presenting,
        "out_of_office": presence.is_out_of_office,
        "status_message": message.text if message else None,
        "work_location": presence.work_location,
    }


async def _async_run(action: Action, call: ServiceCall) -> None:
    """Run an action for everybody it is for, and name everybody for whom it failed."""
    write = action.prepare(call.data)
    targets = await _async_resolve(call)
    if action.work_location:
        for target in targets:
            if not target.coordinator.registration.cloud.has_work_location:
                raise _invalid("no_work_location", person=target.named)
            if target.person != target.coordinator.me:
                raise _invalid("work_location_of_others", person=target.named)

    async def attempt(target: _Target) -> HomeAssistantError | None:
        try:
            await write(target.coordinator, target.person.id)
        except HomeAssistantError as err:
            return err
        return None

    results = await asyncio.gather(*map(attempt, targets))
    failures = {
        target.named: error
        for target, error in zip(targets, results, strict=True)
        if error is not None
    }
    if not failures:
        return
    if len(targets) == 1:
        raise next(iter(failures.values()))
    raise HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="some_failed",
        translation_placeholders={
            "failures": "; ".join(f"{name}: {error}" for name, error in failures.items())
        },
    ) from next(iter(failures.values()))


async def _async_resolve(call: ServiceCall) -> list[_Target]:
    """Return the people that a target means, each once.

    A device, an area, a label or any of our entities stands for the people behind it. Raises
    `Unauthorized` where the calling user may not control all of it, and `ServiceValidationError`
    where that is nobody, somebody who cannot be written, or somebody whose account is not loaded.
    """
    hass = call.hass
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(dict(call.data)))
    named = _named(hass, selected)
    device_registry = dr.async_get(hass)
    keys = {
        identifier[1]: name
        for device_id, name in named.items()
        if (device := device_registry.async_get(device_id)) is not None
        for identifier in device.identifiers
        if identifier[0] == DOMAIN
    }
    entries: list[PresenceConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    named_in = [
        (entry, names)
        for entry in entries
        if (names := [name for key, name in keys.items() if key.startswith(f"{entry.unique_id}_")])
    ]
    for entry, _ in named_in:
        await _async_wait_for_set_up(entry)
    # From here to the first write nothing waits, so rights lost until now count.
    await _async_check_control(call, selected)
    targets: list[_Target] = []
    for entry, names in named_in:
        if entry.state is not ConfigEntryState.LOADED:
            raise _invalid("account_not_loaded", person=names[0])
        coordinator = entry.runtime_data
        people = [
            _Target(coordinator, person, keys[key])
            for person in coordinator.people.values()
            if (key := person_key(coordinator, person.id)) in keys
        ]
        for target in people:
            if target.person.id not in coordinator.writable_ids:
                is_me = target.person == coordinator.me
                raise _invalid("read_only" if is_me else "colleague_read_only", person=target.named)
        targets += people
    if not targets:
        raise _invalid("nobody_targeted")
    return targets


async def _async_wait_for_set_up(entry: PresenceConfigEntry) -> None:
    """Wait for an account that is being set up."""
    # An automation may have waited for its first state, which comes a moment earlier.
    if entry.state is ConfigEntryState.SETUP_IN_PROGRESS:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_SET_UP), entry.setup_lock:
                pass


async def _async_check_control(call: ServiceCall, selected: SelectedEntities) -> None:
    """Require control of every targeted entity, as entity services do."""
    if not call.context.user_id:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    entity_registry = er.async_get(call.hass)
    # A target leaves out hidden and disabled entities, but the person is written all the same.
    entity_ids = selected.referenced | selected.indirectly_referenced
    entity_ids |= {
        entity.entity_id
        for device_id in selected.referenced_devices
        for entity in er.async_entries_for_device(
            entity_registry, device_id, include_disabled_entities=True
        )
        if entity.platform == DOMAIN
    }
    for entity_id in sorted(entity_ids):
        if not (user.is_active and user.permissions.check_entity(entity_id, POLICY_CONTROL)):
            raise Unauthorized(context=call.context, entity_id=entity_id, permission=POLICY_CONTROL)


def _named(hass: HomeAssistant, selected: SelectedEntities) -> dict[str, str]:
    """Return the devices that a target means, and what the caller knows each by.

    That is the entity that was targeted, or the device itself.
    """
    entity_registry = er.async_get(hass)
    named: dict[str, str] = {}
    for entity_id in [*sorted(selected.referenced), *selected.indirectly_referenced]:
        entity = entity_registry.async_get(entity_id)
        if entity is not None and entity.platform == DOMAIN and entity.device_id is not None:
            is_targeted = entity_id in selected.referenced
            named.setdefault(entity.device_id, entity_id if is_targeted else entity.device_id)
    for device_id in selected.referenced_devices:
        named.setdefault(device_id, device_id)
    return named


def _one_of[T: StrEnum](allowed: Iterable[T], value: str) -> T:
    """Return the allowed value that is meant; a refusal says which there are."""
    values = {str(one): one for one in allowed}
    if value not in values:
        raise _invalid("value_not_allowed", value=value, allowed=", ".join(values))
    return values[value]


def _check_duration(duration: timedelta) -> None:
    """Refuse a duration that is none, or that nobody lives to see the end of."""
    if duration < timedelta(seconds=1):
        raise _invalid("duration_not_positive")
    if duration > MAX_DURATION:
        raise _invalid("duration_out_of_range", shortest=timedelta(seconds=1), longest=MAX_DURATION)


def _expiry(data: Mapping[str, Any]) -> datetime | None:
    """Return when a message is to go, from either field; a time is in Home Assistant's zone."""
    expires_in: timedelta | None = data.get(ATTR_EXPIRES_IN)
    expires_at: datetime | None = data.get(ATTR_EXPIRES_AT)
    if expires_in is not None and expires_at is not None:
        raise _invalid("two_expiries")
    now = dt_util.utcnow()
    if expires_in is not None:
        _check_duration(expires_in)
        return now + expires_in
    if expires_at is not None:
        if expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=dt_util.get_default_time_zone())
        if expires_at <= now:
            raise _invalid("expiry_in_the_past")
    return expires_at


def _invalid(key: str, **placeholders: object) -> ServiceValidationError:
    """Return the refusal of a call, as a sentence from the translations."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={name: str(value) for name, value in placeholders.items()},
    )
