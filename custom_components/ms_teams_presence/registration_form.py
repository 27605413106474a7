"""The form for an app registration: its fields, and what is wrong with them."""

from collections.abc import Mapping
import re
from typing import Any, Final
import unicodedata

from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET
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
    CONF_SIGN_IN,
    CONF_TENANT,
    GUID,
    ORGANIZATIONS,
    SIGN_IN_DEVICE_CODE,
)
from .entra.registration import ACCESS_READ, ACCESS_READ_WRITE, SIGN_IN_APPLICATION
from .graph.clouds import CLOUDS, DEFAULT_CLOUD

_DOMAIN_NAME: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)
# The domain in a web address, in an e-mail address or before a slash.
_DOMAIN: Final = re.compile(r"https?://([^/?#]+).*|[^@\s]+@([^@\s]+)|([^/]+)/")
# Format characters and half surrogate pairs; control characters are the line ends of a certificate.
_INVISIBLE: Final = frozenset({"Cf", "Cs"})
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
        if (value := _clean(key, user_input.get(key))) or key in _REQUIRED_TEXT
    }


def _clean(key: str, value: Any) -> Any:
    """Return a value without the invisible characters that copying adds."""
    if not isinstance(value, str):
        return value
    text = "".join(
        character for character in value if unicodedata.category(character) not in _INVISIBLE
    ).strip()
    if key == CONF_TENANT and (found := _DOMAIN.fullmatch(text)):
        return next(filter(None, found.groups()))
    return text


def aadsts_code(user_input: Mapping[str, Any]) -> str:
    """Return the code of Microsoft's error page that was typed, if any."""
    return str(user_input.get(_CONF_TROUBLE, {}).get(_CONF_NUMBER) or "")


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
