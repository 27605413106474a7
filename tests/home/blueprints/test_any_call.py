"""The any-call blueprint with a real account."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.trace.util import async_get_trace, async_list_traces
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.blueprints import ConnectedHouse, at, read

SENSOR = "sensor.robin_example_activity"
PHONE = "sensor.phone_state"
MICROPHONE = "binary_sensor.microphone"
MINUTE = 60
HOUR = 3600


class Home(ConnectedHouse):
    """Robin's home with a phone and a microphone."""

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation with an id, which traces need."""
        usual = {"activity_sensor": SENSOR, "calls": [PHONE, MICROPHONE]}
        return {"id": self.blueprint} | super().config({**usual, **inputs})

    async def call(self, sensor: str = PHONE, state: str = "offhook") -> None:
        """Begin a call and wait until it counts."""
        await self.shows(sensor, state)
        await self.later(11)

    async def hang_up(self, sensor: str = PHONE, state: str = "idle") -> None:
        """End a call and wait for the delay."""
        await self.call(sensor, state)

    async def wait(self, seconds: float) -> None:
        """Advance the clock in steps of a minute."""
        for _ in range(int(seconds // MINUTE)):
            await self.later(MINUTE)

    @property
    def sessions(self) -> list[str]:
        """Return the activities of apps' presence sessions."""
        return [state.activity for _, state in self.robin.sessions]

    @property
    def activity(self) -> str:
        """Return the activity that others see."""
        return self.robin.activity

    async def last_trace(self) -> dict[str, Any]:
        """Return the trace of the last run."""
        key = f"automation.{self.blueprint}"
        run = (await async_list_traces(self.hass, "automation", key))[-1]
        return await async_get_trace(self.hass, key, run["run_id"])


@pytest.fixture
async def home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> AsyncGenerator[Home]:
    """Return Robin's home on a Monday morning."""
    freezer.move_to(at(9))
    for component in ("homeassistant", "scene"):
        assert await async_setup_component(hass, component, {})
    await account.async_sign_in()
    home = Home(hass, freezer, "any_call", robin)
    await home.shows(PHONE, "idle")
    await home.shows(MICROPHONE, "off")
    yield home
    await home.leave()


def test_only_person_and_sensors_are_required() -> None:
    inputs = read("any_call").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {
        "activity_sensor",
        "calls",
    }


@pytest.mark.parametrize(
    ("sensor", "on", "off"), [(PHONE, "offhook", "idle"), (MICROPHONE, "on", "off")]
)
async def test_call_is_shown_in_teams_and_cleared(
    home: Home, sensor: str, on: str, off: str
) -> None:
    await home.automate()
    await home.call(sensor, on)
    assert home.activity == "InACall"
    assert home.state(SENSOR).state == "in_a_call"
    await home.hang_up(sensor, off)
    assert home.activity == "Available"
    assert home.sessions == []


async def test_single_sensor_works(home: Home) -> None:
    await home.automate(calls=PHONE)
    await home.call()
    assert home.sessions == ["InACall"]
    await home.hang_up()
    assert home.sessions == []


async def test_states_are_chosen(home: Home) -> None:
    await home.automate(call_states=["ringing"])
    await home.call()
    assert home.sessions == []
    await home.call(state="ringing")
    assert home.sessions == ["InACall"]


async def test_call_lasts_until_both_sources_end(home: Home) -> None:
    await home.automate()
    await home.call(PHONE)
    await home.call(MICROPHONE, "on")
    await home.hang_up(PHONE)
    assert home.sessions == ["InACall"]
    await home.hang_up(MICROPHONE, "off")
    assert home.sessions == []


async def test_flapping_sensor_sets_nothing(home: Home) -> None:
    await home.automate()
    for _ in range(6):
        await home.shows(MICROPHONE, "on")
        await home.later(5)
        await home.shows(MICROPHONE, "off")
        await home.later(5)
    assert home.sessions == []
    assert home.state(home.automation).attributes["last_triggered"] is None


async def test_short_gap_does_not_end_the_call(home: Home) -> None:
    await home.automate()
    await home.call()
    for _ in range(6):
        await home.shows(PHONE, "unavailable")
        await home.later(5)
        await home.shows(PHONE, "offhook")
        assert home.sessions == ["InACall"]
        await home.later(20)


async def test_call_in_teams_creates_no_session(home: Home) -> None:
    await home.automate()
    await home.shows(MICROPHONE, "on")
    home.robin.join_call()
    await home.poll()
    await home.wait(20 * MINUTE)
    assert home.sessions == []
    home.robin.leave_call()
    await home.poll()
    await home.hang_up(MICROPHONE, "off")
    assert home.sessions == []
    assert home.state(home.automation).attributes["last_triggered"] is None


async def test_call_is_shown_after_a_call_in_teams_ends(home: Home) -> None:
    await home.automate()
    home.robin.join_call()
    await home.poll()
    await home.call()
    assert home.sessions == []
    home.robin.leave_call()
    await home.poll()
    await home.later(11)
    assert home.sessions == ["InACall"]


async def test_call_in_teams_during_the_session_stays(home: Home) -> None:
    await home.automate()
    await home.call()
    home.robin.join_call()
    await home.poll()
    await home.hang_up()
    assert home.sessions == []
    assert home.activity == "InACall"


async def test_session_is_renewed_up_to_the_longest_call(home: Home) -> None:
    await home.automate(max_hours=1)
    await home.call()
    await home.wait(54 * MINUTE)
    assert home.sessions == ["InACall"]
    await home.wait(8 * MINUTE)
    assert home.sessions == []
    await home.wait(2 * HOUR)
    assert home.sessions == []
    await home.hang_up()
    await home.call()
    assert home.sessions == ["InACall"]


@pytest.mark.parametrize("state", ["unavailable", "unknown", None])
async def test_session_is_cleared_if_the_sensor_becomes_unavailable(
    home: Home, state: str | None
) -> None:
    await home.automate()
    await home.call()
    if state:
        await home.hang_up(state=state)
    else:
        await home.later(1)
        home.hass.states.async_remove(PHONE)
        await home.settle()
        await home.later(11)
    assert home.sessions == []


async def test_sensors_added_after_the_start_work(home: Home) -> None:
    await home.shows(PHONE, "unavailable")
    home.hass.states.async_remove(MICROPHONE)
    await home.restart()
    await home.later(11)
    assert home.sessions == []
    await home.call()
    assert home.sessions == ["InACall"]


async def test_session_is_cleared_when_home_assistant_stops(home: Home) -> None:
    await home.automate()
    await home.call()
    await home.stop()
    assert home.sessions == []


@pytest.mark.parametrize(("minutes", "remaining"), [(0, []), (20, ["InACall"])])
async def test_only_the_session_from_before_a_crash_is_cleared(
    home: Home, monkeypatch: pytest.MonkeyPatch, minutes: int, remaining: list[str]
) -> None:
    await home.automate()
    await home.call()
    await home.act("scene.delete", entity_id="scene.any_call_any_call")
    await home.hang_up()
    await home.wait(minutes * MINUTE)
    await home.act("ms_teams_presence.set_presence", entity_id=SENSOR, activity="in_a_call")
    home.hass.set_state(CoreState.starting)
    # The new automation restores its last run, as after a start.
    await home.reload(monkeypatch, end_delay=5)
    home.hass.set_state(CoreState.running)
    home.hass.bus.async_fire("homeassistant_started")
    await home.settle()
    assert home.sessions == remaining


async def test_session_expires_if_the_automation_is_turned_off(home: Home) -> None:
    await home.automate()
    await home.call()
    await home.act("automation.turn_off", entity_id=home.automation)
    await home.wait(14 * MINUTE)
    assert home.sessions == ["InACall"]
    await home.wait(2 * MINUTE)
    assert home.sessions == []


async def test_error_of_graph_is_in_the_trace_and_retried(home: Home, simulator: Simulator) -> None:
    await home.automate()
    fault = simulator.faults.add("POST *setPresence", status=403)
    await home.call()
    assert fault.hits == 1
    assert "403" in (await home.last_trace())["error"]
    fault.remove()
    await home.wait(5 * MINUTE)
    assert home.sessions == ["InACall"]
    fault = simulator.faults.add("POST *clearPresence", status=403)
    await home.hang_up()
    assert home.sessions == ["InACall"]
    fault.remove()
    await home.wait(5 * MINUTE)
    assert home.sessions == []


async def test_missing_write_access_is_in_the_trace(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> None:
    freezer.move_to(at(9))
    for component in ("homeassistant", "scene"):
        assert await async_setup_component(hass, component, {})
    await account.async_sign_in(access="read")
    home = Home(hass, freezer, "any_call", robin)
    await home.shows(PHONE, "idle")
    await home.automate()
    await home.call()
    assert "Read and set my presence" in (await home.last_trace())["error"]
    await home.leave()


async def test_wrong_sensor_is_an_error(home: Home) -> None:
    await home.automate(activity_sensor="sensor.robin_example_availability")
    await home.call()
    assert home.sessions == []
    assert '"Activity"' in str(await home.last_trace())


async def test_session_of_another_automation_is_not_cleared(home: Home) -> None:
    await home.automate()
    await home.act("ms_teams_presence.set_presence", entity_id=SENSOR, activity="presenting")
    await home.call()
    await home.hang_up()
    assert home.sessions == ["Presenting"]
    assert home.state(home.automation).attributes["last_triggered"] is None


async def test_preference_stays(home: Home) -> None:
    await home.automate()
    await home.act(
        "ms_teams_presence.set_preferred_presence", entity_id=SENSOR, availability="away"
    )
    await home.call()
    await home.hang_up()
    assert home.robin.preference is not None
    assert home.robin.preference.state.availability == "Away"
    assert home.sessions == []


async def test_account_that_is_not_loaded_is_awaited(home: Home) -> None:
    await home.automate()
    await home.unload_account()
    await home.call()
    assert home.state(home.automation).attributes["last_triggered"] is None
    await home.load_account()
    await home.later(11)
    assert home.sessions == ["InACall"]


async def test_idle_times_leave_no_trace(home: Home) -> None:
    await home.automate()
    await home.wait(30 * MINUTE)
    await home.trigger()
    await home.settle()
    assert home.sessions == []
