"""The do-not-disturb blueprint with media players."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.media_player import (
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
)
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import setup_test_component_platform

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person
from tests.home.blueprints import House, read

MARA = "sensor.mara_activity"
KIM = "sensor.kim_activity"
ROBIN = "sensor.robin_example_activity"
RADIO = "media_player.radio"
HALL = "media_player.hall"
MEMORY = "input_text.memory"
HOLD = "input_boolean.hold"

PLAYING = MediaPlayerState.PLAYING
PAUSED = MediaPlayerState.PAUSED


class Player(MediaPlayerEntity):
    """A media player that records its actions."""

    _attr_should_poll = False
    _attr_supported_features = (
        MediaPlayerEntityFeature.PAUSE
        | MediaPlayerEntityFeature.PLAY
        | MediaPlayerEntityFeature.VOLUME_MUTE
        | MediaPlayerEntityFeature.VOLUME_SET
    )

    def __init__(self, name: str) -> None:
        """Initialize; plays at half the volume."""
        self._attr_name = name
        self._attr_state = PLAYING
        self._attr_is_volume_muted = False
        self._attr_volume_level = 0.5
        self.orders: list[str] = []

    @override
    async def async_media_pause(self) -> None:
        """Pause."""
        self.orders.append("pause")
        self.show(state=PAUSED)

    @override
    async def async_media_play(self) -> None:
        """Play."""
        self.orders.append("play")
        self.show(state=PLAYING)

    @override
    async def async_mute_volume(self, mute: bool) -> None:
        """Mute or unmute."""
        self.orders.append("mute" if mute else "unmute")
        self.show(is_volume_muted=mute)

    @override
    async def async_set_volume_level(self, volume: float) -> None:
        """Set the volume."""
        self.orders.append(f"{volume:.0%}")
        self.show(volume_level=volume)

    def show(self, **changes: Any) -> None:
        """Change attributes, also without an action."""
        for name, value in changes.items():
            setattr(self, f"_attr_{name}", value)
        if self.hass:
            self.async_write_ha_state()


@dataclass
class Flat(House):
    """A flat with two media players and two people."""

    blueprint: str = "do_not_disturb"
    radio: Player = field(default_factory=lambda: Player("Radio"))
    hall: Player = field(default_factory=lambda: Player("Hall"))

    async def prepare(self, memory: dict[str, Any] | None = None) -> None:
        """Set up the players, the helpers and the activities."""
        setup_test_component_platform(self.hass, "media_player", [self.radio, self.hall])
        for person in (MARA, KIM):
            await self.shows(person, "available")
        for domain, config in (
            ("homeassistant", {}),
            ("media_player", {"platform": "test"}),
            ("input_text", {"memory": memory}),
            ("input_boolean", {"hold": {}}),
        ):
            assert await async_setup_component(self.hass, domain, {domain: config})
        await self.hass.async_block_till_done()

    @override
    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation's configuration for Mara."""
        return super().config({"activity_sensor": MARA, "memory": MEMORY, **inputs})

    async def call(self) -> None:
        """Start Mara's call."""
        await self.shows(MARA, "in_a_call")

    async def hang_up(self) -> None:
        """End Mara's call and wait for the delay."""
        await self.shows(MARA, "available")
        await self.later(11)

    async def come_back(self, activity: str, **attributes: object) -> None:
        """Start Home Assistant after a stop in a call."""
        self.radio.show(state=PAUSED, volume_level=0.1)
        self.hall.show(is_volume_muted=True)
        await self.prepare()
        # Home Assistant restores the helpers.
        await self.act("input_text.set_value", entity_id=MEMORY, value=REMEMBERED)
        await self.act("input_boolean.turn_on", entity_id=HOLD)
        await self.shows(MARA, activity, **attributes)
        await self.restart(**ALL)


ALL: dict[str, object] = {
    "paused_players": [RADIO],
    "muted_players": [HALL],
    "lowered_players": [RADIO],
    "hold": HOLD,
}


def remembered(*actions: tuple[str, str, str]) -> str:
    """Return the memory's text in a call."""
    entries = [
        letter + md5(entity.encode(), usedforsecurity=False).hexdigest()[:4] + volume
        for letter, entity, volume in actions
    ]
    return " ".join(["call", *entries])


REMEMBERED = remembered(("p", RADIO, ""), ("m", HALL, ""), ("v", RADIO, "=50"), ("h", HOLD, ""))


@pytest.fixture
async def empty(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> AsyncGenerator[Flat]:
    """Return an empty flat; check for runs afterwards."""
    flat = Flat(hass, freezer)
    yield flat
    await flat.leave()


@pytest.fixture
async def flat(empty: Flat) -> Flat:
    """Return a flat with players."""
    await empty.prepare()
    return empty


def test_only_people_and_memory_are_required() -> None:
    inputs = read("do_not_disturb").inputs
    assert {name for name, value in inputs.items() if "default" not in value} == {
        "activity_sensor",
        "memory",
    }


async def test_call_mutes_the_flat_and_its_end_restores_it(flat: Flat) -> None:
    await flat.automate(**ALL)
    await flat.call()
    assert flat.radio.orders == ["pause", "10%"]
    assert flat.hall.orders == ["mute"]
    assert flat.is_on(HOLD)
    assert flat.state(MEMORY).state == REMEMBERED
    await flat.hang_up()
    assert flat.radio.orders == ["pause", "10%", "50%", "play"]
    assert flat.hall.orders == ["mute", "unmute"]
    assert not flat.is_on(HOLD)
    assert flat.state(MEMORY).state == ""


@pytest.mark.parametrize(
    ("choice", "radio", "hold"),
    [
        ("paused_players", ["pause", "play"], [STATE_OFF]),
        ("muted_players", ["mute", "unmute"], [STATE_OFF]),
        ("lowered_players", ["10%", "50%"], [STATE_OFF]),
        ("hold", [], [STATE_ON, STATE_OFF]),
        ("volume", [], [STATE_OFF]),
    ],
)
async def test_each_input_works_alone(
    flat: Flat, choice: str, radio: list[str], hold: list[str]
) -> None:
    await flat.automate(**{choice: {"hold": [HOLD], "volume": 10}.get(choice, [RADIO])})
    await flat.call()
    assert flat.state(HOLD).state == hold[0]
    await flat.hang_up()
    assert flat.state(HOLD).state == hold[-1]
    assert flat.radio.orders == radio
    assert flat.hall.orders == []


async def test_activities_are_chosen(flat: Flat) -> None:
    await flat.automate(**ALL, shown_activities=["in_a_meeting"])
    await flat.call()
    assert flat.hall.orders == []
    await flat.shows(MARA, "in_a_meeting")
    assert flat.hall.orders == ["mute"]


@pytest.mark.parametrize("state", [PAUSED, MediaPlayerState.IDLE, MediaPlayerState.OFF])
async def test_player_that_was_not_playing_is_not_started(
    flat: Flat, state: MediaPlayerState
) -> None:
    flat.radio.show(state=state)
    await flat.automate(paused_players=[RADIO])
    await flat.call()
    await flat.hang_up()
    assert flat.radio.orders == []


async def test_muted_quiet_and_held_entities_stay_so(flat: Flat) -> None:
    flat.hall.show(is_volume_muted=True)
    flat.radio.show(volume_level=0.05)
    await flat.act("input_boolean.turn_on", entity_id=HOLD)
    await flat.automate(muted_players=[HALL], lowered_players=[RADIO], hold=[HOLD])
    await flat.call()
    await flat.hang_up()
    assert flat.hall.orders == flat.radio.orders == []
    assert flat.is_on(HOLD)


async def test_manual_change_in_a_call_is_kept(flat: Flat) -> None:
    await flat.automate(**ALL)
    await flat.call()
    flat.radio.show(state=PLAYING, volume_level=0.3)
    await flat.shows(MARA, "presenting")
    await flat.hang_up()
    assert flat.radio.orders == ["pause", "10%"]


async def test_music_that_was_stopped_in_the_call_is_not_started(flat: Flat) -> None:
    await flat.automate(paused_players=[RADIO])
    await flat.call()
    flat.radio.show(state=MediaPlayerState.IDLE)
    await flat.hang_up()
    assert flat.radio.orders == ["pause"]


async def test_volume_zero_is_restored(flat: Flat) -> None:
    await flat.automate(lowered_players=[RADIO], volume=0)
    await flat.call()
    await flat.hang_up()
    assert flat.radio.orders == ["0%", "50%"]


async def test_call_that_becomes_another_keeps_quiet(flat: Flat) -> None:
    await flat.automate(**ALL)
    await flat.call()
    await flat.shows(MARA, "available")
    await flat.later(8)
    await flat.shows(MARA, "presenting")
    await flat.later(60)
    assert flat.hall.orders == ["mute"]
    await flat.shows(MARA, "available")
    await flat.later(8)
    await flat.shows(MARA, "away")
    await flat.later(2)
    assert flat.hall.orders == ["mute", "unmute"]


async def test_last_call_of_several_people_restores(flat: Flat) -> None:
    await flat.automate(**ALL | {"activity_sensor": [MARA, KIM]})
    await flat.call()
    await flat.shows(KIM, "in_a_call")
    await flat.hang_up()
    assert flat.hall.orders == ["mute"]
    await flat.shows(KIM, "available")
    await flat.later(11)
    assert flat.hall.orders == ["mute", "unmute"]


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_unavailable_sensor_changes_nothing(flat: Flat, gone: str) -> None:
    await flat.automate(**ALL)
    await flat.call()
    await flat.shows(MARA, gone)
    await flat.act("automation.trigger", entity_id=flat.automation)
    await flat.later(600)
    assert flat.hall.orders == ["mute"]
    await flat.call()
    assert flat.hall.orders == ["mute"]
    await flat.shows(MARA, gone)
    await flat.hang_up()
    assert flat.hall.orders == ["mute", "unmute"]


@pytest.mark.parametrize("gone", [STATE_UNAVAILABLE, STATE_UNKNOWN])
async def test_person_who_becomes_unknown_does_not_count(flat: Flat, gone: str) -> None:
    await flat.automate(activity_sensor=[MARA, KIM], **ALL)
    await flat.call()
    await flat.shows(MARA, gone)
    await flat.later(9)
    assert flat.hall.orders == ["mute"]
    await flat.later(2)
    assert flat.hall.orders == ["mute", "unmute"]
    assert flat.radio.orders[-1] == "play"
    assert not flat.is_on(HOLD)


@pytest.mark.parametrize("free_delay", [0, 10])
async def test_outage_of_one_person_after_the_other_changes_nothing(
    flat: Flat, free_delay: int
) -> None:
    await flat.automate(activity_sensor=[MARA, KIM], free_delay=free_delay, **ALL)
    await flat.call()
    await flat.shows(MARA, STATE_UNAVAILABLE)
    await flat.shows(KIM, STATE_UNAVAILABLE)
    await flat.later(600)
    await flat.shows(MARA, "in_a_call")
    await flat.shows(KIM, "available")
    await flat.later(60)
    assert flat.hall.orders == ["mute"]


@pytest.mark.parametrize("group", ["media_player.nested", "group.all"])
async def test_players_of_a_group_are_restored_individually(flat: Flat, group: str) -> None:
    await flat.add_group("media_player.both", RADIO, HALL)
    await flat.add_group("media_player.nested", "media_player.both")
    await flat.act("group.set", object_id="all", entities=[RADIO, "media_player.nested"])
    flat.hall.show(state=PAUSED, is_volume_muted=True, volume_level=0.05)
    await flat.automate(paused_players=[group], muted_players=[group], lowered_players=[group])
    await flat.call()
    assert flat.radio.orders == ["pause", "mute", "10%"]
    await flat.hang_up()
    assert flat.radio.orders[3:] == ["50%", "unmute", "play"]
    assert flat.hall.orders == []


async def test_player_of_a_group_is_restored_once_available(flat: Flat) -> None:
    await flat.add_group("media_player.both", RADIO, HALL)
    await flat.automate(muted_players=["media_player.both"])
    await flat.call()
    flat.hall.show(available=False)
    await flat.hang_up()
    assert flat.hall.orders == ["mute"]
    await flat.later(60)
    flat.hall.show(available=True)
    await flat.later(1)
    assert flat.hall.orders == ["mute", "unmute"]
    assert flat.state(MEMORY).state == ""


async def test_player_of_a_group_that_cannot_be_paused_is_ignored(flat: Flat) -> None:
    flat.hall._attr_supported_features = MediaPlayerEntityFeature.VOLUME_SET  # noqa: SLF001
    flat.hall.show()
    await flat.add_group("media_player.both", RADIO, HALL)
    await flat.automate(paused_players=["media_player.both"], muted_players=["media_player.both"])
    await flat.call()
    assert flat.radio.orders == ["pause", "mute"]
    assert flat.hall.orders == []


async def test_wrong_sensor_is_reported_and_ignored(
    flat: Flat, entry: PresenceConfigEntry, robin: Person
) -> None:
    await flat.automate(activity_sensor=["sensor.robin_example_availability"], **ALL)
    flat.hass.bus.async_fire("automation_reloaded")
    await flat.settle()
    assert ["availability" in message for message in flat.notifications] == [True]
    robin.join_call()
    await flat.act("homeassistant.update_entity", entity_id="sensor.robin_example_activity")
    assert flat.radio.orders == []


async def test_manual_run_changes_nothing(flat: Flat) -> None:
    await flat.automate(**ALL)
    await flat.act("automation.trigger", entity_id=flat.automation)
    assert flat.hall.orders == []
    await flat.call()
    await flat.act("automation.trigger", entity_id=flat.automation)
    assert flat.hall.orders == ["mute"]


@pytest.mark.parametrize("away", [{"available": False}, {"state": MediaPlayerState.OFF}])
async def test_speaker_unavailable_at_the_end_is_restored_later(
    flat: Flat, away: dict[str, Any]
) -> None:
    back = {"available": True, "state": MediaPlayerState.IDLE}
    await flat.automate(**ALL)
    await flat.call()
    for player in (flat.hall, flat.radio):
        player.show(**away)
    await flat.hang_up()
    assert not flat.is_on(HOLD)
    # It can also be available and unavailable in the next call.
    await flat.call()
    flat.hall.show(**back)
    flat.hall.show(**away)
    await flat.hang_up()
    for player in (flat.hall, flat.radio):
        player.show(**back)
        await flat.settle()
    assert flat.hall.orders == ["mute", "unmute"]
    assert flat.radio.orders == ["pause", "10%", "50%"]
    assert flat.state(MEMORY).state == ""


async def test_speaker_unavailable_at_the_start_is_not_changed(flat: Flat) -> None:
    flat.hall.show(available=False)
    await flat.automate(**ALL)
    await flat.call()
    flat.hall.show(available=True)
    await flat.hang_up()
    assert flat.hall.orders == []


async def test_automation_saved_in_a_call_or_the_delay_restores(
    flat: Flat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flat.automate(**ALL)
    await flat.call()
    await flat.reload(monkeypatch, **ALL, free_delay=20)
    await flat.shows(MARA, "available")
    await flat.later(5)
    await flat.reload(monkeypatch, **ALL, free_delay=20)
    await flat.later(15)
    assert flat.hall.orders == ["mute"]
    await flat.later(6)
    assert flat.hall.orders == ["mute", "unmute"]


async def test_restart_in_a_call_restores_afterwards(empty: Flat) -> None:
    await empty.come_back("in_a_call")
    assert empty.hall.orders == empty.radio.orders == []
    await empty.hang_up()
    assert empty.hall.orders == ["unmute"]
    assert empty.radio.orders == ["50%", "play"]
    assert not empty.is_on(HOLD)


async def test_call_that_ended_during_a_restart_is_restored(empty: Flat) -> None:
    await empty.come_back("available")
    await empty.later(11)
    assert empty.hall.orders == ["unmute"]
    assert empty.radio.orders == ["50%", "play"]
    assert not empty.is_on(HOLD)


async def test_sensor_and_speaker_become_available_after_a_restart(empty: Flat) -> None:
    empty.hall.show(available=False)
    await empty.come_back(STATE_UNAVAILABLE, restored=True)
    await empty.later(60)
    assert empty.radio.orders == []
    await empty.hang_up()
    assert empty.radio.orders == ["50%", "play"]
    empty.hall.show(available=True)
    await empty.settle()
    assert empty.hall.orders == ["unmute"]
    assert empty.state(MEMORY).state == ""


async def test_start_without_a_previous_call_changes_nothing(flat: Flat) -> None:
    flat.hall.show(is_volume_muted=True)
    await flat.restart(**ALL)
    await flat.later(60)
    assert flat.hall.orders == flat.radio.orders == []


@pytest.mark.parametrize("memory", [{"max": 20}, {"max": 20, "initial": "something else"}])
async def test_memory_that_is_too_small_changes_nothing(
    empty: Flat, memory: dict[str, Any]
) -> None:
    await empty.prepare(memory)
    await empty.automate(**ALL)
    await empty.call()
    await empty.hang_up()
    assert empty.hall.orders == empty.radio.orders == []
    assert not empty.is_on(HOLD)


async def test_failing_player_does_not_affect_others(
    flat: Flat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**_: object) -> None:
        raise HomeAssistantError("no response")

    for name in ("async_media_pause", "async_set_volume_level", "async_media_play"):
        monkeypatch.setattr(flat.radio, name, fail)
    await flat.automate(**ALL)
    await flat.call()
    await flat.hang_up()
    assert flat.hall.orders == ["mute", "unmute"]
    assert flat.state(MEMORY).state == ""


async def test_call_in_teams_mutes_the_flat(
    flat: Flat, entry: PresenceConfigEntry, robin: Person
) -> None:
    await flat.automate(**ALL | {"activity_sensor": ROBIN})
    robin.join_call()
    await flat.act("homeassistant.update_entity", entity_id=ROBIN)
    assert flat.hall.orders == ["mute"]
    robin.leave_call()
    await flat.act("homeassistant.update_entity", entity_id=ROBIN)
    await flat.later(11)
    assert flat.hall.orders == ["mute", "unmute"]
