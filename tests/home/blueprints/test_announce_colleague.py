"""The announce-colleague blueprint with a real account."""

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
    """Robin's home; Robin wants to talk to Kim."""

    kim: Person
    calls: list[ServiceCall]

    async def prepare(self) -> None:
        """Set up the helpers."""
        assert await async_setup_component(self.hass, "homeassistant", {})
        helpers: dict[str, object] = {"input_boolean": {"kim": {}}, "input_button": {"kim": {}}}
        assert await async_setup_component(self.hass, "input_boolean", helpers)
        assert await async_setup_component(self.hass, "input_button", helpers)

    def inputs(self, ask: str, **inputs: object) -> dict[str, object]:
        """Return the inputs."""
        return {
            "activity_sensor": SENSOR,
            "ask": ask,
            "announcement": [ANNOUNCEMENT],
            **inputs,
        }

    async def create(self, ask: str = HELPER, **inputs: object) -> None:
        """Set up the automation."""
        await self.automate(**self.inputs(ask, **inputs))

    async def ask_for_kim(self, ask: str = HELPER) -> None:
        """Request an announcement about Kim."""
        action = "input_boolean.turn_on" if ask == HELPER else "input_button.press"
        await self.act(action, entity_id=ask)

    async def in_teams(self, gesture: Callable[[], None]) -> None:
        """Perform a gesture in Teams, and poll."""
        gesture()
        await self.later(61)

    @property
    def announcements(self) -> list[str]:
        """Return the announcements."""
        return [call.data["message"] for call in self.calls]


@pytest.fixture
async def home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    robin: Person,
    simulator: Simulator,
) -> AsyncGenerator[Home]:
    """Return Robin's home while Kim is in a call."""
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
async def test_each_request_is_announced_once(home: Home, ask: str) -> None:
    await home.prepare()
    await home.create(ask)
    await home.in_teams(home.kim.leave_call)
    assert home.announcements == []
    await home.in_teams(home.kim.join_call)
    await home.ask_for_kim(ask)
    assert home.announcements == []
    await home.in_teams(home.kim.leave_call)
    assert home.announcements == ["Kim Example: Available"]
    assert not home.is_on(HELPER)
    await home.in_teams(home.kim.join_call)
    await home.in_teams(home.kim.leave_call)
    assert len(home.announcements) == 1
    await home.ask_for_kim(ask)
    assert len(home.announcements) == 2


async def test_canceled_request_is_not_announced(home: Home) -> None:
    await home.prepare()
    await home.create()
    await home.ask_for_kim()
    await home.act("input_boolean.turn_off", entity_id=HELPER)
    await home.in_teams(home.kim.leave_call)
    assert home.announcements == []


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_request_expires(home: Home, ask: str) -> None:
    await home.prepare()
    await home.create(ask, hours=0.5)
    await home.ask_for_kim(ask)
    await home.until(at(9, 40))
    assert not home.is_on(HELPER)
    await home.in_teams(home.kim.leave_call)
    assert home.announcements == []


async def test_activities_are_chosen(home: Home) -> None:
    await home.prepare()
    await home.create(activities=["away", "available"])
    await home.ask_for_kim()
    await home.in_teams(home.kim.leave_call)
    await home.ask_for_kim()
    await home.in_teams(home.kim.go_away)
    assert home.announcements == ["Kim Example: Available", "Kim Example: Available"]
    await home.ask_for_kim()
    assert home.announcements[2:] == ["Kim Example: Away"]


async def test_announcement_waits_for_the_end_of_an_own_call(home: Home) -> None:
    await home.prepare()
    await home.create(quiet=QUIET)
    await home.in_teams(home.robin.join_call)
    await home.ask_for_kim()
    await home.in_teams(home.kim.leave_call)
    assert home.announcements == []
    await home.in_teams(home.robin.leave_call)
    assert home.announcements == ["Kim Example: Available"]


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_announcement_waits_for_an_unavailable_account(home: Home, ask: str) -> None:
    await home.prepare()
    await home.create(ask)
    await home.ask_for_kim(ask)
    await home.unload_account()
    home.kim.leave_call()
    await home.later(61)
    assert home.announcements == []
    await home.load_account()
    assert home.announcements == ["Kim Example: Available"]


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_restart_keeps_the_request(home: Home, ask: str) -> None:
    await home.prepare()
    await home.ask_for_kim(ask)
    await home.unload_account()
    await home.restart(**home.inputs(ask))
    home.kim.leave_call()
    await home.load_account()
    assert len(home.announcements) == 1


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_announced_request_is_not_repeated_after_saving(
    home: Home, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    await home.prepare()
    await home.create(ask)
    await home.in_teams(home.kim.leave_call)
    await home.ask_for_kim(ask)
    assert len(home.announcements) == 1
    # The automation is created again and restores its state, as after a restart.
    await home.reload(monkeypatch, **home.inputs(ask, hours=8))
    await home.until(at(9, 20))
    assert len(home.announcements) == 1
    await home.ask_for_kim(ask)
    assert len(home.announcements) == 2


async def test_colleague_who_is_available_after_a_restart_is_announced(home: Home) -> None:
    await home.prepare()
    await home.ask_for_kim()
    await home.in_teams(home.kim.leave_call)
    await home.restart(**home.inputs(HELPER))
    assert len(home.announcements) == 1


async def test_saving_keeps_the_request(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.prepare()
    await home.create()
    await home.ask_for_kim()
    await home.reload(monkeypatch, **home.inputs(HELPER, hours=8))
    await home.in_teams(home.kim.leave_call)
    assert len(home.announcements) == 1


@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_manual_run_announces_the_current_activity(home: Home, ask: str) -> None:
    await home.prepare()
    await home.create(ask)
    await home.act("automation.trigger", entity_id=AUTOMATION)
    assert home.announcements == ["Kim Example: In a call"]


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("ask", [HELPER, BUTTON])
async def test_manual_run_keeps_the_request(home: Home, ask: str, runs: int) -> None:
    assert await async_setup_component(home.hass, "scene", {})
    await home.prepare()
    await home.create(ask)
    await home.ask_for_kim(ask)
    for _ in range(runs):
        await home.act("automation.trigger", entity_id=AUTOMATION)
    assert home.announcements == ["Kim Example: In a call"] * runs
    await home.until(at(9, 20))
    await home.in_teams(home.kim.leave_call)
    assert home.announcements[runs:] == ["Kim Example: Available"]
    await home.act("automation.trigger", entity_id=AUTOMATION)
    await home.in_teams(home.kim.join_call)
    await home.in_teams(home.kim.leave_call)
    assert len(home.announcements) == runs + 2
    assert home.hass.states.async_entity_ids("scene") == []


@pytest.mark.parametrize(("wrong", "works"), [("work_location", False), ("availability", True)])
async def test_wrong_sensor_is_reported(home: Home, wrong: str, *, works: bool) -> None:
    await home.prepare()
    if not works:
        await home.shows("sensor.kim_example_work_location", "office", options=["office"])
    await home.automate(**home.inputs(HELPER) | {"activity_sensor": f"sensor.kim_example_{wrong}"})
    await home.ask_for_kim()
    assert [wrong in message for message in home.notifications] == ([] if works else [True])
    assert home.is_on(HELPER)
    await home.in_teams(home.kim.leave_call)
    assert bool(home.announcements) is works


async def test_default_announcement_is_a_notification(home: Home) -> None:
    await home.prepare()
    await home.automate(activity_sensor=SENSOR, ask=HELPER)
    created = async_mock_service(home.hass, "persistent_notification", "create")
    await home.ask_for_kim()
    await home.in_teams(home.kim.leave_call)
    assert [call.data["message"] for call in created] == ["Kim Example: Available"]
