"""The quiet-knock blueprint, with a button, a sign, lamps and a phone."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.light import ATTR_RGB_COLOR, ColorMode
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    setup_test_component_platform,
)

from tests.home.blueprints import House, read
from tests.home.blueprints.test_busy_light import Lamp

MARA = "sensor.mara_activity"
BUTTON = "input_button.door"
SIGN = "input_text.sign"
LAMP = "light.desk"
DOOR = "quiet_knock_quiet_knock"


@dataclass
class Hall(House):
    """A hall with a door, and Mara behind it."""

    blueprint: str = "quiet_knock"
    lamp: Lamp = field(default_factory=lambda: Lamp("Desk", ColorMode.RGB, colour=(1, 2, 3)))
    sent: list[dict[str, Any]] = field(default_factory=list)
    is_offline: bool = False
    phone: str = ""

    async def prepare(self) -> None:
        """Set up everything but the automation."""
        porch = Lamp("Porch", ColorMode.RGB, on=True, colour=(9, 8, 7))
        setup_test_component_platform(self.hass, "light", [self.lamp, porch])
        for domain, config in (
            ("homeassistant", {}),
            ("scene", {}),
            ("light", {"platform": "test"}),
            ("input_button", {"door": {}}),
            ("input_text", {"sign": {}, "other_sign": {}}),
        ):
            assert await async_setup_component(self.hass, domain, {domain: config})
        await self.hass.async_block_till_done()
        entry = MockConfigEntry(domain="mobile_app")
        entry.add_to_hass(self.hass)
        device = dr.async_get(self.hass).async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={("mobile_app", "1")}, name="Mara's Phone"
        )
        self.phone = device.id
        self.hass.services.async_register("notify", "mobile_app_mara_s_phone", self.notify)
        await self.shows(MARA, "available")

    async def notify(self, call: ServiceCall) -> None:
        """Receive a notification."""
        if self.is_offline:
            raise HomeAssistantError("offline")
        self.sent.append(dict(call.data))

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation for Mara's door."""
        usual = {
            "activity_sensor": MARA,
            "buttons": BUTTON,
            "sign": SIGN,
            "lamps": LAMP,
            "phones": [self.phone],
        }
        return super().config({**usual, **inputs})

    async def knock(self) -> None:
        """Press the button."""
        await self.act("input_button.press", entity_id=BUTTON)

    async def answer(self, action: str, **data: object) -> None:
        """Tap an answer on the phone."""
        await self.later(2)
        self.hass.bus.async_fire(
            "mobile_app_notification_action", {"action": f"{DOOR}_{action}", **data}
        )
        await self.settle()

    @property
    def sign(self) -> str:
        """Return the text at the door."""
        return self.state(SIGN).state

    @property
    def questions(self) -> list[dict[str, Any]]:
        """Return the notifications that ask."""
        return [sent for sent in self.sent if sent["message"] != "clear_notification"]


@pytest.fixture
async def hall(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[Hall]:
    """Return the hall without an automation."""
    hall = Hall(hass, freezer)
    await hall.prepare()
    yield hall
    await hall.shows(MARA, "available")
    await hall.leave()


def test_only_the_person_is_required() -> None:
    inputs = read("quiet_knock").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {"activity_sensor"}


async def test_sign_says_come_in_without_a_call(hall: Hall) -> None:
    await hall.automate()
    await hall.knock()
    assert hall.sign == "Come in"
    assert hall.sent == []
    assert hall.lamp.orders == 0
    await hall.later(301)
    assert hall.sign == ""


@pytest.mark.parametrize("activity", ["in_a_call", "presenting", "unavailable", "unknown"])
async def test_lamp_pulses_once_and_the_phone_offers_answers(hall: Hall, activity: str) -> None:
    await hall.shows(MARA, activity)
    await hall.automate()
    await hall.knock()
    assert hall.sign == "In a call"
    assert hall.state(LAMP).attributes[ATTR_RGB_COLOR] == (255, 255, 255)
    await hall.later(2)
    assert hall.sign == "In a call, one moment"
    assert not hall.is_on(LAMP)
    (question,) = hall.questions
    assert [answer["title"] for answer in question["data"]["actions"]] == [
        "Come in",
        "Five minutes",
        "After the call",
        "Answer",
    ]
    assert hall.hass.states.async_entity_ids("scene") == []


@pytest.mark.parametrize(
    ("action", "data", "shown"),
    [
        ("come_in", {}, "Come in"),
        ("five_minutes", {}, "Five minutes"),
        ("after_call", {}, "After the call"),
        ("reply", {"reply_text": "Key is under the mat"}, "Key is under the mat"),
        ("reply", {"reply_text": "42"}, "42"),
        ("reply", {"reply_text": " "}, "In a call"),
        ("reply", {}, "In a call"),
        ("reply", {"reply_text": "x" * 300}, "x" * 100),
    ],
)
async def test_answer_appears_on_the_sign(
    hall: Hall, action: str, data: dict[str, object], shown: str
) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    await hall.answer(action, **data)
    assert hall.sign == shown
    assert hall.sent[-1] == {"message": "clear_notification", "data": {"tag": DOOR}}
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    await hall.later(301)
    assert hall.sign == ""


async def test_second_answer_changes_nothing(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    await hall.answer("five_minutes")
    await hall.answer("come_in")
    assert hall.sign == "Five minutes"
    await hall.shows(MARA, "available")
    await hall.answer("after_call")
    assert hall.sign == "Come in"


async def test_no_answer_is_shown_until_the_call_ends(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    await hall.later(61)
    assert hall.sign == "In a call"
    assert hall.sent[-1]["message"] == "clear_notification"
    await hall.later(5 * 3600)
    await hall.shows(MARA, "unavailable")
    assert hall.sign == "In a call"
    await hall.shows(MARA, "in_a_meeting")
    assert hall.sign == "Come in"


async def test_call_that_ends_before_the_answer_is_come_in(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    assert hall.sent[-1]["message"] == "clear_notification"


async def test_phone_that_is_offline_does_not_stop_the_sign(hall: Hall) -> None:
    hall.is_offline = True
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    await hall.later(61)
    assert hall.sign == "In a call"


@pytest.mark.parametrize("phones", [[], ["removed"]])
async def test_without_a_phone_the_sign_shows_the_call(hall: Hall, phones: list[str]) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate(phones=phones)
    await hall.knock()
    await hall.later(2)
    await hall.later(61)
    assert hall.sign == "In a call"
    assert hall.sent == []


async def test_two_knocks_ask_twice_and_restore_the_lamp(hall: Hall) -> None:
    hall.lamp.show(on=True)
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.act("input_button.press", entity_id=BUTTON)
    hall.freezer.tick(0.5)
    await hall.hass.services.async_call(
        "input_button", "press", {"entity_id": BUTTON}, blocking=True
    )
    await hall.settle()
    await hall.later(2)
    assert hall.state(LAMP).attributes[ATTR_RGB_COLOR] == (1, 2, 3)
    await hall.answer("after_call")
    assert hall.sign == "After the call"


async def test_phone_that_is_not_registered_leaves_the_call_on_the_sign(hall: Hall) -> None:
    hall.hass.services.async_remove("notify", "mobile_app_mara_s_phone")
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    assert hall.sign == "In a call"
    assert not hall.is_on(LAMP)


async def test_knock_after_the_call_restores_a_lamp_that_was_pulsing(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    hall.hass.states.async_set(MARA, "available")
    hall.freezer.tick(0.3)
    await hall.hass.services.async_call(
        "input_button", "press", {"entity_id": BUTTON}, blocking=True
    )
    await hall.settle()
    assert hall.sign == "Come in"
    assert not hall.is_on(LAMP)
    assert hall.hass.states.async_entity_ids("scene") == []


async def test_answer_for_another_door_is_not_for_this_one(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    await hall.later(2)
    hall.hass.bus.async_fire(
        "mobile_app_notification_action", {"action": "quiet_knock_garden_come_in"}
    )
    await hall.settle()
    assert hall.sign == "In a call, one moment"


async def test_sign_lamp_shows_the_answer_and_is_restored(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate(sign_lamps=["light.porch"])
    await hall.knock()
    assert hall.state("light.porch").attributes[ATTR_RGB_COLOR] == (255, 0, 0)
    await hall.later(2)
    await hall.answer("come_in")
    assert hall.state("light.porch").attributes[ATTR_RGB_COLOR] == (0, 255, 0)
    await hall.later(301)
    assert hall.state("light.porch").attributes[ATTR_RGB_COLOR] == (9, 8, 7)
    assert hall.hass.states.async_entity_ids("scene") == []


async def test_group_is_restored_lamp_by_lamp(hall: Hall) -> None:
    await hall.add_group("light.all", LAMP, "light.porch")
    await hall.shows(MARA, "in_a_call")
    await hall.automate(lamps="light.all")
    await hall.knock()
    await hall.later(2)
    assert not hall.is_on(LAMP)
    assert hall.state("light.porch").attributes[ATTR_RGB_COLOR] == (9, 8, 7)


async def test_lamp_without_power_is_left_out(hall: Hall) -> None:
    hall.lamp.show(available=False)
    await hall.shows(MARA, "in_a_call")
    await hall.automate(lamps=[LAMP, "light.removed"])
    await hall.knock()
    await hall.later(2)
    assert hall.lamp.orders == 0
    assert len(hall.questions) == 1


async def test_other_ways_to_knock_ask_and_speak(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate(
        phones=[],
        knocking=[{"trigger": "event", "event_type": "tag_scanned", "event_data": {"tag_id": "1"}}],
        asking=[{"event": "asked", "event_data": {"first": "{{ answers[0].action }}"}}],
        speaking=[
            {
                "action": "input_text.set_value",
                "target": {"entity_id": "input_text.other_sign"},
                "data": {"value": "{{ answer }}"},
            }
        ],
    )
    asked: list[str] = []
    hall.hass.bus.async_listen("asked", lambda event: asked.append(event.data["first"]))
    hall.hass.bus.async_fire("tag_scanned", {"tag_id": "1"})
    await hall.settle()
    await hall.later(2)
    assert asked == [f"{DOOR}_come_in"]
    await hall.answer("five_minutes")
    assert hall.state("input_text.other_sign").state == "Five minutes"


async def test_restart_empties_the_sign(hall: Hall) -> None:
    await hall.act("input_text.set_value", entity_id=SIGN, value="After the call")
    await hall.restart()
    assert hall.sign == ""


async def test_other_sensor_of_the_person_is_an_error(hall: Hall) -> None:
    await hall.shows("sensor.mara_availability", "busy", options=["available", "busy"])
    await hall.automate(activity_sensor="sensor.mara_availability")
    await hall.knock()
    assert hall.sign == "unknown"
