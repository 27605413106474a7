"""Unexpected log records."""

import logging

import pytest

from custom_components.ms_teams_presence.const import DOMAIN

_LOGGERS = (DOMAIN, "config_entry_oauth2_flow", "msal")


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return warnings and errors of the integration's loggers."""
    return [
        record.getMessage()
        for record in caplog.records
        if any(name in record.name for name in _LOGGERS) and record.levelno >= logging.WARNING
    ]
