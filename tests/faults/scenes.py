"""Situations in which a fault occurs, and their results."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError

from custom_components.ms_teams_presence.account import STATES
from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Person
from simulator.faults import Options
from tests.home.account import FORM

from .stage import ALEX, POLL, ROBIN, Network, Stage
from .words import number_of, told

_POLLS: Final = 3
"""Failed polls until a person is unavailable."""
_LONGEST_WAIT: Final = 60
"""Seconds, longer than each Retry-After in the table."""
_TRIES_TO_START: Final = 8


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A bad response or a network outage."""

    name: str
    response: Options | None = None
    network: Network = ""
    times: int | None = None
    """How many requests it affects; None for all."""

    @property
    def wait(self) -> float:
        """Return the seconds of Retry-After and some for rounding."""
        after = (self.response or {}).get("retry_after")
        if isinstance(after, timedelta):
            return after.total_seconds() + 2.5
        return after + 2.5 if isinstance(after, int) else 0.0


def _polls_told(states: list[str]) -> str:
    """Describe the states after each poll."""
    if len(set(states)) == 1:
        return states[0]
    kept = states.index(next(state for state in states if state != states[0]))
    return (
        f"{states[0]} for {number_of(kept, 'poll')}, then {', '.join(dict.fromkeys(states[kept:]))}"
    )


def log_told(down: tuple[int, int], back: tuple[int, int]) -> str:
    """Describe what was logged during a fault and after it."""
    if down == back == (0, 0):
        return "nothing logged"
    return f"log: {down[0]} failed, {sum(back)} recovered"


@dataclass(frozen=True)
class Read:
    """Presence is polled during a fault; the person joins a call meanwhile."""

    title: str
    match: str
    who: str = "robin"
    expire: bool = False
    """Whether Graph rejects the token first."""
    ahead: float = 0
    """Seconds by which Microsoft's clock is ahead."""

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Poll three times during the fault and once after it."""
        stage.simulator.skew_clock(self.ahead)
        await stage.async_sign_in(colleagues=self.who == "alex")
        if self.who == "alex":
            await stage.async_add_alex()
            # One poll in which both were read.
            await stage.async_pass(30)
        entity = ALEX if self.who == "alex" else ROBIN
        wait = trouble.wait or self._wait(trouble)
        interval = max(POLL, wait)
        getattr(stage, self.who).join_call()
        states, signed_out = [], []
        async with stage.trouble(
            self.match, trouble.response, trouble.network, trouble.times
        ) as fault:
            if self.expire:
                stage.simulator.expire_access_tokens()
            # In steps if no request is allowed meanwhile.
            go = stage.async_pass if wait else stage.async_leap
            for _ in range(_POLLS):
                await go(interval)
                states.append(stage.shown(entity, old="available", new="busy"))
            signed_out = stage.asks()
            down = stage.log_lines()
        await stage.async_pass(interval)
        back = stage.shown(entity, old="available", new="busy") == "up to date"
        return told(
            _polls_told(states),
            None if fault is None else number_of(fault.hits, "request"),
            *signed_out,
            None
            if states[-1] == "up to date"
            else f"{'back' if back else 'not back'} at the next poll",
            log_told(down, stage.log_lines()),
        )

    def _wait(self, trouble: Trouble) -> float:
        # A 429 without Retry-After counts as half a minute.
        is_throttled = (trouble.response or {}).get("status") == 429
        return 32.5 if is_throttled and not self.expire else 0.0


@dataclass(frozen=True)
class Write:
    """An action is performed during a fault and after it."""

    title: str
    match: str
    action: str
    data: dict[str, Any]
    is_so: Callable[[Person], bool]
    """Return whether Teams has the change."""
    before: tuple[str, dict[str, Any]] | None = None
    """An action to perform first, so that there is something to clear."""
    expire: bool = False

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Perform the action twice."""
        await stage.async_sign_in()
        if self.before:
            await stage.async_act(*self.before)
        stage.log_lines()
        async with stage.trouble(
            self.match, trouble.response, trouble.network, trouble.times
        ) as fault:
            if self.expire:
                stage.simulator.expire_access_tokens()
            known = len(stage.simulator.requests)
            first = await stage.async_act(self.action, self.data)
            sent = (
                sum(
                    fault.is_about(request.method, request.path)
                    for request in stage.simulator.requests[known:]
                )
                if fault
                else 0
            )
            done = self.is_so(stage.robin)
            signed_out = stage.asks()
            down = stage.log_lines()
        if first != "done":
            await stage.async_pass(_LONGEST_WAIT)
        again = await stage.async_act(self.action, self.data)
        works = again == "done" and self.is_so(stage.robin)
        return told(
            first,
            None if fault is None else number_of(sent, "request"),
            "Teams has it" if done else "Teams does not have it",
            *signed_out,
            "then it works" if works else f"then {again}",
            log_told(down, stage.log_lines()),
        )


@dataclass(frozen=True)
class Ask:
    """A person is looked up or searched for during a fault and after it."""

    title: str
    match: str
    name: str | None = None
    """The person the action reads; None for the search in *Add colleagues*."""

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Look the person up twice."""
        await stage.async_sign_in(colleagues=True)
        async with stage.trouble(
            self.match, trouble.response, trouble.network, trouble.times
        ) as fault:
            first = await self._ask(stage)
            down = stage.log_lines()
        if first != "found":
            await stage.async_pass(_LONGEST_WAIT)
        again = await self._ask(stage)
        return told(
            first,
            None if fault is None else number_of(fault.hits, "request"),
            "then it works" if again == "found" else f"then {again}",
            log_told(down, stage.log_lines()),
        )

    async def _ask(self, stage: Stage) -> str:
        ask = self._search if self.name is None else self._get_presence
        return await stage.async_wait(ask(stage))

    async def _get_presence(self, stage: Stage) -> str:
        try:
            response: Any = await stage.hass.services.async_call(
                DOMAIN,
                "get_presence",
                {"config_entry_id": stage.entry.entry_id, "people": [self.name]},
                blocking=True,
                return_response=True,
            )
        except HomeAssistantError as err:
            return f"rejected ({err.translation_key})"
        return "found" if response["people"][self.name] else "not found"

    @staticmethod
    async def _search(stage: Stage) -> str:
        flows = stage.hass.config_entries.subentries
        flow = await flows.async_init((stage.entry.entry_id, "person"), context={"source": "user"})
        flow = await flows.async_configure(flow["flow_id"], {"search": "alex"})
        errors = flow.get("errors")
        return f"rejected ({errors['base']})" if errors else "found"


@dataclass(frozen=True)
class SignIn:
    """The integration is added during a fault, and again after it."""

    title: str
    match: str
    way: str = "browser"

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Submit the form twice."""
        account = stage.account
        flow = await account.async_open(self.way)
        async with stage.trouble(
            self.match, trouble.response, trouble.network, trouble.times
        ) as fault:
            flow = await stage.async_wait(account.async_configure(flow, FORM), waits=False)
            if flow["type"] is FlowResultType.EXTERNAL_STEP:
                flow = await stage.async_wait(account.async_visit(flow), waits=False)
            first = self._told(flow)
            down = stage.log_lines()
        if flow["type"] is FlowResultType.FORM:
            flow = await account.async_configure(flow, FORM)
        if flow["type"] is FlowResultType.EXTERNAL_STEP:
            flow = await account.async_visit(flow)
        works = flow["type"] in {FlowResultType.SHOW_PROGRESS, FlowResultType.CREATE_ENTRY}
        if flow["type"] is FlowResultType.SHOW_PROGRESS:
            # The code is not entered.
            stage.hass.config_entries.flow.async_abort(flow["flow_id"])
        await stage.async_wait(
            stage.hass.async_block_till_done(wait_background_tasks=True), waits=False
        )
        return told(
            first,
            None if fault is None else number_of(fault.hits, "request"),
            "then it works" if works else "then not",
            log_told(down, stage.log_lines()),
        )

    @staticmethod
    def _told(flow: Any) -> str:
        if flow["type"] is FlowResultType.FORM:
            return f"form error: {', '.join(sorted(flow['errors'].values()))}"
        return f"{flow['type']}"


@dataclass(frozen=True)
class Start:
    """Home Assistant starts during a fault."""

    title: str
    match: str
    expire: bool = False

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Start, then wait until the account is loaded."""
        await stage.async_sign_in()
        entries = stage.hass.config_entries
        await entries.async_unload(stage.entry.entry_id)
        # A new process has nothing in memory.
        stage.hass.data[STATES].clear()
        stage.robin.join_call()
        async with stage.trouble(
            self.match, trouble.response, trouble.network, trouble.times
        ) as fault:
            if self.expire:
                stage.simulator.expire_access_tokens()
            await stage.async_wait(entries.async_setup(stage.entry.entry_id), waits=False)
            started = stage.entry.state.value.replace("_", " ")
            signed_out = stage.asks()
            hits = None if fault is None else fault.hits
            down = stage.log_lines()
        tries = 0
        while stage.entry.state is not ConfigEntryState.LOADED and tries < _TRIES_TO_START:
            await stage.async_pass(10)
            tries += 1
        await stage.async_wait(
            stage.hass.async_block_till_done(wait_background_tasks=True), waits=False
        )
        is_up = stage.entry.state is ConfigEntryState.LOADED
        return told(
            started,
            None if hits is None else number_of(hits, "request"),
            *signed_out,
            f"{stage.shown(ROBIN, old='available', new='busy')} by itself" if is_up else "not up",
            log_told(down, stage.log_lines()),
        )


type Scene = Read | Write | Ask | SignIn | Start
