"""One clock for Home Assistant and the simulator."""

from dataclasses import dataclass
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed


@dataclass
class HomeClock:
    """The clock of a test."""

    hass: HomeAssistant
    freezer: FrozenDateTimeFactory

    async def async_advance(self, seconds: float) -> None:
        """Advance the clock and fire due timers."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.hass.async_block_till_done(wait_background_tasks=True)


def shift_system_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Change the time of day, but not the monotonic time."""
    utcnow = dt_util.utcnow
    monkeypatch.setattr(dt_util, "utcnow", lambda: utcnow() + by)
