"""Creates and deletes the repair issues of an account."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .account import Account
from .const import (
    DOMAIN,
    ISSUE_COLLEAGUES_REFUSED,
    ISSUE_PERSON_GONE,
    ISSUE_PREFERENCE_NOT_SHOWN,
    ISSUE_SESSION_NOT_SHOWN,
)


@callback
def create_colleagues_issue(account: Account) -> None:
    """Create the issue about a missing permission to read colleagues."""
    _create(account, ISSUE_COLLEAGUES_REFUSED, "")


@callback
def delete_colleagues_issue(account: Account) -> None:
    """Delete the issue about a missing permission to read colleagues."""
    _delete(account, ISSUE_COLLEAGUES_REFUSED, "")


@callback
def create_person_gone_issue(account: Account, person_id: str) -> None:
    """Create the issue about a colleague who is no longer in the directory."""
    _create(account, ISSUE_PERSON_GONE, person_id, subentry_id=account.subentry_ids[person_id])


@callback
def delete_person_gone_issue(account: Account, person_id: str) -> None:
    """Delete the issue about a colleague."""
    _delete(account, ISSUE_PERSON_GONE, person_id)


@callback
def create_preference_issue(account: Account, person_id: str) -> None:
    """Create the issue about a preferred presence that is not in effect."""
    _create(account, ISSUE_PREFERENCE_NOT_SHOWN, person_id)


@callback
def delete_preference_issue(account: Account, person_id: str) -> None:
    """Delete the issue about a preferred presence."""
    _delete(account, ISSUE_PREFERENCE_NOT_SHOWN, person_id)


@callback
def create_session_issue(account: Account, person_id: str) -> None:
    """Create the issue about a presence session that does not show."""
    _create(account, ISSUE_SESSION_NOT_SHOWN, person_id, is_fixable=False)


@callback
def delete_session_issue(account: Account, person_id: str) -> None:
    """Delete the issue about a presence session."""
    _delete(account, ISSUE_SESSION_NOT_SHOWN, person_id)


@callback
def delete_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issues of an account; the next poll creates those that still apply."""
    for issue in list(ir.async_get(hass).issues.values()):
        belongs = (issue.data or {}).get("entry_id") == entry.entry_id
        if issue.domain == DOMAIN and belongs:
            ir.async_delete_issue(hass, DOMAIN, issue.issue_id)


def _id(account: Account, kind: str, person_id: str) -> str:
    """Return the id of an issue about one person of an account."""
    # No directory ids: the ids of issues are in the diagnostics.
    return f"{kind}_{account.entry.entry_id}_{account.subentry_ids.get(person_id, '')}"


def _create(
    account: Account, kind: str, person_id: str, *, is_fixable: bool = True, **data: Any
) -> None:
    """Create an issue about one person of an account."""
    ir.async_create_issue(
        account.hass,
        DOMAIN,
        _id(account, kind, person_id),
        data={"entry_id": account.entry.entry_id, **data},
        is_fixable=is_fixable,
        severity=ir.IssueSeverity.WARNING,
        translation_key=kind,
    )


def _delete(account: Account, kind: str, person_id: str) -> None:
    """Delete an issue about one person of an account."""
    ir.async_delete_issue(account.hass, DOMAIN, _id(account, kind, person_id))
