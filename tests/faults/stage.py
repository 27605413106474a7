"""A home that is disturbed, and what can be seen of it: states, log, requests, questions to the person."""

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
from tests.network import DEAD, GOOD, swallowing
from tests.plugin import AUTHORITY, NAME
from tests.recorder import recording

ROBIN: Final = "sensor.robin_example_availability"
ALEX: Final = "sensor.alex_example_availability"

POLL: Final = 16.0
"""Seconds after which the next poll has been, with one for the harness, whose timers may be early."""

# Real seconds of silence that tell a wait from work, and the seconds to pass then.
_QUIET: Final = 0.1
_STEP: Final = 1.0
_STEP_WHILE_WAITING: Final = 5.0
# Seconds after which aiohttp tries the next address, rounded up.
_NEXT_ADDRESS: Final = 0.3
# Seconds for which aiohttp remembers a name, and one more.
_NAMES_LAST: Final = 11
# Seconds that pass at once at most, because a timer fires only once in a jump.
_LEAP: Final = 8.0
# Who says what has nothing to do with the integration: of this machine, the harness's own web server, whose time
# stands still, and Home Assistant of every custom integration.
_OF_NO_INTEREST: Final = frozenset({"aiohttp.access", "aiohttp_fast_zlib", "homeassistant.loader"})
_IS_BACK: Final = re.compile("recovered|can be read again")
# Outages in which every attempt waits until it is given up.
_WAITING: Final = frozenset({"unanswered", "silent"})

type Network = str
"""An outage of `simulator.outages`, a certificate of CERTIFICATES, or one of "no name", "dead addresses", "proxy"."""


def _certificate(**how: Any) -> Certificate:
    return Certificate.create(Path(tempfile.mkdtemp(prefix="simulator-certificate-")), **how)


CERTIFICATES: Final[dict[Network, dict[str, Any]]] = {
    "stranger": {"authority": trustme.CA()},
    "expired": {"authority": AUTHORITY, "ends": datetime.now(UTC) - timedelta(days=1)},
    "other name": {"authority": AUTHORITY, "names": ("graph.example",)},
}
"""Ways for a certificate to be wrong: signed by nobody known, over, or somebody else's."""


@dataclass
class Stage:
    """One home, and who lives there."""

    hass: HomeAssistant
    clock: HomeClock
    account: Account
    simulator: Simulator
    log: pytest.LogCaptureFixture
    names: NameServer
    monkeypatch: pytest.MonkeyPatch
    entry: PresenceConfigEntry = field(init=False)
    _network: Network = ""
    _begun: int = 0
    _read: int = 0

    # The play

    async def async_sign_in(self, **how: Any) -> None:
        """Sign in as Robin."""
        self.entry = await self.account.async_sign_in(**how)
        self.log_lines()
        self._begun = self._read

    async def async_add_alex(self) -> None:
        """Watch a colleague."""
        await async_add(self.hass, self.entry, self.alex.id, self.alex)
        self.log_lines()

    @property
    def robin(self) -> Person:
        """Who signed in."""
        return self.simulator.tenant.people["robin"]

    @property
    def alex(self) -> Person:
        """A colleague."""
        return self.simulator.tenant.people["alex"]

    async def async_pass(self, seconds: float = POLL) -> None:
        """Let time pass, and whatever is due in it happen."""
        leaps = max(1, ceil(seconds / _LEAP))
        for _ in range(leaps):
            await self.async_leap(seconds / leaps)

    async def async_leap(self, seconds: float) -> None:
        """Let time pass all at once, as for a machine that sleeps."""
        self.clock.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.async_wait(
            self.hass.async_block_till_done(wait_background_tasks=True), waits=False
        )

    async def async_wait[T](self, job: Coroutine[Any, Any, T], *, waits: bool = True) -> T:
        """Do something, and let time pass while it waits for nothing else.

        What is kept waiting by a fault is known to wait. Otherwise it may only be slow, so that it
        is given time on the clock only where it is expected to want some.
        """
        task = asyncio.ensure_future(job)
        since = freezegun.real_monotonic()
        while not task.done():
            await asyncio.sleep(0)
            if freezegun.real_monotonic() - since > _QUIET:
                since = freezegun.real_monotonic()
                if self._network == "dead addresses":
                    self.clock.freezer.tick(_NEXT_ADDRESS)
                elif self._is_kept_waiting:
                    self.clock.freezer.tick(_STEP_WHILE_WAITING)
                elif waits:
                    self.clock.freezer.tick(_STEP)
        return task.result()

    async def async_act(self, action: str, data: dict[str, Any]) -> str:
        """Run an action on Robin and return what its caller is told."""
        call = self.hass.services.async_call(
            DOMAIN, action, data, target={"entity_id": ROBIN}, blocking=True
        )
        try:
            await self.async_wait(call)
        except HomeAssistantError as err:
            return f"refused ({err.translation_key})"
        finally:
            await self.async_wait(
                self.hass.async_block_till_done(wait_background_tasks=True), waits=False
            )
        return "done"

    @property
    def _is_kept_waiting(self) -> bool:
        return self._network in _WAITING or any(fault.hanging for fault in self.simulator.faults)

    @asynccontextmanager
    async def trouble(
        self, match: str, answer: Options | None, network: Network, times: int | None
    ) -> AsyncIterator[Fault | None]:
        """Let a call be answered badly, or the whole network fail, for a while."""
        async with AsyncExitStack() as stack:
            fault = None
            if answer is not None:
                fault = self.simulator.faults.add(match, times=times, **answer)
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
                # Open connections need no address, and addresses are cached for a while.
                await self.simulator.stop()
                await self.simulator.start()
                self.clock.freezer.tick(_NAMES_LAST)
                if network == "dead addresses":
                    self.names.addresses = {NAME: [*DEAD, GOOD]}
                    port = int(self.simulator.tls_url.rpartition(":")[2])
                    stack.enter_context(swallowing(DEAD, port))
                else:
                    self.names.lost = True
            self._network = network
            yield fault
            self._network = ""
            self.names.lost = False
            self.names.addresses = {NAME: [GOOD]}

    # What is seen

    def shown(self, entity_id: str, *, old: str, new: str) -> str:
        """Return what an entity shows, in words."""
        words = {old: "kept", new: "up to date"}
        return words.get(found := state(self.hass, entity_id), found)

    def asks(self) -> list[str]:
        """Return what a person is asked for."""
        flows = self.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        return ["asks to sign in"] if any(f["context"]["source"] == "reauth" for f in flows) else []

    def log_lines(self) -> tuple[int, int]:
        """Return how many lines complained, and how many told that it is over, since the last look."""
        records = self._records(self._read)
        self._read = len(self.log.records)
        bad = [record for record in records if record.levelno >= logging.WARNING]
        good = [record for record in records if _IS_BACK.search(record.getMessage())]
        return len(bad), len(good)

    def _records(self, since: int) -> list[logging.LogRecord]:
        """Return what was said since a moment by anybody who matters."""
        return [record for record in self.log.records[since:] if record.name not in _OF_NO_INTEREST]

    def harm(self) -> list[str]:
        """Return what must never be seen: an exception that nobody handled, or a secret in the log."""
        found = []
        token: dict[str, Any] = self.entry.data["token"] if hasattr(self, "entry") else {}
        for record in self._records(self._begun):
            text = record.getMessage()
            if record.exc_info or "Traceback" in text:
                found.append(f"traceback: {text.splitlines()[0]}")
            if any(token[key] in text for key in token.keys() & {"access_token", "refresh_token"}):
                found.append("a token in the log")
        return found
