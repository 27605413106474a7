"""The back-at blueprint with a real account."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime, timedelta
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest

from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.blueprints import ConnectedHouse, at, read
from tests.home.people import async_add
from tests.home.test_application import async_sign_in

SENSOR = "sensor.robin_example_activity"
BUTTON = "input_button.out"
MEMORY = "input_text.memory"
PERSON = "person.robin"
ALWAYS: dict[str, object] = {"person": PERSON, "zone_conditions": []}


class Home(ConnectedHouse):
    """Robin's home; Robin leaves and returns."""

    async def prepare(self) -> None:
        """Set up the helpers and the person."""
        for domain, config in (
            ("homeassistant", {}),
            ("zone", {}),
            ("input_button", {"out": {}}),
            ("input_text", {"memory": {"max": 255}}),
        ):
            assert await async_setup_component(self.hass, domain, {domain: config})
        await self.shows(PERSON, "home")
        await self.later(60)

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation's configuration, with default inputs."""
        usual = {"activity_sensor": SENSOR, "memory": MEMORY, "buttons": [BUTTON]}
        return super().config({**usual, **inputs})

    async def press(self) -> None:
        """Press the button, 30 seconds later."""
        await self.later(30)
        await self.act("input_button.press", entity_id=BUTTON)

    async def write(self, text: str, end: datetime | None = None, *, pinned: bool = False) -> None:
        """Set a message in Teams."""
        self.robin.set_status_message(text, end, pinned=pinned)
        await self.poll()

    def message(self) -> tuple[str, datetime | None]:
        """Return the message in Teams and its expiry."""
        message = self.robin.status_message
        return (message.content, message.expires) if message else ("", None)

    async def go(self, place: str, **attributes: object) -> None:
        """Set the person's location and wait for the delay."""
        await self.shows(PERSON, place, **attributes)
        await self.later(6)

    @property
    def memory(self) -> str:
        """Return the stored text."""
        return self.state(MEMORY).state


@pytest.fixture
async def home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> AsyncGenerator[Home]:
    """Return Robin's home at two on a Monday afternoon."""
    freezer.move_to(at(13, 58))
    await account.async_sign_in()
    home = Home(hass, freezer, "back_at", robin)
    await home.prepare()
    yield home
    await home.leave()


@pytest.fixture
async def conversation(hass: HomeAssistant) -> None:
    """Set up the conversation integration before the first request."""
    for domain in ("homeassistant", "conversation"):
        assert await async_setup_component(hass, domain, {})


def test_only_person_and_memory_are_required() -> None:
    inputs = read("back_at").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {
        "activity_sensor",
        "memory",
    }


async def test_press_writes_the_time_and_the_next_restores_the_message(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop", at(17))
    await home.press()
    assert home.message() == ("Back at 14:30", at(14, 30))
    await home.until(at(14, 20))
    await home.press()
    assert home.message() == ("In the workshop", at(17))
    assert home.memory == ""


async def test_message_without_an_expiry_is_restored_without_one(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop")
    await home.press()
    await home.press()
    assert home.message() == ("In the workshop", None)


async def test_pinned_message_is_restored_pinned(home: Home) -> None:
    await home.automate()
    await home.write("Ring twice", pinned=True)
    before = home.message()
    await home.press()
    assert home.message() == ("Back at 14:30", at(14, 30))
    await home.press()
    assert home.message() == before
    assert "pinned" in before[0]


async def test_without_a_message_before_there_is_none_afterwards(home: Home) -> None:
    await home.automate()
    await home.press()
    assert home.message()[0] == "Back at 14:30"
    await home.press()
    assert home.message() == ("", None)


async def test_expired_message_is_not_restored(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop", at(14, 10))
    await home.press()
    await home.until(at(14, 20))
    await home.press()
    assert home.message() == ("", None)
    assert home.memory == ""


@pytest.mark.parametrize("text", ["My own text", ""])
async def test_change_in_teams_is_not_overwritten(home: Home, text: str) -> None:
    await home.automate()
    await home.write("In the workshop")
    await home.press()
    await home.write(text)
    await home.press()
    assert home.message() == (text, None)
    assert home.memory == ""


async def test_return_after_the_time_restores_the_message(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop", at(17))
    await home.press()
    await home.until(at(14, 40))
    assert home.message() == ("", None)
    await home.press()
    assert home.message() == ("In the workshop", at(17))


async def test_forgotten_return_happens_after_half_an_hour(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop", at(17))
    await home.press()
    await home.until(at(14, 55))
    assert home.message() == ("", None)
    await home.until(at(15, 1))
    assert home.message() == ("In the workshop", at(17))
    await home.press()
    assert home.message() == ("Back at 15:35", at(15, 35))


async def test_two_presses_at_once_are_one(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop")
    await home.press()
    await home.act("input_button.press", entity_id=BUTTON)
    assert home.message()[0] == "Back at 14:30"
    await home.press()
    await home.act("input_button.press", entity_id=BUTTON)
    assert home.message() == ("In the workshop", None)


async def test_running_it_manually_is_a_press(home: Home) -> None:
    await home.automate(buttons=[])
    await home.write("In the workshop")
    await home.trigger()
    assert home.message()[0] == "Back at 14:30"
    await home.later(30)
    await home.trigger()
    assert home.message()[0] == "In the workshop"


async def test_time_after_midnight(home: Home) -> None:
    await home.until(at(23, 50))
    await home.automate(minutes=45)
    await home.write("In the workshop")
    await home.press()
    assert home.message() == ("Back at 00:35", at(0, 35, day=4))
    await home.until(at(0, 20, day=4))
    await home.press()
    assert home.message() == ("In the workshop", None)


@pytest.mark.parametrize(
    ("clock", "written"),
    [
        ("%H:%M", "Zurück um 14:30"),
        ("%-I:%M %p", "Zurück um 2:30 PM"),
        ("%Hh%M", "Zurück um 14h30"),
        ("%H.%M", "Zurück um 14.30"),
    ],
)
async def test_clock_and_text_are_chosen(home: Home, clock: str, written: str) -> None:
    await home.automate(message="Zurück um {time}", clock=clock, pinned=True)
    await home.press()
    assert home.message()[0].startswith(written)
    assert "pinned" in home.message()[0]
    await home.press()
    assert home.message() == ("", None)


def test_every_clock_can_be_chosen() -> None:
    options = read("back_at").inputs["clock"]["selector"]["select"]["options"]
    assert [option["value"] for option in options] == ["%H:%M", "%-I:%M %p", "%Hh%M", "%H.%M"]


async def test_leaving_and_entering_the_zone(home: Home) -> None:
    await home.automate(**ALWAYS)
    await home.write("In the workshop", at(17))
    await home.go("not_home")
    assert home.message() == ("Back at 14:30", at(14, 30))
    await home.go("The shop")
    assert home.message() == ("Back at 14:30", at(14, 30))
    await home.go("home")
    assert home.message() == ("In the workshop", at(17))


async def test_zone_with_another_name(home: Home) -> None:
    await home.shows("zone.hut", "0", friendly_name="The hut")
    await home.automate(**ALWAYS, zone="zone.hut")
    await home.go("The hut")
    assert home.message() == ("", None)
    await home.go("not_home")
    assert home.message()[0] == "Back at 14:30"
    await home.go("elsewhere", in_zones=["zone.hut"])
    assert home.message() == ("", None)


async def test_zone_does_not_overwrite_a_press_but_ends_it(home: Home) -> None:
    await home.automate(**ALWAYS, minutes=60)
    await home.write("In the workshop")
    await home.press()
    await home.until(at(14, 20))
    await home.go("not_home")
    assert home.message() == ("Back at 15:00", at(15))
    await home.go("home")
    assert home.message() == ("In the workshop", None)


@pytest.mark.parametrize("lost", ["unknown", "unavailable"])
async def test_unavailable_person_neither_leaves_nor_returns(home: Home, lost: str) -> None:
    await home.automate(**ALWAYS)
    await home.go(lost)
    await home.go("not_home")
    assert home.message() == ("", None)
    await home.go("home")
    await home.go("not_home")
    await home.go(lost)
    assert home.message()[0] == "Back at 14:30"
    await home.go("home")
    # At the next check.
    await home.until(at(14, 6))
    assert home.message() == ("", None)


@pytest.mark.parametrize(
    ("hour", "day", "message"), [(15, 3, "Back at 15:30"), (20, 3, ""), (15, 8, "")]
)
async def test_zone_counts_in_working_hours_only(
    home: Home, hour: int, day: int, message: str
) -> None:
    await home.wait_until(at(hour, day=day))
    await home.automate(person=PERSON)
    await home.go("not_home")
    assert home.message()[0] == message


async def test_restart_during_an_absence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.write("In the workshop", at(17))
    await home.automate()
    await home.press()
    await home.unload_account()
    # Home Assistant restores the helper's text; the automation is new.
    await home.reload(monkeypatch, minutes=60)
    await home.until(at(14, 20))
    await home.load_account()
    await home.press()
    assert home.message() == ("In the workshop", at(17))


async def test_return_while_home_assistant_was_stopped(home: Home) -> None:
    await home.write("In the workshop", at(17))
    await home.automate(**ALWAYS)
    await home.go("not_home")
    await home.act("automation.turn_off", entity_id=home.automation)
    await home.go("home")
    await home.act("automation.turn_on", entity_id=home.automation)
    assert home.message()[0] == "Back at 14:30"
    await home.until(at(14, 6))
    assert home.message() == ("In the workshop", at(17))


async def test_return_waits_for_an_unavailable_account(home: Home) -> None:
    await home.automate()
    await home.write("In the workshop", at(17))
    await home.press()
    await home.unload_account()
    await home.press()
    assert home.message()[0] == "Back at 14:30"
    await home.load_account()
    await home.until(at(14, 10))
    assert home.message() == ("In the workshop", at(17))
    assert home.memory == ""


async def test_failed_return_is_retried(home: Home, simulator: Simulator) -> None:
    await home.automate()
    await home.write("In the workshop", at(17))
    await home.press()
    simulator.faults.add("POST *setStatusMessage", times=3, status=503)
    await home.press()
    assert home.message()[0] == "Back at 14:30"
    await home.until(at(14, 10))
    assert home.message() == ("In the workshop", at(17))


async def test_failed_leave_keeps_the_message(home: Home, simulator: Simulator) -> None:
    await home.automate()
    await home.write("In the workshop", at(17))
    simulator.faults.add("POST *setStatusMessage", times=1, status=403)
    await home.press()
    assert home.message() == ("In the workshop", at(17))
    assert home.memory == "unknown"
    await home.press()
    assert home.message()[0] == "Back at 14:30"


async def test_missing_write_access_is_reported(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> None:
    freezer.move_to(at(13, 58))
    await account.async_sign_in(access="read")
    home = Home(hass, freezer, "back_at", robin)
    await home.prepare()
    await home.automate()
    await home.press()
    (notification,) = home.notifications
    assert notification.startswith("Your status message is not set.")
    assert home.memory == "unknown"
    await home.leave()


async def test_missing_memory_is_reported(home: Home) -> None:
    await home.automate(memory="input_text.gone")
    await home.press()
    assert len(home.notifications) == 1
    assert home.message() == ("", None)


async def test_message_longer_than_the_memory_is_not_restored(home: Home) -> None:
    await home.automate()
    await home.write("x" * 280)
    await home.press()
    assert home.message()[0] == "Back at 14:30"
    await home.press()
    assert home.message() == ("", None)


@pytest.mark.parametrize("text", ["42", "a|b|1|0|", "{{ 1 / 0 }}", 'C\'est "ça"', "[1, 2]", "R&D"])
async def test_any_message_is_restored_unchanged(home: Home, text: str) -> None:
    await home.automate()
    await home.write(text)
    await home.press()
    await home.press()
    assert home.message() == (text, None)


@pytest.mark.parametrize("text", ["nonsense", "b|x|0|0|", "b|1"])
async def test_memory_with_other_text_counts_as_empty(home: Home, text: str) -> None:
    await home.act("input_text.set_value", entity_id=MEMORY, value=text)
    await home.automate()
    await home.press()
    assert home.message()[0] == "Back at 14:30"
    await home.press()
    assert home.message() == ("", None)


async def test_any_triggers_can_leave_and_return(home: Home) -> None:
    await home.automate(
        leaving=[{"trigger": "event", "event_type": name} for name in ("tag", "door")],
        returning=[{"trigger": "event", "event_type": "back"}],
    )
    for event, message in (
        ("back", ""),
        ("door", "Back at 14:30"),
        ("tag", "Back at 14:30"),
        ("back", ""),
        ("tag", "Back at 14:30"),
    ):
        home.hass.bus.async_fire(event)
        await home.settle()
        assert home.message()[0] == message


async def test_other_persons_message_ends_at_midnight(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, simulator: Simulator
) -> None:
    freezer.move_to(at(13, 58))
    kim = simulator.tenant.people["kim"]
    entry = await async_sign_in(account)
    await async_add(hass, entry, "kim", kim)
    text = "text.kim_example_status_message"
    er.async_get(hass).async_update_entity(text, disabled_by=None)
    assert await hass.config_entries.async_reload(entry.entry_id)
    home = Home(hass, freezer, "back_at", kim)
    await home.prepare()
    await home.automate(activity_sensor="sensor.kim_example_activity")
    kim.set_status_message("In the workshop", timedelta(hours=2))
    await home.later(60)
    await home.press()
    assert home.message()[0] == "Back at 14:30"
    await home.press()
    assert home.message() == ("In the workshop", at(0, day=4))
    await home.leave()


async def prepare_both(home: Home) -> None:
    """Also set up a status-message automation for the zone."""
    status = Home(home.hass, home.freezer, "status_message", home.robin)
    status_inputs = {
        "activity_sensor": SENSOR,
        "person": PERSON,
        "back_memory": MEMORY,
        "safety_hours": 1,
    }
    config = [home.config(ALWAYS), super(Home, status).config(status_inputs)]
    for domain in ("scene", "persistent_notification"):
        assert await async_setup_component(home.hass, domain, {})
    assert await async_setup_component(home.hass, "automation", {"automation": config})
    await home.go("not_home")
    await home.go("home")
    await home.until(at(14, 10))
    await home.go("not_home")
    await home.go("home")
    assert home.message()[0] == "Working from home"


async def test_status_message_of_the_same_zone_is_restored(home: Home) -> None:
    await prepare_both(home)
    await home.until(at(14, 20))
    await home.go("not_home")
    assert home.message() == ("Back at 14:50", at(14, 50))
    await home.until(at(14, 40))
    assert home.message() == ("Back at 14:50", at(14, 50))
    await home.go("home")
    assert home.message()[0] == "Working from home"
    await home.act("automation.turn_off", entity_id="automation.status_message")


async def test_restored_status_message_is_renewed_and_cleared(home: Home) -> None:
    await prepare_both(home)
    await home.press()
    assert home.message()[0] == "Back at 14:40"
    await home.until(at(14, 20))
    await home.press()
    assert home.message()[0] == "Working from home"
    await home.until(at(16))
    assert home.message()[0] == "Working from home"
    await home.shows(PERSON, "not_home")
    assert home.message() == ("", None)
    await home.act("automation.turn_off", entity_id="automation.status_message")


async def test_status_message_of_the_zone_is_set_again_if_it_expired(home: Home) -> None:
    await prepare_both(home)
    await home.write("My own text", at(14, 30))
    await home.go("not_home")
    assert home.message()[0] == "Back at 14:40"
    await home.until(at(14, 35))
    await home.go("home")
    assert home.message()[0] == "Working from home"
    await home.act("automation.turn_off", entity_id="automation.status_message")


@pytest.mark.once
@pytest.mark.parametrize(
    ("sentence", "hour", "minute", "day"),
    [
        ("I am back in 15 minutes", 14, 15, 3),
        ("I am back in about 20 minutes", 14, 20, 3),
        ("I am back in some minutes", 14, 30, 3),
        ("I am back at 15:20", 15, 20, 3),
        ("I am back at 3", 15, 0, 3),
        ("I am back at 3 pm", 15, 0, 3),
        ("I am back at 8:05 a.m.", 8, 5, 4),
        ("I am back at 12", 0, 0, 4),
        ("I am back at 08:00", 8, 0, 4),
        ("I am back at 15 Uhr 45", 15, 45, 3),
        ("I am back at 24", 0, 0, 4),
        ("I am back at 99", 14, 30, 3),
        ("I am back at some time", 14, 30, 3),
        ("I am going out", 14, 30, 3),
    ],
)
async def test_sentence_names_the_time(
    conversation: None, home: Home, sentence: str, hour: int, minute: int, day: int
) -> None:
    end = at(hour, minute, day=day)
    leaving = ["I am back in {minutes} minutes", "I am back at {time}", "I am going out"]
    await home.automate(
        leaving=[{"trigger": "conversation", "command": leaving}],
        returning=[{"trigger": "conversation", "command": ["I am back"]}],
    )
    await home.write("In the workshop")

    async def say(text: str) -> str:
        response: Any = await home.hass.services.async_call(
            "conversation", "process", {"text": text}, blocking=True, return_response=True
        )
        await home.settle()
        return str(response["response"]["speech"]["plain"]["speech"])

    assert await say(sentence) == f"Back at {end:%H:%M}"
    assert home.message() == (f"Back at {end:%H:%M}", end)
    assert await say("I am back at 18:30") == "Back at 18:30"
    assert home.message() == ("Back at 18:30", at(18, 30))
    await say("I am back")
    assert home.message() == ("In the workshop", None)
