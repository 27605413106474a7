"""The status-message blueprint with a real account."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest

from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.blueprints import ConnectedHouse, at
from tests.home.people import async_add
from tests.home.test_application import async_sign_in

SENSOR = "sensor.robin_example_activity"
SHOWN = "sensor.robin_example_status_message"
HELPER = "input_text.message"
CALENDAR = "calendar.family"
PERSON = "person.robin"
AUTOMATION = "automation.status_message"

HELPER_INPUTS = {"helper": HELPER}
CALENDAR_INPUTS = {"calendar": CALENDAR}
ZONE_INPUTS = {"person": PERSON}
EVERYTHING = HELPER_INPUTS | CALENDAR_INPUTS | ZONE_INPUTS


class Home(ConnectedHouse):
    """Robin's home."""

    simulator: Simulator

    def writes(self) -> int:
        """Count the requests that set a message."""
        return sum("setStatusMessage" in request.path for request in self.simulator.requests)

    async def prepare(self) -> None:
        """Set up the helper, the calendar and the person."""
        assert await async_setup_component(self.hass, "homeassistant", {})
        assert await async_setup_component(self.hass, "scene", {})
        assert await async_setup_component(self.hass, "zone", {})
        helper = {"input_text": {"message": {"max": 255, "initial": ""}}}
        assert await async_setup_component(self.hass, "input_text", helper)
        await self.shows(PERSON, "not_home")
        await self.shows(CALENDAR, "off")

    async def create(self, **inputs: object) -> None:
        """Set up the automation."""
        await self.automate(activity_sensor=SENSOR, **inputs)

    async def type(self, text: str) -> None:
        """Type into the helper."""
        await self.act("input_text.set_value", entity_id=HELPER, value=text)

    async def event(self, title: str, end: datetime, **attributes: object) -> None:
        """Start an event of the calendar."""
        await self.shows(
            CALENDAR, "on", message=title, end_time=end.strftime("%Y-%m-%d %H:%M:%S"), **attributes
        )

    @property
    def message(self) -> str:
        """Return the message in Teams."""
        message = self.robin.status_message
        return message.content if message else ""

    @property
    def ends(self) -> datetime | None:
        """Return the expiry of the message."""
        assert self.robin.status_message is not None
        return self.robin.status_message.expires


@pytest.fixture
async def home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    robin: Person,
    simulator: Simulator,
) -> AsyncGenerator[Home]:
    """Return Robin's home at nine on a Monday."""
    freezer.move_to(at(9))
    await account.async_sign_in()
    home = Home(hass, freezer, "status_message", robin)
    home.simulator = simulator
    await home.prepare()
    yield home
    await home.leave()


def near(moment: datetime | None, expected: datetime) -> bool:
    """Return whether two times are about the same."""
    return moment is not None and abs(moment - expected) < timedelta(seconds=90)


async def test_text_of_the_helper_is_the_message_until_it_is_empty(home: Home) -> None:
    await home.create(**HELPER_INPUTS)
    await home.type("42")
    assert home.message == "42"
    assert near(home.ends, at(13))
    await home.type(" In the workshop ")
    assert home.message == "In the workshop"
    await home.type("")
    assert home.message == ""


@pytest.mark.parametrize("text", ["R&D day", "I <3 my team", "a < b & c", "Zoe\u0308  is here"])
async def test_message_that_microsoft_changes_still_belongs_to_the_automation(
    home: Home, simulator: Simulator, text: str
) -> None:
    simulator.graph.reads.sanitizes = True
    await home.create(**HELPER_INPUTS)
    await home.type(text)
    assert home.message == text
    # As Microsoft may escape it.
    home.robin.set_status_message(" ".join(text.replace("<", "").split()), at(13))
    await home.until(at(9, 30))
    await home.type("")

    assert home.message == ""


async def test_text_of_the_helper_is_renewed_before_its_expiry(home: Home) -> None:
    await home.create(**HELPER_INPUTS, safety_hours=1)
    await home.type("In the workshop")
    await home.until(at(11))
    assert home.message == "In the workshop"
    ends = home.ends
    assert ends is not None
    assert at(11) < ends <= at(12, 1)


async def test_helper_is_emptied_after_its_time(home: Home) -> None:
    await home.create(**HELPER_INPUTS, helper_hours=0.5)
    await home.type("Walking the dog")
    assert near(home.ends, at(9, 30))
    await home.until(at(9, 36))
    assert home.state(HELPER).state == ""
    assert home.message == ""
    await home.type("Again")
    assert home.message == "Again"


async def test_event_is_the_message_until_it_ends(home: Home) -> None:
    await home.create(**CALENDAR_INPUTS)
    await home.event("Dentist", at(10, 30))
    assert home.message == "Dentist"
    assert home.ends == at(10, 30)
    await home.shows(CALENDAR, "off", message="Lunch", end_time="2031-03-03 13:00:00")
    assert home.message == ""


async def test_event_of_days_keeps_its_end(home: Home) -> None:
    await home.create(**CALENDAR_INPUTS)
    await home.event("Holiday", at(0, day=8), all_day=True)
    await home.until(at(9, 20))
    assert home.message == "Holiday"
    assert home.ends == at(0, day=8)


async def test_changed_event_changes_the_message(home: Home) -> None:
    await home.create(**CALENDAR_INPUTS)
    await home.event("Dentist", at(10, 30))
    await home.event("Dentist", at(11))
    assert home.ends == at(11)
    await home.event("Surgery", at(12))
    assert (home.message, home.ends) == ("Surgery", at(12))
    await home.shows(CALENDAR, "off")
    assert home.message == ""


async def test_event_can_have_another_message(home: Home) -> None:
    await home.create(**CALENDAR_INPUTS, calendar_message="Out and about", calendar_word="TRIP")
    await home.event("Dentist", at(10))
    assert home.message == ""
    await home.event("School trip", at(11))
    assert home.message == "Out and about"
    await home.event("Dentist", at(12))
    assert home.message == ""


async def test_zone_is_the_message_during_the_hours(home: Home) -> None:
    await home.create(**ZONE_INPUTS, zone_until="10:30:00", safety_hours=1)
    await home.shows(PERSON, "home")
    assert home.message == "Working from home"
    assert near(home.ends, at(10))
    await home.shows(PERSON, "not_home")
    assert home.message == ""
    await home.shows(PERSON, "home", in_zones=["zone.home"])
    await home.until(at(10, 25))
    assert home.message == "Working from home"
    assert near(home.ends, at(10, 30))
    await home.until(at(10, 31))
    assert home.message == ""
    await home.until(at(10, 50))
    assert home.message == ""


async def test_hours_begin_in_the_zone(home: Home) -> None:
    await home.create(**ZONE_INPUTS, zone_from="10:00:00")
    await home.shows(PERSON, "home")
    await home.until(at(9, 55))
    assert home.message == ""
    await home.until(at(10))
    assert home.message == "Working from home"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"zone_days": ["sat", "sun"]}, ""),
        ({"zone_days": ["mon"], "zone_from": "07:00:00", "zone_until": "07:00:00"}, "Hi"),
        ({"zone_from": "22:00:00", "zone_until": "10:00:00", "zone_days": ["sun"]}, "Hi"),
        ({"zone_from": "22:00:00", "zone_until": "08:00:00"}, ""),
    ],
    ids=["weekend", "whole day", "through the night", "only at night"],
)
async def test_days_and_hours_are_chosen(
    home: Home, inputs: dict[str, object], message: str
) -> None:
    await home.create(**ZONE_INPUTS, zone_message="Hi", **inputs)
    await home.shows(PERSON, "home")
    assert home.message == message


async def test_another_zone_with_its_message(home: Home) -> None:
    await home.shows("zone.hut", "0", friendly_name="The hut")
    await home.create(**ZONE_INPUTS, zone="zone.hut", zone_message="In the hut")
    await home.shows(PERSON, "home")
    assert home.message == ""
    await home.shows(PERSON, "The hut")
    assert home.message == "In the hut"


async def test_helper_overrides_calendar_overrides_zone(home: Home) -> None:
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(12))
    assert home.message == "Dentist"
    await home.type("Back at one")
    assert home.message == "Back at one"
    await home.shows(PERSON, "not_home")
    await home.shows(PERSON, "home")
    assert home.message == "Back at one"
    await home.type("")
    assert home.message == "Dentist"
    await home.shows(CALENDAR, "off")
    assert home.message == "Working from home"


async def test_next_cause_follows_an_event_that_expired_in_teams(home: Home) -> None:
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(9, 30))
    await home.until(at(9, 31))
    assert home.message == ""
    await home.shows(CALENDAR, "off")
    assert home.message == "Working from home"


@pytest.mark.parametrize("pinned", [True, False])
async def test_message_can_be_pinned(home: Home, *, pinned: bool) -> None:
    await home.create(**HELPER_INPUTS, pinned=pinned)
    await home.type("Ring twice")
    assert home.message.startswith("Ring twice")
    assert ("pinnednote" in home.message) is pinned


async def leave_zone(home: Home) -> None:
    await home.shows(PERSON, "not_home")


async def end_event(home: Home) -> None:
    await home.shows(CALENDAR, "off")


async def empty_helper(home: Home) -> None:
    await home.type("")


@pytest.mark.parametrize("end", [leave_zone, end_event, empty_helper])
async def test_message_set_in_teams_stays(
    home: Home, end: Callable[[Home], Awaitable[None]]
) -> None:
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(12))
    await home.type("Back at one")
    home.robin.set_status_message("My own text")
    await home.poll()
    await end(home)
    await home.until(at(9, 30))
    assert home.message == "My own text"


async def test_only_the_helper_overrides_an_earlier_message_of_teams(home: Home) -> None:
    home.robin.set_status_message("My own text")
    await home.poll()
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(12))
    assert home.message == "My own text"
    await home.type("Back at one")
    assert home.message == "Back at one"


async def test_message_cleared_in_teams_stays_cleared_until_another_cause(home: Home) -> None:
    await home.create(**ZONE_INPUTS, **CALENDAR_INPUTS)
    await home.shows(PERSON, "home")
    home.robin.clear_status_message()
    await home.poll()
    await home.until(at(9, 30))
    await home.shows(CALENDAR, "off", message="Lunch", end_time="2031-03-03 13:00:00")
    assert home.message == ""
    await home.event("Dentist", at(12))
    assert home.message == "Dentist"


@pytest.mark.parametrize("lost", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_unavailable_causes_change_nothing(home: Home, lost: str) -> None:
    await home.create(**EVERYTHING, calendar_message="Away")
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(12))
    await home.shows(CALENDAR, lost)
    await home.until(at(9, 20))
    assert (home.message, home.ends) == ("Away", at(12))
    await home.shows(CALENDAR, "off")
    assert home.message == "Working from home"
    await home.shows(PERSON, lost)
    await home.until(at(9, 40))
    assert home.message == "Working from home"
    await home.shows(PERSON, "not_home")
    assert home.message == ""


async def test_unavailable_calendar_keeps_its_event_until_its_end(home: Home) -> None:
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(10))
    await home.shows(CALENDAR, STATE_UNAVAILABLE)
    await home.until(at(9, 50))
    assert home.message == "Dentist"
    await home.until(at(10, 1))
    assert home.message == ""


async def test_account_that_was_unavailable_gets_the_current_message(home: Home) -> None:
    await home.create(**EVERYTHING)
    home.robin.set_status_message("My own text")
    await home.unload_account()
    await home.shows(PERSON, "home")
    await home.type("Back at one")
    await home.until(at(9, 20))
    assert home.message == "My own text"
    await home.load_account()
    assert home.message == "Back at one"
    await home.unload_account()
    await home.load_account()
    assert home.message == "Back at one"


async def test_account_that_was_unavailable_does_not_restore_old_text(home: Home) -> None:
    await home.create(**HELPER_INPUTS)
    await home.type("Back at one")
    await home.unload_account()
    home.robin.set_status_message("My own text")
    await home.load_account()
    await home.until(at(9, 20))
    assert home.message == "My own text"


async def test_failed_write_is_retried(home: Home, simulator: Simulator) -> None:
    await home.create(**HELPER_INPUTS)
    simulator.faults.add("POST *setStatusMessage", times=3, status=503)
    await home.type("Back at one")
    assert home.message == ""
    await home.until(at(9, 11))
    assert home.message == "Back at one"


async def test_restart_in_the_zone(home: Home) -> None:
    await home.shows(PERSON, "home")
    await home.unload_account()
    await home.restart(activity_sensor=SENSOR, **ZONE_INPUTS)
    assert home.message == ""
    await home.load_account()
    assert home.message == "Working from home"


async def test_person_who_left_during_a_restart(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.create(**ZONE_INPUTS)
    await home.shows(PERSON, "home")
    assert home.message == "Working from home"
    # As after a restart, only the time of the last run is restored.
    for scene in home.hass.states.async_entity_ids("scene"):
        await home.act("scene.delete", entity_id=scene)
    await home.unload_account()
    await home.shows(PERSON, "not_home")
    await home.reload(monkeypatch, activity_sensor=SENSOR, **ZONE_INPUTS, safety_hours=3)
    await home.load_account()
    assert home.message == ""


@pytest.mark.parametrize("gone", [False, True])
async def test_same_text_set_in_teams_stays(home: Home, *, gone: bool) -> None:
    await home.create(**EVERYTHING)
    if gone:
        await home.shows(PERSON, "home")
        await home.shows(PERSON, "not_home")
        assert home.message == ""
        await home.later(600)
    home.robin.set_status_message("Working from home")
    await home.poll()
    await home.shows(PERSON, "home")
    await home.until(at(9, 30))
    await home.shows(PERSON, "not_home")
    await home.until(at(10))
    assert home.message == "Working from home"
    assert home.ends is None


async def test_same_text_set_in_teams_instead_of_the_automations_stays(home: Home) -> None:
    await home.create(**ZONE_INPUTS)
    await home.shows(PERSON, "home")
    await home.until(at(9, 30))
    home.robin.set_status_message("Working from home")
    await home.poll()
    await home.shows(PERSON, "not_home")
    await home.until(at(10))
    assert home.message == "Working from home"


async def test_failed_write_keeps_ownership_of_the_previous_message(
    home: Home, simulator: Simulator
) -> None:
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    await home.later(600)
    simulator.faults.add("POST *setStatusMessage", times=3, status=503)
    await home.event("Dentist", at(12))
    assert home.message == "Working from home"
    await home.until(at(9, 30))
    assert home.message == "Dentist"


async def test_manual_run_keeps_ownership_of_the_message(home: Home) -> None:
    await home.create(**ZONE_INPUTS)
    await home.shows(PERSON, "home")
    await home.later(600)
    await home.act("automation.trigger", entity_id=AUTOMATION)
    await home.later(600)
    await home.shows(PERSON, "not_home")
    assert home.message == ""


CHANGED = {
    "R&D day": "R&amp;D day",
    "A < B": "A &lt; B",
    "A <sync> B": "A  B",
    'C\'est "ça"': "C&#39;est &quot;ça&quot;",
    "Two  spaces ": "Two spaces",
    "❤": "❤",
}


@pytest.mark.parametrize("text", CHANGED)
async def test_message_that_graph_returns_changed_keeps_its_ownership(
    home: Home, text: str
) -> None:
    await home.create(**HELPER_INPUTS, **CALENDAR_INPUTS, calendar_message=text)
    await home.event("Dentist", at(12))
    message = home.robin.status_message
    assert message is not None
    home.robin.publish(CHANGED[text], message.expires)
    await home.later(61)
    writes = home.writes()
    await home.until(at(9, 40))
    assert home.writes() == writes
    await home.shows(CALENDAR, STATE_UNAVAILABLE)
    await home.until(at(9, 50))
    assert home.message == CHANGED[text]
    await home.shows(CALENDAR, "off")
    assert home.message == ""


@pytest.mark.parametrize("day", [3, 7])
async def test_night_shift_continues_after_midnight(home: Home, day: int) -> None:
    home.freezer.move_to(at(21, 50, day=day))
    await home.create(**ZONE_INPUTS, zone_from="22:00:00", zone_until="06:00:00")
    await home.shows(PERSON, "home")
    assert home.message == ""
    for hour in (22, 23):
        await home.until(at(hour, 30, day=day))
        assert home.message == "Working from home"
    for hour in range(6):
        await home.until(at(hour, 10, day=day + 1))
        assert home.message == "Working from home"
    assert near(home.ends, at(6, day=day + 1))
    await home.until(at(6, 5, day=day + 1))
    assert home.message == ""
    await home.until(at(22, 5, day=day + 1))
    assert home.message == ("Working from home" if day == 3 else "")


async def test_lunch_over_midnight(home: Home) -> None:
    home.freezer.move_to(at(23, 25))
    await home.create(**ZONE_INPUTS, zone_from="23:30:00", zone_until="00:30:00", zone_days=["mon"])
    await home.shows(PERSON, "home")
    await home.until(at(23, 35))
    assert near(home.ends, at(0, 30, day=4))
    await home.until(at(0, 25, day=4))
    assert home.message == "Working from home"
    await home.until(at(0, 35, day=4))
    assert home.message == ""


async def test_whole_day_ends_at_midnight(home: Home) -> None:
    home.freezer.move_to(at(5))
    hours = {"zone_from": "07:00:00", "zone_until": "07:00:00", "zone_days": ["mon"]}
    await home.create(**ZONE_INPUTS, **hours)
    await home.shows(PERSON, "home")
    assert home.message == "Working from home"
    await home.until(at(23, 50))
    assert home.message == "Working from home"
    await home.until(at(0, 10, day=4))
    assert home.message == ""


@pytest.mark.parametrize(
    ("name", "month", "day"), [("Europe/Berlin", 3, 29), ("Australia/Sydney", 4, 5)]
)
async def test_night_shift_in_the_night_of_a_clock_change(
    home: Home, name: str, month: int, day: int
) -> None:
    await home.hass.config.async_set_time_zone(name)
    zone = dt_util.get_default_time_zone()
    evening = datetime(2031, month, day, 21, 50, tzinfo=zone)
    home.freezer.move_to(evening)
    await home.create(**ZONE_INPUTS, zone_from="22:00:00", zone_until="06:00:00", zone_days=["sat"])
    await home.shows(PERSON, "home")
    end = (evening + timedelta(days=1)).replace(hour=6, minute=0)
    await home.until(evening.replace(hour=22, minute=10))
    while (end - dt_util.utcnow()).total_seconds() > 900:
        assert home.message == "Working from home"
        await home.until(dt_util.utcnow() + timedelta(minutes=30))
    await home.until(end)
    await home.later(301)
    assert home.message == ""


async def test_app_writes_a_message_once(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, account: Account, simulator: Simulator
) -> None:
    freezer.move_to(at(9))
    kim = simulator.tenant.people["kim"]
    entry = await async_sign_in(account)
    await async_add(hass, entry, "kim", kim)
    text = "text.kim_example_status_message"
    er.async_get(hass).async_update_entity(text, disabled_by=None)
    assert await hass.config_entries.async_reload(entry.entry_id)
    home = Home(hass, freezer, "status_message", kim)
    await home.prepare()
    await home.automate(activity_sensor="sensor.kim_example_activity", **EVERYTHING)
    home.simulator = simulator
    await home.type("Back at one")
    await home.until(at(9, 40))
    assert home.message == "Back at one"
    assert home.writes() == 1
    # Its expiry is renewed.
    await home.until(at(15))
    assert home.message == "Back at one"
    assert home.writes() == 3
    await home.type("")
    assert home.message == ""
    writes = home.writes()
    await home.event("Dentist", at(18))
    await home.until(at(16))
    assert home.writes() == writes + 1
    await home.event("Dentist", at(19))
    assert home.ends == at(19)
    await home.until(at(17))
    assert home.writes() == writes + 2
    await home.shows(CALENDAR, "off")
    assert home.message == ""
    await home.leave()


async def test_restart_does_not_change_other_messages(home: Home) -> None:
    home.robin.set_status_message("My own text")
    await home.poll()
    await home.shows(PERSON, "home")
    await home.restart(activity_sensor=SENSOR, **EVERYTHING)
    await home.until(at(9, 20))
    assert home.message == "My own text"


async def test_without_inputs_nothing_happens(home: Home) -> None:
    home.robin.set_status_message("My own text")
    await home.poll()
    await home.create()
    await home.shows(PERSON, "home")
    await home.event("Dentist", at(12))
    await home.until(at(9, 30))
    await home.act("automation.trigger", entity_id=AUTOMATION)
    assert home.message == "My own text"


@pytest.mark.parametrize("title", ["R&D <sync>", "{{ 1 }}", "None", "007", "[1, 2]", 'C\'est "ça"'])
async def test_any_title_is_used_unchanged(home: Home, title: str) -> None:
    await home.create(**CALENDAR_INPUTS)
    await home.event(title, at(10))
    assert home.state(SHOWN).state == title
    await home.shows(CALENDAR, "off")
    assert home.message == ""


async def test_long_title_is_truncated(home: Home) -> None:
    await home.create(**CALENDAR_INPUTS)
    await home.event("x" * 300, at(10))
    assert home.message == "x" * 255
    await home.shows(CALENDAR, "off")
    assert home.message == ""


async def test_idle_times_leave_no_trace(home: Home) -> None:
    await home.create(**EVERYTHING)
    await home.shows(PERSON, "home")
    writes = home.writes()
    triggered = home.state(AUTOMATION).attributes["last_triggered"]
    await home.until(at(10))
    assert home.writes() == writes
    assert home.state(AUTOMATION).attributes["last_triggered"] == triggered
