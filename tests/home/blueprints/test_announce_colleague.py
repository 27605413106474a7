"""The blueprint that tells once when a colleague is available, with a real account."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.blueprints import ConnectedHouse, at
from tests.home.people import async_add

SENSOR = "sensor.kim_example_activity"
AUTOMATION = "automation.announce_colleague"
HELPER = "input_boolean.kim"
BUTTON = "input_button.kim"
QUIET = "binary_sensor.robin_example_in_a_call"

ANNOUNCEMENT = {"action": "notify.hallway", "data": {"message": "{{ message }}"}}


@dataclass
class Home(ConnectedHouse):
    """The home of Robin, who wants to talk to Kim."""

    kim: Person
    calls: list[ServiceCall]

    async def furnish(self) -> None:
        """Bring what to ask with."""
        assert await async_setup_component(self.hass, "homeassistant", {})
        helpers: dict[str, object] = {"input_boolean": {"kim": {}}, "input_button": {"kim": {}}}
        assert await async_setup_component(self.hass, "input_boolean", helpers)
        assert await async_setup_component(self.hass, "input_button", helpers)

    def inputs(self, ask: str, **inputs: object) -> dict[str, object]:
        """Return what the automation is made of."""
        return {
            "activity_sensor": SENSOR,
            "ask": ask,
            "announcement": [ANNOUNCEMENT],
            **inputs,
        }

    async def watch(self, ask: str = HELPER, **inputs: object) -> None:
        """Set the automation up."""
        await self.automate(**self.inputs(ask, **inputs))

    async def question(self, ask: str = HELPER) -> None:
        """Ask for Kim."""
        action = "input_boolean.turn_on" if ask == HELPER else "input_button.press"
        await self.act(action, entity_id=ask)

    async def in_teams(self, gesture: Callable[[], None]) -> None:
        """Do something in Teams, and let it be read."""
        gesture()
        await self.later(61)

    @property
    def told(self) -> list[str]:
        """Return what was announced."""
        return [call.data["message"] for call in self.calls]


@pytest.fixture
async def home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    robin: Person,
    simulator: Simulator,
) -> AsyncGenerator[Home]:
    """Return Robin's home while Kim is in a call, without an automation yet."""
    freezer.move_to(at(9))
    kim = simulator.tenant.people["kim"]
    kim.join_call()
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "kim", kim)
    calls = async_mock_service(hass, "notify", "hallway")
    home = Home(hass, freezer, "announce_colleague", robin, kim, calls)
    yield home
    await home.leave()


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_it_is_said_once_each_time_it_is_asked(home: Home, ask: str) -> None:
    await home.furnish()
    await home.watch(ask)
    await home.in_teams(home.kim.leave_call)
    assert home.told == []
    await home.in_teams(home.kim.join_call)
    await home.question(ask)
    assert home.told == []
    await home.in_teams(home.kim.leave_call)
    assert home.told == ["Kim Example: Available"]
    assert not home.is_on(HELPER)
    await home.in_teams(home.kim.join_call)
    await home.in_teams(home.kim.leave_call)
    assert len(home.told) == 1
    await home.question(ask)
    assert len(home.told) == 2


async def test_question_is_taken_back(home: Home) -> None:
    await home.furnish()
    await home.watch()
    await home.question()
    await home.act("input_boolean.turn_off", entity_id=HELPER)
    await home.in_teams(home.kim.leave_call)
    assert home.told == []


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_question_is_dropped_after_a_while(home: Home, ask: str) -> None:
    await home.furnish()
    await home.watch(ask, hours=0.5)
    await home.question(ask)
    await home.until(at(9, 40))
    assert not home.is_on(HELPER)
    await home.in_teams(home.kim.leave_call)
    assert home.told == []


async def test_what_counts_as_available_is_chosen(home: Home) -> None:
    await home.furnish()
    await home.watch(activities=["away", "available"])
    await home.question()
    await home.in_teams(home.kim.leave_call)
    await home.question()
    await home.in_teams(home.kim.go_away)
    assert home.told == ["Kim Example: Available", "Kim Example: Available"]
    await home.question()
    assert home.told[2:] == ["Kim Example: Away"]


async def test_it_is_held_back_in_a_call_of_ones_own(home: Home) -> None:
    await home.furnish()
    await home.watch(quiet=QUIET)
    await home.in_teams(home.robin.join_call)
    await home.question()
    await home.in_teams(home.kim.leave_call)
    assert home.told == []
    await home.in_teams(home.robin.leave_call)
    assert home.told == ["Kim Example: Available"]


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_lost_account_says_nothing(home: Home, ask: str) -> None:
    await home.furnish()
    await home.watch(ask)
    await home.question(ask)
    await home.lose()
    home.kim.leave_call()
    await home.later(61)
    assert home.told == []
    await home.find()
    assert home.told == ["Kim Example: Available"]


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_restart_forgets_no_question(home: Home, ask: str) -> None:
    await home.furnish()
    await home.question(ask)
    await home.lose()
    await home.restart(**home.inputs(ask))
    home.kim.leave_call()
    await home.find()
    assert len(home.told) == 1


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_answered_question_is_not_answered_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    await home.furnish()
    await home.watch(ask)
    await home.in_teams(home.kim.leave_call)
    await home.question(ask)
    assert len(home.told) == 1
    # The automation is made anew, with what is remembered of it over restarts.
    await home.reload(monkeypatch, **home.inputs(ask, hours=8))
    await home.until(at(9, 20))
    assert len(home.told) == 1
    await home.question(ask)
    assert len(home.told) == 2


async def test_restart_finds_the_colleague_available(home: Home) -> None:
    await home.furnish()
    await home.question()
    await home.in_teams(home.kim.leave_call)
    await home.restart(**home.inputs(HELPER))
    assert len(home.told) == 1


async def test_saved_automation_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.furnish()
    await home.watch()
    await home.question()
    await home.reload(monkeypatch, **home.inputs(HELPER, hours=8))
    await home.in_teams(home.kim.leave_call)
    assert len(home.told) == 1


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_run_by_hand_it_says_what_it_knows(home: Home, ask: str) -> None:
    await home.furnish()
    await home.watch(ask)
    await home.act("automation.trigger", entity_id=AUTOMATION)
    assert home.told == ["Kim Example: In a call"]


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_run_by_hand_leaves_the_question_open(home: Home, ask: str, runs: int) -> None:
    assert await async_setup_component(home.hass, "scene", {})
    await home.furnish()
    await home.watch(ask)
    await home.question(ask)
    for _ in range(runs):
        await home.act("automation.trigger", entity_id=AUTOMATION)
    assert home.told == ["Kim Example: In a call"] * runs
    await home.until(at(9, 20))
    await home.in_teams(home.kim.leave_call)
    assert home.told[runs:] == ["Kim Example: Available"]
    await home.act("automation.trigger", entity_id=AUTOMATION)
    await home.in_teams(home.kim.join_call)
    await home.in_teams(home.kim.leave_call)
    assert len(home.told) == runs + 2
    assert home.hass.states.async_entity_ids("scene") == []


@pytest.mark.parametrize(("wrong", "works"), [("work_location", False), ("availability", True)])
async def test_sensor_that_never_is_available_is_reported(
    home: Home, wrong: str, *, works: bool
) -> None:
    await home.furnish()
    if not works:
        await home.shows("sensor.kim_example_work_location", "office", options=["office"])
    await home.automate(**home.inputs(HELPER) | {"activity_sensor": f"sensor.kim_example_{wrong}"})
    await home.question()
    assert [wrong in message for message in home.notifications] == ([] if works else [True])
    assert home.is_on(HELPER)
    await home.in_teams(home.kim.leave_call)
    assert bool(home.told) is works


async def test_without_a_choice_it_is_a_notification(home: Home) -> None:
    await home.furnish()
    await home.automate(activity_sensor=SENSOR, ask=HELPER)
    created = async_mock_service(home.hass, "persistent_notification", "create")
    await home.question()
    await home.in_teams(home.kim.leave_call)
    assert [call.data["message"] for call in created] == ["Kim Example: Available"]
