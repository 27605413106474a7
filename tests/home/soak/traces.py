"""What the integration holds on to: objects, timers, tasks, connections, memory."""

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
# Tables of modules, which stay for as long as the modules do.
_TABLES: Final = (Cloud, EntityDescription, Enum, type)
_ESTABLISHED: Final = "01"
_KIBI: Final = 1024


class Memory(NamedTuple):
    """How much there is at a moment."""

    blocks: int
    """What Python has allocated, the simulator's and the harness's included."""
    objects: Counter[str]
    """Instances of the integration's classes."""
    kibibytes: int | None
    """What the process has in memory; None where the system does not tell."""

    def lasting(self, changing: Set[str]) -> Counter[str]:
        """Return the objects without those of some names, and without errors."""
        return Counter(
            {
                name: count
                for name, count in self.objects.items()
                if name not in changing and not name.endswith("Error")
            }
        )


def memory() -> Memory:
    """Look at what is left after everything unused is gone."""
    # The harness's storage remembers each call with all that was to be written.
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
    """Return the timers that would call the integration."""
    handles: list[Any] = get_scheduled_timer_handles(hass.loop)
    return [
        repr(handle)
        for handle in handles
        if not handle.cancelled() and any(map(_is_ours, (handle._callback, *handle._args)))  # noqa: SLF001
    ]


def our_tasks() -> list[str]:
    """Return the tasks that run the integration's code, or bear its name."""
    return [
        repr(task)
        for task in asyncio.all_tasks()
        if DOMAIN in task.get_name() or _PACKAGE.replace(".", "/") in _file(task)
    ]


def connections(url: str) -> int | None:
    """Count the connections to an address on this machine; None where the system does not tell."""
    port = f":{URL(url).port:04X}"
    try:
        lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return None
    return sum(
        fields[2].endswith(port) and fields[3] == _ESTABLISHED for fields in map(str.split, lines)
    )


def _is_ours(called: Any) -> bool:
    """Tell whether something that a timer holds is of the integration."""
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
