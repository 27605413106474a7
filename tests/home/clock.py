"""One clock for Home Assistant and the simulator."""

from dataclasses import dataclass

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
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
