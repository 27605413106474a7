"""The quiet-knock blueprint with button, sign, lamps and phone."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.light import ATTR_RGB_COLOR, ColorMode
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
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
PORCH = "light.porch"
OTHER_SIGN = "input_text.other_sign"
GARDEN = "input_button.garden"
KIM = "sensor.kim_activity"
DOOR = "quiet_knock_quiet_knock"


SPEAK = {
    "action": "input_text.set_value",
    "target": {"entity_id": OTHER_SIGN},
    "data": {"value": "{{ answer }}"},
}


@dataclass
class Hall(House):
    """A hall with button, sign, lamps and phone."""

    blueprint: str = "quiet_knock"
    lamp: Lamp = field(default_factory=lambda: Lamp("Desk", ColorMode.RGB, colour=(1, 2, 3)))
    sent: list[dict[str, Any]] = field(default_factory=list)
    is_offline: bool = False
    taps: str = ""
    """Title of the answer to tap on arrival."""
    phone: str = ""

    async def prepare(self) -> None:
        """Set up everything but the automation."""
        porch = Lamp("Porch", ColorMode.RGB, on=True, colour=(9, 8, 7))
        setup_test_component_platform(self.hass, "light", [self.lamp, porch])
        for domain, config in (
            ("homeassistant", {}),
            ("scene", {}),
            ("light", {"platform": "test"}),
            ("input_button", {"door": {}, "garden": {}}),
            ("input_text", {"sign": {}, "other_sign": {}}),
        ):
            assert await async_setup_component(self.hass, domain, {domain: config})
        await self.hass.async_block_till_done()
        self.phone = self.add_phone("Mara's Phone")
        self.hass.services.async_register("notify", "mobile_app_mara_s_phone", self.notify)
        await self.shows(MARA, "available")

    def add_phone(self, name: str) -> str:
        """Add a phone's device and return its id."""
        entry = MockConfigEntry(domain="mobile_app")
        entry.add_to_hass(self.hass)
        device = dr.async_get(self.hass).async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={("mobile_app", name)}, name=name
        )
        return device.id

    async def notify(self, call: ServiceCall) -> None:
        """Receive a notification."""
        if self.is_offline:
            raise HomeAssistantError("offline")
        self.sent.append(dict(call.data))
        if self.taps and self.sent[-1] in self.questions:
            self.tap(self.action(self.taps))

    async def fail(self, _: ServiceCall) -> None:
        """Fail like an unreachable device."""
        raise HomeAssistantError("out of reach")

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
        # Home Assistant's editor gives each automation an id.
        return {"id": "knock", **super().config({**usual, **inputs})}

    async def add_garden(self, sensor: str) -> None:
        """Set up two automations that share lamp and phone."""
        inputs = {"activity_sensor": sensor, "buttons": GARDEN, "sign": OTHER_SIGN}
        garden = {**self.config(inputs), "id": "garden", "alias": "Garden"}
        config = {"automation": [self.config({}), garden]}
        assert await async_setup_component(self.hass, "automation", config)
        await self.settle()

    async def knock(self, button: str = BUTTON) -> None:
        """Press a button."""
        await self.act("input_button.press", entity_id=button)

    async def ask(self, **inputs: object) -> None:
        """Knock during a call and wait for the notification."""
        await self.shows(MARA, "in_a_call")
        await self.automate(**inputs)
        await self.knock()
        await self.later(2)

    async def press(self, button: str = BUTTON) -> None:
        """Press a button in the same instant."""
        await self.hass.services.async_call(
            "input_button", "press", {"entity_id": button}, blocking=True
        )
        await self.settle()

    def action(self, title: str, question: int = -1) -> str:
        """Return the action id of an answer."""
        actions = self.questions[question]["data"]["actions"]
        return {action["title"]: str(action["action"]) for action in actions}[title]

    def tap(self, action: str, **data: object) -> None:
        """Report an answer as the companion app does."""
        self.hass.bus.async_fire("mobile_app_notification_action", {"action": action, **data})

    async def answer(
        self, title: str, data: Mapping[str, object] | None = None, *, question: int = -1
    ) -> None:
        """Tap an answer, of the last notification by default."""
        await self.later(2)
        self.tap(self.action(title, question), **(data or {}))
        await self.settle()

    @property
    def sign(self) -> str:
        """Return the text of the sign."""
        return self.state(SIGN).state

    @property
    def questions(self) -> list[dict[str, Any]]:
        """Return the notifications that offer answers."""
        return [sent for sent in self.sent if sent["message"] != "clear_notification"]


@pytest.fixture
async def hall(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[Hall]:
    """Return the hall without an automation."""
    hall = Hall(hass, freezer)
    await hall.prepare()
    yield hall
    for sensor in (MARA, KIM):
        await hall.shows(sensor, "available")
    await hall.leave()


def test_only_the_person_is_required() -> None:
    inputs = read("quiet_knock").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {"activity_sensor"}


async def test_sign_shows_come_in_without_a_call(hall: Hall) -> None:
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
    assert hall.sign == "In a call, one moment"
    assert hall.state(LAMP).attributes[ATTR_RGB_COLOR] == (255, 255, 255)
    await hall.later(2)
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
    ("title", "data", "shown"),
    [
        ("Come in", {}, "Come in"),
        ("Five minutes", {}, "Five minutes"),
        ("After the call", {}, "After the call"),
        ("Answer", {"reply_text": "Key is under the mat"}, "Key is under the mat"),
        ("Answer", {"reply_text": "42"}, "42"),
        ("Answer", {"reply_text": " "}, "In a call"),
        ("Answer", {}, "In a call"),
        ("Answer", {"reply_text": "x" * 300}, "x" * 100),
    ],
)
async def test_answer_appears_on_the_sign(
    hall: Hall, title: str, data: dict[str, object], shown: str
) -> None:
    await hall.ask()
    await hall.answer(title, data)
    assert hall.sign == shown
    assert hall.sent[-1] == {"message": "clear_notification", "data": {"tag": DOOR}}
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    await hall.later(301)
    assert hall.sign == ""


async def test_second_answer_changes_nothing(hall: Hall) -> None:
    await hall.ask()
    await hall.answer("Five minutes")
    await hall.answer("Come in")
    assert hall.sign == "Five minutes"
    await hall.shows(MARA, "available")
    await hall.answer("After the call")
    assert hall.sign == "Come in"


async def test_sign_shows_the_call_without_an_answer_until_the_call_ends(hall: Hall) -> None:
    await hall.ask()
    await hall.later(61)
    assert hall.sign == "In a call"
    assert hall.sent[-1]["message"] == "clear_notification"
    await hall.later(5 * 3600)
    await hall.shows(MARA, "unavailable")
    assert hall.sign == "In a call"
    await hall.shows(MARA, "in_a_meeting")
    assert hall.sign == "Come in"


async def test_sign_shows_come_in_if_the_call_ends_before_the_answer(hall: Hall) -> None:
    await hall.ask()
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    assert hall.sent[-1]["message"] == "clear_notification"


async def test_sign_shows_the_call_if_the_phone_is_offline(hall: Hall) -> None:
    hall.is_offline = True
    await hall.ask()
    await hall.later(61)
    assert hall.sign == "In a call"


@pytest.mark.parametrize("phones", [[], ["removed"]])
async def test_sign_shows_the_call_without_a_phone(hall: Hall, phones: list[str]) -> None:
    await hall.ask(phones=phones)
    await hall.later(61)
    assert hall.sign == "In a call"
    assert hall.sent == []


async def test_two_knocks_at_once_send_one_notification_and_restore_the_lamp(hall: Hall) -> None:
    hall.lamp.show(on=True)
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    hall.freezer.tick(0.5)
    await hall.press()
    await hall.later(2)
    assert len(hall.questions) == 1
    assert hall.state(LAMP).attributes[ATTR_RGB_COLOR] == (1, 2, 3)
    await hall.answer("After the call")
    assert hall.sign == "After the call"


async def test_another_knock_replaces_the_notification(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    for _ in range(2):
        await hall.knock()
        await hall.later(2)
    # Phones show one notification with a tag.
    assert [question["data"]["tag"] for question in hall.questions] == [DOOR, DOOR]
    await hall.answer("Come in", question=0)
    assert hall.sign == "In a call, one moment"
    await hall.answer("Five minutes")
    assert hall.sign == "Five minutes"


async def test_answer_to_an_earlier_notification_is_ignored(hall: Hall) -> None:
    await hall.ask()
    await hall.later(61)
    assert hall.sign == "In a call"
    await hall.knock()
    await hall.later(2)
    await hall.answer("Come in", question=0)
    assert hall.sign == "In a call, one moment"
    await hall.later(61)
    assert hall.sign == "In a call"


async def test_answer_after_the_call_changes_nothing(hall: Hall) -> None:
    await hall.ask()
    await hall.shows(MARA, "available")
    await hall.answer("After the call")
    assert hall.sign == "Come in"
    await hall.later(301)
    await hall.answer("After the call")
    assert hall.sign == ""


@pytest.mark.parametrize("lamps", [[], [LAMP]])
async def test_answer_on_arrival_of_the_notification_is_accepted(
    hall: Hall, lamps: list[str]
) -> None:
    hall.taps = "Five minutes"
    await hall.ask(lamps=lamps)
    assert hall.sign == "Five minutes"
    assert hall.sent[-1] == {"message": "clear_notification", "data": {"tag": DOOR}}
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"


async def test_answer_clears_the_notification_on_a_slower_phone_too(hall: Hall) -> None:
    tablet = hall.add_phone("Tablet")
    is_reached = asyncio.Event()
    received: list[str] = []

    async def notify(call: ServiceCall) -> None:
        await is_reached.wait()
        received.append(call.data["message"])

    hall.hass.services.async_register("notify", "mobile_app_tablet", notify)
    await hall.ask(phones=[hall.phone, tablet])
    await hall.answer("Five minutes")
    assert hall.sign == "Five minutes"
    is_reached.set()
    await hall.settle()
    assert received == ["In a call, one moment", "clear_notification"]


async def test_call_that_ends_during_the_pulse_sends_no_notification(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    hall.hass.states.async_set(MARA, "available")
    await hall.later(2)
    assert hall.sign == "Come in"
    assert not hall.is_on(LAMP)
    assert hall.sent == []


@pytest.mark.parametrize("sensor", [MARA, KIM])
async def test_each_answer_is_shown_on_the_sign_of_its_automation(hall: Hall, sensor: str) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.shows(KIM, "presenting")
    await hall.add_garden(sensor)
    await hall.knock()
    await hall.knock(GARDEN)
    await hall.later(2)
    assert sorted(question["data"]["tag"] for question in hall.questions) == [
        "quiet_knock_garden",
        DOOR,
    ]
    await hall.answer("Five minutes", question=0)
    await hall.answer("Come in", question=1)
    signs = {
        question["data"]["tag"]: sign
        for question, sign in zip(hall.questions, ["Five minutes", "Come in"], strict=True)
    }
    assert hall.sign == signs[DOOR]
    assert hall.state(OTHER_SIGN).state == signs["quiet_knock_garden"]
    cleared = [sent["data"]["tag"] for sent in hall.sent if sent not in hall.questions]
    assert cleared == list(signs)
    for each in (MARA, KIM):
        await hall.shows(each, "available")
    assert hall.sign == hall.state(OTHER_SIGN).state == "Come in"


@pytest.mark.parametrize("is_on", [True, False])
async def test_lamp_of_two_automations_pulses_once(hall: Hall, *, is_on: bool) -> None:
    hall.lamp.show(on=is_on)
    await hall.shows(MARA, "in_a_call")
    await hall.add_garden(MARA)
    await hall.knock()
    hall.freezer.tick(0.5)
    await hall.press(GARDEN)
    assert hall.lamp.orders == 1
    await hall.later(2)
    assert hall.is_on(LAMP) is is_on
    assert hall.state(LAMP).attributes.get(ATTR_RGB_COLOR) == ((1, 2, 3) if is_on else None)
    assert hall.hass.states.async_entity_ids("scene") == []
    assert len(hall.questions) == 2


async def test_end_of_a_call_does_not_change_another_persons_sign(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.shows(KIM, "in_a_call")
    await hall.add_garden(KIM)
    await hall.knock()
    await hall.knock(GARDEN)
    await hall.later(2)
    await hall.shows(KIM, "available")
    assert hall.sign == "In a call, one moment"
    assert hall.state(OTHER_SIGN).state == "Come in"


async def test_sign_shows_the_call_if_the_phone_is_not_registered(hall: Hall) -> None:
    hall.hass.services.async_remove("notify", "mobile_app_mara_s_phone")
    await hall.ask()
    assert not hall.is_on(LAMP)
    await hall.later(61)
    assert hall.sign == "In a call"
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    await hall.later(301)
    assert hall.sign == ""


async def test_removed_sensor_keeps_the_notification(hall: Hall) -> None:
    await hall.ask()
    hall.hass.states.async_remove(MARA)
    await hall.answer("Five minutes")
    assert hall.sign == "Five minutes"
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"


async def test_missing_sensor_counts_as_a_call(hall: Hall) -> None:
    await hall.automate(activity_sensor="sensor.removed_activity")
    await hall.knock()
    await hall.later(2)
    assert len(hall.questions) == 1
    await hall.later(61)
    assert hall.sign == "In a call"
    await hall.shows("sensor.removed_activity", "away")
    assert hall.sign == "Come in"


async def test_flapping_sensor_and_button_send_no_other_notification(hall: Hall) -> None:
    await hall.ask()
    pressed = hall.state(BUTTON).state
    for state in ("unavailable", "unknown", "unavailable"):
        await hall.shows(MARA, state)
        await hall.shows(MARA, "in_a_call")
        await hall.shows(BUTTON, state)
        await hall.shows(BUTTON, "unavailable")
        await hall.shows(BUTTON, pressed)
    assert len(hall.sent) == 1
    await hall.answer("Five minutes")
    assert hall.sign == "Five minutes"


async def test_removed_sign_does_not_end_the_run(hall: Hall) -> None:
    await hall.ask(speaking=[SPEAK])
    er.async_get(hall.hass).async_remove(SIGN)
    await hall.settle()
    assert hall.hass.states.get(SIGN) is None
    await hall.answer("Five minutes")
    assert hall.state(OTHER_SIGN).state == "Five minutes"
    assert hall.sent[-1]["message"] == "clear_notification"
    await hall.shows(MARA, "available")
    assert hall.state(hall.automation).attributes["current"] == 1
    await hall.later(301)
    assert hall.state(hall.automation).attributes["current"] == 0


async def test_lamp_unavailable_during_the_pulse_is_restored_later(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    hall.lamp.show(available=False)
    await hall.later(2)
    assert len(hall.questions) == 1
    hall.lamp.show(on=True)
    await hall.answer("Five minutes")
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    await hall.later(301)
    assert not hall.is_on(LAMP)
    assert hall.hass.states.async_entity_ids("scene") == []


async def test_failing_lamps_do_not_end_the_run(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Lamp, **__: object) -> None:
        raise HomeAssistantError("out of reach")

    monkeypatch.setattr(Lamp, "async_turn_on", fail)
    monkeypatch.setattr(Lamp, "async_turn_off", fail)
    await hall.ask(sign_lamps=[PORCH])
    await hall.answer("Five minutes")
    assert hall.sign == "Five minutes"
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    await hall.later(301)
    assert hall.sign == ""


async def test_failing_actions_do_not_end_the_run(hall: Hall) -> None:
    hall.hass.services.async_register("test", "fail", hall.fail)
    fail = [{"action": "test.fail"}]
    await hall.ask(asking=fail, speaking=fail)
    await hall.answer("Five minutes")
    assert hall.sign == "Five minutes"
    await hall.shows(MARA, "available")
    assert hall.sign == "Come in"
    await hall.later(301)
    assert hall.sign == ""


@pytest.fixture
async def pulsing(hall: Hall) -> Hall:
    """Return the hall during the pulse."""
    await hall.shows(MARA, "in_a_call")
    await hall.automate(sign_lamps=[PORCH])
    await hall.knock()
    assert hall.state(LAMP).attributes[ATTR_RGB_COLOR] == (255, 255, 255)
    assert hall.state(PORCH).attributes[ATTR_RGB_COLOR] == (255, 0, 0)
    return hall


def is_restored(hall: Hall) -> bool:
    """Return whether lamps and sign are restored."""
    return (
        not hall.is_on(LAMP)
        and hall.state(PORCH).attributes[ATTR_RGB_COLOR] == (9, 8, 7)
        and hall.hass.states.async_entity_ids("scene") == []
        and hall.sign == ""
    )


async def test_stop_during_the_pulse_restores_the_lamps(pulsing: Hall) -> None:
    await pulsing.stop(after=0)
    assert is_restored(pulsing)
    assert pulsing.sent == []


async def test_automation_turned_off_during_the_pulse_restores_the_lamps_when_turned_on(
    pulsing: Hall,
) -> None:
    await pulsing.hass.services.async_call(
        "automation", "turn_off", {"entity_id": pulsing.automation}, blocking=True
    )
    await pulsing.later(2)
    assert pulsing.is_on(LAMP)
    await pulsing.act("automation.turn_on", entity_id=pulsing.automation)
    assert is_restored(pulsing)
    assert pulsing.sent == []


async def test_automation_saved_during_the_pulse_restores_the_lamps(
    pulsing: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pulsing.save(monkeypatch, sign_lamps=[PORCH], answer_seconds=30)
    assert is_restored(pulsing)
    assert pulsing.sent == []


async def test_knock_after_the_call_restores_a_pulsing_lamp(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate()
    await hall.knock()
    hall.hass.states.async_set(MARA, "available")
    hall.freezer.tick(0.3)
    await hall.press()
    assert hall.sign == "Come in"
    assert not hall.is_on(LAMP)
    assert hall.hass.states.async_entity_ids("scene") == []


async def test_sign_lamp_shows_the_answer_and_is_restored(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate(sign_lamps=[PORCH])
    await hall.knock()
    assert hall.state(PORCH).attributes[ATTR_RGB_COLOR] == (255, 0, 0)
    await hall.later(2)
    await hall.answer("Come in")
    assert hall.state(PORCH).attributes[ATTR_RGB_COLOR] == (0, 255, 0)
    await hall.later(301)
    assert hall.state(PORCH).attributes[ATTR_RGB_COLOR] == (9, 8, 7)
    assert hall.hass.states.async_entity_ids("scene") == []


async def test_lamps_of_a_group_are_restored_individually(hall: Hall) -> None:
    await hall.add_group("light.all", LAMP, PORCH)
    await hall.ask(lamps="light.all")
    assert not hall.is_on(LAMP)
    assert hall.state(PORCH).attributes[ATTR_RGB_COLOR] == (9, 8, 7)


async def test_unavailable_lamp_is_ignored(hall: Hall) -> None:
    hall.lamp.show(available=False)
    await hall.ask(lamps=[LAMP, "light.removed"])
    assert hall.lamp.orders == 0
    assert len(hall.questions) == 1


async def test_custom_triggers_and_actions(hall: Hall) -> None:
    await hall.shows(MARA, "in_a_call")
    await hall.automate(
        phones=[],
        knocking=[{"trigger": "event", "event_type": "tag_scanned", "event_data": {"tag_id": "1"}}],
        asking=[{"event": "asked", "event_data": {"action": "{{ answers[1].action }}"}}],
        speaking=[SPEAK],
    )
    asked: list[str] = []
    hall.hass.bus.async_listen("asked", lambda event: asked.append(event.data["action"]))
    hall.hass.bus.async_fire("tag_scanned", {"tag_id": "1"})
    await hall.settle()
    await hall.later(2)
    (action,) = asked
    hall.tap(action)
    await hall.settle()
    assert hall.state(OTHER_SIGN).state == "Five minutes"


async def test_restart_clears_the_sign(hall: Hall) -> None:
    await hall.act("input_text.set_value", entity_id=SIGN, value="Key is under the mat")
    await hall.restart()
    assert hall.sign == ""


async def test_wrong_sensor_is_an_error(hall: Hall) -> None:
    await hall.shows("sensor.mara_availability", "busy", options=["available", "busy"])
    await hall.automate(activity_sensor="sensor.mara_availability")
    await hall.knock()
    assert hall.sign == "unknown"
