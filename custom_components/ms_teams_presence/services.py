"""Service actions; one resolver turns any target into people, each written once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
from .graph.client import SESSION_ACTIVITIES
from .graph.models import Activity, Availability, Person, Presence, StatusMessage, WorkLocation
from .graph.text import normalized, pasted_person, plain_text
from .preferred_presence import MAX_SESSION, MIN_SESSION
from .runtime import PresenceConfigEntry, PresenceRuntime

ATTR_ACTIVITY: Final = "activity"
ATTR_AVAILABILITY: Final = "availability"
ATTR_DURATION: Final = "duration"
ATTR_EXPIRES_AT: Final = "expires_at"
ATTR_EXPIRES_IN: Final = "expires_in"
ATTR_LOCATION: Final = "location"
ATTR_MESSAGE: Final = "message"
ATTR_PEOPLE: Final = "people"
ATTR_PINNED: Final = "pinned"

# The limit in Teams.
MAX_MESSAGE_LENGTH: Final = 280
# Default duration of a presence session; Graph's own five minutes are too short to use.
DEFAULT_SESSION: Final = timedelta(hours=1)
# The longest duration of a message or a preference.
MAX_DURATION: Final = timedelta(days=366)

# Seconds to wait for an account that is being set up.
_SETUP_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Action:
    """An action; `parse` returns the arguments of `write` after the person."""

    name: str
    write: Callable[..., Awaitable[None]]
    fields: Mapping[vol.Marker, Any] = field(default_factory=dict)
    parse: Callable[[Mapping[str, Any]], tuple[Any, ...]] = lambda data: ()
    work_location: bool = False
    """Whether it is for the signed-in person only, in a cloud with work locations."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A targeted person."""

    runtime: PresenceRuntime
    person: Person
    name: str
    """As the user sees it: the name of the device."""


def _optional(validate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a validator for which nothing given is None."""

    def validate_optional(value: Any) -> Any:
        text = value.strip().casefold() if isinstance(value, str) else value
        # A template without a result gives "None", a helper without one an empty text.
        if text in (None, "", "none", "null"):
            return None
        try:
            return validate(value)
        except (vol.Invalid, OverflowError) as err:
            raise vol.Invalid(str(err)) from err

    return validate_optional


def _parse_status_message(data: Mapping[str, Any]) -> tuple[StatusMessage]:
    text = data[ATTR_MESSAGE].strip()
    if not normalized(text):
        raise _validation_error("message_empty")
    if len(text) > MAX_MESSAGE_LENGTH:
        raise _validation_error("message_too_long", length=len(text), limit=MAX_MESSAGE_LENGTH)
    return (StatusMessage(text=text, expires_at=_expiry(data), pinned=bool(data.get(ATTR_PINNED))),)


def _parse_preferred_presence(
    data: Mapping[str, Any],
) -> tuple[Availability, timedelta | None]:
    availability = _parse_enum(Availability, data[ATTR_AVAILABILITY])
    duration: timedelta | None = data.get(ATTR_DURATION)
    if duration is not None:
        _check_duration(duration)
    return availability, duration


def _parse_presence(data: Mapping[str, Any]) -> tuple[Activity, timedelta]:
    activity = _parse_enum(SESSION_ACTIVITIES, data[ATTR_ACTIVITY])
    given: timedelta | None = data.get(ATTR_DURATION)
    # Zero is a duration, too.
    duration = DEFAULT_SESSION if given is None else given
    if not MIN_SESSION <= duration <= MAX_SESSION:
        raise _validation_error("duration_out_of_range", shortest=MIN_SESSION, longest=MAX_SESSION)
    return activity, duration


def _parse_work_location(data: Mapping[str, Any]) -> tuple[WorkLocation]:
    return (_parse_enum(WorkLocation, data[ATTR_LOCATION]),)


ACTIONS: Final = (
    Action(
        "set_status_message",
        PresenceRuntime.async_set_status_message,
        {
            vol.Required(ATTR_MESSAGE): cv.string,
            vol.Optional(ATTR_EXPIRES_IN): _optional(cv.time_period),
            vol.Optional(ATTR_EXPIRES_AT): _optional(cv.datetime),
            vol.Optional(ATTR_PINNED): _optional(cv.boolean),
        },
        _parse_status_message,
    ),
    Action("clear_status_message", PresenceRuntime.async_clear_status_message),
    Action(
        "set_preferred_presence",
        PresenceRuntime.async_set_preferred_presence,
        {
            vol.Required(ATTR_AVAILABILITY): cv.string,
            vol.Optional(ATTR_DURATION): _optional(cv.time_period),
        },
        _parse_preferred_presence,
    ),
    Action("clear_preferred_presence", PresenceRuntime.async_clear_preferred_presence),
    Action(
        "set_presence",
        PresenceRuntime.async_set_presence,
        {
            vol.Required(ATTR_ACTIVITY): cv.string,
            vol.Optional(ATTR_DURATION): _optional(cv.time_period),
        },
        _parse_presence,
    ),
    Action("clear_presence", PresenceRuntime.async_clear_presence),
    Action(
        "set_work_location",
        PresenceRuntime.async_set_work_location,
        {vol.Required(ATTR_LOCATION): cv.string},
        _parse_work_location,
        work_location=True,
    ),
    Action(
        "clear_work_location",
        PresenceRuntime.async_clear_work_location,
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
    """Return presences by object id or address; nothing is stored.

    https://learn.microsoft.com/graph/api/cloudcommunications-getpresencesbyuserid
    """
    entry: PresenceConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
    )
    account = entry.runtime_data.account
    if not account.can_read_others:
        raise _validation_error("colleagues_not_included", account=entry.title)
    names = (plain_text(pasted_person(name)) for name in call.data[ATTR_PEOPLE])
    people = dict.fromkeys(filter(None, names))
    if not people:
        raise _validation_error("people_empty")
    presences = await account.async_get_presences(list(people))
    return {
        "people": {
            name: _response(presence) if presence else None for name, presence in presences.items()
        }
    }


def _response(presence: Presence) -> JsonObjectType:
    """Return a presence in the terms of the entities."""
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
    """Run an action for each targeted person and collect errors."""
    arguments = action.parse(call.data)
    targets = await _async_resolve(call)
    for target in targets:
        _check_target(action, target)

    async def attempt(target: _Target) -> HomeAssistantError | None:
        try:
            await action.write(target.runtime, target.person.id, *arguments)
        except HomeAssistantError as err:
            return err
        return None

    results = await asyncio.gather(*map(attempt, targets))
    failures = [
        (target.name, error)
        for target, error in zip(targets, results, strict=True)
        if error is not None
    ]
    if not failures:
        return
    if len(targets) == 1:
        raise failures[0][1]
    raise HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="some_failed",
        translation_placeholders={
            "failures": "; ".join(f"{name}: {error}" for name, error in failures)
        },
    ) from failures[0][1]


async def _async_resolve(call: ServiceCall) -> list[_Target]:
    """Return the targeted people, each once.

    Raises `Unauthorized`, or `ServiceValidationError` for no person, an unknown target or an
    account that is not loaded.
    """
    hass = call.hass
    selection = TargetSelection(dict(call.data))
    selected = async_extract_referenced_entity_ids(hass, selection)
    names = _names(hass, selected)
    entries: list[PresenceConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    targeted = [
        (entry, name)
        for entry in entries
        if (name := next((names[key] for key in names if _is_of(key, entry)), None))
    ]
    for entry, _ in targeted:
        await _async_wait_for_set_up(entry)
    # From here to the first write nothing waits, so rights lost until now count.
    await _async_check_control(call, selected)
    for entry, name in targeted:
        if entry.state is not ConfigEntryState.LOADED:
            raise _validation_error("account_not_loaded", person=name)
    targets = [
        _Target(entry.runtime_data, person, names[key])
        for entry, _ in targeted
        for person in entry.runtime_data.account.people.values()
        if (key := entry.runtime_data.account.person_key(person.id)) in names
    ]
    unknown = ", ".join(_unknown(hass, selection, selected))
    if unknown or not targets:
        raise _validation_error(
            "unknown_targets" if targets else "nobody_targeted", targets=unknown or "none"
        )
    return targets


def _check_target(action: Action, target: _Target) -> None:
    """Require that the action may write the person."""
    account, name = target.runtime.account, target.name
    is_me = target.person == account.me
    if target.person.id not in account.writable_ids:
        raise _validation_error("read_only" if is_me else "colleague_read_only", person=name)
    if action.work_location and not account.registration.cloud.has_work_location:
        raise _validation_error("no_work_location", person=name)
    if action.work_location and not is_me:
        raise _validation_error("work_location_of_others", person=name)


def _is_of(device_identifier: str, entry: PresenceConfigEntry) -> bool:
    """Return whether a device belongs to an account, loaded or not."""
    return device_identifier.startswith(f"{entry.unique_id}_")


async def _async_wait_for_set_up(entry: PresenceConfigEntry) -> None:
    """Wait for an account that is being set up."""
    # An automation may have waited for its first state, which comes a moment earlier.
    if entry.state is ConfigEntryState.SETUP_IN_PROGRESS:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETUP_TIMEOUT), entry.setup_lock:
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


def _names(hass: HomeAssistant, selected: SelectedEntities) -> dict[str, str]:
    """Return the names of targeted devices of ours, by identifier."""
    entity_registry, device_registry = er.async_get(hass), dr.async_get(hass)
    entities = map(entity_registry.async_get, selected.referenced | selected.indirectly_referenced)
    device_ids = selected.referenced_devices | {
        entity.device_id for entity in entities if entity and entity.platform == DOMAIN
    }
    devices = [device_registry.async_get(device_id) for device_id in device_ids if device_id]
    return {
        identifier[1]: device.name_by_user or device.name or identifier[1]
        for device in devices
        if device is not None
        for identifier in device.identifiers
        if identifier[0] == DOMAIN
    }


def _unknown(
    hass: HomeAssistant, selection: TargetSelection, selected: SelectedEntities
) -> list[str]:
    """Return explicit targets that are missing or foreign."""
    entities, devices = er.async_get(hass), dr.async_get(hass)
    unknown = selected.missing_areas | selected.missing_floors
    for entity_id in selection.entity_ids:
        # A group is replaced by its members, which may be anything, like those of areas.
        is_group = entity_id not in selected.referenced and hass.states.get(entity_id)
        entity = entities.async_get(entity_id)
        if not is_group and (entity is None or entity.platform != DOMAIN):
            unknown.add(entity_id)
    for device_id in selection.device_ids:
        device = devices.async_get(device_id)
        if device is None or DOMAIN not in {identifier[0] for identifier in device.identifiers}:
            unknown.add((device and (device.name_by_user or device.name)) or device_id)
    for label in selected.missing_labels:
        entries = er.async_entries_for_label(entities, label)
        # Labels of devices and entities may lack their own entry.
        if not entries and not dr.async_entries_for_label(devices, label):
            unknown.add(label)
    return sorted(unknown)


def _parse_enum[T: StrEnum](allowed: Iterable[T], value: str) -> T:
    """Parse one of the allowed values."""
    values = {str(one): one for one in allowed}
    if value not in values:
        raise _validation_error("value_not_allowed", value=value, allowed=", ".join(values))
    return values[value]


def _check_duration(duration: timedelta) -> None:
    """Validate a duration of 1 s to 366 days."""
    if duration < timedelta(seconds=1):
        raise _validation_error("duration_not_positive")
    if duration > MAX_DURATION:
        raise _validation_error(
            "duration_out_of_range", shortest=timedelta(seconds=1), longest=MAX_DURATION
        )


def _expiry(data: Mapping[str, Any]) -> datetime | None:
    """Return the expiry from expires_in or expires_at, in Home Assistant's zone."""
    expires_in: timedelta | None = data.get(ATTR_EXPIRES_IN)
    expires_at: datetime | None = data.get(ATTR_EXPIRES_AT)
    if expires_in is not None and expires_at is not None:
        raise _validation_error("two_expiries")
    now = dt_util.utcnow()
    if expires_in is not None:
        _check_duration(expires_in)
        return now + expires_in
    if expires_at is not None:
        if expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=dt_util.get_default_time_zone())
        # Neither comparing nor subtracting fails at the first and the last day of a datetime.
        if expires_at <= now:
            raise _validation_error("expiry_in_the_past")
        _check_duration(max(expires_at - now, timedelta(seconds=1)))
        return expires_at.astimezone(UTC)
    return expires_at


def _validation_error(key: str, **placeholders: object) -> ServiceValidationError:
    """Return a translated validation error."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={name: str(value) for name, value in placeholders.items()},
    )
