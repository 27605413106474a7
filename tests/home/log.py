"""What the log holds against the integration."""

import logging

import pytest

from custom_components.ms_teams_presence.const import DOMAIN

_LOGGERS = (DOMAIN, "config_entry_oauth2_flow", "msal")


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said by or about the integration, above the level of debugging."""
    return [
        record.getMessage()
        for record in caplog.records
        if any(name in record.name for name in _LOGGERS) and record.levelno >= logging.WARNING
    ]
