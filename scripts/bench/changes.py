"""Section: delay of changes, and cost of an hour."""

import asyncio
from datetime import datetime
from functools import partial
import random
from statistics import mean, median
import time
from typing import Final

from scripts.live.demo import Demo, sign_in
from scripts.live.home import Home, State
from scripts.live.processes import free_port

from .bench import ROBIN, Bench, log_progress
from .report import Findings, Goal, Table, at_most

_CHANGES: Final = 30
_HOME: Final = "frontend:\nconfig:\n"
_IN_CALL: Final = "binary_sensor.robin_example_in_a_call"
# Two polls, so that changes occur at any phase of one.
_PAUSE: Final = 10.0
_IDLE_SECONDS: Final = 60
_HOUR: Final = 3600
# Version 0.1.0 polled every 15 s.
_FORMER_REQUESTS: Final = 240


async def measure(bench: Bench) -> Findings:
    """Change a presence, with default settings of Home Assistant."""
    directory = bench.directory / "changes"
    directory.mkdir()
    (directory / "configuration.yaml").write_text(_HOME)
    tenant = bench.tenant
    home = Home(directory, port=free_port(), environment=tenant.environment, clouds=tenant.cloud)
    home.install()
    async with home:
        await sign_in(Demo(home, tenant), ROBIN)
        await home.wait_for(_IN_CALL, "become known", partial(_is, "off"))
        delays = await _measure_delays(bench, home)
        costs = await _measure_costs(bench, home)
    text = "From a change in Teams to the state in Home Assistant, in seconds"
    return Findings(
        [costs],
        [
            at_most(f"{text}: mean of {_CHANGES}", 3, mean(delays)),
            at_most(f"{text}: maximum of {_CHANGES}", 6, max(delays)),
            Goal(f"{text}: median of {_CHANGES}", f"{median(delays):.2f}", met=None),
        ],
    )


async def _measure_delays(bench: Bench, home: Home) -> list[float]:
    """Return the seconds from each change to its state."""
    log_progress(f"changing the presence {_CHANGES} times")
    phases = random.Random(0)  # noqa: S311  # the same phases in each run
    delays = []
    for number in range(_CHANGES):
        state, gesture = ("off", "leave_call") if number % 2 else ("on", "join_call")
        await asyncio.sleep(phases.uniform(0, _PAUSE))
        changed = time.time()
        await bench.tenant.gesture(ROBIN, gesture)
        shown = await home.wait_for(_IN_CALL, f"turn {state}", partial(_is, state))
        # On the same clock.
        delays.append(datetime.fromisoformat(shown["last_changed"]).timestamp() - changed)
    return delays


def _is(expected: str, state: State) -> bool:
    return state["state"] == expected


async def _measure_costs(bench: Bench, home: Home) -> Table:
    """Compare an hour of polls with version 0.1.0."""
    log_progress(f"idling for {_IDLE_SECONDS} s with the account and as long without it")
    (entry,) = await home.entries()
    with_account, requests = await _idle(bench, home)
    await home.set_disabled(entry, disabled=True)
    without_account, _ = await _idle(bench, home)
    per_request = max(with_account - without_account, 0) / requests
    hourly = requests / _IDLE_SECONDS * _HOUR
    table = Table("One person, an hour", "", absolute=frozenset({"Requests", "CPU seconds"}))
    for row, number in (("Default", hourly), ("Version 0.1.0: every 15 s", _FORMER_REQUESTS)):
        table.cells[row, "Requests"] = round(number)
        table.cells[row, "CPU seconds"] = number * per_request
    return table


async def _idle(bench: Bench, home: Home) -> tuple[float, int]:
    """Return the CPU seconds and requests while idle."""
    await bench.tenant.clear_requests()
    before = home.cpu_seconds()
    await asyncio.sleep(_IDLE_SECONDS)
    return home.cpu_seconds() - before, len(await bench.tenant.requests())
