"""The voice blueprint, with Home Assistant's conversation agent."""

import asyncio
from collections.abc import AsyncGenerator
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import conversation
from homeassistant.core import Context, HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Person, Simulator
from tests.home.account import Account
from tests.home.blueprints import BLUEPRINTS, ConnectedHouse, at, read
from tests.home.people import async_add

from .voice_languages import LANGUAGES

DOCUMENT = (BLUEPRINTS.parent / "docs/voice.md").read_text()
BLOCKS = (BLUEPRINTS.parent / "docs/voice-languages.md").read_text()
SELECT = "select.robin_example_preferred_presence"
TEXT = "text.robin_example_status_message"


class Home(ConnectedHouse):
    """A home whose people can be asked about."""

    devices: dict[str, str]
    runs: int = 0

    async def choose(self, me: str = "Robin Example", **inputs: object) -> None:
        """Create the automation for everyone."""
        people = list(self.devices.values())
        await self.automate(**{"people": people, "me": self.devices.get(me, ""), **inputs})
        self.hass.bus.async_listen("automation_triggered", self._count)

    def _count(self, _: Any) -> None:
        self.runs += 1

    async def say(self, text: str) -> str:
        """Return the answer of the only started run."""
        self.runs = 0
        answer = await self.ask(text)
        assert self.runs == 1, text
        return answer

    async def ask(self, text: str) -> str:
        """Return the answer of the automation or Assist."""
        result = await conversation.async_converse(
            self.hass, text, None, Context(), language=self.hass.config.language
        )
        await self.settle()
        return str(result.response.speech["plain"]["speech"])

    def message(self) -> tuple[str, str]:
        """Return the message in Teams and its local end."""
        message = self.robin.status_message
        if message is None:
            return "", ""
        return (
            message.content,
            f"{dt_util.as_local(message.expires):%H:%M}" if message.expires else "",
        )

    def preference(self) -> tuple[str, str]:
        """Return the preference in Teams and its local end."""
        preferred = self.robin.preference
        if preferred is None:
            return "", ""
        return preferred.state.availability, f"{dt_util.as_local(preferred.ends):%H:%M}"


@pytest.fixture
async def home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    account: Account,
    simulator: Simulator,
    robin: Person,
) -> AsyncGenerator[Home]:
    """Return a home at 12:30, with Robin in a call."""
    freezer.move_to(at(12, 29, day=4))
    # Before the first request.
    for domain in ("homeassistant", "conversation"):
        assert await async_setup_component(hass, domain, {})
    entry = await account.async_sign_in(colleagues=True)
    alex = simulator.tenant.people["alex"]
    alex.open_teams()
    await async_add(hass, entry, "alex", alex)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    home = Home(hass, freezer, "voice", robin)
    home.devices = {str(device.name): device.id for device in devices}
    robin.join_call()
    await home.wait_until(at(12, 30, day=4))
    await home.poll()
    yield home
    await home.leave()


def rows() -> list[tuple[str, str]]:
    """Return the sentences and answers in the document."""
    table = DOCUMENT.partition("| You say | Assist answers |")[2].partition("\n\n")[0]
    found = [tuple(cell.strip() for cell in line.split("|")[1:3]) for line in table.split("\n")[2:]]
    return [(said, answer) for said, answer in found]


def parts(answer: str) -> set[str]:
    """Return the sentences of an answer about several people."""
    return set(answer.removesuffix(".").split(". "))


def block(language: str) -> dict[str, Any]:
    """Return the inputs for a language in the document."""
    text = BLOCKS.partition(f"## {language}\n")[2].partition("```yaml\n")[2].partition("```")[0]
    inputs = parse_yaml(text)
    assert isinstance(inputs, dict)
    return inputs


def test_only_people_are_required() -> None:
    inputs = read("voice").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {"people"}


async def test_sentences_have_the_documented_answers(home: Home) -> None:
    await home.choose()
    assert len(rows()) == 14
    for said, answer in rows():
        assert (said, await home.say(said)) == (said, answer)


MESSAGES = (
    ("set my status to lunch", "lunch", ""),
    ("set my status to back soon until 14:30", "back soon", "14:30"),
    ("set my status to back soon until 14.30", "back soon", "14:30"),
    ("set my status to back soon until two thirty", "back soon", "14:30"),
    ("set my status to back soon till 2pm", "back soon", "14:00"),
    ("set my message to walking the dog until 2:15 p.m.", "walking the dog", "14:15"),
    ("set my status to gone until 8 o'clock", "gone", "20:00"),
    ("set my status to gone until 8 am", "gone", "08:00"),
    ("set my status to gone until 08:00", "gone", "08:00"),
    ("set my status to gone until midnight", "gone", "00:00"),
    ("set my status to waiting for Kim for an hour", "waiting for Kim", "13:30"),
    ("set my status to waiting for Kim", "waiting for Kim", ""),
    ("set my status to focus for 2 hours 30 minutes", "focus", "15:00"),
    ("set my status to focus for 2h and 30min", "focus", "15:00"),
    ("set my status to focus for one and a half hours", "focus", "14:00"),
    ("set my status to focus for twenty one minutes", "focus", "12:51"),
    ("set my status to focus for forty-five minutes", "focus", "13:15"),
    ("set my status to waiting until Kim calls until 2 pm", "waiting until Kim calls", "14:00"),
    ("set my status to Lunch, back at two!", "Lunch back at two", ""),
    ("set my status to 42", "42", ""),
    ("Set my status to YES", "YES", ""),
)


async def test_message_and_its_end(home: Home) -> None:
    await home.choose()
    for said, message, end in MESSAGES:
        assert "status message" in await home.say(said)
        assert (said, home.message()) == (said, (message, end))


async def test_an_end_that_is_not_understood_sets_nothing(home: Home) -> None:
    await home.choose()
    await home.say("set my status to here")
    for end in (
        "until late",
        "until 25",
        "until 24:60",
        "until 13 pm",
        "until half past two",
        "until",
        "until a",
        "until tomorrow",
    ):
        answer = await home.say(f"set my status to gone {end}")
        assert answer == f"I did not understand the end: {end}."
    for end in (
        "the cat",
        "for a while",
        "for zero minutes",
        "for hours",
        "for 5",
        "for 9999 days",
    ):
        answer = await home.say(f"do not disturb {end}")
        assert answer == f"I did not understand the end: {end}."
    assert home.message() == ("here", "")
    assert home.preference() == ("", "")


async def test_do_not_disturb_and_its_end(home: Home) -> None:
    await home.choose()
    for said, end in {
        "do not disturb": "12:30",
        "do not disturb me": "12:30",
        "don't disturb for 90 minutes": "14:00",
        "do not disturb me for two hours": "14:30",
        "do not disturb until 17": "17:00",
    }.items():
        await home.say(said)
        assert (said, home.preference()) == (said, ("DoNotDisturb", end))
        assert await home.say("you may disturb me") == "Teams decides again how you are shown."
        assert home.preference() == ("", "")


async def test_an_unknown_name_is_in_the_answer(home: Home) -> None:
    await home.choose()
    assert await home.say("is Zoe in a call") == "I don't know Zoe."
    assert await home.say("what is the annex doing") == "I don't know the annex."


async def test_two_people_of_one_first_name_are_both_answered(home: Home) -> None:
    registry = dr.async_get(home.hass)
    registry.async_update_device(home.devices["Alex Example"], name_by_user="Robin O'Hara-Smith")
    await home.choose()
    answer = await home.say("what is Robin doing")
    both = {"Robin Example: In a call", "Robin O'Hara-Smith: Available"}
    assert parts(answer) == both
    assert await home.say("is robin o'hara-smith in a call") == "Robin O'Hara-Smith: Available."


async def test_answers_if_no_person_is_in_a_call_or_available(
    home: Home, simulator: Simulator
) -> None:
    await home.choose()
    simulator.tenant.people["alex"].join_call()
    await home.poll()
    await home.act("homeassistant.update_entity", entity_id="sensor.alex_example_availability")
    assert await home.say("who is free") == "No one."
    simulator.tenant.people["alex"].leave_call()
    home.robin.leave_call()
    await home.poll()
    await home.act("homeassistant.update_entity", entity_id="sensor.alex_example_availability")
    assert await home.say("is anyone in a call") == "No."


async def test_an_unloaded_account_is_unknown_and_not_written(home: Home) -> None:
    await home.choose()
    await home.unload_account()
    assert await home.say("is Robin in a call") == "Robin Example: not known."
    unknown = {"Robin Example: not known", "Alex Example: not known"}
    assert parts(await home.say("who is free")) == unknown
    refusal = "Robin Example can't be set in Home Assistant now."
    assert await home.say("set my status to lunch") == refusal
    assert await home.say("do not disturb") == refusal


async def test_a_rejected_write_has_an_error_as_its_answer(
    home: Home, simulator: Simulator
) -> None:
    await home.choose()
    fault = simulator.faults.add("graph", status=403)
    for said in ("set my status to lunch", "do not disturb for an hour"):
        assert await home.say(said) == "That did not work."
    fault.remove()
    assert home.message() == home.preference() == ("", "")
    too_long = "set my status to " + "very " * 60 + "busy"
    assert await home.say(too_long) == "That did not work."


async def test_a_colleague_cannot_be_set(home: Home) -> None:
    await home.choose(me="Alex Example")
    refusal = "Alex Example can't be set in Home Assistant now."
    assert await home.say("set my status to lunch") == refusal
    assert await home.say("clear my status") == refusal


async def test_without_a_person_to_set_there_are_only_questions(home: Home) -> None:
    await home.choose(me="")
    for said in ("clear my status", "do not disturb", "you may disturb me again"):
        assert await home.say(said) == "Choose in the automation whose status is set."
    assert await home.say("is Alex in a call") == "Alex Example: Available."


async def test_only_chosen_people_are_known(home: Home) -> None:
    await home.choose(people=[home.devices["Alex Example"]])
    assert await home.say("is Robin in a call") == "I don't know Robin."
    assert await home.say("is anyone in a call") == "No."
    assert "lunch" in await home.say("set my status to lunch")


async def test_disabled_and_renamed_entities(home: Home) -> None:
    registry = er.async_get(home.hass)
    registry.async_update_entity(
        "sensor.alex_example_activity", disabled_by=er.RegistryEntryDisabler.USER
    )
    registry.async_update_entity("sensor.robin_example_activity", new_entity_id="sensor.mine")
    await home.settle()
    await home.choose()
    assert await home.say("is Alex in a call") == "Alex Example: not known."
    assert (
        await home.say("is anyone in a call")
        == "Robin Example: In a call. Alex Example: not known."
    )


async def test_sentences_about_unknown_names_go_to_the_chosen_agent(home: Home) -> None:
    asked: list[dict[str, Any]] = []

    async def process(call: ServiceCall) -> dict[str, Any]:
        asked.append(dict(call.data))
        if len(asked) > 1:
            raise ValueError
        return {"response": {"speech": {"plain": {"speech": "Spinning."}}}}

    home.hass.services.async_register(
        "conversation", "process", process, supports_response=SupportsResponse.OPTIONAL
    )
    await home.choose(agent="conversation.model")
    assert await home.say("what is the washing machine doing") == "Spinning."
    assert asked[0]["agent_id"] == "conversation.model"
    assert asked[0]["text"] == "what is the washing machine doing"
    assert await home.say("what is Robin doing") == "Robin Example: In a call."
    assert len(asked) == 1
    assert await home.say("what is the dryer doing") == "That did not work."


async def test_sentences_are_not_sent_back_to_assist(home: Home) -> None:
    await home.choose(agent="conversation.home_assistant")
    assert (
        await home.say("what is the washing machine doing") == "I don't know the washing machine."
    )


async def test_other_sentences_remain_with_assist(home: Home) -> None:
    await home.choose()
    for said in (
        "is the bathroom free",
        "how is the weather",
        "turn on the light",
        "what time is it",
    ):
        await home.ask(said)
        assert home.runs == 0, said


async def test_two_sentences_at_once_are_both_answered(home: Home) -> None:
    await home.choose()
    said = ("lunch", "tea")
    answers = await asyncio.gather(*(home.ask(f"set my status to {word}") for word in said))
    # The first may have been replaced before its answer.
    for word, answer in zip(said, answers, strict=True):
        assert answer in {f"Your status message is: {word}.", "That did not work."}
    assert f"Your status message is: {home.message()[0]}." in answers


async def test_manual_run_does_nothing(home: Home) -> None:
    await home.choose()
    await home.trigger()
    assert home.message() == home.preference() == ("", "")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_block_of_a_language(home: Home, language: str) -> None:
    code, answers = LANGUAGES[language]
    await home.hass.config.async_update(language=code)
    await async_load_integrations(home.hass, {DOMAIN})
    inputs = block(language)
    defaults = {
        name: value["default"] for name, value in read("voice").inputs.items() if "default" in value
    }
    assert inputs["words"].keys() == defaults["words"].keys()
    assert inputs.keys() == {name for name in defaults if name.endswith("_sentences")} | {"words"}
    await home.choose(**inputs)
    for said, answer in answers.items():
        assert (said, await home.say(said)) == (said, answer)


def test_every_block_is_tested() -> None:
    assert re.findall(r"^## (\w+)$", BLOCKS, re.MULTILINE) == list(LANGUAGES)


async def test_partial_words_keep_the_english_ones(home: Home) -> None:
    await home.choose(words={"no_call": "Silence."})
    home.robin.leave_call()
    await home.poll()
    assert await home.say("is anyone in a call") == "Silence."
    assert await home.say("is Zoe in a call") == "I don't know Zoe."
