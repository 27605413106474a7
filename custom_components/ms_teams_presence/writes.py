"""Queue of an account's writes."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
import logging
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

# Seconds that unloading an account waits for its writes.
_UNLOAD_TIMEOUT: Final = 5.0


class WriteQueue:
    """Writes of one account, serialized for each person.

    It outlives a reload, as a pending write does.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize."""
        self._hass = hass
        # Without them, repeating an earlier write could undo a later one.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsent: set[asyncio.Task[None] | None] = set()

    @property
    def is_idle(self) -> bool:
        """Return whether no write is waiting or in progress."""
        return not self._tasks

    async def async_run(self, person_id: str, write: Callable[[], Awaitable[None]]) -> None:
        """Run a write; it ends with a canceled caller only if nothing was sent.

        Raises `TimeoutError` if the queue was canceled.
        """
        task = self._hass.async_create_task(self._async_run(person_id, write), f"{DOMAIN} write")
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            if task in self._unsent:
                task.cancel()
            raise
        if task.cancelled():
            raise TimeoutError
        task.result()

    async def _async_run(self, person_id: str, write: Callable[[], Awaitable[None]]) -> None:
        self.mark_unsent()
        try:
            async with self._locks[person_id]:
                await write()
        finally:
            self.mark_sent()

    @callback
    def mark_unsent(self) -> None:
        """Let the current write be canceled."""
        self._unsent.add(asyncio.current_task())

    @callback
    def mark_sent(self) -> bool:
        """Let the current write outlive its caller; return whether that changed."""
        task = asyncio.current_task()
        changed = task in self._unsent
        self._unsent.discard(task)
        return changed

    @callback
    def _finished(self, task: asyncio.Task[None]) -> None:
        """Log an error that a canceled caller doesn't get."""
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()):
            _LOGGER.debug("Write failed: %r", err)

    async def async_wait(self) -> None:
        """Wait for writes, for a few seconds at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_UNLOAD_TIMEOUT)

    async def async_cancel(self) -> None:
        """Cancel every write."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
