"""The preferred-presence blueprint with a real account."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest

from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.blueprints import ConnectedHouse, at

SENSOR = "sensor.robin_example_activity"
SELECT = "select.robin_example_preferred_presence"
AUTOMATION = "automation.preferred_presence"

BUTTON = "input_button.focus"
SWITCH = "input_boolean.focus"
LUNCH = "input_boolean.lunch"
DESK = "binary_sensor.desk"
ROBIN = "person.robin"
KIM = "person.kim"

LUNCH_INPUTS = {"lunch_by_time": True}
DESK_INPUTS = {"desk": DESK}
WORK_INPUTS = {"work_end_by_time": True}
PEOPLE_INPUTS = {"people": [ROBIN, KIM]}
EVERYTHING = LUNCH_INPUTS | DESK_INPUTS | WORK_INPUTS | PEOPLE_INPUTS | {"focus": BUTTON}


class Home(ConnectedHouse):
    """Robin's home."""

    async def prepare(self) -> None:
        """Set up helpers and people, as on a morning."""
        assert await async_setup_component(self.hass, "homeassistant", {})
        assert await async_setup_component(
            self.hass, "input_button", {"input_button": {"focus": {}}}
        )
        helpers: dict[str, object] = {"input_boolean": {"focus": {}, "lunch": {}}}
        assert await async_setup_component(self.hass, "input_boolean", helpers)
        await self.shows(DESK, STATE_ON)
        await self.shows(ROBIN, "home")
        await self.shows(KIM, "home")

    async def create(self, **inputs: object) -> None:
        """Set up the automation."""
        await self.automate(activity_sensor=SENSOR, **inputs)

    async def press(self) -> None:
        """Press the focus button."""
        await self.act("input_button.press", entity_id=BUTTON)

    async def turn(self, entity_id: str, to: str) -> None:
        """Turn a helper on or off."""
        await self.act(f"input_boolean.turn_{to}", entity_id=entity_id)

    async def choose(self, option: str) -> None:
        """Select a preference manually."""
        await self.act("select.select_option", entity_id=SELECT, option=option)

    async def in_teams(self, gesture: Callable[[], None]) -> None:
        """Perform a gesture in Teams, and poll."""
        gesture()
        await self.poll()

    async def desk_is_left(self) -> None:
        """Leave the desk for five minutes."""
        await self.shows(DESK, STATE_OFF)
        await self.later(301)

    @property
    def option(self) -> str:
        """Return the preference; it must equal that in Teams."""
        option = self.state(SELECT).state
        preference = self.robin.preference
        in_graph = preference.state.availability if preference else "automatic"
        assert option.replace("_", "") == in_graph.lower()
        return option

    def ends_at(self, moment: datetime) -> bool:
        """Return whether the preference expires at about this time."""
        assert self.robin.preference is not None
        return abs(self.robin.preference.ends - moment) < timedelta(seconds=20)


@pytest.fixture
async def home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> AsyncGenerator[Home]:
    """Return Robin's home shortly before noon on a Monday."""
    freezer.move_to(at(11, 50))
    await account.async_sign_in()
    home = Home(hass, freezer, "preferred_presence", robin)
    await home.prepare()
    yield home
    await home.leave()


async def test_press_starts_focus_and_another_ends_it(home: Home) -> None:
    await home.create(focus=BUTTON, focus_minutes=45)
    await home.press()
    assert home.option == "do_not_disturb"
    assert home.ends_at(at(12, 35))
    await home.press()
    assert home.option == "automatic"


async def test_focus_expires(home: Home) -> None:
    await home.create(focus=BUTTON, focus_minutes=30)
    await home.press()
    await home.until(at(12, 21))
    assert home.option == "automatic"
    await home.press()
    assert home.option == "do_not_disturb"


async def test_focus_overrides_a_manual_preference(home: Home) -> None:
    await home.create(focus=BUTTON)
    await home.choose("do_not_disturb")
    await home.press()
    assert home.ends_at(at(12, 50))
    await home.press()
    assert home.option == "automatic"
    await home.choose("busy")
    await home.press()
    assert home.option == "do_not_disturb"


async def test_switch_starts_and_ends_focus(home: Home) -> None:
    await home.create(focus=SWITCH)
    await home.turn(SWITCH, "on")
    assert home.option == "do_not_disturb"
    await home.turn(SWITCH, "off")
    assert home.option == "automatic"


async def test_switch_turns_off_with_the_focus(home: Home) -> None:
    await home.create(focus=SWITCH, focus_minutes=10)
    await home.turn(SWITCH, "on")
    await home.until(at(12, 5))
    await home.later(20)
    assert home.option == "automatic"
    assert not home.is_on(SWITCH)


async def test_turning_the_switch_off_ends_only_its_own_focus(home: Home) -> None:
    await home.create(focus=SWITCH)
    await home.turn(SWITCH, "on")
    await home.choose("busy")
    await home.turn(SWITCH, "off")
    assert home.option == "busy"
    await home.turn(SWITCH, "on")
    await home.choose("do_not_disturb")
    await home.turn(SWITCH, "off")
    assert home.option == "do_not_disturb"


async def test_button_that_is_available_again_was_not_pressed(home: Home) -> None:
    await home.create(focus="button.desk")
    await home.shows("button.desk", "2031-03-03T08:00:00+00:00")
    await home.shows("button.desk", STATE_UNAVAILABLE)
    await home.shows("button.desk", "2031-03-03T08:00:00+00:00")
    assert home.option == "automatic"
    await home.shows("button.desk", "2031-03-03T20:00:00+00:00")
    assert home.option == "do_not_disturb"


async def test_lunch_by_time(home: Home) -> None:
    await home.create(**LUNCH_INPUTS, lunch_end="12:30:00")
    await home.until(at(12))
    assert home.option == "be_right_back"
    assert home.ends_at(at(12, 30))
    await home.until(at(12, 31))
    assert home.option == "automatic"


@pytest.mark.parametrize("day", [7, 8])
async def test_lunch_over_midnight_belongs_to_its_first_day(home: Home, day: int) -> None:
    home.freezer.move_to(at(23, 25, day=day))
    await home.create(**LUNCH_INPUTS, lunch_start="23:30:00", lunch_end="00:30:00")
    await home.until(at(23, 35, day=day))
    assert home.option == ("be_right_back" if day == 7 else "automatic")
    if day == 7:
        assert home.ends_at(at(0, 30, day=8))
    await home.until(at(0, 25, day=day + 1))
    assert home.option == ("be_right_back" if day == 7 else "automatic")
    await home.until(at(0, 35, day=day + 1))
    assert home.option == "automatic"


async def test_lunch_over_midnight_waits_for_the_end_of_a_call(home: Home) -> None:
    home.freezer.move_to(at(23, 20))
    await home.create(**LUNCH_INPUTS, lunch_start="23:30:00", lunch_end="00:30:00")
    await home.in_teams(home.robin.join_call)
    await home.until(at(0, 10, day=4))
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "be_right_back"
    assert home.ends_at(at(0, 30, day=4))


# On 2031-03-30 daylight saving time starts in Berlin.
@pytest.mark.parametrize("date", [8, 30])
async def test_end_of_a_night_shift(home: Home, date: int) -> None:
    await home.hass.config.async_set_time_zone("Europe/Berlin")
    zone = dt_util.get_default_time_zone()
    day = at(0, day=date).replace(tzinfo=zone)
    home.freezer.move_to(day.replace(hour=5, minute=55))
    evening = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][day.weekday() - 1]
    hours = {"work_start": "22:00:00", "work_end": "06:00:00", "leave_from": "05:00:00"}
    await home.create(**WORK_INPUTS, **hours, work_days=[evening])
    await home.until(day.replace(hour=6))
    assert home.option == "offline"
    # After more than six days. Teams allows at most a week.
    assert home.robin.preference is not None
    assert home.robin.preference.ends > day.replace(hour=22)


async def test_night_shift_that_did_not_start_does_not_end(home: Home) -> None:
    home.freezer.move_to(at(5, 55))
    await home.create(**WORK_INPUTS, work_start="22:00:00", work_end="06:00:00")
    await home.until(at(6, 5))
    assert home.option == "automatic"


@pytest.mark.parametrize(("wrong", "works"), [("work_location", False), ("availability", True)])
async def test_sensor_without_activities_is_reported(
    home: Home, wrong: str, *, works: bool
) -> None:
    if not works:
        await home.shows("sensor.robin_example_work_location", "office", options=["office"])
    await home.automate(activity_sensor=f"sensor.robin_example_{wrong}", **LUNCH_INPUTS)
    await home.until(at(12, 5))
    assert home.option == ("be_right_back" if works else "automatic")
    assert [wrong in message for message in home.notifications] == ([] if works else [True])


async def test_no_lunch_by_time_on_a_free_day(home: Home) -> None:
    await home.create(**LUNCH_INPUTS, work_days=["tue"])
    await home.until(at(12, 5))
    assert home.option == "automatic"


async def test_lunch_by_a_helper(home: Home) -> None:
    await home.create(lunch_helper=LUNCH, lunch_availability="away", lunch_minutes=30)
    await home.turn(LUNCH, "on")
    assert home.option == "away"
    assert home.ends_at(at(12, 20))
    await home.turn(LUNCH, "off")
    assert home.option == "automatic"


async def test_lunch_waits_for_the_end_of_a_call(home: Home) -> None:
    await home.create(**LUNCH_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.until(at(12, 10))
    await home.in_teams(home.robin.present)
    await home.in_teams(home.robin.stop_presenting)
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "be_right_back"
    assert home.ends_at(at(13))


async def test_call_that_outlasts_lunch(home: Home) -> None:
    await home.create(**LUNCH_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.until(at(13))
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_lunch_that_was_ended_manually_is_not_set_again(home: Home) -> None:
    await home.create(**LUNCH_INPUTS)
    await home.until(at(12, 5))
    await home.choose("automatic")
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_no_lunch_while_teams_is_closed(home: Home) -> None:
    await home.create(**LUNCH_INPUTS, **DESK_INPUTS)
    await home.in_teams(home.robin.close_teams)
    await home.until(at(12, 5))
    await home.desk_is_left()
    assert home.option == "automatic"


async def test_empty_desk_is_away_until_it_is_used_again(home: Home) -> None:
    await home.create(**DESK_INPUTS)
    await home.shows(DESK, STATE_OFF)
    await home.later(290)
    assert home.option == "automatic"
    await home.later(11)
    assert home.option == "away"
    assert home.ends_at(at(13, 55))
    await home.shows(DESK, STATE_ON)
    assert home.option == "automatic"


async def test_inputs_of_the_desk_are_chosen(home: Home) -> None:
    inputs = {"desk_minutes": 0, "desk_hours": 0.5, "desk_availability": "be_right_back"}
    await home.create(**DESK_INPUTS, **inputs)
    await home.shows(DESK, STATE_OFF)
    assert home.option == "be_right_back"
    assert home.ends_at(at(12, 20))


@pytest.mark.parametrize("lost", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_unavailable_desk_changes_nothing(home: Home, lost: str) -> None:
    await home.create(**DESK_INPUTS)
    await home.shows(DESK, lost)
    await home.later(600)
    assert home.option == "automatic"
    await home.desk_is_left()
    await home.shows(DESK, lost)
    assert home.option == "away"
    await home.shows(DESK, STATE_ON)
    assert home.option == "automatic"


async def test_call_away_from_the_desk(home: Home) -> None:
    await home.create(**DESK_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.desk_is_left()
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "away"


async def test_motion_does_not_end_a_manual_preference(home: Home) -> None:
    await home.create(**DESK_INPUTS)
    await home.choose("away")
    await home.desk_is_left()
    await home.shows(DESK, STATE_ON)
    assert home.option == "away"
    await home.choose("automatic")
    await home.shows(DESK, STATE_OFF)
    await home.act(
        "ms_teams_presence.set_preferred_presence",
        entity_id=SENSOR,
        availability="away",
        duration="01:00:00",
    )
    await home.shows(DESK, STATE_ON)
    assert home.option == "away"


@pytest.mark.parametrize("option", ["available", "busy", "be_right_back", "offline"])
async def test_manual_preference_is_not_overridden(home: Home, option: str) -> None:
    await home.create(**EVERYTHING)
    await home.choose(option)
    await home.until(at(12, 5))
    await home.desk_is_left()
    await home.shows(DESK, STATE_ON)
    home.freezer.move_to(at(17, 29))
    await home.until(at(17, 31))
    assert home.option == option


async def test_manual_preference_in_between_stays(home: Home) -> None:
    await home.create(**DESK_INPUTS)
    await home.desk_is_left()
    await home.choose("busy")
    await home.shows(DESK, STATE_ON)
    assert home.option == "busy"


async def test_do_not_disturb_chosen_in_teams_stays(home: Home) -> None:
    await home.create(**DESK_INPUTS)
    await home.in_teams(lambda: home.robin.prefer("DoNotDisturb"))
    await home.desk_is_left()
    assert home.state(SELECT).state == "automatic"
    assert home.robin.availability == "DoNotDisturb"


async def test_end_of_work_lasts_until_the_next_working_day(home: Home) -> None:
    home.freezer.move_to(at(17, 25, day=7))
    await home.create(**WORK_INPUTS)
    await home.until(at(17, 30, day=7))
    assert home.option == "offline"
    # Daylight saving time starts that weekend.
    assert home.ends_at(at(8, day=10))


async def test_no_end_of_work_on_a_free_day(home: Home) -> None:
    home.freezer.move_to(at(17, 25, day=8))
    await home.create(**WORK_INPUTS, **PEOPLE_INPUTS)
    await home.until(at(17, 35, day=8))
    await home.shows(ROBIN, "not_home")
    await home.shows(KIM, "not_home")
    assert home.option == "automatic"


async def test_last_person_who_leaves_ends_work(home: Home) -> None:
    home.freezer.move_to(at(16, 5))
    await home.create(**PEOPLE_INPUTS)
    await home.shows(ROBIN, "not_home")
    assert home.option == "automatic"
    await home.shows(KIM, STATE_UNAVAILABLE)
    assert home.option == "automatic"
    await home.shows(KIM, "home")
    await home.shows(KIM, "Garden")
    assert home.option == "offline"
    assert home.ends_at(at(8, day=4))


async def test_leaving_early_does_not_end_work(home: Home) -> None:
    await home.create(**PEOPLE_INPUTS)
    await home.shows(ROBIN, "not_home")
    await home.shows(KIM, "not_home")
    assert home.option == "automatic"
    home.freezer.move_to(at(16, 30))
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_end_of_work_waits_for_a_call_and_overrides_the_desk(home: Home) -> None:
    home.freezer.move_to(at(17, 20))
    await home.create(**WORK_INPUTS, **DESK_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.until(at(17, 40))
    await home.desk_is_left()
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "offline"


async def test_end_of_work_replaces_an_empty_desk(home: Home) -> None:
    home.freezer.move_to(at(17, 20))
    await home.create(**WORK_INPUTS, **DESK_INPUTS)
    await home.desk_is_left()
    assert home.option == "away"
    await home.until(at(17, 30))
    assert home.option == "offline"
    await home.shows(DESK, STATE_ON)
    assert home.option == "offline"


@pytest.mark.parametrize("focus", [BUTTON, SWITCH])
async def test_end_of_work_waits_for_the_focus(home: Home, focus: str) -> None:
    home.freezer.move_to(at(17, 20))
    await home.create(**WORK_INPUTS, focus=focus, focus_minutes=20)
    if focus == BUTTON:
        await home.press()
    else:
        await home.turn(SWITCH, "on")
    await home.until(at(17, 31))
    assert home.option == "do_not_disturb"
    await home.until(at(17, 42))
    await home.later(20)
    assert home.option == "offline"
    assert not home.is_on(SWITCH)


async def test_cause_that_starts_while_the_account_is_unavailable_applies_later(home: Home) -> None:
    await home.create(**LUNCH_INPUTS)
    await home.unload_account()
    await home.until(at(12, 5))
    assert home.robin.preference is None
    await home.load_account()
    assert home.option == "be_right_back"
    await home.choose("automatic")
    await home.unload_account()
    await home.load_account()
    assert home.option == "automatic"


async def test_cause_that_ends_while_the_account_is_unavailable_ends_later(home: Home) -> None:
    await home.create(**DESK_INPUTS, focus=SWITCH, lunch_helper=LUNCH)
    await home.desk_is_left()
    await home.unload_account()
    await home.shows(DESK, STATE_ON)
    await home.load_account()
    assert home.option == "automatic"
    await home.turn(LUNCH, "on")
    await home.unload_account()
    await home.turn(LUNCH, "off")
    await home.load_account()
    assert home.option == "automatic"
    await home.turn(SWITCH, "on")
    await home.unload_account()
    await home.turn(SWITCH, "off")
    await home.load_account()
    assert home.option == "automatic"


async def test_failed_write_is_retried(home: Home, simulator: Simulator) -> None:
    await home.create(**LUNCH_INPUTS)
    simulator.faults.add("POST *setUserPreferredPresence", times=3, status=503)
    await home.until(at(12))
    assert home.option == "automatic"
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "be_right_back"


async def test_restart_ends_a_cause_that_is_over(home: Home) -> None:
    await home.act(
        "ms_teams_presence.set_preferred_presence",
        entity_id=SENSOR,
        availability="away",
        duration="01:00:00",
    )
    await home.restart(activity_sensor=SENSOR, **DESK_INPUTS)
    assert home.option == "automatic"


async def test_restart_keeps_a_cause_that_applies(home: Home) -> None:
    await home.shows(DESK, STATE_OFF)
    await home.act(
        "ms_teams_presence.set_preferred_presence",
        entity_id=SENSOR,
        availability="away",
        duration="01:00:00",
    )
    await home.unload_account()
    await home.restart(activity_sensor=SENSOR, **DESK_INPUTS)
    await home.load_account()
    assert home.option == "away"
    await home.shows(DESK, STATE_ON)
    await home.shows(DESK, STATE_OFF)
    assert home.option == "away"


async def test_restart_does_not_start_a_skipped_cause(home: Home) -> None:
    home.freezer.move_to(at(17, 40))
    await home.unload_account()
    await home.restart(activity_sensor=SENSOR, **WORK_INPUTS)
    await home.load_account()
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_without_inputs_nothing_happens(home: Home) -> None:
    await home.create()
    await home.press()
    await home.turn(LUNCH, "on")
    await home.until(at(12, 5))
    await home.desk_is_left()
    home.freezer.move_to(at(17, 29))
    await home.until(at(17, 31))
    await home.shows(ROBIN, "not_home")
    await home.shows(KIM, "not_home")
    await home.act("automation.trigger", entity_id=AUTOMATION)
    assert home.option == "automatic"
