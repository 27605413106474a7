"""Repair issues of an account."""

from .const import ISSUE_SIGN_IN_REFUSED


def sign_in_issue_id(entry_id: str) -> str:
    """Return the id of an account's issue about its sign-in."""
    return f"{ISSUE_SIGN_IN_REFUSED}_{entry_id}"
