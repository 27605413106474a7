"""The preferred-presence blueprint, with a real account, a button, a desk and people who leave."""

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
    """The home of Robin, who is signed in."""

    async def furnish(self) -> None:
        """Bring what the preferences come from; everybody is where they are on a morning."""
        assert await async_setup_component(self.hass, "homeassistant", {})
        assert await async_setup_component(
            self.hass, "input_button", {"input_button": {"focus": {}}}
        )
        helpers: dict[str, object] = {"input_boolean": {"focus": {}, "lunch": {}}}
        assert await async_setup_component(self.hass, "input_boolean", helpers)
        await self.shows(DESK, STATE_ON)
        await self.shows(ROBIN, "home")
        await self.shows(KIM, "home")

    async def watch(self, **inputs: object) -> None:
        """Set the automation up."""
        await self.automate(activity_sensor=SENSOR, **inputs)

    async def press(self) -> None:
        """Press the focus button."""
        await self.act("input_button.press", entity_id=BUTTON)

    async def turn(self, entity_id: str, to: str) -> None:
        """Turn a helper on or off."""
        await self.act(f"input_boolean.turn_{to}", entity_id=entity_id)

    async def choose(self, option: str) -> None:
        """Choose by hand how to be shown."""
        await self.act("select.select_option", entity_id=SELECT, option=option)

    async def in_teams(self, gesture: Callable[[], None]) -> None:
        """Do something in Teams, and let it be read."""
        gesture()
        await self.read()

    async def desk_is_left(self) -> None:
        """Leave the desk for long enough."""
        await self.shows(DESK, STATE_OFF)
        await self.later(301)

    @property
    def option(self) -> str:
        """Return what is preferred as Home Assistant knows it, which has to be what Teams has."""
        option = self.state(SELECT).state
        preference = self.robin.preference
        there = preference.state.availability if preference else "automatic"
        assert option.replace("_", "") == there.lower()
        return option

    def ends_at(self, moment: datetime) -> bool:
        """Tell whether what is preferred ends then, but for the time that a write takes."""
        assert self.robin.preference is not None
        return abs(self.robin.preference.ends - moment) < timedelta(seconds=20)


@pytest.fixture
async def home(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, robin: Person
) -> AsyncGenerator[Home]:
    """Return Robin's home shortly before noon on a Monday, without an automation yet."""
    freezer.move_to(at(11, 50))
    await account.async_sign_in()
    home = Home(hass, freezer, "preferred_presence", robin)
    await home.furnish()
    yield home
    await home.leave()


async def test_a_press_is_focus_and_another_ends_it(home: Home) -> None:
    await home.watch(focus=BUTTON, focus_minutes=45)
    await home.press()
    assert home.option == "do_not_disturb"
    assert home.ends_at(at(12, 35))
    await home.press()
    assert home.option == "automatic"


async def test_focus_ends_by_itself(home: Home) -> None:
    await home.watch(focus=BUTTON, focus_minutes=30)
    await home.press()
    await home.until(at(12, 21))
    assert home.option == "automatic"
    await home.press()
    assert home.option == "do_not_disturb"


async def test_focus_is_a_hand_of_its_own(home: Home) -> None:
    await home.watch(focus=BUTTON)
    await home.choose("do_not_disturb")
    await home.press()
    assert home.ends_at(at(12, 50))
    await home.press()
    assert home.option == "automatic"
    await home.choose("busy")
    await home.press()
    assert home.option == "do_not_disturb"


async def test_switch_is_focus_while_it_is_on(home: Home) -> None:
    await home.watch(focus=SWITCH)
    await home.turn(SWITCH, "on")
    assert home.option == "do_not_disturb"
    await home.turn(SWITCH, "off")
    assert home.option == "automatic"


async def test_switch_goes_off_with_the_focus(home: Home) -> None:
    await home.watch(focus=SWITCH, focus_minutes=10)
    await home.turn(SWITCH, "on")
    await home.until(at(12, 5))
    await home.later(20)
    assert home.option == "automatic"
    assert not home.is_on(SWITCH)


async def test_switch_off_ends_only_a_focus_of_its_own(home: Home) -> None:
    await home.watch(focus=SWITCH)
    await home.turn(SWITCH, "on")
    await home.choose("busy")
    await home.turn(SWITCH, "off")
    assert home.option == "busy"
    await home.turn(SWITCH, "on")
    await home.choose("do_not_disturb")
    await home.turn(SWITCH, "off")
    assert home.option == "do_not_disturb"


async def test_button_that_is_found_again_was_not_pressed(home: Home) -> None:
    await home.watch(focus="button.desk")
    await home.shows("button.desk", "2031-03-03T08:00:00+00:00")
    await home.shows("button.desk", STATE_UNAVAILABLE)
    await home.shows("button.desk", "2031-03-03T08:00:00+00:00")
    assert home.option == "automatic"
    await home.shows("button.desk", "2031-03-03T20:00:00+00:00")
    assert home.option == "do_not_disturb"


async def test_lunch_by_the_clock(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS, lunch_end="12:30:00")
    await home.until(at(12))
    assert home.option == "be_right_back"
    assert home.ends_at(at(12, 30))
    await home.until(at(12, 31))
    assert home.option == "automatic"


@pytest.mark.parametrize("day", [7, 8])
async def test_lunch_over_midnight_belongs_to_the_day_on_which_it_begins(
    home: Home, day: int
) -> None:
    home.freezer.move_to(at(23, 25, day=day))
    await home.watch(**LUNCH_INPUTS, lunch_start="23:30:00", lunch_end="00:30:00")
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
    await home.watch(**LUNCH_INPUTS, lunch_start="23:30:00", lunch_end="00:30:00")
    await home.in_teams(home.robin.join_call)
    await home.until(at(0, 10, day=4))
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "be_right_back"
    assert home.ends_at(at(0, 30, day=4))


# On 2031-03-30 the clock changes in Berlin.
@pytest.mark.parametrize("date", [8, 30])
async def test_end_of_a_night_shift(home: Home, date: int) -> None:
    await home.hass.config.async_set_time_zone("Europe/Berlin")
    zone = dt_util.get_default_time_zone()
    day = at(0, day=date).replace(tzinfo=zone)
    home.freezer.move_to(day.replace(hour=5, minute=55))
    evening = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][day.weekday() - 1]
    hours = {"work_start": "22:00:00", "work_end": "06:00:00", "leave_from": "05:00:00"}
    await home.watch(**WORK_INPUTS, **hours, work_days=[evening])
    await home.until(day.replace(hour=6))
    assert home.option == "offline"
    # Six days and a part of one later, or at most a week as Teams has it.
    assert home.robin.preference is not None
    assert home.robin.preference.ends > day.replace(hour=22)


async def test_no_end_of_a_night_shift_that_did_not_begin(home: Home) -> None:
    home.freezer.move_to(at(5, 55))
    await home.watch(**WORK_INPUTS, work_start="22:00:00", work_end="06:00:00")
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


async def test_no_lunch_by_the_clock_on_a_free_day(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS, work_days=["tue"])
    await home.until(at(12, 5))
    assert home.option == "automatic"


async def test_lunch_by_a_helper(home: Home) -> None:
    await home.watch(lunch_helper=LUNCH, lunch_availability="away", lunch_minutes=30)
    await home.turn(LUNCH, "on")
    assert home.option == "away"
    assert home.ends_at(at(12, 20))
    await home.turn(LUNCH, "off")
    assert home.option == "automatic"


async def test_lunch_waits_for_the_end_of_a_call(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.until(at(12, 10))
    await home.in_teams(home.robin.present)
    await home.in_teams(home.robin.stop_presenting)
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "be_right_back"
    assert home.ends_at(at(13))


async def test_call_that_outlasts_lunch(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.until(at(13))
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_lunch_that_was_ended_by_hand_does_not_come_back(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS)
    await home.until(at(12, 5))
    await home.choose("automatic")
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_nobody_has_lunch_with_teams_closed(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS, **DESK_INPUTS)
    await home.in_teams(home.robin.close_teams)
    await home.until(at(12, 5))
    await home.desk_is_left()
    assert home.option == "automatic"


async def test_empty_desk_is_away_until_somebody_is_back(home: Home) -> None:
    await home.watch(**DESK_INPUTS)
    await home.shows(DESK, STATE_OFF)
    await home.later(290)
    assert home.option == "automatic"
    await home.later(11)
    assert home.option == "away"
    assert home.ends_at(at(13, 55))
    await home.shows(DESK, STATE_ON)
    assert home.option == "automatic"


async def test_desk_is_watched_as_chosen(home: Home) -> None:
    inputs = {"desk_minutes": 0, "desk_hours": 0.5, "desk_availability": "be_right_back"}
    await home.watch(**DESK_INPUTS, **inputs)
    await home.shows(DESK, STATE_OFF)
    assert home.option == "be_right_back"
    assert home.ends_at(at(12, 20))


@pytest.mark.parametrize("lost", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_lost_desk_changes_nothing(home: Home, lost: str) -> None:
    await home.watch(**DESK_INPUTS)
    await home.shows(DESK, lost)
    await home.later(600)
    assert home.option == "automatic"
    await home.desk_is_left()
    await home.shows(DESK, lost)
    assert home.option == "away"
    await home.shows(DESK, STATE_ON)
    assert home.option == "automatic"


async def test_call_away_from_the_desk(home: Home) -> None:
    await home.watch(**DESK_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.desk_is_left()
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "away"


async def test_motion_does_not_end_what_was_chosen_by_hand(home: Home) -> None:
    await home.watch(**DESK_INPUTS)
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
async def test_choice_by_hand_is_not_overruled(home: Home, option: str) -> None:
    await home.watch(**EVERYTHING)
    await home.choose(option)
    await home.until(at(12, 5))
    await home.desk_is_left()
    await home.shows(DESK, STATE_ON)
    home.freezer.move_to(at(17, 29))
    await home.until(at(17, 31))
    assert home.option == option


async def test_choice_by_hand_in_between_stays(home: Home) -> None:
    await home.watch(**DESK_INPUTS)
    await home.desk_is_left()
    await home.choose("busy")
    await home.shows(DESK, STATE_ON)
    assert home.option == "busy"


async def test_do_not_disturb_chosen_in_teams_stays(home: Home) -> None:
    await home.watch(**DESK_INPUTS)
    await home.in_teams(lambda: home.robin.prefer("DoNotDisturb"))
    await home.desk_is_left()
    assert home.state(SELECT).state == "automatic"
    assert home.robin.availability == "DoNotDisturb"


async def test_end_of_work_lasts_until_the_next_working_day(home: Home) -> None:
    home.freezer.move_to(at(17, 25, day=7))
    await home.watch(**WORK_INPUTS)
    await home.until(at(17, 30, day=7))
    assert home.option == "offline"
    # The clocks go forward that weekend.
    assert home.ends_at(at(8, day=10))


async def test_end_of_work_on_a_free_day_is_none(home: Home) -> None:
    home.freezer.move_to(at(17, 25, day=8))
    await home.watch(**WORK_INPUTS, **PEOPLE_INPUTS)
    await home.until(at(17, 35, day=8))
    await home.shows(ROBIN, "not_home")
    await home.shows(KIM, "not_home")
    assert home.option == "automatic"


async def test_last_who_leaves_ends_the_work(home: Home) -> None:
    home.freezer.move_to(at(16, 5))
    await home.watch(**PEOPLE_INPUTS)
    await home.shows(ROBIN, "not_home")
    assert home.option == "automatic"
    await home.shows(KIM, STATE_UNAVAILABLE)
    assert home.option == "automatic"
    await home.shows(KIM, "home")
    await home.shows(KIM, "Garden")
    assert home.option == "offline"
    assert home.ends_at(at(8, day=4))


async def test_who_leaves_early_is_expected_back(home: Home) -> None:
    await home.watch(**PEOPLE_INPUTS)
    await home.shows(ROBIN, "not_home")
    await home.shows(KIM, "not_home")
    assert home.option == "automatic"
    home.freezer.move_to(at(16, 30))
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_end_of_work_waits_for_a_call_and_goes_before_the_desk(home: Home) -> None:
    home.freezer.move_to(at(17, 20))
    await home.watch(**WORK_INPUTS, **DESK_INPUTS)
    await home.in_teams(home.robin.join_call)
    await home.until(at(17, 40))
    await home.desk_is_left()
    assert home.option == "automatic"
    await home.in_teams(home.robin.leave_call)
    assert home.option == "offline"


async def test_end_of_work_takes_the_place_of_an_empty_desk(home: Home) -> None:
    home.freezer.move_to(at(17, 20))
    await home.watch(**WORK_INPUTS, **DESK_INPUTS)
    await home.desk_is_left()
    assert home.option == "away"
    await home.until(at(17, 30))
    assert home.option == "offline"
    await home.shows(DESK, STATE_ON)
    assert home.option == "offline"


@pytest.mark.parametrize("focus", [BUTTON, SWITCH])
async def test_end_of_work_waits_for_the_focus(home: Home, focus: str) -> None:
    home.freezer.move_to(at(17, 20))
    await home.watch(**WORK_INPUTS, focus=focus, focus_minutes=20)
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


async def test_what_begins_while_the_account_is_away_comes_with_it(home: Home) -> None:
    await home.watch(**LUNCH_INPUTS)
    await home.lose()
    await home.until(at(12, 5))
    assert home.robin.preference is None
    await home.find()
    assert home.option == "be_right_back"
    await home.choose("automatic")
    await home.lose()
    await home.find()
    assert home.option == "automatic"


async def test_what_ends_while_the_account_is_away_ends_with_it(home: Home) -> None:
    await home.watch(**DESK_INPUTS, focus=SWITCH, lunch_helper=LUNCH)
    await home.desk_is_left()
    await home.lose()
    await home.shows(DESK, STATE_ON)
    await home.find()
    assert home.option == "automatic"
    await home.turn(LUNCH, "on")
    await home.lose()
    await home.turn(LUNCH, "off")
    await home.find()
    assert home.option == "automatic"
    await home.turn(SWITCH, "on")
    await home.lose()
    await home.turn(SWITCH, "off")
    await home.find()
    assert home.option == "automatic"


async def test_write_that_failed_is_made_up_for(home: Home, simulator: Simulator) -> None:
    await home.watch(**LUNCH_INPUTS)
    simulator.faults.add("POST *setUserPreferredPresence", times=3, status=503)
    await home.until(at(12))
    assert home.option == "automatic"
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "be_right_back"


async def test_restart_ends_what_is_over(home: Home) -> None:
    await home.act(
        "ms_teams_presence.set_preferred_presence",
        entity_id=SENSOR,
        availability="away",
        duration="01:00:00",
    )
    await home.restart(activity_sensor=SENSOR, **DESK_INPUTS)
    assert home.option == "automatic"


async def test_restart_keeps_what_holds(home: Home) -> None:
    await home.shows(DESK, STATE_OFF)
    await home.act(
        "ms_teams_presence.set_preferred_presence",
        entity_id=SENSOR,
        availability="away",
        duration="01:00:00",
    )
    await home.lose()
    await home.restart(activity_sensor=SENSOR, **DESK_INPUTS)
    await home.find()
    assert home.option == "away"
    await home.shows(DESK, STATE_ON)
    await home.shows(DESK, STATE_OFF)
    assert home.option == "away"


async def test_restart_begins_nothing_that_was_left_out(home: Home) -> None:
    home.freezer.move_to(at(17, 40))
    await home.lose()
    await home.restart(activity_sensor=SENSOR, **WORK_INPUTS)
    await home.find()
    await home.in_teams(home.robin.join_call)
    await home.in_teams(home.robin.leave_call)
    assert home.option == "automatic"


async def test_without_any_cause_nothing_happens(home: Home) -> None:
    await home.watch()
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
