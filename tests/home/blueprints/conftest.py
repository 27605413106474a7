"""Home Assistant with the project's blueprints in it."""

import pytest

from tests.home.blueprints import install


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give Home Assistant a folder of its own that has the blueprints in it."""
    return install(hass_tmp_config_dir)
