"""Faults outside of responses: expired sign-ins, wrong clocks, canceled actions, damaged files."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from homeassistant.data_entry_flow import FlowResultType

from custom_components.ms_teams_presence.const import DOMAIN
from simulator.tenant import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET
from tests.home.states import state

from .scenes import Write, log_told
from .stage import ALEX, POLL, ROBIN, Stage
from .words import number_of, told

_BUSY: Final = ("set_preferred_presence", {"availability": "busy"})
MESSAGE: Final = "sensor.robin_example_status_message"
_TEXT: Final = "R&D <3"
# In two minutes: one every five seconds, after the write, at the end, and some for early timers.
_USUAL_READS: Final = 36

_SLOW_RESPONSE: Final = 0.2
_RETRY_AFTER: Final = 40

HOUR = 3600.0
WITH_SECRET = {
    "client_id": CONFIDENTIAL_CLIENT_ID,
    "client_secret": CONFIDENTIAL_CLIENT_SECRET,
}


@dataclass(frozen=True)
class SignedOut:
    """A sign-in that Microsoft ends, and a new one if requested."""

    happens: Callable[[Stage], None]
    how: dict[str, Any] = field(default_factory=dict)
    """Arguments of the first sign-in."""

    async def play(self, stage: Stage) -> str:
        """Let the access token expire, then sign in again if requested."""
        await stage.async_sign_in(**self.how)
        self.happens(stage)
        stage.robin.join_call()
        await stage.async_pass()
        first = stage.shown(ROBIN, old="available", new="busy")
        stage.simulator.expire_access_tokens()
        await stage.async_pass()
        await stage.async_pass()
        then = stage.shown(ROBIN, old="available", new="busy")
        asks, down = stage.asks(), stage.log_lines()
        again = await self._sign_in_again(stage) if asks else None
        return told(
            f"{first} while the token lasts",
            f"then {then}",
            *asks,
            again,
            log_told(down, stage.log_lines()),
        )

    @staticmethod
    async def _sign_in_again(stage: Stage) -> str:
        """Complete the reauthentication flow."""
        (flow,) = stage.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        result = await stage.account.async_configure(flow, {})
        result = await stage.account.async_visit(result)
        await stage.async_pass(1)
        assert result["type"] is FlowResultType.ABORT
        return f"{stage.shown(ROBIN, old='available', new='busy')} after signing in"


@dataclass(frozen=True)
class WrongClock:
    """A clock difference of hours, from the start or later."""

    before: float = 0
    """Seconds by which Microsoft's clock is ahead at the sign-in."""
    during: float = 0
    """Seconds by which it moves ahead later."""
    asleep: float = 0
    """Seconds by which the local clock jumps ahead, as after a suspend."""

    async def play(self, stage: Stage) -> str:
        """Poll and set a message under the clock difference."""
        stage.simulator.skew_clock(self.before)
        await stage.async_sign_in()
        stage.simulator.skew_clock(self.during)
        stage.robin.join_call()
        await stage.async_leap(self.asleep or POLL)
        shown = stage.shown(ROBIN, old="available", new="busy")
        await stage.async_act("set_status_message", {"message": "What time is it?"})
        message = stage.robin.status_message
        has_it = message is not None and message.content == "What time is it?"
        return told(
            f"{shown} at the next poll",
            "Teams has the message" if has_it else "Teams does not have the message",
            *stage.asks(),
            log_told(stage.log_lines(), (0, 0)),
        )


@dataclass(frozen=True)
class ChangedReads:
    """Reads that return a message late, too long, or changed."""

    lag: float = 0
    message_lingers: float = 0
    sanitizes: bool = False
    ahead: float = 0
    """Seconds by which Microsoft's clock is ahead."""

    async def play(self, stage: Stage) -> str:
        """Set a message for a minute and watch it for two."""
        stage.simulator.skew_clock(self.ahead)
        await stage.async_sign_in()
        reads = stage.simulator.graph.reads
        reads.lag, reads.message_lingers = self.lag, self.message_lingers
        reads.sanitizes = self.sanitizes
        known = len(stage.simulator.requests)
        first = await stage.async_act(
            "set_status_message", {"message": _TEXT, "expires_in": {"seconds": 90}}
        )
        shown = [self._told(stage)]
        for _ in range(60):
            await stage.async_pass(2)
            shown.append(self._told(stage))
        changes = [shown[0], *(new for old, new in pairwise(shown) if new != old)]
        count = sum(
            request.path.endswith("/me/presence") for request in stage.simulator.requests[known:]
        )
        return told(
            first,
            ", then ".join(changes),
            "no more reads than usual" if count <= _USUAL_READS else number_of(count, "read"),
            log_told(stage.log_lines(), (0, 0)),
        )

    @staticmethod
    def _told(stage: Stage) -> str:
        found = state(stage.hass, MESSAGE)
        return {_TEXT: "shown", "": "not shown"}.get(found, found)


@dataclass(frozen=True)
class DamagedStore:
    """A stored preference that can't be read."""

    damage: Callable[[dict[str, Any]], object]
    """Change the stored preference, or replace what is stored."""

    async def play(self, stage: Stage) -> str:
        """Prefer busy, start again with the damage, and prefer busy again."""
        await stage.async_sign_in()
        await stage.async_act(*_BUSY)
        entries = stage.hass.config_entries
        await entries.async_unload(stage.entry.entry_id)
        stage.log_lines()
        (key,) = [name for name in stage.storage if name == f"{DOMAIN}.{stage.entry.entry_id}"]
        file = deepcopy(stage.storage[key])
        (preference,) = file["data"]["preferences"].values()
        if (data := self.damage(preference)) is not None:
            file["data"] = data
        stage.storage[key] = file
        await stage.async_wait(entries.async_setup(stage.entry.entry_id), waits=False)
        started = stage.entry.state.value.replace("_", " ")
        shown = stage.shown(ROBIN, old="available", new="busy")
        down = stage.log_lines()
        again = await stage.async_act(*_BUSY)
        await entries.async_remove(stage.entry.entry_id)
        return told(
            started,
            shown,
            "then it works" if again == "done" else f"then {again}",
            "the file is not removed" if key in stage.storage else None,
            log_told(down, stage.log_lines()),
        )


@dataclass(frozen=True)
class CanceledAction:
    """An action canceled before Graph has responded."""

    write: Write
    entity_id: str
    shown: str
    """The entity's state afterwards."""

    async def play(self, stage: Stage) -> str:
        """Cancel the action, then look at Teams and at Home Assistant."""
        await stage.async_sign_in()
        if self.write.before:
            await stage.async_act(*self.write.before)
        fault = stage.simulator.faults.add(self.write.match, latency=_SLOW_RESPONSE)
        call = stage.hass.services.async_call(
            DOMAIN, self.write.action, self.write.data, target={"entity_id": ROBIN}, blocking=True
        )
        action = asyncio.create_task(call)
        while not fault.hits:  # noqa: ASYNC110  # a fault has no event for it
            await asyncio.sleep(0)
        action.cancel()
        with suppress(asyncio.CancelledError):
            await action
        fault.remove()
        await stage.async_wait(stage.hass.async_block_till_done(wait_background_tasks=True))
        shown = state(stage.hass, self.entity_id)
        await stage.async_pass()
        confirmed = state(stage.hass, self.entity_id)
        return told(
            number_of(fault.hits, "request"),
            "Teams has it" if self.write.is_so(stage.robin) else "Teams does not have it",
            "shown" if shown == self.shown else f"shown as {shown}",
            "still shown after polls" if confirmed == self.shown else f"then shown as {confirmed}",
            log_told(stage.log_lines(), (0, 0)),
        )


@dataclass(frozen=True)
class OneThrottledEndpoint:
    """A reload while one endpoint is throttled."""

    match: str
    other: str
    """The person whose presence is read meanwhile."""
    action: tuple[str, dict[str, Any]] | None = None
    """What sends a request to the endpoint; None for a poll."""

    async def play(self, stage: Stage) -> str:
        """Count requests until Retry-After has ended, and after that."""
        await stage.async_sign_in(colleagues=True)
        await stage.async_add_alex()
        fault = stage.simulator.faults.add(
            self.match, times=1, status=429, retry_after=_RETRY_AFTER
        )
        first = await stage.async_act(*self.action) if self.action else None
        while not fault.hits:
            await stage.async_leap(1)
        known = len(stage.simulator.requests)
        await stage.async_wait(
            stage.hass.config_entries.async_reload(stage.entry.entry_id), waits=False
        )
        getattr(stage, self.other).join_call()
        for _ in range(_RETRY_AFTER // 4):
            await stage.async_pass(3)
        again = await stage.async_act(*self.action) if self.action else None
        early = sum(
            fault.is_about(request.method, request.path)
            for request in stage.simulator.requests[known:]
        )
        entity = {"robin": ROBIN, "alex": ALEX}[self.other]
        others = stage.shown(entity, old="available", new="busy")
        known = len(stage.simulator.requests)
        await stage.async_pass(_RETRY_AFTER)
        last = await stage.async_act(*self.action) if self.action else None
        late = any(
            fault.is_about(request.method, request.path)
            for request in stage.simulator.requests[known:]
        )
        return told(
            first,
            again,
            f"{number_of(early, 'request')} before Retry-After ends",
            f"the other endpoint: {others}",
            last,
            "then requests again" if late else "then no requests",
            *stage.asks(),
            log_told(stage.log_lines(), (0, 0)),
        )
