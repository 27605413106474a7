"""Home Assistant with the project's blueprints in it."""

import pytest

from tests.home.blueprints import install


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Create a configuration directory with the blueprints."""
    return install(hass_tmp_config_dir)


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave asyncio's debug mode off; a run is nearly twice as fast.

    These tests run the integration's code as others do, which have it on.
    """
