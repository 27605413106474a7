"""Loaded by pytest before any other plugin: what has to happen before Home Assistant is imported."""

import os
from pathlib import Path
import tempfile

import trustme

from simulator.tls import NAMES, Certificate

# The simulator's name wherever names matter; no real one ends like that.
NAME = "microsoft.test"
# Whoever it vouches for is trusted in every test.
AUTHORITY = trustme.CA()
# Home Assistant reads it when its HTTP session is imported, `requests` in other tests, too.
CERTIFICATE = Certificate.create(
    Path(tempfile.mkdtemp(prefix="simulator-certificate-")),
    names=(*NAMES, NAME),
    authority=AUTHORITY,
)
os.environ["REQUESTS_CA_BUNDLE"] = str(CERTIFICATE.bundle)

import homeassistant  # noqa: E402, F401  # it aliases httpx, so before anything imports that
import homeassistant.components.logger as _logger  # noqa: E402

# Home Assistant 2026.11 dropped a name that the newest released test package still resets.
if not hasattr(_logger, "_clear_logger_overwrites"):
    _logger._clear_logger_overwrites = lambda hass: None  # type: ignore[attr-defined]  # noqa: SLF001
