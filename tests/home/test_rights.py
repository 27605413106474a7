"""Permissions of users, scripts and automations in Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.auth.models import Group, User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.auth.permissions.models import PermissionLookup
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from custom_components.ms_teams_presence.services import ACTIONS
from simulator import Simulator
from tests.documents import ROOT, snippets
from tests.home.account import Account
from tests.home.automations import WAYS, async_automate, device_of, target_by

# Home Assistant makes the first user the owner, who has all permissions.
pytestmark = pytest.mark.usefixtures("hass_owner_user")

ROBIN: Final = "sensor.robin_example_availability"
ACTIVITY: Final = "sensor.robin_example_activity"
ALEX: Final = "sensor.alex_example_availability"
LAMP: Final = "light.desk"

# The documented examples; another test checks that all actions have one.
EXAMPLES: Final = {
    snippet.content["action"]: snippet.content for snippet in snippets(ROOT / "docs/actions.md")
}
OURS: Final = [f"{DOMAIN}.{action.name}" for action in ACTIONS]
WRITES: Final = [*OURS, "select.select_option", "text.set_value"]
WRITE: Final = OURS[0]
GET_PRESENCE: Final = f"{DOMAIN}.get_presence"

# Users by their group or by their only permitted entity.
READ_ONLY: Final = GROUP_ID_READ_ONLY
ORDINARY: Final = GROUP_ID_USER
ADMINISTRATOR: Final = GROUP_ID_ADMIN
USERS: Final = (READ_ONLY, LAMP, ROBIN, ORDINARY, ADMINISTRATOR)
ALLOWED: Final = {WRITE: {ROBIN, ORDINARY, ADMINISTRATOR}, GET_PRESENCE: {ADMINISTRATOR}}


@pytest.fixture
async def entry(hass: HomeAssistant, account: Account, simulator: Simulator) -> PresenceConfigEntry:
    """Sign in as Robin with access to colleagues."""
    # The HTTP server accepts no new routes after the sign-in's first request.
    for component in ("auth", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    entry = await account.async_sign_in(colleagues=True)
    simulator.requests.clear()
    return entry


async def async_add_user(hass: HomeAssistant, may: str) -> User:
    """Add a user to a group or with one permitted entity."""
    if await hass.auth.async_get_group(may):
        return await hass.auth.async_create_user("User", group_ids=[may])
    user = await hass.auth.async_create_user("Guest")
    user.groups = [Group("Guests", {"entities": {"entity_ids": {may: True}}})]
    return user


def step(entry: PresenceConfigEntry, action: str) -> dict[str, Any]:
    """Return an action step for a script."""
    content = dict(EXAMPLES[action])
    if action == GET_PRESENCE:
        content["data"] = content["data"] | {"config_entry_id": entry.entry_id}
    return content


async def async_act(
    hass: HomeAssistant, action: str, user_id: str, target: dict[str, Any] | None = None
) -> None:
    """Write as a user."""
    example = EXAMPLES[action]
    domain, _, name = action.partition(".")
    await hass.services.async_call(
        domain,
        name,
        # Home Assistant adds the target to it.
        dict(example.get("data", {})),
        target=target or example["target"],
        context=Context(user_id=user_id),
        blocking=True,
    )


async def async_get_presence(hass: HomeAssistant, entry: PresenceConfigEntry, user_id: str) -> None:
    """Get an unadded person's presence as a user."""
    await hass.services.async_call(
        DOMAIN,
        "get_presence",
        step(entry, GET_PRESENCE)["data"],
        context=Context(user_id=user_id),
        blocking=True,
        return_response=True,
    )


def sent(simulator: Simulator) -> list[str]:
    """Return the write requests to Graph."""
    return [
        request.path
        for request in simulator.requests
        if request.method == "POST" and request.path.startswith("/v1.0/")
    ]


@pytest.mark.parametrize("action", WRITES)
async def test_a_read_only_user_writes_nothing(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str
) -> None:
    user = await async_add_user(hass, READ_ONLY)
    with pytest.raises(Unauthorized) as error:
        await async_act(hass, action, user.id)

    assert (error.value.user_id, error.value.permission) == (user.id, POLICY_CONTROL)
    assert error.value.entity_id == EXAMPLES[action]["target"]["entity_id"]
    assert not sent(simulator)


@pytest.mark.parametrize("action", WRITES)
async def test_an_unknown_user_writes_nothing(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str
) -> None:
    with pytest.raises(UnknownUser):
        await async_act(hass, action, "no-such-user")

    assert not sent(simulator)


@pytest.mark.parametrize("action", WRITES)
async def test_an_ordinary_user_writes(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str
) -> None:
    user = await async_add_user(hass, ORDINARY)
    await async_act(hass, action, user.id)

    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("action", WRITES)
async def test_a_user_with_one_entity_writes_by_that_entity(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str
) -> None:
    user = await async_add_user(hass, EXAMPLES[action]["target"]["entity_id"])
    await async_act(hass, action, user.id)

    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("action", OURS)
async def test_a_user_with_one_entity_writes_by_no_other(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str
) -> None:
    user = await async_add_user(hass, ROBIN)
    with pytest.raises(Unauthorized) as error:
        await async_act(hass, action, user.id, {"entity_id": [ROBIN, ACTIVITY]})

    assert error.value.entity_id == ACTIVITY
    assert not sent(simulator)


@pytest.mark.parametrize("way", WAYS)
async def test_a_target_that_means_a_whole_person_requires_all_their_entities(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, way: str
) -> None:
    user = await async_add_user(hass, ROBIN)
    target = target_by(hass, way, ROBIN)
    means_one_entity = "entity" in way
    if means_one_entity:
        await async_act(hass, WRITE, user.id, target)
    else:
        with pytest.raises(Unauthorized):
            await async_act(hass, WRITE, user.id, target)

    assert len(sent(simulator)) == means_one_entity


@pytest.mark.parametrize(
    "change",
    [{"disabled_by": er.RegistryEntryDisabler.USER}, {"hidden_by": er.RegistryEntryHider.USER}],
    ids=lambda change: next(iter(change)),
)
async def test_hidden_and_disabled_entities_count(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, change: dict[str, Any]
) -> None:
    user = await async_add_user(hass, READ_ONLY)
    device_id = device_of(hass, ROBIN)
    registry = er.async_get(hass)
    for entity in er.async_entries_for_device(registry, device_id):
        registry.async_update_entity(entity.entity_id, **change)
    with pytest.raises(Unauthorized):
        await async_act(hass, WRITE, user.id, {"device_id": device_id})

    assert not sent(simulator)


async def test_hidden_entities_of_other_integrations_do_not_count(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    target = target_by(hass, "area", ROBIN)
    hub = MockConfigEntry(domain="hub")
    hub.add_to_hass(hass)
    devices = dr.async_get(hass)
    lamp = devices.async_get_or_create(config_entry_id=hub.entry_id, identifiers={("hub", "lamp")})
    devices.async_update_device(lamp.id, area_id=target["area_id"])
    er.async_get(hass).async_get_or_create(
        "light", "hub", "lamp", device_id=lamp.id, hidden_by=er.RegistryEntryHider.USER
    )
    user = await async_add_user(hass, ROBIN)
    # The test user lacks the registries that device permissions need.
    user.perm_lookup = PermissionLookup(er.async_get(hass), devices)
    user.groups = [Group("Guests", {"entities": {"device_ids": {device_of(hass, ROBIN): True}}})]
    await async_act(hass, WRITE, user.id, target)

    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("other", [ALEX, LAMP])
async def test_one_entity_without_rights_keeps_all_from_being_written(
    hass: HomeAssistant,
    account: Account,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    other: str,
) -> None:
    await account.async_sign_in("alex")
    user = await async_add_user(hass, ROBIN)
    with pytest.raises(Unauthorized) as error:
        await async_act(hass, WRITE, user.id, {"entity_id": [ROBIN, other]})

    assert error.value.entity_id == other
    assert not sent(simulator)


async def test_missing_rights_are_the_first_error(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    user = await async_add_user(hass, READ_ONLY)
    with pytest.raises(Unauthorized):
        await async_act(hass, WRITE, user.id)


@pytest.mark.parametrize("action", OURS)
async def test_all_entities_are_no_target(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str
) -> None:
    user = await async_add_user(hass, ADMINISTRATOR)
    with pytest.raises(ServiceValidationError) as error:
        await async_act(hass, action, user.id, {"entity_id": "all"})

    assert error.value.translation_key == "nobody_targeted"
    assert not sent(simulator)


async def async_demote(hass: HomeAssistant, user: User) -> None:
    """Make a user read-only."""
    await hass.auth.async_update_user(user, group_ids=[READ_ONLY])


async def async_deactivate(hass: HomeAssistant, user: User) -> None:
    """Deactivate a user."""
    await hass.auth.async_deactivate_user(user)


async def async_remove(hass: HomeAssistant, user: User) -> None:
    """Remove a user."""
    await hass.auth.async_remove_user(user)


@pytest.mark.parametrize("async_lose", [async_demote, async_deactivate, async_remove])
async def test_rights_lost_while_a_call_waits_for_the_account(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    async_lose: Callable[[HomeAssistant, User], Awaitable[None]],
) -> None:
    user = await async_add_user(hass, ORDINARY)
    begun = asyncio.Event()

    def note() -> None:
        if entry.state is ConfigEntryState.SETUP_IN_PROGRESS:
            begun.set()

    entry.async_on_state_change(note)
    reload = hass.async_create_task(hass.config_entries.async_reload(entry.entry_id))
    await begun.wait()
    call = hass.async_create_task(async_act(hass, WRITE, user.id))
    await async_lose(hass, user)
    assert not call.done()
    await reload
    with pytest.raises(Unauthorized):
        await call

    assert not sent(simulator)


@pytest.mark.parametrize("may", USERS)
async def test_get_presence_is_for_administrators(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, may: str
) -> None:
    user = await async_add_user(hass, may)
    allowed = may in ALLOWED[GET_PRESENCE]
    if allowed:
        await async_get_presence(hass, entry, user.id)
    else:
        with pytest.raises(Unauthorized):
            await async_get_presence(hass, entry, user.id)

    assert len(sent(simulator)) == allowed


async def test_get_presence_is_not_for_an_unknown_user(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    with pytest.raises(UnknownUser):
        await async_get_presence(hass, entry, "no-such-user")

    assert not sent(simulator)


@pytest.mark.parametrize("may", USERS)
@pytest.mark.parametrize("action", ALLOWED)
async def test_a_script_has_the_rights_of_the_user_who_starts_it(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str, may: str
) -> None:
    script = {"act": {"sequence": [step(entry, action)]}}
    assert await async_setup_component(hass, "script", {"script": script})
    user = await async_add_user(hass, may)
    start = hass.services.async_call(
        "script", "act", context=Context(user_id=user.id), blocking=True
    )
    allowed = may in ALLOWED[action]
    if allowed:
        await start
    else:
        with pytest.raises(Unauthorized):
            await start

    assert len(sent(simulator)) == allowed


@pytest.mark.parametrize("may", USERS)
@pytest.mark.parametrize("action", ALLOWED)
async def test_an_automation_may_act_when_triggered_by_any_user(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, action: str, may: str
) -> None:
    user = await async_add_user(hass, may)
    trigger = {"trigger": "event", "event_type": "doorbell"}
    await async_automate(hass, [trigger], [step(entry, action)])
    hass.bus.async_fire("doorbell", context=Context(user_id=user.id))
    await hass.async_block_till_done(wait_background_tasks=True)

    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("action", [*WRITES, GET_PRESENCE])
async def test_a_read_only_user_is_unauthorized_at_the_websocket(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    action: str,
) -> None:
    client = await hass_ws_client(hass, hass_read_only_access_token)
    content = step(entry, action)
    domain, _, name = action.partition(".")
    await client.send_json_auto_id(
        {
            "type": "call_service",
            "domain": domain,
            "service": name,
            "service_data": content.get("data", {}),
            "target": content.get("target", {}),
            "return_response": action == GET_PRESENCE,
        }
    )
    response = await client.receive_json()

    assert not response["success"]
    assert response["error"]["message"] == "Unauthorized"
    assert not sent(simulator)
