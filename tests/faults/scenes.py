"""What is going on when a fault strikes, and how it is told what came of it.

Every scene plays one fault to its end and returns what was seen, in words that the table's expectations use too.
"""

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
"""So many failed polls in a row make a person unavailable."""
_LONGEST_WAIT: Final = 60
"""Whatever Microsoft asks for in this table is over by then, in seconds."""
_TRIES_TO_START: Final = 8


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What goes wrong: a bad answer, or the network."""

    name: str
    answer: Options | None = None
    network: Network = ""
    times: int | None = None
    """How often; None for as long as the fault lasts."""

    @property
    def wait(self) -> float:
        """Return how many seconds Microsoft asks for, rounded up by what rounding may have cost."""
        after = (self.answer or {}).get("retry_after")
        if isinstance(after, timedelta):
            return after.total_seconds() + 2.5
        return after + 2.5 if isinstance(after, int) else 0.0


def _polls_told(states: list[str]) -> str:
    """Say what was shown poll by poll."""
    if len(set(states)) == 1:
        return states[0]
    kept = states.index(next(state for state in states if state != states[0]))
    return (
        f"{states[0]} for {number_of(kept, 'poll')}, then {', '.join(dict.fromkeys(states[kept:]))}"
    )


def log_told(down: tuple[int, int], back: tuple[int, int]) -> str:
    """Say how much the log was told: by a fault, and by its end."""
    if down == back == (0, 0):
        return "not a line in the log"
    return f"log: {down[0]} down, {sum(back)} back"


@dataclass(frozen=True)
class Read:
    """Presence is read, poll by poll, while something goes wrong; somebody joins a call meanwhile."""

    title: str
    match: str
    who: str = "robin"
    expire: bool = False
    """Whether Graph refuses the token, so that a new one is needed."""
    ahead: float = 0
    """By how many seconds Microsoft's clock is ahead."""

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Let three polls fail, and then none."""
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
            self.match, trouble.answer, trouble.network, trouble.times
        ) as fault:
            if self.expire:
                stage.simulator.expire_access_tokens()
            # Step by step where nothing may be asked meanwhile.
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
        # Graph's 429 without a word about it means half a minute.
        is_throttled = (trouble.answer or {}).get("status") == 429
        return 32.5 if is_throttled and not self.expire else 0.0


@dataclass(frozen=True)
class Write:
    """Somebody runs an action while something goes wrong, and again when it is over."""

    title: str
    match: str
    action: str
    data: dict[str, Any]
    is_so: Callable[[Person], bool]
    """Tell whether Teams has it."""
    before: tuple[str, dict[str, Any]] | None = None
    """An action that was run before, so that there is something to clear."""
    expire: bool = False

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Run the action twice."""
        await stage.async_sign_in()
        if self.before:
            await stage.async_act(*self.before)
        stage.log_lines()
        async with stage.trouble(
            self.match, trouble.answer, trouble.network, trouble.times
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
    """Somebody asks for another's presence, or looks for them, while something goes wrong."""

    title: str
    match: str
    name: str | None = None
    """Whom the action asks for; None for the search among colleagues to add."""

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Ask twice."""
        await stage.async_sign_in(colleagues=True)
        async with stage.trouble(
            self.match, trouble.answer, trouble.network, trouble.times
        ) as fault:
            first = await self._ask(stage)
            down = stage.log_lines()
        if first != "answered":
            await stage.async_pass(_LONGEST_WAIT)
        again = await self._ask(stage)
        return told(
            first,
            None if fault is None else number_of(fault.hits, "request"),
            "then it works" if again == "answered" else f"then {again}",
            log_told(down, stage.log_lines()),
        )

    async def _ask(self, stage: Stage) -> str:
        ask = self._search if self.name is None else self._get_presence
        return await stage.async_wait(ask(stage))

    async def _get_presence(self, stage: Stage) -> str:
        try:
            answer: Any = await stage.hass.services.async_call(
                DOMAIN,
                "get_presence",
                {"config_entry_id": stage.entry.entry_id, "people": [self.name]},
                blocking=True,
                return_response=True,
            )
        except HomeAssistantError as err:
            return f"refused ({err.translation_key})"
        return "answered" if answer["people"][self.name] else "nobody"

    @staticmethod
    async def _search(stage: Stage) -> str:
        flows = stage.hass.config_entries.subentries
        flow = await flows.async_init((stage.entry.entry_id, "person"), context={"source": "user"})
        flow = await flows.async_configure(flow["flow_id"], {"search": "alex"})
        errors = flow.get("errors")
        return f"refused ({errors['base']})" if errors else "answered"


@dataclass(frozen=True)
class SignIn:
    """Somebody adds the integration while something goes wrong, and tries again when it is over."""

    title: str
    match: str
    way: str = "browser"

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Fill in the form twice."""
        account = stage.account
        flow = await account.async_open(self.way)
        async with stage.trouble(
            self.match, trouble.answer, trouble.network, trouble.times
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
            # Nobody will enter the code.
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
            return f"the form says {', '.join(sorted(flow['errors'].values()))}"
        return f"{flow['type']}"


@dataclass(frozen=True)
class Start:
    """Home Assistant starts while something goes wrong."""

    title: str
    match: str
    expire: bool = False

    async def play(self, stage: Stage, trouble: Trouble) -> str:
        """Start, and look until it has come up."""
        await stage.async_sign_in()
        entries = stage.hass.config_entries
        await entries.async_unload(stage.entry.entry_id)
        # A new process has nothing in memory.
        stage.hass.data[STATES].clear()
        stage.robin.join_call()
        async with stage.trouble(
            self.match, trouble.answer, trouble.network, trouble.times
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
