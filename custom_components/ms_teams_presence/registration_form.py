"""The form for an app registration: its fields, and what is wrong with them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_TOKEN
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .const import (
    CONF_ACCESS,
    CONF_CERTIFICATE,
    CONF_CLOUD,
    CONF_COLLEAGUES,
    CONF_NAME,
    CONF_OBJECT_ID,
    CONF_SIGN_IN,
    CONF_TENANT,
    CREDENTIAL_KEYS,
    SIGN_IN_BROWSER,
    SIGN_IN_DEVICE_CODE,
)
from .entra.pasted import read_app, tenant_error
from .entra.registration import ACCESS_READ, ACCESS_READ_WRITE, SIGN_IN_APPLICATION
from .graph.clouds import CLOUDS, DEFAULT_CLOUD
from .graph.text import GUID, pasted_text

# The section of fields that few people need.
CONF_ADVANCED: Final = "advanced"
# Later than any token expires, in seconds since the epoch.
_END_OF_TIME: Final = 2**33
# The code on an error page of Microsoft's that does not redirect back.
_CONF_NUMBER: Final = "number"


def schema(sign_in: str, *, is_open: bool = False) -> vol.Schema:
    """Return the form of a sign-in method, its section open or closed."""
    is_app_only = sign_in == SIGN_IN_APPLICATION
    password = TextSelectorConfig(type=TextSelectorType.PASSWORD)
    secret: dict[vol.Marker, Any] = {vol.Optional(CONF_CLIENT_SECRET): TextSelector(password)}
    cloud = _select(CONF_CLOUD, CLOUDS, SelectSelectorMode.DROPDOWN)
    access = _select(
        "access_of_all" if is_app_only else CONF_ACCESS,
        (ACCESS_READ_WRITE, ACCESS_READ),
        SelectSelectorMode.LIST,
    )
    fields: dict[vol.Marker, Any] = {
        vol.Required(CONF_CLIENT_ID): TextSelector(),
        # Optional, because it may come with the client ID.
        vol.Optional(CONF_TENANT): TextSelector(),
    }
    advanced: dict[vol.Marker, Any] = {vol.Required(CONF_CLOUD, default=DEFAULT_CLOUD): cloud}
    if is_app_only:
        fields |= secret
        fields[vol.Optional(CONF_CERTIFICATE)] = TextSelector(TextSelectorConfig(multiline=True))
    else:
        advanced |= secret if sign_in == SIGN_IN_BROWSER else {}
        advanced[vol.Required(CONF_COLLEAGUES, default=False)] = BooleanSelector()
        advanced[vol.Optional(_CONF_NUMBER)] = TextSelector()
    fields[vol.Required(CONF_ACCESS, default=ACCESS_READ_WRITE)] = access
    fields[vol.Optional(CONF_ADVANCED)] = section(vol.Schema(advanced), {"collapsed": not is_open})
    return vol.Schema(fields)


def _select(key: str, options: Iterable[str], mode: SelectSelectorMode) -> SelectSelector:
    """Return a selector with translated options."""
    return SelectSelector(
        SelectSelectorConfig(options=list(options), translation_key=key, mode=mode)
    )


def _advanced_fields(sign_in: str) -> set[str]:
    """Return the fields in the section of a sign-in method's form."""
    return {str(field) for field in schema(sign_in).schema[CONF_ADVANCED].schema.schema}


def field_names(sign_in: str) -> set[str]:
    """Return the fields of a registration in a sign-in method's form."""
    fields = {str(field) for field in schema(sign_in).schema} | _advanced_fields(sign_in)
    return fields - {CONF_ADVANCED, _CONF_NUMBER}


def error_key(sign_in: str, field: str) -> str:
    """Return where a sign-in method's form shows an error about a field."""
    # The frontend shows errors above a section, and none inside.
    if field in _advanced_fields(sign_in):
        return CONF_ADVANCED
    return field if field in field_names(sign_in) else "base"


def parse(sign_in: str, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the registration of a submitted form, or of a stored one."""
    values = {CONF_CLOUD: DEFAULT_CLOUD, **user_input, **user_input.get(CONF_ADVANCED, {})}
    texts = {key: _pasted(values.get(key, "")) for key in field_names(sign_in)}
    texts[CONF_CLIENT_ID], texts[CONF_TENANT] = read_app(texts[CONF_CLIENT_ID], texts[CONF_TENANT])
    return {CONF_SIGN_IN: sign_in} | {
        key: value
        for key, value in texts.items()
        # An empty text in these fields is reported by `validate`.
        if value or key in {CONF_CLIENT_ID, CONF_TENANT}
    }


def _pasted(value: Any) -> Any:
    """Return a value as it was meant."""
    return pasted_text(value) if isinstance(value, str) else value


def aadsts_code(user_input: Mapping[str, Any]) -> str:
    """Return the code of Microsoft's error page that was typed, if any."""
    return pasted_text(user_input.get(CONF_ADVANCED, {}).get(_CONF_NUMBER) or "")


def validate(registration: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a registration, by field."""
    errors = {}
    is_app_only = registration[CONF_SIGN_IN] == SIGN_IN_APPLICATION
    if is_app_only and (CONF_CLIENT_SECRET in registration) == (CONF_CERTIFICATE in registration):
        errors["base"] = "one_credential"
    if error := tenant_error(registration[CONF_TENANT], is_app_only=is_app_only):
        errors[CONF_TENANT] = error
    if not GUID.fullmatch(registration[CONF_CLIENT_ID]):
        errors[CONF_CLIENT_ID] = "client_id_invalid"
    return errors


def unreadable(data: Mapping[str, Any]) -> list[str]:
    """Return the stored members that are missing or malformed."""
    optional = {CONF_OBJECT_ID, CONF_NAME} if _is_app_only(data) else set()
    return [
        key
        for key, is_readable in _MEMBERS.items()
        if not is_readable(data.get(key)) and key not in optional
    ] + ([] if _is_token(data.get(CONF_TOKEN), is_app_only=_is_app_only(data)) else [CONF_TOKEN])


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the readable part of a stored registration."""
    sign_in = SIGN_IN_APPLICATION if _is_app_only(data) else SIGN_IN_BROWSER
    registration = {
        key: data[key]
        for key in (CONF_SIGN_IN, CONF_CLOUD, CONF_TENANT, CONF_CLIENT_ID, CONF_ACCESS)
        if _MEMBERS[key](data.get(key))
    }
    return {
        CONF_SIGN_IN: sign_in,
        CONF_COLLEAGUES: data.get(CONF_COLLEAGUES) is True,
    } | registration


def stored_credential(registration: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored credential if the form left it empty for the same app."""
    # Version 0.1.0 stored it in any case.
    is_same_app = str(stored.get(CONF_CLIENT_ID)).lower() == registration[CONF_CLIENT_ID]
    if not is_same_app or CREDENTIAL_KEYS & registration.keys():
        return {}
    fields = field_names(registration[CONF_SIGN_IN])
    return {key: stored[key] for key in CREDENTIAL_KEYS & fields if _is_text(stored.get(key))}


def last_app(sign_in: str, entries: Iterable[ConfigEntry]) -> dict[str, Any]:
    """Return the app of the last account of the same kind."""
    # An app is registered for people or for itself: one of the other kind misleads.
    is_app_only = sign_in == SIGN_IN_APPLICATION
    same = [entry for entry in entries if _is_app_only(entry.data) is is_app_only]
    last = max(same, key=lambda entry: entry.created_at, default=None)
    registration = read(last.data) if last else {}
    suggested = (CONF_CLOUD, CONF_TENANT, CONF_CLIENT_ID)
    return {key: registration[key] for key in suggested if key in registration}


def _is_app_only(data: Mapping[str, Any]) -> bool:
    """Return whether a config entry is that of the organization's app."""
    if not _MEMBERS[CONF_SIGN_IN](data.get(CONF_SIGN_IN)):
        return CONF_OBJECT_ID not in data
    return bool(data[CONF_SIGN_IN] == SIGN_IN_APPLICATION)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_token(value: object, *, is_app_only: bool) -> bool:
    """Return whether a stored token can be used and refreshed."""
    if not isinstance(value, Mapping):
        return False
    expires_at, access_token = value.get("expires_at"), value.get("access_token")
    texts = [value.get(key) for key in ("refresh_token", "scope")]
    return (
        isinstance(expires_at, int | float)
        and abs(expires_at) < _END_OF_TIME
        and all(
            _is_text(text) and text.isascii() and text.isprintable()
            for text in (access_token, *(filter(None, texts) if is_app_only else texts))
        )
    )


# What the members of a config entry are, apart from the token.
_MEMBERS: Final[dict[str, Callable[[Any], bool]]] = {
    CONF_ACCESS: lambda value: value in (ACCESS_READ, ACCESS_READ_WRITE),
    CONF_CERTIFICATE: lambda value: value is None or isinstance(value, str),
    CONF_CLIENT_ID: _is_text,
    CONF_CLIENT_SECRET: lambda value: value is None or isinstance(value, str),
    CONF_CLOUD: lambda value: isinstance(value, str) and value in CLOUDS,
    CONF_COLLEAGUES: lambda value: value is None or isinstance(value, bool),
    CONF_NAME: _is_text,
    CONF_OBJECT_ID: _is_text,
    CONF_SIGN_IN: lambda value: (
        value in (SIGN_IN_BROWSER, SIGN_IN_DEVICE_CODE, SIGN_IN_APPLICATION)
    ),
    CONF_TENANT: _is_text,
}
