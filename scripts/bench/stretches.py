"""How long the event loop was kept from everything else at a stretch."""

import asyncio
from collections.abc import Iterator
import contextlib
from dataclasses import dataclass
import gc
from time import perf_counter
from typing import Any, Final

_RUN: Final = "_run"


@dataclass
class Longest:
    """The longest stretch that was seen."""

    seconds: float = 0.0
    what: str = ""
    """Whose turn it was."""
    collecting: float = 0.0
    """How much of it Python's garbage collection took."""
    without_collecting: float = 0.0
    """The longest, had there been no garbage collection."""


@contextlib.contextmanager
def longest_stretch() -> Iterator[Longest]:
    """Time every callback that the event loop runs, which is every step of a task, too."""
    found = Longest()
    original: Any = vars(asyncio.Handle)[_RUN]
    collected = begun = 0.0

    def watch_collection(phase: str, info: object) -> None:
        nonlocal collected, begun
        if phase == "start":
            begun = perf_counter()
        else:
            collected += perf_counter() - begun

    def run(handle: Any) -> None:
        begin, collected_before = perf_counter(), collected
        try:
            original(handle)
        finally:
            seconds, collecting = perf_counter() - begin, collected - collected_before
            if seconds > found.seconds:
                found.seconds, found.what = seconds, _described(handle)
                found.collecting = collecting
            found.without_collecting = max(found.without_collecting, seconds - collecting)

    gc.callbacks.append(watch_collection)
    setattr(asyncio.Handle, _RUN, run)
    try:
        yield found
    finally:
        setattr(asyncio.Handle, _RUN, original)
        gc.callbacks.remove(watch_collection)


def _described(handle: Any) -> str:
    """Return the name of a task's coroutine, or of a callback."""
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return str(getattr(owner.get_coro(), "__qualname__", owner))
    return str(getattr(callback, "__qualname__", callback))
