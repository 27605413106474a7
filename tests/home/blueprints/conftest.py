"""Home Assistant with the project's blueprints in it."""

import pytest

from tests.home.blueprints import install


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Create a configuration directory with the blueprints."""
    return install(hass_tmp_config_dir)
