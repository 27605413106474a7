"""A random week of fifty people, with user actions and faults."""

import asyncio
from collections.abc import Awaitable, Callable
import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.preferred_presence import async_get_store
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.engine import Session
from simulator.faults import Fault
from simulator.gestures import perform
from simulator.states import PREFERENCES, SESSION_STATES
from simulator.tenant import PUBLIC_CLIENT_ID
from tests.home.account import FORM, Account

from .clock import PatientClock
from .oracle import snake

# Five minutes before the hour, so that no check is at midnight.
BEGINS: Final = datetime(2031, 3, 3, 6, 55, tzinfo=UTC)
SLOT: Final = timedelta(minutes=10)
COLLEAGUES: Final = {"north": 25, "south": 24}

# Seconds within a slot. Faults end first to allow retries, then sign-ins follow, and the rest is quiet
# until the check.
_FAULTS_END: Final = 300
_EVENTS_END: Final = 380
_SIGN_IN: Final = 390
_QUIET: Final = timedelta(minutes=2)
# Seconds between Microsoft's clock and Home Assistant's at most: nothing ends closer to a check.
_MAX_SKEW: Final = 45
# How long Graph keeps a session at most.
_MAX_SESSION: Final = timedelta(hours=4)
# Turns of the event loop before a write is canceled; a whole one needs about as many.
_TURNS: Final = 80
_STEP: Final = 5
# The time until Home Assistant drops a preference that was overridden in Teams.
_NOTICED_AFTER: Final = timedelta(minutes=7)
# The longest Retry-After, and the longest delay before Home Assistant retries a setup.
_RECOVERED_AFTER: Final = timedelta(seconds=60)
# The longest interval after throttling, and a random wait as long, and a little more.
_POLLED_AFTER: Final = timedelta(minutes=25)
_SET_UP_AFTER: Final = timedelta(minutes=11)
# Missing people are looked up once an hour.
_FOUND_AFTER: Final = timedelta(minutes=65)

_ROBIN: Final = {"entity_id": "sensor.robin_example_availability"}
_SELECT: Final = "select.robin_example_preferred_presence"
_TEXT: Final = "text.robin_example_status_message"

# Gestures in Teams by time of day, with relative frequencies.
_MORNING: Final = {"open_teams": 12, "join_call": 2, "set_work_location": 3, "join_meeting": 1}
_WORK: Final = {
    "join_call": 8,
    "leave_call": 8,
    "join_meeting": 6,
    "leave_meeting": 6,
    "present": 3,
    "stop_presenting": 3,
    "focus": 2,
    "stop_focusing": 2,
    "go_away": 5,
    "come_back": 6,
    "be_right_back": 2,
    "prefer": 3,
    "reset_status": 3,
    "clear_preference": 1,
    "schedule_meeting": 1,
    "set_out_of_office": 1,
    "set_status_message": 4,
    "clear_status_message": 3,
    "set_work_location": 2,
    "clear_work_location": 1,
    "close_teams": 2,
    "open_teams": 3,
}
_EVENING: Final = {"close_teams": 12, "set_status_message": 1, "leave_call": 1, "join_call": 1}
_NIGHT: Final = {"close_teams": 6, "open_teams": 1, "set_status_message": 1}
# Not drawn for the signed-in user; see _async_override_in_teams.
_PREFERENCES: Final = frozenset({"be_right_back", "prefer", "reset_status", "clear_preference"})

_PRESENCE: Final = "GET /v1.0/me/presence"
_PRESENCES: Final = "POST /v1.0/communications/getPresencesByUserId"
_FAULTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("graph", {"status": 500}),
    ("graph", {"status": 502}),
    ("graph", {"status": 503}),
    ("graph", {"status": 503, "retry_after": 20}),
    ("graph", {"status": 504}),
    ("graph", {"status": 429}),
    ("graph", {"status": 429, "retry_after": 45}),
    ("graph", {"status": 401}),
    ("graph", {"loss": "close"}),
    ("graph", {"loss": "reset"}),
    ("graph", {"loss": "hang", "times": 3}),
    ("graph", {"latency": 3, "times": 8}),
    (_PRESENCE, {"status": 403}),
    (_PRESENCE, {"body": "html"}),
    (_PRESENCE, {"body": "empty"}),
    (_PRESENCE, {"body": "truncated"}),
    (_PRESENCE, {"body": "wrong_type"}),
    (_PRESENCE, {"body": "null"}),
    (_PRESENCES, {"status": 503}),
    (_PRESENCES, {"status": 429, "retry_after": 30}),
    (_PRESENCES, {"status": 403}),
    (_PRESENCES, {"status": 400}),
    (_PRESENCES, {"body": "html"}),
    (_PRESENCES, {"json": {"value": []}}),
    (_PRESENCES, {"loss": "hang", "times": 2}),
    ("POST /v1.0/users/*", {"status": 503}),
    ("POST /v1.0/users/*/setStatusMessage", {"loss": "close", "applied": True, "times": 1}),
    ("token", {"status": 503}),
    ("token", {"aadsts": 90033}),
    ("token", {"loss": "close"}),
    ("token", {"body": "html"}),
)


@dataclass
class Figures:
    """Counts of events."""

    gestures: int = 0
    writes: int = 0
    failed_writes: int = 0
    faults: int = 0
    faulty_responses: int = 0
    reloads: int = 0
    restarts: int = 0
    damaged_stores: int = 0
    canceled_writes: int = 0
    clock_changes: int = 0
    options: int = 0
    expired_tokens: int = 0
    sign_ins: int = 0
    left_the_directory: int = 0
    overridden_in_teams: int = 0
    removed_and_added: int = 0
    polls: int = 0
    requests: int = 0


@dataclass
class Wanted:
    """What Home Assistant has set, with expirations."""

    preference: tuple[str, datetime] | None = None
    session: tuple[str, datetime] | None = None


@dataclass
class Week:
    """A home, its tenant, and their random events."""

    hass: HomeAssistant
    clock: PatientClock
    account: Account
    simulator: Simulator
    random: Random
    storage: dict[str, Any]
    """Stored data by key."""
    figures: Figures = field(default_factory=Figures)
    wanted: Wanted = field(default_factory=Wanted)
    gone: Person | None = None
    """The person currently missing from the directory."""
    back: Person | None = None
    """The last person who returned to the directory."""

    entry: PresenceConfigEntry = field(init=False)
    people: dict[str, Person] = field(init=False)
    """All polled people by ID, including the missing one."""
    _slot: datetime = field(init=False)
    _quiet_since: datetime = BEGINS
    _fault: Fault | None = None
    _fault_ends: datetime = BEGINS
    _found_by: datetime = BEGINS
    _fault_ended: datetime = BEGINS
    _overridden_in_teams: bool = False
    _skew: int = 0
    _read: set[str] = field(default_factory=set)
    _forgotten_until: datetime = BEGINS
    _disturbed: datetime = BEGINS
    """When something last delayed noticing an override in Teams."""

    @property
    def now(self) -> datetime:
        """Return Home Assistant's time."""
        return datetime.now(UTC)

    @property
    def robin(self) -> Person:
        """Return the signed-in person."""
        return self.simulator.tenant.people["robin"]

    @property
    def is_faulty(self) -> bool:
        """Return whether a fault is active."""
        return self._fault is not None

    @property
    def is_quiet(self) -> bool:
        """Return whether the home had time to catch up.

        Slow or lost responses can take up a slot's quiet minutes.
        """
        has_waited = self.now - self._quiet_since >= _QUIET
        return has_waited and not self.is_waiting and self.has_recovered

    @property
    def has_recovered(self) -> bool:
        """Return whether both presences have been read since the last fault, and are often."""
        has_read = {_PRESENCE, _PRESENCES} <= self._read
        assert has_read or self.is_faulty or self.now - self._fault_ended < _POLLED_AFTER
        if self.entry.state is not ConfigEntryState.LOADED:
            return False
        # After throttling the intervals take hours to shrink.
        paces = [coordinator.pace for coordinator in self.entry.runtime_data.coordinators]
        return has_read and max(pace.interval for pace in paces) < _QUIET.total_seconds() - 20

    @property
    def is_waiting(self) -> bool:
        """Return whether Home Assistant has yet to retry the setup."""
        is_waiting = self.entry.state is ConfigEntryState.SETUP_RETRY
        assert not is_waiting or self.is_faulty or self.now - self._fault_ended < _SET_UP_AFTER
        return is_waiting

    @property
    def _may_fail(self) -> bool:
        """Return whether a write may fail, also shortly after a fault."""
        is_over = self.now - self._fault_ended > _RECOVERED_AFTER
        has_to_sign_in = bool(self.hass.config_entries.flow.async_progress())
        is_slow = not self.has_recovered
        return self.is_faulty or not is_over or self.is_waiting or has_to_sign_in or is_slow

    @property
    def is_hold_enabled(self) -> bool:
        """Return whether presence sessions are held while Teams is closed."""
        return bool(self.entry.options.get("hold_session"))

    @property
    def is_preference_current(self) -> bool:
        """Return whether a change in Teams has been noticed."""
        return not self._overridden_in_teams or self.now - self._disturbed >= _NOTICED_AFTER

    @property
    def is_directory_current(self) -> bool:
        """Return whether a returned colleague has been found."""
        return self.now >= self._found_by

    @property
    def has_forgotten_session(self) -> bool:
        """Return whether damage to the store may have left a session in Teams."""
        return self.now < self._forgotten_until

    # Setup

    async def async_begin(self) -> None:
        """Sign in, add colleagues, and enable all entities."""
        tenant = self.simulator.tenant
        self.entry = await self.account.async_sign_in(colleagues=True)
        self.people = {self.robin.id: self.robin}
        for team, members in COLLEAGUES.items():
            people = [tenant.add_person(f"{team}{number}") for number in range(members)]
            await self._async_add(team, people)

    async def _async_add(self, text: str, people: list[Person]) -> None:
        """Search for people, add them, and enable their entities."""
        flows = self.hass.config_entries.subentries
        flow = await flows.async_init((self.entry.entry_id, "person"), context={"source": "user"})
        flow = await flows.async_configure(flow["flow_id"], {"search": text})
        chosen = {"people": [person.id for person in people]}
        flow = await flows.async_configure(flow["flow_id"], chosen)
        assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
        await self.clock.async_settle()
        self.people |= {person.id: person for person in people}
        registry = er.async_get(self.hass)
        for entity in er.async_entries_for_config_entry(registry, self.entry.entry_id):
            registry.async_update_entity(entity.entity_id, disabled_by=None)
        await self._async_reload()

    async def _async_remove_and_add(self) -> None:
        """Remove a colleague and add them again."""
        subentry = self.random.choice(list(self.entry.subentries.values()))
        person = self.people[subentry.data["object_id"]]
        if self._may_fail or person is self.gone:
            return
        self.hass.config_entries.async_remove_subentry(self.entry, subentry.subentry_id)
        await self.clock.async_settle()
        del self.people[person.id]
        await self._async_add(person.address, [person])
        self.figures.removed_and_added += 1

    async def _async_reload(self) -> None:
        """Reload the entry."""
        await self.clock.async_do(self.hass.config_entries.async_reload(self.entry.entry_id))
        await self.clock.async_settle()
        self._disturbed = self.now
        self.figures.reloads += 1

    async def _async_restart(self) -> None:
        """Unload the entry and set it up minutes later."""
        entries = self.hass.config_entries
        await self.clock.async_do(entries.async_unload(self.entry.entry_id))
        if self._happens(0.4):
            self._damage_store()
        await self._async_until(self.now + timedelta(seconds=self.random.randrange(30, 200)))
        await self.clock.async_do(entries.async_setup(self.entry.entry_id))
        await self.clock.async_settle()
        self._disturbed = self.now
        self.figures.restarts += 1

    def _damage_store(self) -> None:
        """Damage what is stored of preferences and sessions."""
        key = f"{DOMAIN}.{self.entry.entry_id}"
        if key not in self.storage:
            return
        # The mocked storage keeps what it loaded last.
        async_get_store(self.hass, self.entry.entry_id)._store._data = None  # noqa: SLF001
        stored = self.storage[key] = copy.deepcopy(self.storage[key])
        records = [
            (name, record)
            for name in ("preferences", "sessions")
            for record in stored["data"].get(name, {}).values()
        ]
        lost = {"preferences", "sessions"}
        match self.random.randrange(4):
            case 0:
                del self.storage[key]
            case 1:
                stored["version"] = 99
            case 2:
                stored["data"] = self.random.choice(([], "text", None, {"preferences": 7}))
            case _ if records:
                name, record = self.random.choice(records)
                record[self.random.choice(sorted(record))] = self.random.choice(("text", None, []))
                lost = {name}
            case _:
                return
        if "preferences" in lost:
            self.wanted.preference = None
            self._overridden_in_teams = False
        self.wanted.session = self.wanted.session if "sessions" not in lost else None
        self._forgotten_until = self.now + _MAX_SESSION
        self.figures.damaged_stores += 1

    async def _async_change_clock(self) -> None:
        """Set Microsoft's clock ahead of or behind Home Assistant's."""
        skew = self.random.randrange(-_MAX_SKEW, _MAX_SKEW + 1, 5)
        self.simulator.clock.skew(skew - self._skew)
        self._skew = skew
        self.figures.clock_changes += 1

    async def _async_change_options(self) -> None:
        """Change the options."""
        chosen = {
            "hold_session": self.random.choice((True, False)),
        }
        flow = await self.hass.config_entries.options.async_init(self.entry.entry_id)
        await self.hass.config_entries.options.async_configure(flow["flow_id"], chosen)
        await self.clock.async_settle()
        self._disturbed = self.now
        self.figures.options += 1

    async def _async_sign_in(self) -> None:
        """Complete requested reauthentication flows."""
        if self.is_faulty:
            return
        for flow in self.hass.config_entries.flow.async_progress():
            result = await self.account.async_configure(flow, {})
            if result["type"] is FlowResultType.FORM:
                # A missing permission may be one of the registration.
                result = await self.account.async_configure(result, FORM | {"colleagues": True})
            await self.account.async_visit(result)
            await self.clock.async_settle()
            self._disturbed = self.now
            self.figures.sign_ins += 1

    # Writes

    async def _async_write(self) -> None:
        """Write something for the signed-in person."""
        writes: list[Callable[[], Awaitable[None]]] = [self._async_write_message] * 3
        writes += [self._async_write_session, self._async_write_location]
        if not self._overridden_in_teams:
            writes += [self._async_write_preference] * 3
        await self.random.choice(writes)()

    async def _async_write_message(self) -> None:
        match self.random.randrange(4):
            case 0:
                await self._async_act("clear_status_message")
            case 1:
                await self._async_set(_TEXT, "text.set_value", value=self._text()[:255])
            case 2:
                ends = {"expires_in": self._duration(self._moment())}
                await self._async_act("set_status_message", message=self._text(), **ends)
            case _:
                pinned = self.random.random() < 0.5
                await self._async_act("set_status_message", message=self._text(), pinned=pinned)

    async def _async_write_preference(self) -> None:
        preferred = self.random.choice(list(PREFERENCES))
        option = snake(preferred)
        ends = self._moment()
        match self.random.randrange(4):
            case 0:
                if await self._async_act("clear_preferred_presence"):
                    self.wanted.preference = None
            case 1:
                if await self._async_set(_SELECT, "select.select_option", option=option):
                    self.wanted.preference = option, self.now + PREFERENCES[preferred][1]
            case _:
                if await self._async_act(
                    "set_preferred_presence", availability=option, duration=self._duration(ends)
                ):
                    self.wanted.preference = option, ends

    async def _async_write_session(self) -> None:
        if self.random.random() < 0.4:
            if await self._async_act("clear_presence"):
                self.wanted.session = None
            return
        activity = self.random.choice(sorted(state.activity for state in SESSION_STATES))
        ends = self._moment(24)
        if await self._async_act(
            "set_presence", activity=snake(activity), duration=self._duration(ends)
        ):
            self.wanted.session = snake(activity), ends

    async def _async_write_location(self) -> None:
        if self.random.random() < 0.4:
            await self._async_act("clear_work_location")
        else:
            place = self.random.choice(("office", "remote", "time_off"))
            await self._async_act("set_work_location", location=place)

    async def _async_cancel_write(self) -> None:
        """Cancel a write at a random point; Teams decides whether it counts."""
        if self._overridden_in_teams:
            return
        preference = self.robin.preference
        session = self._own_session
        ends = self._moment(24)
        preferred, activity = self.random.choice(list(PREFERENCES)), "in_a_call"
        action, data = self.random.choice(
            (
                ("set_status_message", {"message": self._text()}),
                ("clear_status_message", {}),
                (
                    "set_preferred_presence",
                    {"availability": snake(preferred), "duration": self._duration(ends)},
                ),
                ("clear_preferred_presence", {}),
                ("set_presence", {"activity": activity, "duration": self._duration(ends)}),
                ("clear_presence", {}),
            )
        )
        call = self.hass.services.async_call(DOMAIN, action, data, blocking=True, target=_ROBIN)
        task = asyncio.ensure_future(call)
        for _ in range(self.random.randrange(_TURNS)):
            await asyncio.sleep(0)
        task.cancel()
        await self.clock.async_do(asyncio.gather(task, return_exceptions=True))
        await self.clock.async_settle()
        if self.robin.preference is not preference:
            is_set = action == "set_preferred_presence"
            self.wanted.preference = (snake(preferred), ends) if is_set else None
        if action in {"set_presence", "clear_presence"} and self._own_session is not session:
            self.wanted.session = (activity, ends) if action == "set_presence" else None
        self.figures.canceled_writes += 1

    @property
    def _own_session(self) -> Session | None:
        """Return the app's presence session of the signed-in person."""
        sessions = (session for session, _ in self.robin.sessions)
        return next((one for one in sessions if one.app_id == PUBLIC_CLIENT_ID), None)

    async def _async_act(self, action: str, **data: Any) -> bool:
        """Perform an action; return whether it succeeded."""
        return await self._async_call(DOMAIN, action, data, _ROBIN)

    async def _async_set(self, entity_id: str, service: str, **data: Any) -> bool:
        """Set an entity; return whether it succeeded."""
        state = self.hass.states.get(entity_id)
        if state is None or state.state == STATE_UNAVAILABLE:
            # Home Assistant ignores the call without an error.
            return self._record_failure("unavailable")
        domain, _, name = service.partition(".")
        return await self._async_call(domain, name, data, {"entity_id": entity_id})

    async def _async_call(
        self, domain: str, service: str, data: dict[str, Any], target: dict[str, Any]
    ) -> bool:
        call = self.hass.services.async_call(domain, service, data, blocking=True, target=target)
        try:
            await self.clock.async_do(call)
        except HomeAssistantError as err:
            return self._record_failure(str(err))
        self.figures.writes += 1
        await self.clock.async_settle()
        return True

    def _record_failure(self, reason: str) -> bool:
        """Count a failed write, which must have a reason."""
        assert self._may_fail, (self.now, reason)
        self.figures.failed_writes += 1
        return False

    # Teams

    async def _async_gesture(self) -> None:
        """Perform a random gesture in Teams."""
        people = [person for person in self.people.values() if person is not self.gone]
        # Prefer the signed-in user.
        person = self.robin if self.random.random() < 0.15 else self.random.choice(people)
        habits = self._habits()
        if person is self.robin:
            if self._overridden_in_teams:
                return
            habits = {name: often for name, often in habits.items() if name not in _PREFERENCES}
        (gesture,) = self.random.choices(list(habits), list(habits.values()))
        perform(person, gesture, self._arguments(gesture))
        self.figures.gestures += 1

    def _habits(self) -> dict[str, int]:
        hour = self.now.hour if self.now.weekday() < 5 else 0
        if not 7 <= hour < 19:
            return _NIGHT
        if hour < 9:
            return _MORNING
        return _WORK if hour < 17 else _EVENING

    def _arguments(self, gesture: str) -> dict[str, object]:
        """Draw the arguments of a gesture."""
        draw = {
            "join_call": self._draw_call,
            "prefer": self._draw_preference,
            "schedule_meeting": self._draw_meeting,
            "set_out_of_office": self._draw_absence,
            "set_status_message": self._draw_message,
            "set_work_location": self._draw_location,
        }.get(gesture)
        return draw() if draw else {}

    def _draw_call(self) -> dict[str, object]:
        return {"conference": self.random.random() < 0.3}

    def _draw_preference(self) -> dict[str, object]:
        lasts = (self._moment() - self.now).total_seconds()
        return {"availability": self.random.choice(list(PREFERENCES)), "duration": lasts}

    def _draw_meeting(self) -> dict[str, object]:
        start = self._moment()
        end = start + self.random.randrange(1, 9) * SLOT
        return {"start": start.isoformat(), "end": end.isoformat()}

    def _draw_absence(self) -> dict[str, object]:
        return {"on": self.random.random() < 0.4, "message": self._text()}

    def _draw_message(self) -> dict[str, object]:
        ends = self._moment().isoformat() if self.random.random() < 0.7 else None
        return {"text": self._text(), "expires": ends, "pinned": self.random.random() < 0.3}

    def _draw_location(self) -> dict[str, object]:
        return {
            "location": self.random.choice(("office", "remote", "timeOff")),
            "source": self.random.choice(("manual", "automatic", "scheduled")),
        }

    async def _async_override_in_teams(self) -> None:
        """Override the preferred presence in Teams."""
        if not self.wanted.preference or self._overridden_in_teams or self.wanted.session:
            return
        self.robin.come_back()
        others = {"Available": "Busy", "Busy": "DoNotDisturb"}
        mine = self.robin.preference
        now = mine.state.availability if mine else ""
        self.robin.prefer(others.get(now, "Available"), self._moment() - self.now)
        self._overridden_in_teams = True
        self._disturbed = self.now
        self.figures.overridden_in_teams += 1

    async def _async_leave(self) -> None:
        """Remove a colleague from the directory, or restore them."""
        tenant = self.simulator.tenant
        if self.gone is None:
            keys = [person.key for person in self.people.values() if person is not self.robin]
            self.gone = tenant.people[self.random.choice(keys)]
            tenant.remove_person(self.gone.key)
            self.figures.left_the_directory += 1
        else:
            tenant.people[self.gone.key] = self.gone
            self.back, self.gone = self.gone, None
            self._found_by = self.now + _FOUND_AFTER

    async def _async_rename(self) -> None:
        """Switch Microsoft's vocabulary."""
        tenant = self.simulator.tenant
        tenant.vocabulary = "modern" if tenant.vocabulary == "classic" else "classic"

    # Faults

    async def _async_expire(self) -> None:
        """Expire the access token."""
        self.simulator.expire_access_tokens()
        self.figures.expired_tokens += 1

    async def _async_revoke(self) -> None:
        """Require a new sign-in."""
        self.simulator.revoke("robin")
        self.simulator.expire_access_tokens()

    async def _async_break(self) -> None:
        """Add a random fault for a while."""
        if self._fault is not None:
            return
        match, options = self.random.choice(_FAULTS)
        if match == "token":
            self.simulator.expire_access_tokens()
        self._fault = self.simulator.faults.add(match, **options)
        slots = self.random.choice((1, 1, 1, 2, 3))
        seconds = self.random.randrange(0, _FAULTS_END, _STEP)
        self._fault_ends = self._slot + slots * SLOT + timedelta(seconds=seconds)
        self.figures.faults += 1

    async def _async_end_fault(self) -> None:
        """Remove the fault."""
        if self._fault is not None:
            self.figures.faulty_responses += self._fault.hits
            self._fault.remove()
            self._fault = None
            self._count_requests()
            self._read.clear()
            self._fault_ended = self._disturbed = self.now

    # Time

    async def async_ten_minutes(self) -> None:
        """Simulate ten minutes; the last three are quiet."""
        self._slot = self.now
        plan = [(self._offset(), event) for event in self._events()]
        if self._happens(0.04):
            plan.append((0, self._async_restart))
        if self._fault is not None and self._fault_ends < self._slot + SLOT:
            plan.append(((self._fault_ends - self._slot).total_seconds(), self._async_end_fault))
        plan.append((_SIGN_IN, self._async_sign_in))
        for seconds, event in sorted(plan, key=lambda planned: planned[0]):
            await self._async_until(self._slot + timedelta(seconds=seconds))
            await event()
        self._quiet_since = self.now
        await self._async_until(self._slot + SLOT)
        self._count_requests()
        self._clear_expired()

    def _events(self) -> list[Callable[[], Awaitable[None]]]:
        """Draw the events of ten minutes."""
        at_work = self._habits() is not _NIGHT
        chance: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (0.7 if at_work else 0.2, self._async_write),
            (0.3 if at_work else 0.0, self._async_write),
            (0.15 if at_work else 0.0, self._async_cancel_write),
            (0.12, self._async_break),
            (0.03, self._async_change_clock),
            (0.05, self._async_reload),
            (0.03, self._async_change_options),
            (0.05, self._async_expire),
            (0.01, self._async_revoke),
            (0.03, self._async_override_in_teams),
            (0.03, self._async_leave),
            (0.015, self._async_remove_and_add),
            (0.01, self._async_rename),
        ]
        events = [event for likely, event in chance if self._happens(likely)]
        gestures = self.random.randrange(4, 12) if at_work else self.random.randrange(3)
        return events + [self._async_gesture] * gestures

    async def _async_until(self, moment: datetime) -> None:
        """Advance the clock in steps that skip no poll."""
        while (left := (moment - self.now).total_seconds()) > 0:
            await self.clock.async_advance(min(left, _STEP))

    def _count_requests(self) -> None:
        requests = self.simulator.requests
        self.figures.requests += len(requests)
        self.figures.polls += sum(
            f"{request.method} {request.path}" in {_PRESENCE, _PRESENCES} for request in requests
        )
        self._read |= {
            f"{request.method} {request.path}" for request in requests if request.status == 200
        }
        requests.clear()

    def _clear_expired(self) -> None:
        """Clear what has expired or been overridden."""
        if self.wanted.preference and self.wanted.preference[1] <= self.now:
            self.wanted.preference = None
        if self.wanted.session and self.wanted.session[1] <= self.now:
            self.wanted.session = None
        if self.is_faulty or self.is_waiting or not self.has_recovered:
            self._disturbed = self.now
        elif self._overridden_in_teams and self.is_preference_current:
            self.wanted.preference = None
            self._overridden_in_teams = False

    def _happens(self, likely: float) -> bool:
        """Draw whether an event happens."""
        return self.random.random() < likely

    def _offset(self) -> float:
        """Draw a moment in the slot, in seconds."""
        return self.random.randrange(0, _EVENTS_END, _STEP)

    def _moment(self, slots: int = 30) -> datetime:
        """Draw an expiration outside of quiet times."""
        # Not at the start either: slow responses shift slots by some seconds.
        later = self.random.randrange(1, slots) * SLOT
        return self._slot + later + timedelta(seconds=max(60.0, self._offset()))

    def _duration(self, moment: datetime) -> dict[str, float]:
        """Convert a moment to an action's duration."""
        return {"seconds": (moment - self.now).total_seconds()}

    def _text(self) -> str:
        """Return a message, sometimes longer than a state."""
        return f"Back at {self._moment():%H:%M}" + " or so" * self.random.choice((0, 0, 1, 44))
