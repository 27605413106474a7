"""A clock that advances while requests are pending."""

import asyncio
from collections.abc import Awaitable
from threading import Event
from typing import Final, override

from pytest_homeassistant_custom_component.common import async_fire_time_changed

from tests.home.clock import HomeClock

# Event loop iterations that a job without requests needs.
_ITERATIONS: Final = 4
# Real seconds to wait for a response before the clock advances by a second.
_REAL_SECONDS: Final = 0.1


class PatientClock(HomeClock):
    """A clock that advances until slow or lost responses time out.

    The event loop's clock is frozen, so timeouts never fire by themselves.
    """

    @override
    async def async_advance(self, seconds: float) -> None:
        """Advance the clock and fire due timers."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.async_settle()

    async def async_settle(self) -> None:
        """Wait for all tasks to finish."""
        await self.async_do(self.hass.async_block_till_done(wait_background_tasks=True))

    async def async_do[T](self, job: Awaitable[T]) -> T:
        """Await a job, advancing the clock if necessary."""
        task = asyncio.ensure_future(job)
        for _ in range(_ITERATIONS):
            await asyncio.sleep(0)
            if task.done():
                return task.result()
        done = Event()
        task.add_done_callback(lambda _: done.set())
        while not await self.hass.loop.run_in_executor(None, done.wait, _REAL_SECONDS):
            self.freezer.tick(1)
            async_fire_time_changed(self.hass)
        return task.result()
