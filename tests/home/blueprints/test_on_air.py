"""The on-air blueprint with a sign at the door."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.switch import SwitchEntity
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person
from tests.home.blueprints import House, read

MARA = "sensor.mara_activity"
KIM = "sensor.kim_activity"
ROBIN = "sensor.robin_example_activity"
SIGN = "switch.sign"
HELPER = "input_boolean.helper"


class Plug(SwitchEntity):
    """A plug that counts its actions."""

    _attr_should_poll = False
    _attr_name = "Sign"
    _attr_is_on = False
    orders = 0

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn on."""
        self.orders += 1
        self.show(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn off."""
        self.orders += 1
        self.show(on=False)

    def show(self, *, on: bool | None = None, available: bool = True) -> None:
        """Change without an action."""
        self._attr_is_on = self._attr_is_on if on is None else on
        self._attr_available = available
        self.async_write_ha_state()


@dataclass
class Studio(House):
    """A house with two signs and two people."""

    blueprint: str = "on_air"

    async def prepare(self) -> Plug:
        """Set up the signs and the activities."""
        plug = Plug()
        setup_test_component_platform(self.hass, "switch", [plug])
        for person in (MARA, KIM):
            await self.shows(person, "available")
        for domain, config in (
            ("homeassistant", {}),
            ("scene", {}),
            ("switch", {"platform": "test"}),
            ("input_boolean", {"helper": {}}),
        ):
            assert await async_setup_component(self.hass, domain, {domain: config})
        await self.hass.async_block_till_done()
        return plug

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation's configuration, with default inputs."""
        return super().config({"activity_sensor": MARA, "switches": [SIGN, HELPER], **inputs})

    def lit(self) -> list[str]:
        """Return the signs that are on."""
        return [sign for sign in (SIGN, HELPER) if self.is_on(sign)]


@pytest.fixture
async def studio(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[Studio]:
    """Return the house; check for runs afterwards."""
    studio = Studio(hass, freezer)
    yield studio
    await studio.leave()


@pytest.fixture
async def plug(studio: Studio) -> Plug:
    """Prepare the house and return the sign's plug."""
    return await studio.prepare()


def test_only_people_and_signs_are_required() -> None:
    inputs = read("on_air").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {
        "activity_sensor",
        "switches",
    }


@pytest.mark.parametrize(
    ("activity", "shown"),
    [
        ("in_a_call", True),
        ("in_a_conference_call", True),
        ("presenting", True),
        ("in_a_meeting", False),
        ("do_not_disturb", False),
        ("away", False),
    ],
)
async def test_signs_are_on_while_on_air(
    studio: Studio, plug: Plug, activity: str, *, shown: bool
) -> None:
    await studio.automate()
    await studio.shows(MARA, activity)
    assert studio.lit() == ([SIGN, HELPER] if shown else [])
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == []
    assert plug.orders == (2 if shown else 0)
    assert studio.hass.states.async_entity_ids("scene") == []


async def test_activities_are_chosen(studio: Studio, plug: Plug) -> None:
    await studio.automate(shown_activities=["in_a_meeting"])
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == []
    await studio.shows(MARA, "in_a_meeting")
    assert studio.lit() == [SIGN, HELPER]


async def test_presenting_and_joining_again_does_not_flicker(studio: Studio, plug: Plug) -> None:
    await studio.automate()
    for activity in ("in_a_call", "presenting", "in_a_call", "available"):
        await studio.shows(MARA, activity)
    await studio.later(8)
    await studio.shows(MARA, "in_a_call")
    await studio.later(60)
    assert studio.lit() == [SIGN, HELPER]
    assert plug.orders == 1


async def test_other_free_activity_does_not_extend_the_delay(studio: Studio, plug: Plug) -> None:
    await studio.automate()
    for activity in ("in_a_call", "available"):
        await studio.shows(MARA, activity)
    await studio.later(8)
    await studio.shows(MARA, "away")
    await studio.later(2)
    assert studio.lit() == []


async def test_delay_is_chosen(studio: Studio, plug: Plug) -> None:
    await studio.automate(free_delay=0)
    for activity in ("in_a_call", "available"):
        await studio.shows(MARA, activity)
    assert studio.lit() == []


async def test_sign_that_was_on_before_stays_on(studio: Studio, plug: Plug) -> None:
    plug.show(on=True)
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == [SIGN]
    assert plug.orders == 0


async def test_signs_that_were_all_on_before_are_not_changed(studio: Studio, plug: Plug) -> None:
    plug.show(on=True)
    await studio.automate(switches=SIGN)
    for activity in ("in_a_call", "presenting", "available"):
        await studio.shows(MARA, activity)
    await studio.later(11)
    assert studio.lit() == [SIGN]


async def test_sign_turned_off_manually_stays_off_until_the_next_call(
    studio: Studio, plug: Plug
) -> None:
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    await studio.act("switch.turn_off", entity_id=SIGN)
    await studio.shows(MARA, "presenting")
    await studio.shows(MARA, STATE_UNAVAILABLE)
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]


async def test_last_of_several_people_turns_off(studio: Studio, plug: Plug) -> None:
    await studio.automate(activity_sensor=[MARA, KIM])
    await studio.shows(MARA, "in_a_call")
    await studio.shows(KIM, "presenting")
    await studio.shows(MARA, "available")
    await studio.later(60)
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(KIM, "available")
    await studio.later(11)
    assert studio.lit() == []
    assert plug.orders == 2


async def test_person_who_is_unknown_does_not_count(studio: Studio, plug: Plug) -> None:
    await studio.automate(activity_sensor=[MARA, KIM])
    await studio.shows(KIM, STATE_UNAVAILABLE)
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == []


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_unavailable_sensor_changes_nothing(studio: Studio, plug: Plug, gone: str) -> None:
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    await studio.shows(MARA, gone)
    await studio.act("automation.trigger", entity_id=studio.automation)
    await studio.later(600)
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == []


async def test_sign_available_again_in_a_call_is_turned_on(studio: Studio, plug: Plug) -> None:
    plug.show(available=False)
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    plug.show(on=False)
    await studio.settle()
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == []


async def test_sign_unavailable_at_the_end_is_turned_off_later(studio: Studio, plug: Plug) -> None:
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    plug.show(available=False)
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert not studio.is_on(HELPER)
    plug.show(on=True)
    await studio.later(11)
    assert studio.lit() == []
    assert studio.hass.states.async_entity_ids("scene") == []


async def test_sign_available_again_without_a_call_is_not_changed(
    studio: Studio, plug: Plug
) -> None:
    await studio.automate()
    plug.show(available=False)
    plug.show(on=True)
    await studio.later(60)
    assert plug.orders == 0


async def test_automation_saved_in_a_call_restores_afterwards(
    studio: Studio, plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug.show(on=True)
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    await studio.reload(monkeypatch, free_delay=20)
    await studio.shows(MARA, "available")
    await studio.later(5)
    await studio.reload(monkeypatch, free_delay=20)
    assert studio.lit() == [SIGN, HELPER]
    await studio.later(21)
    assert studio.lit() == [SIGN]


async def test_sign_is_restored_after_a_restart(studio: Studio, plug: Plug) -> None:
    plug.show(on=True)
    await studio.automate()
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]
    await studio.stop()
    assert studio.lit() == [SIGN]


async def test_restart_in_a_call_turns_signs_on(studio: Studio, plug: Plug) -> None:
    plug.show(on=True)
    await studio.shows(MARA, "in_a_call")
    await studio.restart()
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == [SIGN]


@pytest.mark.parametrize("inputs", [{}, {"leave_on": False}, {"leave_on": True}])
async def test_sign_turned_on_manually_is_not_changed(
    studio: Studio, plug: Plug, monkeypatch: pytest.MonkeyPatch, inputs: dict[str, object]
) -> None:
    plug.show(on=True)
    await studio.restart(**inputs)
    await studio.reload(monkeypatch, free_delay=5, **inputs)
    plug.show(available=False)
    await studio.later(60)
    plug.show()
    await studio.later(60)
    await studio.trigger()
    await studio.later(60)
    await studio.shows(MARA, "in_a_call")
    await studio.shows(MARA, "available")
    await studio.later(60)
    assert studio.lit() == [SIGN]
    assert plug.orders == 0


@pytest.mark.parametrize(
    ("activity", "lit"), [("in_a_call", [SIGN, HELPER]), ("available", [SIGN])]
)
async def test_sensor_becomes_available_after_a_restart(
    studio: Studio, plug: Plug, activity: str, lit: list[str]
) -> None:
    plug.show(on=True)
    await studio.shows(MARA, STATE_UNAVAILABLE, restored=True)
    await studio.restart()
    await studio.later(60)
    assert studio.lit() == [SIGN]
    await studio.shows(MARA, activity)
    await studio.later(11)
    assert studio.lit() == lit


@pytest.mark.parametrize(
    "signs",
    [["switch.signs", HELPER], ["group.signs", HELPER], "group.signs", "group.every"],
)
async def test_members_of_a_group_are_restored_individually(
    studio: Studio, plug: Plug, signs: str | list[str]
) -> None:
    await studio.add_group("switch.nested", SIGN)
    await studio.add_group("switch.signs", SIGN, "switch.nested")
    await studio.act("group.set", object_id="signs", entities=["switch.signs", HELPER])
    # It is off unless all of its members are on.
    await studio.act("group.set", object_id="every", entities=[SIGN, HELPER], all=True)
    plug.show(on=True)
    await studio.automate(switches=signs)
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MARA, "available")
    await studio.later(11)
    assert studio.lit() == [SIGN]
    assert plug.orders == 0


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_person_who_becomes_unknown_does_not_count(
    studio: Studio, plug: Plug, gone: str
) -> None:
    await studio.automate(activity_sensor=[MARA, KIM])
    await studio.shows(MARA, "in_a_call")
    await studio.shows(MARA, gone)
    await studio.later(9)
    assert studio.lit() == [SIGN, HELPER]
    await studio.later(2)
    assert studio.lit() == []


@pytest.mark.parametrize("free_delay", [0, 10])
async def test_outage_of_one_person_after_the_other_changes_nothing(
    studio: Studio, plug: Plug, free_delay: int
) -> None:
    await studio.automate(activity_sensor=[MARA, KIM], free_delay=free_delay)
    await studio.shows(MARA, "in_a_call")
    await studio.shows(MARA, STATE_UNAVAILABLE)
    await studio.shows(KIM, STATE_UNAVAILABLE)
    await studio.later(600)
    await studio.shows(MARA, "in_a_call")
    await studio.shows(KIM, "available")
    await studio.later(60)
    assert studio.lit() == [SIGN, HELPER]
    assert plug.orders == 1


async def test_wrong_sensor_is_reported_and_ignored(
    studio: Studio, plug: Plug, entry: PresenceConfigEntry, robin: Person
) -> None:
    await studio.automate(activity_sensor="sensor.robin_example_availability")
    studio.hass.bus.async_fire("automation_reloaded")
    await studio.settle()
    assert ["availability" in message for message in studio.notifications] == [True]
    robin.join_call()
    await studio.act("homeassistant.update_entity", entity_id=ROBIN)
    assert studio.lit() == []


async def test_account_reloaded_while_free_changes_nothing(studio: Studio, plug: Plug) -> None:
    plug.show(on=True)
    await studio.automate()
    await studio.shows(MARA, STATE_UNAVAILABLE, restored=True)
    await studio.shows(MARA, "available")
    await studio.later(60)
    assert plug.orders == 0


async def test_call_in_teams_turns_the_sign_on(
    studio: Studio, plug: Plug, entry: PresenceConfigEntry, robin: Person
) -> None:
    await studio.automate(activity_sensor=ROBIN)
    robin.join_call()
    await studio.act("homeassistant.update_entity", entity_id=ROBIN)
    assert studio.lit() == [SIGN, HELPER]
    robin.leave_call()
    await studio.act("homeassistant.update_entity", entity_id=ROBIN)
    await studio.later(11)
    assert studio.lit() == []


MICROPHONE = "binary_sensor.microphone"
CAMERA = "binary_sensor.camera"
DEVICES = {"devices": [MICROPHONE, CAMERA], "on_while": "devices"}


@pytest.mark.parametrize("device", [MICROPHONE, CAMERA])
async def test_device_turns_signs_on_only_during_calls(
    studio: Studio, plug: Plug, device: str
) -> None:
    for sensor in (MICROPHONE, CAMERA):
        await studio.shows(sensor, "off")
    await studio.automate(**DEVICES)
    await studio.shows(device, "on")
    assert studio.lit() == []
    await studio.shows(device, "off")
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == []
    await studio.shows(device, "on")
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(device, "off")
    await studio.later(11)
    assert studio.lit() == []
    assert plug.orders == 2


async def test_flapping_device_does_not_flicker(studio: Studio, plug: Plug) -> None:
    await studio.shows(MICROPHONE, "on")
    await studio.automate(**DEVICES)
    await studio.shows(MARA, "in_a_call")
    for state in ("off", "on") * 3:
        await studio.shows(MICROPHONE, state)
        await studio.later(4)
    await studio.later(60)
    assert studio.lit() == [SIGN, HELPER]
    assert plug.orders == 1


@pytest.mark.parametrize("devices", [[], [MICROPHONE]])
async def test_signs_follow_calls_without_known_device(
    studio: Studio, plug: Plug, devices: list[str]
) -> None:
    await studio.automate(devices=devices, on_while="devices")
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]


async def test_device_unavailable_at_start_decides_once_known(studio: Studio, plug: Plug) -> None:
    await studio.shows(MICROPHONE, STATE_UNAVAILABLE)
    await studio.automate(**DEVICES)
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]
    await studio.shows(MICROPHONE, "off")
    await studio.later(11)
    assert studio.lit() == []


async def test_signs_follow_calls_after_device_is_removed(studio: Studio, plug: Plug) -> None:
    await studio.shows(MICROPHONE, "off")
    await studio.automate(**DEVICES)
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == []
    studio.hass.states.async_remove(MICROPHONE)
    await studio.settle()
    assert studio.lit() == [SIGN, HELPER]


async def test_devices_do_not_count_unless_chosen(studio: Studio, plug: Plug) -> None:
    await studio.shows(MICROPHONE, "off")
    await studio.automate(devices=[MICROPHONE])
    await studio.shows(MARA, "in_a_call")
    assert studio.lit() == [SIGN, HELPER]
