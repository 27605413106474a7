"""Fifty people, one clock, and everything that goes wrong: right at every check, and no heavier after."""

from datetime import timedelta
import logging
from os import environ
from pathlib import Path
from random import Random
from typing import Final

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

# A week is for scripts/soak.
_DAYS: Final = float(environ.get("SOAK_DAYS", "0.5"))
_SEED: Final = int(environ.get("SOAK_SEED", "1"))
_FIGURES: Final = environ.get("SOAK_FIGURES")
# Memory is looked at so often; what there is the first time, after a week's first day, is what the
# others are compared with.
_LAPS: Final = 7
# How many blocks of memory may be added by what happens to be set, and then for each read of
# presence: whatever was kept of each would take one at least. The simulator keeps some things.
_BLOCKS: Final = 2000
_BLOCKS_PER_READ: Final = 0.25
# Both reads of a poll and a write.
_CONNECTIONS: Final = 3
# Objects that there are more or fewer of by what goes on, and how many there may be for each person.
_CHANGING: Final = frozenset({"Preference", "Presence", "Session", "StatusMessage", "_Written"})
_CHANGING_EACH: Final = 4


@pytest.fixture
def clock(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> PatientClock:
    """Begin on a Monday morning."""
    freezer.move_to(BEGINS)
    return PatientClock(hass, freezer)


@pytest.fixture
def week(clock: PatientClock, account: Account, simulator: Simulator) -> Week:
    """Return a week that has not begun."""
    return Week(clock.hass, clock, account, simulator, Random(_SEED))  # noqa: S311


@pytest.mark.once
async def test_soak(
    hass: HomeAssistant, week: Week, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    # It remembers where each task began, and takes a frozen clock that moves for slowness.
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
        assert not [record.getMessage() for record in caplog.records if _is_a_crash(record)]
        _forget_logs()
        if week.is_faulty or not week.is_quiet:
            continue
        checks.check()
        assert (connections(simulator.tls_url) or 0) <= _CONNECTIONS
        if week.now >= BEGINS + lap * (len(laps) + 1):
            laps.append(memory())
            reads.append(week.figures.polls)
            assert_no_more_objects(laps, len(week.people))

    if _FIGURES:
        # Only a process of its own holds nothing of other tests, which comes and goes.
        allowed = _BLOCKS + (reads[-1] - reads[0]) * _BLOCKS_PER_READ
        assert laps[-1].blocks - laps[0].blocks <= allowed
    await hass.config_entries.async_unload(week.entry.entry_id)
    # Home Assistant keeps connections for a while, which are not the integration's.
    await week.clock.async_advance(60)
    await week.clock.async_advance(60)
    _forget_logs()
    assert not our_timers(hass)
    assert not our_tasks()
    assert not connections(simulator.tls_url)
    assert memory().objects <= without_account
    await hass.config_entries.async_remove(week.entry.entry_id)
    assert not week.robin.sessions
    if _FIGURES:
        text = markdown(week, checks, laps, _DAYS)
        await hass.async_add_executor_job(Path(_FIGURES).write_text, text)


def assert_no_more_objects(laps: list[Memory], people: int) -> None:
    """Compare the integration's objects at the end of a lap with those after the first."""
    first, last = laps[0], laps[-1]
    assert last.lasting(_CHANGING) <= first.lasting(_CHANGING)
    assert last.objects.total() - last.lasting(_CHANGING).total() <= people * _CHANGING_EACH


def _is_a_crash(record: logging.LogRecord) -> bool:
    """Tell whether something has gone wrong that nobody has foreseen."""
    # The frozen clock has no time zone, which the access log of the harness's web server wants.
    return bool(record.exc_info) and record.name != "aiohttp.access"


def _forget_logs() -> None:
    """Let go of records, whose errors hold on to whoever raised them; pytest keeps them twice."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogCaptureHandler):
            handler.clear()
