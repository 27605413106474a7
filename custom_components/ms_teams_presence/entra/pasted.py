"""The ids of an app registration in pasted text."""

import re
from typing import Final

from ..graph.text import GUID

_DOMAIN_NAME: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)
# The tenant of an app that several organizations share.
ORGANIZATIONS: Final = "organizations"
# Authorities that accept personal accounts, which have no presence.
_PERSONAL_AUTHORITIES: Final = frozenset({"common", "consumers"})
# Domains of Microsoft's personal accounts, in any country.
_PERSONAL_DOMAIN: Final = re.compile(r"(hotmail|live|msn|outlook)\.(com?\.)?[a-z]{2,3}")

_ID: Final = re.compile(rf"(?<![\w-]){GUID.pattern}(?![\w-])", re.IGNORECASE)
# In the address of an app's page in the portal, or of a sign-in. Other pages have other ids.
_ID_IN_ADDRESS: Final = re.compile(
    rf"(?:/appId/|[?&]client_id=)({GUID.pattern})(?![\w-])", re.IGNORECASE
)
# The domain in a web address, in an e-mail address or before a slash.
_DOMAIN: Final = re.compile(r"https?://([^/?#]+).*|[^@\s]+@([^@\s]+)|([^/]+)/")
_PUNCTUATION: Final = "\"'`()[]<>{},;:"
# Labels on the app's page and in the table that `az` prints.
_CLIENT_LABEL: Final = re.compile(r"client|app", re.IGNORECASE)
_TENANT_LABEL: Final = re.compile(r"tenant|directory", re.IGNORECASE)


def read_app(client_id: str, tenant: str) -> tuple[str, str]:
    """Return client ID and tenant of two form fields; other text as it is."""
    # The first may be the address of an app's page, or a line with both: the tenant first, unless
    # labels or the other field show the other order.
    ids = _client_ids(client_id)
    if len(ids) == 2:
        first, second = ids
        tenant_ids = _ID.findall(tenant)
        if first in tenant_ids or second in tenant_ids:
            is_client_first = second in tenant_ids
        else:
            is_client_first = _starts_with_client_id(client_id)
        return (first, second) if is_client_first else (second, first)
    if len(ids) != 1:
        return client_id, _read_tenant(tenant, "")
    names = [] if "/" in client_id else _tenant_names(client_id)
    return ids[0], names[0] if len(names) == 1 else _read_tenant(tenant, ids[0])


def tenant_error(tenant: str, *, is_app_only: bool) -> str | None:
    """Return the key of the error about a tenant, if any."""
    tenant = tenant.lower()
    if tenant in _PERSONAL_AUTHORITIES:
        return "personal_authority"
    if _PERSONAL_DOMAIN.fullmatch(tenant):
        return "personal_account"
    if tenant == ORGANIZATIONS:
        return "tenant_needed" if is_app_only else None
    is_tenant = GUID.fullmatch(tenant) or _DOMAIN_NAME.fullmatch(tenant)
    return None if is_tenant else "tenant_invalid"


def _client_ids(text: str) -> list[str]:
    """Return the ids among which is the client ID."""
    if "/" in text:
        return list(dict.fromkeys(_ID_IN_ADDRESS.findall(text)))
    return list(dict.fromkeys(_ID.findall(text)))


def _starts_with_client_id(text: str) -> bool:
    """Return whether the label before two ids is the client ID's."""
    labels = _ID.split(text)[0]
    client, tenant = _CLIENT_LABEL.search(labels), _TENANT_LABEL.search(labels)
    return client is not None and (tenant is None or client.start() < tenant.start())


def _tenant_names(text: str) -> list[str]:
    """Return the domains of a line, also of e-mail addresses."""
    words = (word.strip(_PUNCTUATION).rpartition("@")[2] for word in text.split())
    return [word for word in words if word.lower() == ORGANIZATIONS or _DOMAIN_NAME.fullmatch(word)]


def _read_tenant(text: str, client_id: str) -> str:
    """Return the tenant's id, or the domain of an address or a line."""
    if len(ids := set(_ID.findall(text)) - {client_id}) == 1:
        return str(ids.pop())
    if found := _DOMAIN.fullmatch(text):
        return str(next(filter(None, found.groups())))
    names = _tenant_names(text)
    return names[0] if len(names) == 1 else text
