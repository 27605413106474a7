"""Measure the longest block of the event loop."""

import asyncio
from collections.abc import Iterator
import contextlib
from dataclasses import dataclass
import gc
from time import perf_counter
from typing import Any, Final

_RUN: Final = "_run"


@dataclass
class LongestStretch:
    """The longest stretch."""

    seconds: float = 0.0
    callback: str = ""
    """Name of the coroutine or callback."""
    collecting: float = 0.0
    """Seconds of it in garbage collection."""
    without_collecting: float = 0.0
    """The longest stretch, garbage collection excluded."""


@contextlib.contextmanager
def longest_stretch() -> Iterator[LongestStretch]:
    """Time each callback of the event loop."""
    longest = LongestStretch()
    original: Any = vars(asyncio.Handle)[_RUN]
    collected = collection_start = 0.0

    def on_collection(phase: str, info: object) -> None:
        nonlocal collected, collection_start
        if phase == "start":
            collection_start = perf_counter()
        else:
            collected += perf_counter() - collection_start

    def run(handle: Any) -> None:
        start, collected_before = perf_counter(), collected
        try:
            original(handle)
        finally:
            seconds, collecting = perf_counter() - start, collected - collected_before
            if seconds > longest.seconds:
                longest.seconds, longest.callback = seconds, _callback_name(handle)
                longest.collecting = collecting
            longest.without_collecting = max(longest.without_collecting, seconds - collecting)

    gc.callbacks.append(on_collection)
    setattr(asyncio.Handle, _RUN, run)
    try:
        yield longest
    finally:
        setattr(asyncio.Handle, _RUN, original)
        gc.callbacks.remove(on_collection)


def _callback_name(handle: Any) -> str:
    """Return the name of a coroutine or callback."""
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return str(getattr(owner.get_coro(), "__qualname__", owner))
    return str(getattr(callback, "__qualname__", callback))
