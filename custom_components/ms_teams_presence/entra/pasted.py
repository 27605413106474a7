"""The ids of an app registration in pasted text."""

import re
from typing import Final

from ..graph.text import GUID

_DOMAIN_NAME: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:xn--[a-z0-9-]{2,59}|[a-z]{2,63})"
)
# The tenant of an app that several organizations share.
ORGANIZATIONS: Final = "organizations"
# Authorities that accept personal accounts, which have no presence.
_PERSONAL_AUTHORITIES: Final = frozenset({"common", "consumers"})
# Domains of Microsoft's personal accounts, in any country.
_PERSONAL_DOMAIN: Final = re.compile(r"(hotmail|live|msn|outlook)\.(com?\.)?[a-z]{2,3}")

_ID: Final = re.compile(rf"(?<![\w-]){GUID.pattern}(?![\w-])")
# In the address of an app's page in the portal, of a sign-in, or of its API. Others have other ids.
_ID_IN_ADDRESS: Final = re.compile(rf"(?:/appid/|[?&]client_id=|\bapi://)({GUID.pattern})(?![\w-])")
# In the address of a team, which has the team's id, too.
_TENANT_ID_IN_ADDRESS: Final = re.compile(rf"[?&]tenantid=({GUID.pattern})(?![\w-])")
# A tenant by name, not what is before an @.
_NAME: Final = re.compile(rf"(?<![\w.-])(?:{ORGANIZATIONS}|{_DOMAIN_NAME.pattern})(?![\w@-])")
# Hosts of Microsoft's own pages, which are no tenants.
_PAGES: Final = re.compile(r".+\.(?:azure|microsoft|microsoftonline|windows)\.(?:com|net|us)")
# Word processors replace hyphens by these.
_DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
# Labels on the app's page and in the table that `az` prints.
_CLIENT_LABEL: Final = re.compile(r"client|app")
_TENANT_LABEL: Final = re.compile(r"tenant|directory")


def read_app(client_id: str, tenant: str) -> tuple[str, str]:
    """Return client ID and tenant of two form fields; other text as it is."""
    # The first may be the address of an app's page, or a line with both: the tenant first, unless
    # labels or the other field show the other order.
    app_text, tenant_text = (text.translate(_DASHES).lower() for text in (client_id, tenant))
    ids = _client_ids(app_text)
    if len(ids) == 2:
        first, second = ids
        tenant_ids = _ID.findall(tenant_text)
        if first in tenant_ids or second in tenant_ids:
            is_client_first = second in tenant_ids
        else:
            is_client_first = _starts_with_client_id(app_text)
        return (first, second) if is_client_first else (second, first)
    if len(ids) != 1:
        return client_id, _read_tenant(tenant_text, "") or tenant
    names = set() if "/" in app_text else _tenant_names(app_text)
    if len(names) == 1:
        return ids[0], names.pop()
    return ids[0], _read_tenant(tenant_text, ids[0]) or tenant


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
    found = _ID_IN_ADDRESS if "/" in text else _ID
    return list(dict.fromkeys(found.findall(text)))


def _starts_with_client_id(text: str) -> bool:
    """Return whether the label before two ids is the client ID's."""
    labels = _ID.split(text)[0]
    client, tenant = _CLIENT_LABEL.search(labels), _TENANT_LABEL.search(labels)
    return client is not None and (tenant is None or client.start() < tenant.start())


def _tenant_names(text: str) -> set[str]:
    """Return the tenants named in a line, the first of each word, such as an address."""
    words = (_NAME.findall(word.partition("?")[0]) for word in text.split())
    tenants = ([name for name in names if not _PAGES.fullmatch(name)] for names in words)
    return {names[0] for names in tenants if names}


def _read_tenant(text: str, client_id: str) -> str | None:
    """Return the tenant's id, or the only domain of an address or a line."""
    ids = set(_TENANT_ID_IN_ADDRESS.findall(text) or _ID.findall(text)) - {client_id}
    found = ids if len(ids) == 1 else _tenant_names(text)
    return found.pop() if len(found) == 1 else None
