"""Helpers for triggers and conditions in automations."""

from typing import Any, Final, Literal

from homeassistant.const import STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.states import state

type Target = dict[str, Any]

# Longer than any polling interval.
POLL: Final = 61

# Target types: one entity, or targets that include all of a person's entities.
WAYS: Final = (
    "entity",
    "device",
    "area",
    "floor",
    "label",
    "label_of_entity",
    "area_of_entity",
)


async def async_lose(hass: HomeAssistant, clock: HomeClock, entity_id: str) -> None:
    """Fail polls until an entity is unavailable."""
    for _ in range(3):
        await clock.async_advance(POLL)
    assert state(hass, entity_id) == STATE_UNAVAILABLE


async def async_automate(
    hass: HomeAssistant, triggers: list[dict[str, Any]], actions: list[dict[str, Any]]
) -> list[Event]:
    """Set up an automation; return its growing list of events."""
    seen: list[Event] = async_capture_events(hass, "seen")
    automation = {"alias": "Watch", "mode": "parallel", "triggers": triggers, "actions": actions}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done(wait_background_tasks=True)
    # An invalid automation is unavailable.
    assert state(hass, "automation.watch") == STATE_ON
    return seen


def device_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return the device ID of an entity."""
    entity = er.async_get(hass).async_get(entity_id)
    assert entity is not None
    assert entity.device_id is not None
    return entity.device_id


def target_by(hass: HomeAssistant, way: str, entity_id: str) -> Target:
    """Create registry entries and return a matching target."""
    device_id = device_of(hass, entity_id)
    floor = fr.async_get(hass).async_create("Attic")
    area = ar.async_get(hass).async_create("Study", floor_id=floor.floor_id)
    label = lr.async_get(hass).async_create("Teams")
    targets: dict[str, Target] = {
        "entity": {"entity_id": entity_id},
        "device": {"device_id": device_id},
        "area": {"area_id": area.id},
        "floor": {"floor_id": floor.floor_id},
        "label": {"label_id": label.label_id},
    }
    what, of_entity, _ = way.partition("_of_entity")
    if of_entity:
        er.async_get(hass).async_update_entity(entity_id, area_id=area.id, labels={label.label_id})
    else:
        dr.async_get(hass).async_update_device(device_id, area_id=area.id, labels={label.label_id})
    return targets[what]


async def async_get_for_automation_editor(
    account: Account, connect: WebSocketGenerator, kind: Literal["trigger", "condition"]
) -> tuple[dict[str, Any], set[str]]:
    """Sign in; return the integration's descriptions and a device's."""
    hass = account.hass
    # The HTTP server accepts no new routes after the sign-in's first request.
    for component in ("auth", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    await account.async_sign_in()
    client = await connect(hass)

    await client.send_json_auto_id({"type": f"{kind}_platforms/subscribe"})
    assert (await client.receive_json())["success"]
    described = (await client.receive_json())["event"]
    ours = {
        name.removeprefix(f"{DOMAIN}."): about
        for name, about in described.items()
        if name.startswith(f"{DOMAIN}.")
    }

    target = {"device_id": device_of(hass, "sensor.robin_example_availability")}
    await client.send_json_auto_id({"type": f"get_{kind}s_for_target", "target": target})
    return ours, set((await client.receive_json())["result"])
