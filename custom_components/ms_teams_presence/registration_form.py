"""The form for an app registration: its fields, and what is wrong with them."""

from collections.abc import Callable, Iterable, Mapping
import re
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
    GUID,
    ORGANIZATIONS,
    SIGN_IN_BROWSER,
    SIGN_IN_DEVICE_CODE,
)
from .entra.registration import ACCESS_READ, ACCESS_READ_WRITE, SIGN_IN_APPLICATION
from .graph.clouds import CLOUDS, DEFAULT_CLOUD
from .graph.text import pasted_text

_DOMAIN_NAME: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)
# The domain in a web address, in an e-mail address or before a slash.
_DOMAIN: Final = re.compile(r"https?://([^/?#]+).*|[^@\s]+@([^@\s]+)|([^/]+)/")
# Authorities that accept personal accounts, which have no presence.
_PERSONAL_AUTHORITIES: Final = frozenset({"common", "consumers"})

_REQUIRED_TEXT: Final = frozenset({CONF_TENANT, CONF_CLIENT_ID})
# Help for the code on an error page of Microsoft's that does not redirect back.
_CONF_TROUBLE: Final = "trouble"
_CONF_NUMBER: Final = "number"


def schema(sign_in: str) -> vol.Schema:
    """Return the form of a sign-in method."""
    fields: dict[vol.Marker, Any] = {
        vol.Required(CONF_CLOUD, default=DEFAULT_CLOUD): SelectSelector(
            SelectSelectorConfig(
                options=list(CLOUDS),
                translation_key=CONF_CLOUD,
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        vol.Required(CONF_TENANT): TextSelector(),
        vol.Required(CONF_CLIENT_ID): TextSelector(),
    }
    if sign_in != SIGN_IN_DEVICE_CODE:
        fields[vol.Optional(CONF_CLIENT_SECRET)] = TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD)
        )
    if sign_in == SIGN_IN_APPLICATION:
        fields[vol.Optional(CONF_CERTIFICATE)] = TextSelector(TextSelectorConfig(multiline=True))
    fields[vol.Required(CONF_ACCESS, default=ACCESS_READ_WRITE)] = SelectSelector(
        SelectSelectorConfig(
            options=[ACCESS_READ_WRITE, ACCESS_READ],
            translation_key="access_of_all" if sign_in == SIGN_IN_APPLICATION else CONF_ACCESS,
            mode=SelectSelectorMode.LIST,
        )
    )
    if sign_in != SIGN_IN_APPLICATION:
        fields[vol.Required(CONF_COLLEAGUES, default=False)] = BooleanSelector()
        fields[vol.Optional(_CONF_TROUBLE)] = section(
            vol.Schema({vol.Optional(_CONF_NUMBER): TextSelector()}), {"collapsed": True}
        )
    return vol.Schema(fields)


def field_names(sign_in: str) -> set[str]:
    """Return the fields of a sign-in method's form."""
    return {str(field) for field in schema(sign_in).schema}


def parse(sign_in: str, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the registration of a submitted form."""
    return {CONF_SIGN_IN: sign_in} | {
        key: value
        for key in field_names(sign_in) - {_CONF_TROUBLE}
        # An empty text in a required field is reported by `validate`.
        if (value := _clean(key, user_input.get(key, ""))) or key in _REQUIRED_TEXT
    }


def _clean(key: str, value: Any) -> Any:
    """Return a value as it was meant."""
    if not isinstance(value, str):
        return value
    text = pasted_text(value)
    if key == CONF_TENANT and (found := _DOMAIN.fullmatch(text)):
        return next(filter(None, found.groups()))
    return text


def aadsts_code(user_input: Mapping[str, Any]) -> str:
    """Return the code of Microsoft's error page that was typed, if any."""
    return pasted_text(user_input.get(_CONF_TROUBLE, {}).get(_CONF_NUMBER) or "")


def validate(registration: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a registration, by field."""
    errors = {}
    tenant = registration[CONF_TENANT].lower()
    is_app_only = registration[CONF_SIGN_IN] == SIGN_IN_APPLICATION
    if is_app_only and (CONF_CLIENT_SECRET in registration) == (CONF_CERTIFICATE in registration):
        errors["base"] = "one_credential"
    if tenant in _PERSONAL_AUTHORITIES:
        errors[CONF_TENANT] = "personal_authority"
    elif is_app_only and tenant == ORGANIZATIONS:
        errors[CONF_TENANT] = "tenant_needed"
    elif tenant != ORGANIZATIONS and not (GUID.fullmatch(tenant) or _DOMAIN_NAME.fullmatch(tenant)):
        errors[CONF_TENANT] = "tenant_invalid"
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
    is_same_app = stored.get(CONF_CLIENT_ID) == registration[CONF_CLIENT_ID]
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
    texts = ["access_token"] if is_app_only else ["access_token", "refresh_token", "scope"]
    return isinstance(value.get("expires_at"), int | float) and all(
        _is_text(value.get(key)) for key in texts
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
