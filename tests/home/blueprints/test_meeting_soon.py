"""The meeting-soon blueprint with calendars and lamps."""

from collections.abc import AsyncGenerator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.components.light import ColorMode
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person
from tests.home.blueprints import House, at, read
from tests.home.blueprints.test_busy_light import Lamp

ACTIVITY = "sensor.mara_activity"
ROBIN = "sensor.robin_example_activity"
WORK = "calendar.work"
DESK = "light.desk"
HALL = "light.hall"
AMBER = (255, 140, 0)


class Agenda(CalendarEntity):
    """A calendar with events that tests change."""

    _attr_should_poll = False

    def __init__(self, name: str) -> None:
        """Initialize without events."""
        self._attr_name = name
        self.events: list[CalendarEvent] = []
        self.broken = False

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return the current event or the next one."""
        left = [event for event in self.events if event.end_datetime_local > dt_util.now()]
        return min(left, key=lambda event: event.start_datetime_local, default=None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return the events of a period."""
        if self.broken:
            raise HomeAssistantError("The calendar does not respond")
        return [
            event
            for event in self.events
            if event.start_datetime_local < end_date and event.end_datetime_local >= start_date
        ]

    def add(self, title: str, start: date, end: date | None = None) -> CalendarEvent:
        """Add an event, by default of half an hour."""
        event = CalendarEvent(summary=title, start=start, end=end or start + timedelta(minutes=30))
        self.events.append(event)
        return event

    def show(self, *, available: bool = True) -> None:
        """Update the entity's state."""
        self._attr_available = available
        self.async_write_ha_state()


class Study(House):
    """A study with two calendars and two lamps."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
        """Initialize."""
        super().__init__(hass, freezer, "meeting_soon")
        self.work = Agenda("Work")
        self.family = Agenda("Family")
        self.desk = Lamp("Desk", ColorMode.RGB, on=True, colour=(1, 2, 3))
        self.hall = Lamp("Hall", ColorMode.BRIGHTNESS)

    async def prepare(self) -> None:
        """Set up calendars, lamps and the activity."""
        self.freezer.move_to(at(9))
        setup_test_component_platform(self.hass, "light", [self.desk, self.hall])
        setup_test_component_platform(self.hass, "calendar", [self.work, self.family])
        await self.shows(ACTIVITY, "available")
        for domain in ("homeassistant", "scene"):
            assert await async_setup_component(self.hass, domain, {})
        for domain in ("light", "calendar"):
            config = {domain: {"platform": "test"}}
            assert await async_setup_component(self.hass, domain, config)
        await self.hass.async_block_till_done()

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation's configuration, with default inputs."""
        usual = {
            "activity_sensor": ACTIVITY,
            "calendars": [WORK, "calendar.family"],
            "lights": [DESK],
        }
        return super().config({**usual, **inputs})

    async def until(self, moment: datetime) -> None:
        """Advance the clock in steps of five minutes."""
        while (left := (moment - dt_util.utcnow()).total_seconds()) > 0:
            await self.later(min(300, left))

    def light_state(self, lamp: str = DESK) -> tuple[str, object, object]:
        """Return a lamp's state, brightness and color."""
        state = self.state(lamp)
        return state.state, state.attributes["brightness"], state.attributes.get("rgb_color")

    async def finish(self) -> None:
        """Wait for the end of all runs."""
        while self.state(self.automation).attributes["current"]:
            await self.later(2)

    @override
    async def leave(self) -> None:
        """Finish all runs."""
        await self.finish()
        await super().leave()

    @property
    def scenes(self) -> list[str]:
        """Return the entity IDs of scenes."""
        return self.hass.states.async_entity_ids("scene")


BEFORE = ("on", 128, (1, 2, 3))
BRIGHT = ("on", 255, AMBER)
DIM = ("on", 26, AMBER)


@pytest.fixture
async def study(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[Study]:
    """Return the study at nine on a Monday."""
    study = Study(hass, freezer)
    await study.prepare()
    yield study
    await study.leave()


def test_only_person_and_calendars_are_required() -> None:
    inputs = read("meeting_soon").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {
        "activity_sensor",
        "calendars",
    }


async def test_lamp_breathes_before_a_meeting_and_is_restored(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 54))
    assert (study.light_state(), study.notifications) == (BEFORE, [])
    await study.until(at(9, 55))
    assert (study.light_state(), study.notifications) == (BRIGHT, ["10:00 Sync"])
    await study.later(2)
    assert study.light_state() == DIM
    await study.later(2)
    assert study.light_state() == BRIGHT
    await study.finish()
    assert (study.light_state(), study.scenes) == (BEFORE, [])
    orders = study.desk.orders
    await study.until(at(10, 30))
    assert study.desk.orders == orders
    assert study.notifications == ["10:00 Sync"]


async def test_minutes_color_duration_and_notification_are_chosen(study: Study) -> None:
    study.work.add("Sync", at(10))
    notification = {
        "action": "persistent_notification.create",
        "data": {"message": "{{ message }} in {{ minutes }} ({{ meetings[0].title }})"},
    }
    await study.automate(minutes=15, colour=[9, 9, 9], seconds=4, announcement=[notification])
    await study.until(at(9, 45))
    assert study.light_state() == ("on", 255, (9, 9, 9))
    assert study.notifications == ["10:00 Sync in 15 (Sync)"]
    await study.later(2)
    await study.later(2)
    assert study.light_state() == BEFORE


async def test_lamps_of_a_group_are_restored_individually(study: Study) -> None:
    await study.add_group("light.both", DESK, HALL)
    study.work.add("Sync", at(10))
    await study.automate(lights=["light.both"])
    await study.until(at(9, 55))
    assert study.light_state(HALL)[:2] == ("on", 255)
    assert study.light_state() == BRIGHT
    await study.finish()
    assert study.light_state() == BEFORE
    assert not study.is_on(HALL)
    assert study.hall._attr_brightness == 26  # noqa: SLF001


async def test_lamp_that_cannot_be_dimmed_blinks(study: Study) -> None:
    study.desk._attr_supported_color_modes = {ColorMode.ONOFF}  # noqa: SLF001
    study.desk._attr_color_mode = ColorMode.ONOFF  # noqa: SLF001
    study.desk.show(on=False)
    study.work.add("Sync", at(10))
    await study.automate(seconds=8)
    await study.until(at(9, 55))
    seen = [study.is_on(DESK)]
    for _ in range(4):
        await study.later(2)
        seen.append(study.is_on(DESK))
    assert seen == [True, False, True, False, False]
    assert study.scenes == []


@pytest.mark.parametrize("activity", ["in_a_call", "in_a_conference_call", "presenting"])
async def test_person_in_a_call_is_not_reminded(study: Study, activity: str) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.shows(ACTIVITY, activity)
    await study.until(at(9, 56))
    assert (study.desk.orders, study.notifications) == (0, [])
    assert study.state(study.automation).attributes["last_triggered"] is None


@pytest.mark.parametrize("activity", ["unknown", "unavailable", "in_a_meeting", "offline"])
async def test_person_in_any_other_activity_is_reminded(study: Study, activity: str) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.shows(ACTIVITY, activity)
    await study.until(at(9, 55))
    assert study.light_state() == BRIGHT


async def test_joining_the_call_ends_the_breathing(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    await study.shows(ACTIVITY, "in_a_call")
    assert (study.light_state(), study.scenes) == (BEFORE, [])


@pytest.mark.parametrize(
    "title", ["Canceled: Sync", "CANCELLED: Sync", "Declined: Sync", "Re: declined: Sync"]
)
async def test_canceled_and_declined_events_are_skipped(study: Study, title: str) -> None:
    study.work.add(title, at(10))
    await study.automate()
    await study.until(at(9, 56))
    assert study.notifications == []
    assert study.state(study.automation).attributes["last_triggered"] is None


async def test_words_to_skip_are_chosen(study: Study) -> None:
    study.work.add("Abgesagt: Runde", at(10))
    study.work.add("Canceled: Sync", at(11))
    await study.automate(skipped=" abgesagt: ,, ")
    await study.until(at(10, 55))
    assert study.notifications == ["11:00 Canceled: Sync"]


async def test_nothing_is_skipped_without_words(study: Study) -> None:
    study.work.add("Declined: Sync", at(10))
    await study.automate(skipped="")
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Declined: Sync"]


async def test_whole_day_events_are_ignored(study: Study) -> None:
    study.work.add("Fair", date(2031, 3, 4), date(2031, 3, 6))
    await study.automate()
    await study.until(at(0, 30, day=4))
    assert study.notifications == []
    assert study.state(study.automation).attributes["last_triggered"] is None


async def test_meeting_during_a_whole_day_event(study: Study) -> None:
    study.work.add("Fair", date(2031, 3, 3), date(2031, 3, 4))
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Sync"]


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("", "10:00"),
        ("  ", "10:00"),
        ("42", "10:00 42"),
        ("{{ 1 / 0 }}", "10:00 {{ 1 / 0 }}"),
        ('C\'est "ça" <b>', '10:00 C\'est "ça" <b>'),
    ],
)
async def test_any_title(study: Study, title: str, message: str) -> None:
    study.work.add(title, at(10))
    await study.automate()
    await study.until(at(9, 55))
    assert study.light_state() == BRIGHT
    assert study.notifications == [message]


async def test_meeting_without_a_duration(study: Study) -> None:
    study.work.add("Call the office", at(10), at(10))
    await study.automate()
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Call the office"]


async def test_simultaneous_meetings_are_one_reminder(study: Study) -> None:
    study.work.add("Sync", at(10))
    study.work.add("Review", at(10))
    study.family.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Sync, 10:00 Review"]
    await study.finish()
    orders = study.desk.orders
    await study.until(at(10, 1))
    assert study.desk.orders == orders


async def test_meetings_shortly_after_each_other(study: Study) -> None:
    study.work.add("Sync", at(10))
    study.family.add("School", at(10, 2))
    await study.automate()
    await study.until(at(9, 55))
    await study.finish()
    await study.until(at(9, 57))
    assert study.light_state() == BRIGHT
    assert study.notifications == ["10:02 School"]


async def test_reminder_during_another_follows_it(study: Study) -> None:
    study.work.add("Sync", at(10))
    study.family.add("School", at(10, 1))
    await study.automate(seconds=120)
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Sync"]
    for _ in range(60):
        assert study.light_state() in (BRIGHT, DIM)
        await study.later(2)
    assert study.notifications == ["10:01 School"]
    assert study.light_state() == BRIGHT
    await study.finish()
    assert (study.light_state(), study.scenes) == (BEFORE, [])


async def test_back_to_back_meetings(study: Study) -> None:
    study.work.add("Sync", at(8, 30), at(10))
    study.work.add("Review", at(10))
    await study.automate()
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Review"]


@pytest.mark.parametrize("seen", [True, False])
async def test_meeting_that_was_moved_at_the_last_minute(study: Study, *, seen: bool) -> None:
    event = study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 50))
    event.start, event.end = at(10, 20), at(10, 40)
    if seen:
        study.work.show()
    await study.until(at(10, 14))
    assert study.notifications == []
    await study.until(at(10, 15))
    assert study.notifications == ["10:20 Sync"]


async def test_meeting_that_was_deleted_at_the_last_minute(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 50))
    study.work.events.clear()
    await study.until(at(10, 1))
    assert (study.desk.orders, study.notifications) == (0, [])


async def test_meeting_that_was_added_at_the_last_minute(study: Study) -> None:
    await study.automate()
    await study.until(at(9, 50))
    study.work.add("Sync", at(9, 53))
    study.work.show()
    await study.settle()
    assert study.notifications == ["9:53 Sync".rjust(10, "0")]
    await study.until(at(9, 54))
    assert len(study.notifications) == 1


@pytest.mark.parametrize("how", ["unavailable", "broken", "removed"])
async def test_unavailable_calendar_still_reminds_of_its_last_meeting(
    study: Study, how: str
) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 50))
    if how == "removed":
        await study.work.async_remove()
    else:
        study.work.broken = how == "broken"
        study.work.show(available=how == "broken")
    await study.until(at(9, 55))
    assert study.light_state() == BRIGHT
    assert study.notifications == ["10:00 Sync"]


async def test_calendar_that_is_available_again_reminds_of_its_next_meeting(study: Study) -> None:
    study.work.add("Sync", at(10))
    study.work.broken = True
    study.work.show(available=False)
    await study.until(at(9, 50))
    await study.automate()
    study.work.broken = False
    study.work.show()
    await study.until(at(9, 55))
    assert study.notifications == ["10:00 Sync"]


async def test_restart_in_the_last_minutes(study: Study) -> None:
    study.work.add("Sync", at(10))
    study.work.show(available=False)
    await study.until(at(9, 57))
    await study.restart()
    study.work.show()
    await study.settle()
    assert study.notifications == ["10:00 Sync"]


async def test_unavailable_lamp_is_ignored(study: Study) -> None:
    study.hall.show(available=False)
    study.work.add("Sync", at(10))
    await study.automate(lights=[DESK, HALL])
    await study.until(at(9, 55))
    assert study.light_state() == BRIGHT
    assert study.state(HALL).state == STATE_UNAVAILABLE
    await study.finish()
    study.hall.show()
    await study.settle()
    assert study.hall.orders == 0


async def test_lamp_that_becomes_unavailable_is_restored_later(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    study.desk.show(available=False)
    await study.finish()
    assert len(study.scenes) == 1
    await study.later(600)
    study.desk.show()
    await study.settle()
    assert (study.light_state(), study.scenes) == (BEFORE, [])


async def test_lamp_turned_off_manually_stays_off(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    await study.later(2)
    study.desk.show(on=False)
    await study.finish()
    assert not study.is_on(DESK)
    assert study.scenes == []


async def test_lamp_changed_manually_keeps_the_change(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    await study.act("homeassistant.turn_on", entity_id=DESK)
    assert study.light_state() == BRIGHT
    await study.hass.services.async_call(
        "light",
        "turn_on",
        {"entity_id": DESK, "rgb_color": [255, 0, 0], "brightness": 99},
        blocking=True,
        context=Context(parent_id="another automation"),
    )
    await study.finish()
    assert study.light_state() == ("on", 99, (255, 0, 0))
    assert study.scenes == []


async def test_lamp_is_restored_before_home_assistant_stops(study: Study) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    assert study.light_state() == BRIGHT
    await study.stop()
    assert study.light_state() == BEFORE


async def test_saving_the_automation_restores_the_lamp(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.work.add("Sync", at(10))
    await study.automate()
    await study.until(at(9, 55))
    await study.reload(monkeypatch, seconds=8)
    assert (study.light_state(), study.scenes) == (BEFORE, [])


async def test_lamp_is_restored_if_the_notification_fails(study: Study) -> None:
    study.work.add("Sync", at(10))
    failing = {"action": "light.turn_on", "data": {"entity_id": DESK, "brightness": "x"}}
    await study.automate(announcement=[failing])
    await study.until(at(9, 55))
    assert study.light_state() == BRIGHT
    await study.finish()
    assert (study.light_state(), study.scenes) == (BEFORE, [])


async def test_manual_run_shows_the_reminder(study: Study) -> None:
    await study.automate()
    await study.trigger()
    assert (study.light_state(), study.notifications) == (BRIGHT, ["Meeting soon"])
    await study.finish()
    assert study.light_state() == BEFORE


async def test_wrong_sensor_is_reported(study: Study) -> None:
    await study.shows(ACTIVITY, "available", options=["available", "busy"])
    study.work.add("Sync", at(10))
    await study.automate(lights=[])
    await study.until(at(9, 55))
    report, reminder = study.notifications
    assert report.startswith('Not the sensor named "Activity" of a person')
    assert ACTIVITY in report
    assert reminder == "10:00 Sync"


async def test_real_call_prevents_the_reminder(
    study: Study, entry: PresenceConfigEntry, robin: Person
) -> None:
    study.work.add("Sync", at(10))
    study.work.add("Review", at(11))
    await study.automate(activity_sensor=ROBIN)
    robin.join_call()
    await study.act("homeassistant.update_entity", entity_id=ROBIN)
    await study.until(at(9, 56))
    assert study.notifications == []
    robin.leave_call()
    await study.act("homeassistant.update_entity", entity_id=ROBIN)
    await study.until(at(10, 55))
    assert study.notifications == ["11:00 Review"]
