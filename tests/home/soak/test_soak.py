"""Fifty people and random faults: correct states and no memory leaks."""

from datetime import timedelta
import logging
from os import environ
from pathlib import Path
from random import Random
from typing import Any, Final

from _pytest.logging import LogCaptureHandler
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Simulator
from tests.home.account import Account

from .checks import Checks
from .clock import PatientClock
from .figures import markdown
from .traces import Memory, connections, memory, our_tasks, our_timers
from .week import BEGINS, Week

# scripts/soak simulates a week.
_DAYS: Final = float(environ.get("SOAK_DAYS", "0.5"))
_SEED: Final = int(environ.get("SOAK_SEED", "1"))
_FIGURES: Final = environ.get("SOAK_FIGURES")
# The number of memory measurements. All others are compared with the first.
_LAPS: Final = 7
# Allowed growth in memory blocks: for current settings, and per read. A leak in each read would need at
# least one block. The simulator keeps some data.
_BLOCKS: Final = 2000
_BLOCKS_PER_READ: Final = 0.25
# The two reads of a poll, a lookup in the directory, and a write.
_CONNECTIONS: Final = 4
# Classes with a changing number of instances, and the limit for each person.
_CHANGING: Final = frozenset(
    {
        "PreferredPresence",
        "Presence",
        "PresenceSession",
        "StatusMessage",
        "_PendingWrite",
        # In the traceback of the last failure.
        "MsalHttpClient",
        "_Outcome",
        "_MsalApplication",
    }
)
_CHANGING_EACH: Final = 4


@pytest.fixture
def clock(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> PatientClock:
    """Start on a Monday morning."""
    freezer.move_to(BEGINS)
    return PatientClock(hass, freezer)


@pytest.fixture
def week(
    clock: PatientClock, account: Account, simulator: Simulator, hass_storage: dict[str, Any]
) -> Week:
    """Return a week before its start."""
    random = Random(_SEED)  # noqa: S311
    return Week(clock.hass, clock, account, simulator, random, hass_storage)


@pytest.mark.once
async def test_soak(
    hass: HomeAssistant, week: Week, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    # Debug mode stores tracebacks of tasks and reports slow callbacks when the clock moves.
    hass.loop.set_debug(False)
    assert await async_setup_component(hass, DOMAIN, {})
    without_account = memory().objects
    await week.async_begin()
    checks = Checks(hass, week)
    lap = timedelta(days=_DAYS) / _LAPS
    laps: list[Memory] = []
    reads: list[int] = []
    while len(laps) < _LAPS:
        await week.async_ten_minutes()
        assert not [record.getMessage() for record in caplog.records if _is_unexpected(record)]
        _clear_logs()
        if week.is_faulty or not week.is_quiet:
            continue
        checks.check()
        assert (connections(simulator.tls_url) or 0) <= _CONNECTIONS
        if week.now >= BEGINS + lap * (len(laps) + 1):
            laps.append(memory())
            reads.append(week.figures.polls)
            assert_no_more_objects(laps, len(week.people))

    if _FIGURES:
        # A separate process has no objects of other tests.
        allowed = _BLOCKS + (reads[-1] - reads[0]) * _BLOCKS_PER_READ
        assert laps[-1].blocks - laps[0].blocks <= allowed
    await hass.config_entries.async_unload(week.entry.entry_id)
    # Home Assistant keeps idle connections for a while.
    await week.clock.async_advance(60)
    await week.clock.async_advance(60)
    _clear_logs()
    assert not our_timers(hass)
    assert not our_tasks()
    assert not connections(simulator.tls_url)
    entry_id = week.entry.entry_id
    # The entry refers to what an account keeps over a reload.
    del week.entry
    await hass.config_entries.async_remove(entry_id)
    assert memory().objects <= without_account
    assert week.has_forgotten_session or not week.robin.sessions
    if _FIGURES:
        text = markdown(week, checks, laps, _DAYS)
        await hass.async_add_executor_job(Path(_FIGURES).write_text, text)


def assert_no_more_objects(laps: list[Memory], people: int) -> None:
    """Compare the integration's objects with those after the first lap."""
    first, last = laps[0], laps[-1]
    more = last.lasting(_CHANGING) - first.lasting(_CHANGING)
    assert not more
    assert last.objects.total() - last.lasting(_CHANGING).total() <= people * _CHANGING_EACH


def _is_unexpected(record: logging.LogRecord) -> bool:
    """Return whether a record has an unexpected exception."""
    # The access log fails because the frozen clock has no time zone.
    return bool(record.exc_info) and record.name != "aiohttp.access"


def _clear_logs() -> None:
    """Clear pytest's records, whose errors keep objects alive."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogCaptureHandler):
            handler.clear()
