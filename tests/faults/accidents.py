"""What goes wrong elsewhere than in an answer: a sign-in that ends, a token that gets lost, a wrong clock."""

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
    """Microsoft ends a sign-in; a person signs in again where that is asked for."""

    happens: Callable[[Stage], None]
    how: dict[str, Any] = field(default_factory=dict)
    """What is special about the first sign-in."""

    async def play(self, stage: Stage) -> str:
        """See the token that is left work to its end, then what follows."""
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
        """Do what is asked."""
        (flow,) = stage.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        result = await stage.account.async_configure(flow, {})
        result = await stage.account.async_visit(result)
        await stage.async_pass(1)
        assert result["type"] is FlowResultType.ABORT
        return f"{stage.shown(ROBIN, old='available', new='busy')} after signing in"


@dataclass(frozen=True)
class WrongClock:
    """Two clocks that disagree by hours, from the start or from one moment on."""

    before: float = 0
    """How far Microsoft's clock is ahead at the sign-in, in seconds."""
    during: float = 0
    """How far it moves ahead while the integration runs; the same as ours being set back."""
    asleep: float = 0
    """For how long this machine sleeps, or how far its clock is set forward."""

    async def play(self, stage: Stage) -> str:
        """See whether the next poll is as good as ever, and a message arrives."""
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
