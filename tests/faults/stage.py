"""A home with faults, and what it shows, logs and asks."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import logging
from math import ceil
from pathlib import Path
import re
import tempfile
from typing import Any, Final

from freezegun import api as freezegun
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
import trustme

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Certificate, Person, Simulator
from simulator.faults import Fault, Options
from simulator.outages import OUTAGES
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add
from tests.home.states import state
from tests.name_server import NameServer
from tests.network import DEAD, GOOD, unresponsive
from tests.plugin import AUTHORITY, NAME
from tests.recorder import recording

ROBIN: Final = "sensor.robin_example_availability"
ALEX: Final = "sensor.alex_example_availability"

POLL: Final = 31.0
"""The interval after a rejected poll plus one second, because the test timers may fire early."""

# Idle real seconds that mean blocked, and the seconds to advance then.
_QUIET: Final = 0.1
_STEP: Final = 1.0
_STEP_WHILE_BLOCKED: Final = 5.0
# aiohttp's delay before it tries the next address, rounded up.
_NEXT_ADDRESS: Final = 0.3
# aiohttp's DNS cache time plus one second.
_DNS_CACHE_SECONDS: Final = 11
# The largest step, because a timer fires only once per step.
_MAX_STEP: Final = 8.0
# Loggers without messages about the integration.
_IGNORED_LOGGERS: Final = frozenset({"aiohttp.access", "aiohttp_fast_zlib", "homeassistant.loader"})
_RECOVERED: Final = re.compile("recovered|can be read again")
# Outages in which every request times out.
TIMING_OUT: Final = frozenset({"unanswered", "silent"})

type Network = str
"""An outage of `simulator.outages`, a certificate of CERTIFICATES, or one of "no name", "dead addresses", "proxy"."""


def _certificate(**options: Any) -> Certificate:
    return Certificate.create(Path(tempfile.mkdtemp(prefix="simulator-certificate-")), **options)


CERTIFICATES: Final[dict[Network, dict[str, Any]]] = {
    "stranger": {"authority": trustme.CA()},
    "expired": {"authority": AUTHORITY, "ends": datetime.now(UTC) - timedelta(days=1)},
    "other name": {"authority": AUTHORITY, "names": ("graph.example",)},
}
"""Invalid certificates: unknown authority, expired, or wrong name."""


@dataclass
class Stage:
    """A home with its simulator."""

    hass: HomeAssistant
    clock: HomeClock
    account: Account
    simulator: Simulator
    log: pytest.LogCaptureFixture
    names: NameServer
    monkeypatch: pytest.MonkeyPatch
    storage: dict[str, Any]
    """Home Assistant's files in `.storage`, by name."""
    entry: PresenceConfigEntry = field(init=False)
    _network: Network = ""
    _start: int = 0
    _last_read: int = 0

    # Actions

    async def async_sign_in(self, **how: Any) -> None:
        """Sign in as Robin."""
        self.entry = await self.account.async_sign_in(**how)
        self._poll_regularly()
        self.log_lines()
        self._start = self._last_read

    async def async_add_alex(self) -> None:
        """Add a colleague."""
        await async_add(self.hass, self.entry, self.alex.id, self.alex)
        self._poll_regularly()
        self.log_lines()

    def _poll_regularly(self) -> None:
        """Take the chance out of the intervals."""
        for coordinator in self.entry.runtime_data.coordinators:
            coordinator.pace.uniform = min

    @property
    def robin(self) -> Person:
        """Return the signed-in person."""
        return self.simulator.tenant.people["robin"]

    @property
    def alex(self) -> Person:
        """Return a colleague."""
        return self.simulator.tenant.people["alex"]

    async def async_pass(self, seconds: float = POLL) -> None:
        """Advance the clock in steps and fire due timers."""
        steps = max(1, ceil(seconds / _MAX_STEP))
        for _ in range(steps):
            await self.async_leap(seconds / steps)

    async def async_leap(self, seconds: float) -> None:
        """Advance the clock at once, as after a suspend."""
        self.clock.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.async_wait(
            self.hass.async_block_till_done(wait_background_tasks=True), waits=False
        )

    async def async_wait[T](self, job: Coroutine[Any, Any, T], *, waits: bool = True) -> T:
        """Run a coroutine and advance the clock while it is blocked.

        A request delayed by a fault is blocked. Other jobs can just be slow, so the clock only
        advances if `waits` is set.
        """
        task = asyncio.ensure_future(job)
        since = freezegun.real_monotonic()
        while not task.done():
            await asyncio.sleep(0)
            if freezegun.real_monotonic() - since > _QUIET:
                since = freezegun.real_monotonic()
                if self._network == "dead addresses":
                    self.clock.freezer.tick(_NEXT_ADDRESS)
                elif self._is_blocked:
                    self.clock.freezer.tick(_STEP_WHILE_BLOCKED)
                elif waits:
                    self.clock.freezer.tick(_STEP)
        return task.result()

    async def async_act(self, action: str, data: dict[str, Any]) -> str:
        """Perform an action on Robin and return the result."""
        call = self.hass.services.async_call(
            DOMAIN, action, data, target={"entity_id": ROBIN}, blocking=True
        )
        try:
            await self.async_wait(call)
        except HomeAssistantError as err:
            return f"rejected ({err.translation_key})"
        finally:
            await self.async_wait(
                self.hass.async_block_till_done(wait_background_tasks=True), waits=False
            )
        return "done"

    @property
    def _is_blocked(self) -> bool:
        return self._network in TIMING_OUT or any(fault.hanging for fault in self.simulator.faults)

    @asynccontextmanager
    async def trouble(
        self, match: str, response: Options | None, network: Network, times: int | None
    ) -> AsyncIterator[Fault | None]:
        """Apply a response fault or network outage."""
        async with AsyncExitStack() as stack:
            fault = None
            if response is not None:
                fault = self.simulator.faults.add(match, times=times, **response)
                stack.callback(fault.remove)
            if network in OUTAGES:
                await stack.enter_async_context(self.simulator.outage(network))
            elif network in CERTIFICATES:
                certificate = _certificate(**CERTIFICATES[network])
                await stack.enter_async_context(self.simulator.presenting(certificate))
            elif network == "proxy":
                proxy = await stack.enter_async_context(recording())
                for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
                    self.monkeypatch.setenv(name, f"http://robin:secret@127.0.0.1:{proxy.port}")
            elif network:
                # Close connections and expire the DNS cache to force a new lookup.
                await self.simulator.stop()
                await self.simulator.start()
                self.clock.freezer.tick(_DNS_CACHE_SECONDS)
                if network == "dead addresses":
                    self.names.addresses = {NAME: [*DEAD, GOOD]}
                    port = int(self.simulator.tls_url.rpartition(":")[2])
                    stack.enter_context(unresponsive(DEAD, port))
                else:
                    self.names.is_failing = True
            self._network = network
            yield fault
            self._network = ""
            self.names.is_failing = False
            self.names.addresses = {NAME: [GOOD]}

    # Observations

    def shown(self, entity_id: str, *, old: str, new: str) -> str:
        """Return a description of an entity's state."""
        words = {old: "kept", new: "up to date"}
        return words.get(found := state(self.hass, entity_id), found)

    def asks(self) -> list[str]:
        """Return what Home Assistant asks the user to do."""
        flows = self.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        return (
            ["reauthentication requested"]
            if any(f["context"]["source"] == "reauth" for f in flows)
            else []
        )

    def log_lines(self) -> tuple[int, int]:
        """Return the counts of new warnings and recoveries in the log."""
        records = self._records(self._last_read)
        self._last_read = len(self.log.records)
        bad = [record for record in records if record.levelno >= logging.WARNING]
        good = [record for record in records if _RECOVERED.search(record.getMessage())]
        return len(bad), len(good)

    def _records(self, since: int) -> list[logging.LogRecord]:
        """Return relevant log records from an index on."""
        return [
            record for record in self.log.records[since:] if record.name not in _IGNORED_LOGGERS
        ]

    def harm(self) -> list[str]:
        """Return tracebacks and secrets in the log."""
        found = []
        token: dict[str, Any] = self.entry.data["token"] if hasattr(self, "entry") else {}
        for record in self._records(self._start):
            text = record.getMessage()
            if record.exc_info or "Traceback" in text:
                found.append(f"traceback: {text.splitlines()[0]}")
            if any(token[key] in text for key in token.keys() & {"access_token", "refresh_token"}):
                found.append("a token in the log")
        return found
