"""Faults outside of responses: expired sign-ins and wrong clocks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from homeassistant.data_entry_flow import FlowResultType

from custom_components.ms_teams_presence.const import DOMAIN
from simulator.tenant import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET

from .scenes import log_told
from .stage import POLL, ROBIN, Stage
from .words import told

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
