"""First pytest plugin; it prepares the import of Home Assistant.

`--again` is for a complete run on another Home Assistant; it skips tests that don't depend on it.
"""

from asyncio import constants
import os
from pathlib import Path
import tempfile
import traceback
from typing import Final

import pytest
import trustme

from simulator.tls import NAMES, Certificate

# The simulator's name wherever names matter; no real one ends like that.
NAME = "microsoft.test"
# Every test trusts it.
AUTHORITY = trustme.CA()
_FOLDER: Final = tempfile.TemporaryDirectory(prefix="simulator-certificate-")
# Home Assistant reads it when its HTTP session is imported, `requests` in other tests, too.
CERTIFICATE = Certificate.create(
    Path(_FOLDER.name),
    names=(*NAMES, NAME),
    authority=AUTHORITY,
)
os.environ["REQUESTS_CA_BUNDLE"] = str(CERTIFICATE.bundle)

import homeassistant  # noqa: E402, F401  # it replaces httpx, so it comes first
import homeassistant.components.logger as _logger  # noqa: E402

# Home Assistant 2026.11 dropped a name that the newest released test package still resets.
if not hasattr(_logger, "_clear_logger_overwrites"):
    _logger._clear_logger_overwrites = lambda hass: None  # type: ignore[attr-defined]  # noqa: SLF001


# Tests in these folders don't depend on Home Assistant.
_LOWER_RINGS: Final = frozenset({"graph", "simulator"})


class _WithoutDebugMode:
    """Override a slow fixture of the test package."""

    @pytest.fixture(autouse=True)
    def enable_event_loop_debug(self) -> None:
        """Leave asyncio's debug mode off."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--again`."""
    text = "skip tests that don't depend on Home Assistant, and asyncio's debug mode"
    parser.addoption("--again", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Disable asyncio's debug mode for `--again`; make it cheaper otherwise."""
    # Frames stored for each callback, task and future. They take most of the debug mode's time, so
    # only a run in one process, whose output a person reads, has them.
    frames = 0 if hasattr(config, "workerinput") else 2
    constants.DEBUG_STACK_DEPTH = frames  # type: ignore[misc]
    traceback.extract_stack.__defaults__ = (None, frames)
    if config.getoption("again"):
        config.pluginmanager.register(_WithoutDebugMode())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests for `--again`."""
    if config.getoption("again"):
        once = [item for item in items if _is_run_once(item)]
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if item not in once]


def _is_run_once(item: pytest.Item) -> bool:
    return item.get_closest_marker("once") is not None or item.path.parent.name in _LOWER_RINGS
