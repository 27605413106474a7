"""The integration's objects, timers, tasks, connections and memory."""

import asyncio
from collections import Counter
from collections.abc import Set
from enum import Enum
import gc
from os import sysconf
from pathlib import Path
import sys
from typing import Any, Final, NamedTuple

from homeassistant.core import HassJob, HomeAssistant
from homeassistant.helpers import storage
from homeassistant.helpers.entity import EntityDescription
from homeassistant.util.async_ import get_scheduled_timer_handles
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph.clouds import Cloud

_PACKAGE: Final = f"custom_components.{DOMAIN}"
# Classes of module-level tables.
_TABLES: Final = (Cloud, EntityDescription, Enum, type)
_ESTABLISHED: Final = "01"
_KIBI: Final = 1024


class Memory(NamedTuple):
    """Memory usage at a point in time."""

    blocks: int
    """Blocks allocated by Python, with those of the simulator and test harness."""
    objects: Counter[str]
    """Instances of the integration's classes."""
    kibibytes: int | None
    """Resident memory of the process; None if unknown."""

    def lasting(self, changing: Set[str]) -> Counter[str]:
        """Return counts without changing classes and errors."""
        return Counter(
            {
                name: count
                for name, count in self.objects.items()
                if name not in changing and not name.endswith("Error")
            }
        )


def memory() -> Memory:
    """Collect garbage and measure the memory."""
    # The mocked storage keeps the arguments of each call.
    for method in ("_async_load", "_async_write_data", "async_remove"):
        getattr(storage.Store, method).reset_mock()
    gc.collect()
    gc.collect()
    objects = our_objects()
    return Memory(sys.getallocatedblocks(), objects, _resident())


def our_objects() -> Counter[str]:
    """Count the instances of the integration's classes."""
    return Counter(
        type(found).__qualname__
        for found in gc.get_objects()
        if type(found).__module__.startswith(_PACKAGE) and not isinstance(found, _TABLES)
    )


def our_timers(hass: HomeAssistant) -> list[str]:
    """Return the integration's scheduled timers."""
    handles: list[Any] = get_scheduled_timer_handles(hass.loop)
    return [
        repr(handle)
        for handle in handles
        if not handle.cancelled() and any(map(_is_ours, (handle._callback, *handle._args)))  # noqa: SLF001
    ]


def our_tasks() -> list[str]:
    """Return the integration's tasks."""
    return [
        repr(task)
        for task in asyncio.all_tasks()
        if DOMAIN in task.get_name() or _PACKAGE.replace(".", "/") in _file(task)
    ]


def connections(url: str) -> int | None:
    """Count local connections to a server; None if unknown."""
    port = f":{URL(url).port:04X}"
    try:
        lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return None
    return sum(
        fields[2].endswith(port) and fields[3] == _ESTABLISHED for fields in map(str.split, lines)
    )


def _is_ours(called: Any) -> bool:
    """Return whether a callback belongs to the integration."""
    if isinstance(called, HassJob):
        called = called.target
    owner = getattr(called, "__self__", None)
    return any(
        str(module).startswith(_PACKAGE)
        for module in (getattr(called, "__module__", ""), type(owner).__module__)
    )


def _file(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return code.co_filename if code else ""


def _resident() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * sysconf("SC_PAGE_SIZE") // _KIBI
