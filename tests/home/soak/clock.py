"""Time that also passes while Microsoft keeps somebody waiting."""

import asyncio
from collections.abc import Coroutine
from threading import Event
from typing import Any, Final, override

from pytest_homeassistant_custom_component.common import async_fire_time_changed

from tests.home.clock import HomeClock

# Turns of the event loop that something without a request needs.
_QUICK: Final = 4
# Seconds of real time for which an answer may be under way before a second passes.
_PATIENCE: Final = 0.1


class PatientClock(HomeClock):
    """A clock under which slow and lost answers are waited for, as they are at home.

    The frozen clock is the event loop's too: a time-out comes only when somebody moves it.
    """

    @override
    async def async_advance(self, seconds: float) -> None:
        """Let time pass, and whatever is due at its end happen."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.async_settle()

    async def async_settle(self) -> None:
        """Let everything that has begun come to its end."""
        await self.async_do(self.hass.async_block_till_done(wait_background_tasks=True))

    async def async_do[T](self, job: Coroutine[Any, Any, T]) -> T:
        """Do something, however long it takes."""
        task = asyncio.ensure_future(job)
        for _ in range(_QUICK):
            await asyncio.sleep(0)
            if task.done():
                return task.result()
        done = Event()
        task.add_done_callback(lambda _: done.set())
        while not await self.hass.loop.run_in_executor(None, done.wait, _PATIENCE):
            self.freezer.tick(1)
            async_fire_time_changed(self.hass)
        return task.result()
