"""The busy-light blueprint with lamps and an activity."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, override
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.light import ColorMode, LightEntity, LightEntityFeature
from homeassistant.const import STATE_OFF, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person
from tests.home.blueprints import BLUEPRINTS, House, read

SENSOR = "sensor.mara_activity"
OTHER = "sensor.kim_activity"
ROBIN = "sensor.robin_example_activity"
DESK = "light.desk"

RED = (255, 0, 0)
ORANGE = (255, 100, 0)
PURPLE = (160, 0, 255)
AMBER = (255, 160, 0)
GREEN = (0, 255, 0)
YELLOW = (255, 255, 0)
BLUE = (0, 0, 255)

# In the order of the blueprint.
COLORS = {
    "presenting": RED,
    "in_a_conference_call": RED,
    "in_a_call": RED,
    "do_not_disturb": PURPLE,
    "focusing": PURPLE,
    "urgent_interruptions_only": PURPLE,
    "in_a_meeting": ORANGE,
    "busy": AMBER,
    "available": GREEN,
    "be_right_back": YELLOW,
    "inactive": YELLOW,
    "away": YELLOW,
    "out_of_office": BLUE,
    "off_work": BLUE,
    "offline": BLUE,
}
SHOWN = [activity for activity, colour in COLORS.items() if colour in (RED, ORANGE, PURPLE, AMBER)]
FREE = [activity for activity in COLORS if activity not in SHOWN]


class Lamp(LightEntity):
    """A lamp that counts its actions."""

    _attr_should_poll = False

    def __init__(
        self,
        name: str,
        *modes: ColorMode,
        on: bool = False,
        colour: tuple[int, int, int] = RED,
        effects: tuple[str, ...] = (),
    ) -> None:
        """Initialize; the first mode is the current one."""
        self._attr_name = name
        self._attr_supported_color_modes = set(modes)
        self._attr_color_mode = modes[0]
        self._attr_is_on = on
        self._attr_brightness = 128
        self._attr_rgb_color = colour
        self._attr_color_temp_kelvin = 2700
        if effects:
            self._attr_supported_features = LightEntityFeature.EFFECT
            self._attr_effect_list = list(effects)
            self._attr_effect = effects[0]
        self.orders = 0

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Apply the supported parameters."""
        self.orders += 1
        self._attr_is_on = True
        for name, value in kwargs.items():
            setattr(self, f"_attr_{name}", value)
            if name not in {"brightness", "effect"}:
                self._attr_color_mode = ColorMode(name.split("_kelvin")[0].split("_color")[0])
        self.async_write_ha_state()

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn off."""
        self.orders += 1
        self._attr_is_on = False
        self.async_write_ha_state()

    def show(self, *, on: bool | None = None, available: bool = True) -> None:
        """Change without an action, like at a wall switch."""
        if on is not None:
            self._attr_is_on = on
        self._attr_available = available
        self.async_write_ha_state()


@dataclass
class Room(House):
    """A room with a person and lamps."""

    blueprint: str = "busy_light"
    lamps: list[Lamp] = field(default_factory=list)

    async def prepare(self, *lamps: Lamp, activity: str = "available") -> None:
        """Set up the lamps and the activity."""
        self.lamps = list(lamps)
        setup_test_component_platform(self.hass, "light", self.lamps)
        await self.set_activity(activity)
        assert await async_setup_component(self.hass, "homeassistant", {})
        assert await async_setup_component(self.hass, "scene", {})
        assert await async_setup_component(self.hass, "light", {"light": {"platform": "test"}})
        await self.hass.async_block_till_done()

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation's configuration, by default for all lamps."""
        lights = [lamp.entity_id for lamp in self.lamps]
        return super().config({"activity_sensor": SENSOR, "lights": lights, **inputs})

    async def set_activity(self, activity: str, **attributes: object) -> None:
        """Set the activity after a second."""
        await self.shows(SENSOR, activity, **attributes)

    def is_off(self, entity_id: str = DESK) -> bool:
        """Return whether a lamp is off."""
        return self.hass.states.is_state(entity_id, STATE_OFF)

    def color(self, entity_id: str = DESK) -> tuple[int, int, int] | None:
        """Return a lamp's color; None if off."""
        return self.state(entity_id).attributes.get("rgb_color") if self.is_on(entity_id) else None

    def attribute(self, name: str, entity_id: str = DESK) -> object:
        """Return an attribute of the lamp."""
        return self.state(entity_id).attributes.get(name)


def desk(*, on: bool = False, colour: tuple[int, int, int] = RED) -> Lamp:
    """Return the lamp on the desk."""
    return Lamp("Desk", ColorMode.RGB, ColorMode.COLOR_TEMP, on=on, colour=colour)


def white(name: str = "Desk") -> Lamp:
    """Return a color lamp that is warm white now."""
    return Lamp(name, ColorMode.COLOR_TEMP, ColorMode.RGB, on=True)


@pytest.fixture
async def room(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[Room]:
    """Return an empty room; check for runs afterwards."""
    room = Room(hass, freezer)
    yield room
    await room.leave()


def test_every_activity_can_be_chosen() -> None:
    inputs = read("busy_light").inputs
    chooser = inputs["shown_activities"]
    assert {option["value"] for option in chooser["selector"]["select"]["options"]} == set(COLORS)
    assert set(chooser["default"]) == set(SHOWN)


async def test_only_person_and_lamps_are_required() -> None:
    inputs = read("busy_light").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {
        "activity_sensor",
        "lights",
    }


@pytest.mark.parametrize("activity", SHOWN)
async def test_shown_activity_has_its_color(room: Room, activity: str) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity(activity)
    assert room.color() == COLORS[activity]
    assert room.attribute("brightness") == 255


async def test_free_activities_do_not_change_the_lamp(room: Room) -> None:
    await room.prepare(desk(), activity="unknown")
    await room.automate()
    for activity in FREE:
        await room.set_activity(activity)
        await room.later(60)
        assert room.lamps[0].orders == 0, activity


async def test_every_activity_can_have_a_color(room: Room) -> None:
    await room.prepare(desk(), activity="unknown")
    await room.automate(shown_activities=list(COLORS))
    for number, activity in enumerate(COLORS, 1):
        await room.set_activity(activity)
        assert room.color() == COLORS[activity]
        assert room.lamps[0].orders == number


async def test_activity_that_is_not_chosen_counts_as_free(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(shown_activities=["in_a_call"])
    await room.set_activity("in_a_meeting")
    await room.later(60)
    assert room.lamps[0].orders == 0


async def test_color_and_brightness_are_chosen(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(colour_call=[10, 20, 30], brightness=50)
    await room.set_activity("in_a_call")
    assert room.color() == (10, 20, 30)
    assert room.attribute("brightness") == 128


async def test_brightness_zero_keeps_the_lamps_brightness(room: Room) -> None:
    lamp = desk()
    lamp._attr_brightness = 77  # noqa: SLF001
    await room.prepare(lamp)
    await room.automate(brightness=0)
    await room.set_activity("in_a_call")
    assert room.attribute("brightness") == 77


async def test_call_that_becomes_a_meeting_does_not_flicker(room: Room) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(8)
    assert room.color() == RED
    await room.set_activity("in_a_meeting")
    assert room.color() == ORANGE
    await room.later(60)
    assert room.color() == ORANGE
    assert room.lamps[0].orders == 2


async def test_lamp_that_was_off_is_turned_off_after_the_delay(room: Room) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(9)
    assert room.color() == RED
    await room.later(2)
    assert room.is_off()


async def test_attributes_do_not_extend_the_delay(room: Room) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(8)
    await room.set_activity("available", note="new")
    await room.later(2)
    assert room.is_off()


async def test_other_free_activity_does_not_extend_the_delay(room: Room) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(8)
    await room.set_activity("away")
    await room.later(2)
    assert room.is_off()


async def test_delay_is_chosen(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(free_delay=0)
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    assert room.is_off()


async def test_lamp_is_restored_to_its_state_before_the_first_activity(room: Room) -> None:
    await room.prepare(white())
    await room.automate()
    for activity in ("in_a_call", "in_a_meeting", "available"):
        await room.set_activity(activity)
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700
    assert room.attribute("brightness") == 128
    assert room.hass.states.async_entity_ids("scene") == []


async def test_each_call_restores_the_state_before_it(room: Room) -> None:
    await room.prepare(white())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(11)
    await room.act("light.turn_on", entity_id=DESK, rgb_color=[1, 2, 3])
    await room.set_activity("in_a_meeting")
    await room.set_activity("away")
    await room.later(11)
    assert room.color() == (1, 2, 3)


async def test_lamp_is_turned_off_if_chosen(room: Room) -> None:
    await room.prepare(white())
    await room.automate(when_free="turn_off")
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(11)
    assert room.is_off()


async def test_free_person_does_not_change_lamps(room: Room) -> None:
    await room.prepare(desk(on=True, colour=RED))
    await room.automate(when_free="turn_off")
    await room.set_activity("away")
    await room.later(11)
    await room.set_activity("available")
    await room.later(11)
    assert room.lamps[0].orders == 0


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_unavailable_sensor_changes_nothing(room: Room, gone: str) -> None:
    await room.prepare(white())
    await room.automate()
    await room.set_activity(gone)
    await room.later(60)
    assert room.lamps[0].orders == 0
    await room.set_activity("in_a_call")
    assert room.color() == RED
    await room.set_activity(gone)
    await room.later(600)
    assert room.color() == RED
    await room.trigger()
    await room.later(60)
    assert room.color() == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_sensor_unavailable_while_free_changes_nothing(room: Room, gone: str) -> None:
    await room.prepare(desk(on=True))
    await room.automate()
    await room.set_activity(gone)
    await room.set_activity("available")
    await room.later(11)
    assert room.lamps[0].orders == 0


async def test_sensor_unavailable_during_the_delay_does_not_stop_it(room: Room) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.set_activity(STATE_UNAVAILABLE)
    room.lamps[0].show(available=False)
    room.lamps[0].show()
    await room.later(10)
    assert room.is_off()


async def test_lamp_is_restored_after_a_restart(room: Room) -> None:
    await room.prepare(white(), desk(on=True, colour=(1, 2, 3)))
    await room.automate()
    await room.set_activity("in_a_call")
    await room.stop()
    assert room.attribute("color_temp_kelvin") == 2700
    assert room.color("light.desk_2") == (1, 2, 3)
    assert room.hass.states.async_entity_ids("scene") == []


async def test_restart_in_a_call_shows_the_call_and_restores_afterwards(room: Room) -> None:
    await room.prepare(desk(on=True, colour=ORANGE), white("White"), activity="in_a_call")
    await room.restart()
    assert room.color() == room.color("light.white") == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.color() == ORANGE
    assert room.attribute("color_temp_kelvin", "light.white") == 2700


async def test_stop_without_a_call_does_not_change_lamps(room: Room) -> None:
    await room.prepare(desk(on=True))
    await room.automate(when_free="turn_off")
    await room.stop()
    assert room.lamps[0].orders == 0


async def test_sensor_becomes_available_after_a_restart(room: Room) -> None:
    await room.prepare(Lamp("Desk", ColorMode.BRIGHTNESS, on=True))
    await room.set_activity(STATE_UNAVAILABLE, restored=True)
    await room.restart()
    assert room.lamps[0].orders == 0
    await room.set_activity("in_a_call")
    assert room.attribute("brightness") == 255
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("brightness") == 128


async def test_lamp_becomes_available_after_a_restart(room: Room) -> None:
    await room.prepare(desk(), activity="in_a_call")
    room.lamps[0].show(available=False)
    await room.restart()
    room.lamps[0].show()
    await room.settle()
    assert room.color() == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.is_off()


@pytest.mark.parametrize("colour", [(255, 150, 20), *set(COLORS.values())])
async def test_lamp_set_manually_is_not_changed(
    room: Room, monkeypatch: pytest.MonkeyPatch, colour: tuple[int, int, int]
) -> None:
    await room.prepare(desk())
    await room.restart()

    async def set_by_hand_and_provoke() -> None:
        await room.act("light.turn_on", entity_id=DESK, rgb_color=colour)
        orders = room.lamps[0].orders
        await room.reload(monkeypatch, free_delay=5)
        await room.later(60)
        room.lamps[0].show(available=False)
        await room.later(60)
        room.lamps[0].show()
        await room.later(60)
        await room.set_activity("away")
        await room.set_activity(STATE_UNAVAILABLE, restored=True)
        await room.set_activity("available")
        await room.later(60)
        await room.trigger()
        await room.later(60)
        assert room.lamps[0].orders == orders
        assert room.color() == colour

    await set_by_hand_and_provoke()
    await room.set_activity("in_a_call")
    await room.set_activity("available")
    await room.later(11)
    assert room.color() == colour
    await set_by_hand_and_provoke()


async def test_restart_does_not_change_other_colors(room: Room) -> None:
    candle = white("Candle")
    candle._attr_color_temp_kelvin = 2000  # noqa: SLF001
    await room.prepare(desk(on=True, colour=(200, 255, 200)), candle)
    await room.restart()
    await room.later(11)
    assert [lamp.orders for lamp in room.lamps] == [0, 0]


async def test_automation_reloaded_in_a_call_restores_afterwards(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.prepare(white())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.reload(monkeypatch, colour_call=[0, 0, 9])
    assert room.color() == (0, 0, 9)
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700


async def test_lamp_turned_off_manually_stays_off_until_free(room: Room) -> None:
    await room.prepare(white())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.act("light.turn_off", entity_id=DESK)
    await room.set_activity("in_a_meeting")
    await room.set_activity(STATE_UNAVAILABLE)
    await room.set_activity("in_a_meeting")
    room.hass.bus.async_fire("automation_reloaded")
    await room.settle()
    assert room.is_off()
    await room.set_activity("available")
    await room.later(11)
    assert room.is_off()
    await room.set_activity("in_a_call")
    assert room.color() == RED


async def test_lamp_turned_on_again_manually_is_controlled_again(room: Room) -> None:
    await room.prepare(desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.act("light.turn_off", entity_id=DESK)
    await room.act("light.turn_on", entity_id=DESK, rgb_color=[9, 9, 9])
    assert room.color() == (9, 9, 9)
    await room.set_activity("in_a_meeting")
    assert room.color() == ORANGE


async def test_lamp_that_is_available_again_gets_its_color(room: Room) -> None:
    lamp = white()
    await room.prepare(lamp)
    await room.automate()
    await room.set_activity("in_a_call")
    lamp.show(available=False)
    await room.later(30)
    lamp._attr_color_mode = ColorMode.COLOR_TEMP  # noqa: SLF001
    lamp.show(on=True)
    await room.settle()
    assert room.color() == RED


async def test_lamp_unavailable_before_is_restored_to_its_first_state(room: Room) -> None:
    await room.prepare(white())
    await room.automate()
    room.lamps[0].show(available=False)
    await room.set_activity("in_a_call")
    await room.later(30)
    room.lamps[0].show()
    await room.settle()
    assert room.color() == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700


@pytest.mark.parametrize("group", [False, True])
async def test_lamp_unavailable_at_the_end_is_restored_later(room: Room, *, group: bool) -> None:
    await room.prepare(desk(on=True, colour=(1, 2, 3)), desk())
    if group:
        await room.add_group("light.both", DESK, "light.desk_2")
    await room.automate(**({"lights": "light.both"} if group else {}))
    await room.set_activity("in_a_call")
    room.lamps[0].show(available=False)
    await room.set_activity("available")
    await room.later(11)
    assert room.is_off("light.desk_2")
    await room.later(600)
    room.lamps[0].show()
    await room.later(1)
    await room.later(11)
    assert room.color() == (1, 2, 3)
    assert room.hass.states.async_entity_ids("scene") == []


async def test_lamp_of_a_group_that_is_available_again_gets_its_color(room: Room) -> None:
    await room.prepare(desk(), white("White"))
    await room.add_group("light.both", DESK, "light.white")
    await room.automate(lights=["light.both"])
    await room.set_activity("in_a_call")
    room.lamps[1].show(available=False)
    await room.later(30)
    room.lamps[1]._attr_color_mode = ColorMode.COLOR_TEMP  # noqa: SLF001
    room.lamps[1].show(on=True)
    await room.later(1)
    assert room.color("light.white") == RED


@pytest.mark.parametrize("lights", ["light.both", "light.nested", "group.all", ["group.all", DESK]])
async def test_lamps_of_a_group_are_restored_individually(
    room: Room, lights: str | list[str]
) -> None:
    await room.prepare(desk(), desk(on=True, colour=GREEN))
    await room.add_group("light.both", DESK, "light.desk_2")
    await room.add_group("light.nested", "light.both")
    await room.act("group.set", object_id="all", entities=["light.nested", "light.desk_2"])
    await room.automate(lights=lights)
    await room.set_activity("in_a_call")
    assert room.color() == room.color("light.desk_2") == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.is_off()
    assert room.color("light.desk_2") == GREEN
    assert room.hass.states.async_entity_ids("scene") == []


async def test_lamp_removed_from_the_automation_in_a_call_is_restored(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.prepare(white(), desk())
    await room.automate()
    await room.set_activity("in_a_call")
    await room.reload(monkeypatch, lights=["light.desk_2"])
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700
    assert room.is_off("light.desk_2")


async def test_lamps_without_color_are_turned_on(room: Room) -> None:
    await room.prepare(
        Lamp("Dimmer", ColorMode.BRIGHTNESS),
        Lamp("Plug", ColorMode.ONOFF),
        Lamp("White", ColorMode.COLOR_TEMP),
    )
    await room.automate()
    await room.set_activity("in_a_call")
    assert [lamp.is_on for lamp in room.lamps] == [True, True, True]
    assert room.attribute("brightness", "light.dimmer") == 255
    await room.set_activity("available")
    await room.later(11)
    assert [lamp.is_on for lamp in room.lamps] == [False, False, False]


@pytest.mark.parametrize("mode", [ColorMode.HS, ColorMode.XY, ColorMode.RGBW, ColorMode.RGBWW])
async def test_lamp_with_another_color_mode_is_recognized(room: Room, mode: ColorMode) -> None:
    await room.prepare(Lamp("Desk", mode))
    await room.automate()
    await room.set_activity("in_a_meeting")
    colour = room.color()
    assert colour is not None
    assert all(abs(a - b) <= 40 for a, b in zip(colour, ORANGE, strict=True))


async def test_each_lamp_is_restored_to_its_own_state(room: Room) -> None:
    await room.prepare(white("One"), desk(), desk(on=True, colour=(3, 2, 1)))
    await room.automate()
    await room.set_activity("in_a_call")
    assert [room.color(lamp.entity_id) for lamp in room.lamps] == [RED, RED, RED]
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("color_temp_kelvin", "light.one") == 2700
    assert room.is_off()
    assert room.color("light.desk_2") == (3, 2, 1)


async def test_single_lamp_can_be_written_without_a_list(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(lights=DESK)
    await room.set_activity("in_a_call")
    assert room.color() == RED


async def test_failing_lamp_does_not_affect_others(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Lamp("Broken", ColorMode.RGB)
    await room.prepare(broken, desk())

    async def fail(**_: object) -> None:
        raise HomeAssistantError("no response")

    monkeypatch.setattr(broken, "async_turn_on", fail)
    await room.automate()
    await room.set_activity("in_a_call")
    assert room.color() == RED
    monkeypatch.undo()
    await room.set_activity("in_a_meeting")
    assert room.color("light.broken") == ORANGE


async def test_busiest_of_several_people_is_shown(room: Room) -> None:
    await room.prepare(desk(), activity="unknown")
    await room.automate(activity_sensor=[SENSOR, OTHER], shown_activities=list(COLORS))
    for busier, other in pairwise(COLORS):
        # If both have the same color, compare with the next one that differs.
        later = list(COLORS)[list(COLORS).index(other) :]
        less = next((name for name in later if COLORS[name] != COLORS[busier]), other)
        await room.set_activity(less)
        await room.shows(OTHER, busier)
        assert room.color() == COLORS[busier], (busier, less)


def test_documentation_lists_the_order_of_activities() -> None:
    ranks = ", ".join(COLORS).replace("_", " ")
    document = BLUEPRINTS.parent / "docs/automations.md"
    assert ranks in " ".join(document.read_text().split())


async def test_activity_that_is_not_chosen_is_not_shown(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(activity_sensor=[SENSOR, OTHER], shown_activities=["in_a_meeting"])
    await room.shows(OTHER, "presenting")
    assert room.lamps[0].orders == 0
    await room.set_activity("in_a_meeting")
    assert room.color() == ORANGE


async def test_lamp_does_not_flicker_between_people(room: Room) -> None:
    await room.prepare(white())
    await room.automate(activity_sensor=[SENSOR, OTHER])
    await room.set_activity("in_a_meeting")
    await room.shows(OTHER, "in_a_call")
    assert room.color() == RED
    await room.shows(OTHER, "available")
    assert room.color() == ORANGE
    await room.later(60)
    assert room.lamps[0].orders == 3
    await room.set_activity("away")
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700


async def test_less_busy_person_changes_nothing(room: Room) -> None:
    await room.prepare(desk())
    await room.shows(OTHER, "away")
    await room.automate(activity_sensor=[SENSOR, OTHER])
    await room.set_activity("in_a_call")
    await room.act("light.turn_on", entity_id=DESK, rgb_color=[9, 9, 9])
    for activity in ("in_a_meeting", "busy", "available"):
        await room.shows(OTHER, activity)
        assert room.color() == (9, 9, 9)
    await room.later(60)
    await room.act("light.turn_off", entity_id=DESK)
    await room.shows(OTHER, "presenting")
    assert room.is_off()


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
@pytest.mark.parametrize("free_delay", [0, 10, 30])
async def test_person_who_becomes_unknown_does_not_count(
    room: Room, gone: str, free_delay: int
) -> None:
    await room.prepare(white())
    await room.shows(OTHER, "available")
    await room.automate(activity_sensor=[SENSOR, OTHER], free_delay=free_delay)
    await room.set_activity("in_a_call")
    await room.set_activity(gone)
    await room.later(31)
    assert room.attribute("color_temp_kelvin") == 2700
    assert room.hass.states.async_entity_ids("scene") == []


async def test_next_person_is_shown_if_the_busiest_becomes_unknown(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(activity_sensor=[SENSOR, OTHER])
    await room.shows(OTHER, "in_a_meeting")
    await room.set_activity("in_a_call")
    await room.set_activity(STATE_UNAVAILABLE)
    await room.later(11)
    assert room.color() == ORANGE


@pytest.mark.parametrize("activity", ["available", "in_a_meeting"])
@pytest.mark.parametrize("free_delay", [0, 10])
async def test_outage_of_one_person_after_the_other_changes_nothing(
    room: Room, activity: str, free_delay: int
) -> None:
    await room.prepare(desk())
    await room.shows(OTHER, activity)
    await room.automate(activity_sensor=[SENSOR, OTHER], free_delay=free_delay)
    await room.set_activity("in_a_call")
    orders = room.lamps[0].orders
    await room.set_activity(STATE_UNAVAILABLE)
    await room.shows(OTHER, STATE_UNAVAILABLE)
    await room.later(600)
    assert room.lamps[0].orders == orders
    await room.set_activity("in_a_call")
    await room.shows(OTHER, activity)
    await room.later(60)
    assert room.color() == RED


async def test_person_who_is_removed_does_not_count(room: Room) -> None:
    await room.prepare(desk())
    await room.shows(OTHER, "available")
    await room.automate(activity_sensor=[SENSOR, OTHER])
    await room.set_activity("in_a_call")
    room.hass.states.async_remove(SENSOR)
    await room.settle()
    await room.later(11)
    assert room.is_off()


@pytest.mark.parametrize("wrong", ["availability"])
async def test_wrong_sensor_is_reported_and_ignored(
    room: Room, entry: PresenceConfigEntry, robin: Person, wrong: str
) -> None:
    await room.prepare(desk())
    await room.automate(activity_sensor=[f"sensor.robin_example_{wrong}"])
    room.hass.bus.async_fire("automation_reloaded")
    await room.settle()
    assert [wrong in message for message in room.notifications] == [True]
    robin.join_call()
    await room.act("homeassistant.update_entity", entity_id=ROBIN)
    assert room.lamps[0].orders == 0


async def test_wrong_sensor_does_not_affect_others(
    room: Room, entry: PresenceConfigEntry, robin: Person
) -> None:
    await room.prepare(desk())
    await room.automate(activity_sensor=["sensor.robin_example_availability", SENSOR])
    robin.join_call()
    await room.act("homeassistant.update_entity", entity_id=ROBIN)
    assert room.lamps[0].orders == 0
    await room.set_activity("in_a_meeting")
    assert room.color() == ORANGE
    await room.set_activity("available")
    robin.leave_call()
    await room.act("homeassistant.update_entity", entity_id=ROBIN)
    await room.later(11)
    assert room.is_off()


async def test_person_who_is_unknown_does_not_count(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(activity_sensor=[SENSOR, OTHER])
    await room.shows(OTHER, STATE_UNAVAILABLE)
    await room.set_activity("in_a_call")
    assert room.color() == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.is_off()


@pytest.mark.parametrize(
    ("activity", "brightness"),
    [("in_a_call", 255), ("in_a_meeting", 51), ("focusing", 76), ("busy", 102), ("away", 128)],
)
async def test_brightness_is_chosen_per_activity(
    room: Room, activity: str, brightness: int
) -> None:
    await room.prepare(desk(), activity="unknown")
    await room.automate(
        shown_activities=list(COLORS),
        brightness=50,
        brightness_call=100,
        brightness_meeting=20,
        brightness_focus=30,
        brightness_busy=40,
    )
    await room.set_activity(activity)
    assert room.attribute("brightness") == brightness


async def test_effect_is_shown_on_lamps_that_have_it_and_ends_with_its_activity(room: Room) -> None:
    star = Lamp("Star", ColorMode.RGB, effects=("off", "Candle"))
    comet = Lamp("Comet", ColorMode.RGB, effects=("Rainbow", "Candle"))
    await room.prepare(desk(), star, comet)
    await room.automate(effect="Candle")
    await room.set_activity("presenting")
    assert [room.color(lamp.entity_id) for lamp in room.lamps] == [RED, RED, RED]
    assert [lamp.effect for lamp in room.lamps] == [None, "Candle", "Candle"]
    await room.set_activity("in_a_meeting")
    assert [room.color(lamp.entity_id) for lamp in room.lamps] == [ORANGE, ORANGE, ORANGE]
    # This lamp has no effect called "none".
    assert [lamp.effect for lamp in room.lamps] == [None, "off", "Candle"]
    await room.set_activity("presenting")
    await room.set_activity("available")
    await room.later(11)
    assert [lamp.is_on for lamp in room.lamps] == [False, False, False]
    assert star.effect == "off"


async def test_effect_of_a_lamp_is_restored(room: Room) -> None:
    star = Lamp("Star", ColorMode.RGB, on=True, colour=(1, 2, 3), effects=("Rainbow", "None", "x"))
    await room.prepare(star)
    await room.automate(effect="x")
    await room.set_activity("presenting")
    assert star.effect == "x"
    await room.set_activity("available")
    await room.later(11)
    assert star.effect == "Rainbow"
    assert room.color("light.star") == (1, 2, 3)


HOURS = {"hours_start": "09:00:00", "hours_end": "17:00:00"}
# 2031-03-03 is a Monday.
DAY = datetime(2031, 3, 3)  # noqa: DTZ001 (the zone is Home Assistant's)


async def test_lamp_is_only_controlled_in_working_hours(room: Room) -> None:
    await room.prepare(white())
    await room.wait_until(DAY.replace(hour=8))
    await room.automate(**HOURS)
    await room.set_activity("in_a_call")
    await room.later(60)
    assert room.lamps[0].orders == 0
    await room.wait_until(DAY.replace(hour=9, second=1))
    assert room.color() == RED
    await room.set_activity("available")
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700
    await room.set_activity("in_a_meeting")
    assert room.color() == ORANGE
    await room.wait_until(DAY.replace(hour=17, second=1))
    assert room.attribute("color_temp_kelvin") == 2700
    orders = room.lamps[0].orders
    await room.set_activity("in_a_call")
    await room.later(60)
    assert room.lamps[0].orders == orders


async def test_lamp_set_to_red_manually_at_night_is_not_changed(room: Room) -> None:
    await room.prepare(desk(on=True), activity="in_a_call")
    await room.wait_until(DAY.replace(hour=16, minute=59))
    await room.set_activity("available")
    await room.automate(**HOURS)
    await room.wait_until(DAY.replace(hour=17, second=1))
    for activity in ("in_a_call", "available", "in_a_meeting"):
        await room.set_activity(activity)
        await room.later(60)
    assert room.lamps[0].orders == 0


async def test_lamp_turned_off_manually_stays_off_at_the_start_of_the_hours(room: Room) -> None:
    await room.prepare(desk())
    await room.wait_until(DAY.replace(hour=10))
    await room.automate(hours_start="09:00:00", hours_end="09:00:00", weekdays=["mon", "tue"])
    await room.set_activity("in_a_call")
    await room.act("light.turn_off", entity_id=DESK)
    await room.wait_until(DAY.replace(day=4, hour=9, second=1))
    assert room.is_off()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("month", [3, 10, 11])
async def test_night_shift_on_days_when_the_clock_changes(
    room: Room, zone: str, month: int
) -> None:
    await room.hass.config.async_set_time_zone(zone)
    info = ZoneInfo(zone)
    changes = [
        night
        for day in range(1, 31)
        if (night := datetime(2031, month, day, 20, tzinfo=info)).utcoffset()
        != (night + timedelta(days=1)).utcoffset()
    ]
    for evening in changes:
        day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][evening.weekday()]
        await room.later((evening - dt_util.utcnow()).total_seconds())
        await room.prepare(desk(), activity="in_a_call")
        await room.automate(hours_start="22:00:00", hours_end="06:00:00", weekdays=[day])
        for _ in range(44):
            await room.later(900)
            local = dt_util.now()
            assert room.is_off() is not (local.hour >= 22 or local.hour < 6), local


@pytest.mark.parametrize(
    ("hours", "days", "when", "follows"),
    [
        (("09:00:00", "17:00:00"), ["mon"], DAY.replace(hour=9), True),
        (("09:00:00", "17:00:00"), ["mon"], DAY.replace(hour=8, minute=59), False),
        (("09:00:00", "17:00:00"), ["mon"], DAY.replace(hour=17), False),
        (("09:00:00", "17:00:00"), ["sun", "tue"], DAY.replace(hour=12), False),
        (("00:00:00", "00:00:00"), ["mon"], DAY, True),
        (("00:00:00", "00:00:00"), ["mon"], DAY.replace(day=4), False),
        (("22:00:00", "06:00:00"), ["mon"], DAY.replace(hour=23), True),
        (("22:00:00", "06:00:00"), ["mon"], DAY.replace(day=4, hour=5), True),
        (("22:00:00", "06:00:00"), ["mon"], DAY.replace(hour=5), False),
        (("22:00:00", "06:00:00"), ["sun"], DAY.replace(hour=5), True),
        (("22:00:00", "06:00:00"), ["mon"], DAY.replace(hour=12), False),
    ],
)
async def test_hours_and_days_are_chosen(
    room: Room, hours: tuple[str, str], days: list[str], when: datetime, *, follows: bool
) -> None:
    await room.prepare(desk())
    # The test itself advances the clock by some seconds.
    await room.wait_until(when.replace(second=10))
    await room.automate(hours_start=hours[0], hours_end=hours[1], weekdays=days)
    await room.set_activity("in_a_call")
    assert room.color() == (RED if follows else None)


async def test_midnight_of_a_whole_day_changes_nothing(room: Room) -> None:
    await room.prepare(desk())
    await room.wait_until(DAY.replace(hour=23, minute=59))
    await room.automate()
    await room.set_activity("in_a_call")
    await room.act("light.turn_on", entity_id=DESK, rgb_color=[9, 9, 9])
    await room.wait_until(DAY.replace(day=4, second=1))
    assert room.color() == (9, 9, 9)


async def test_call_in_teams_turns_the_lamp_on(
    room: Room, entry: PresenceConfigEntry, robin: Person
) -> None:
    await room.prepare(white())
    await room.automate(activity_sensor=[ROBIN])
    robin.join_call()
    await room.act("homeassistant.update_entity", entity_id=ROBIN)
    assert room.color() == RED
    robin.leave_call()
    await room.act("homeassistant.update_entity", entity_id=ROBIN)
    await room.later(11)
    assert room.attribute("color_temp_kelvin") == 2700


MICROPHONE = "binary_sensor.microphone"
CAMERA = "binary_sensor.camera"
DEVICES: dict[str, object] = {
    "microphones": MICROPHONE,
    "cameras": [CAMERA],
    "on_while": "devices",
}
FILMED = (255, 0, 120)


async def test_camera_has_its_color_during_calls_only(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(cameras=[CAMERA])
    await room.shows(CAMERA, "on")
    assert room.is_off()
    await room.set_activity("in_a_call")
    assert room.color() == FILMED
    await room.shows(CAMERA, "off")
    assert room.color() == COLORS["in_a_call"]
    await room.shows(CAMERA, "on")
    assert room.color() == FILMED
    await room.set_activity("in_a_meeting")
    assert room.color() == COLORS["in_a_meeting"]
    await room.set_activity("available")
    await room.later(60)
    assert room.is_off()


async def test_camera_has_the_brightness_and_the_effect_of_calls(room: Room) -> None:
    await room.prepare(Lamp("Desk", ColorMode.RGB, effects=("off", "Pulse")))
    await room.shows(CAMERA, "on")
    await room.automate(
        cameras=[CAMERA], brightness_call=50, effect="Pulse", effect_activities=["in_a_call"]
    )
    await room.set_activity("in_a_call")
    assert room.color() == FILMED
    assert room.attribute("brightness") == 128
    assert room.attribute("effect") == "Pulse"


async def test_camera_is_ignored_in_calls_that_are_not_chosen(room: Room) -> None:
    await room.prepare(desk())
    await room.shows(CAMERA, "on")
    await room.automate(cameras=[CAMERA], shown_activities=["in_a_meeting"])
    await room.set_activity("in_a_call")
    assert room.is_off()


@pytest.mark.parametrize("device", [MICROPHONE, CAMERA])
async def test_calls_can_wait_for_microphone_or_camera(room: Room, device: str) -> None:
    await room.prepare(desk())
    for sensor in (MICROPHONE, CAMERA):
        await room.shows(sensor, "off")
    await room.automate(**DEVICES)
    await room.shows(device, "on")
    assert room.is_off()
    await room.shows(device, "off")
    await room.set_activity("in_a_call")
    assert room.is_off()
    await room.shows(device, "on")
    assert room.color() == (FILMED if device == CAMERA else COLORS["in_a_call"])
    await room.shows(device, "off")
    await room.later(60)
    assert room.is_off()
    await room.set_activity("do_not_disturb")
    assert room.color() == COLORS["do_not_disturb"]


@pytest.mark.parametrize("state", ["unavailable", "unknown", None])
async def test_calls_turn_the_lamp_on_if_no_device_is_known(room: Room, state: str | None) -> None:
    await room.prepare(desk())
    if state:
        await room.shows(MICROPHONE, state)
    await room.automate(**DEVICES)
    await room.set_activity("in_a_call")
    assert room.color() == COLORS["in_a_call"]
    await room.shows(CAMERA, "off")
    await room.later(60)
    assert room.is_off()
    room.hass.states.async_remove(CAMERA)
    await room.settle()
    assert room.color() == COLORS["in_a_call"]


async def test_flapping_device_does_not_flicker(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(**DEVICES)
    await room.shows(MICROPHONE, "on")
    await room.set_activity("in_a_call")
    orders = room.lamps[0].orders
    for _ in range(4):
        await room.shows(MICROPHONE, "off")
        assert room.color() == COLORS["in_a_call"]
        await room.shows(MICROPHONE, "on")
    assert room.lamps[0].orders <= orders + 4
    assert room.color() == COLORS["in_a_call"]


async def test_lamp_turned_off_manually_stays_off_when_a_device_changes(room: Room) -> None:
    await room.prepare(desk())
    await room.automate(cameras=[CAMERA])
    await room.set_activity("in_a_call")
    await room.later(1)
    room.lamps[0].show(on=False)
    await room.shows(CAMERA, "on")
    assert room.is_off()
