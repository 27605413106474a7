"""A new registration of the organization's app keeps everything."""

from dataclasses import replace
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    TENANT_ID,
    Secret,
)
from tests.home.account import FORM as PEOPLE_FORM, Account
from tests.home.people import async_add
from tests.home.states import state
from tests.home.test_application import FORM, async_fill, async_sign_in
from tests.home.test_people import ALEX

NEW_ID = "0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b99"
NEW_FORM = FORM | {"client_id": NEW_ID, "client_secret": "not-a-secret~anew"}


@pytest.fixture(autouse=True)
def _new_app(simulator: Simulator) -> None:
    """Register the organization's app anew."""
    apps = simulator.tenant.apps
    secrets = [Secret(NEW_FORM["client_secret"])]
    apps[NEW_ID] = replace(apps[DAEMON_CLIENT_ID], id=NEW_ID, secrets=secrets)


@pytest.fixture
async def entry(hass: HomeAssistant, account: Account, alex: Person) -> PresenceConfigEntry:
    """Sign in with the old app, and watch Alex."""
    entry = await async_sign_in(account)
    await async_add(hass, entry, "alex", alex)
    return entry


def apps_with_sessions(person: Person) -> list[str]:
    """Return which apps hold a presence session of a person."""
    return [session.app_id for session, _ in person.sessions]


async def async_act(hass: HomeAssistant, action: str, **data: Any) -> None:
    """Run an action for Alex."""
    await hass.services.async_call(DOMAIN, action, data, target={"entity_id": ALEX}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.parametrize("source", ["reconfigure", "reauth"])
@pytest.mark.parametrize("deleted", [False, True])
async def test_people_names_and_preferences_stay(
    hass: HomeAssistant,
    account: Account,
    entry: PresenceConfigEntry,
    alex: Person,
    source: str,
    deleted: bool,  # noqa: FBT001
) -> None:
    entities, devices = er.async_get(hass), dr.async_get(hass)
    renamed = "sensor.whoever_is_next_door"
    entities.async_update_entity(ALEX, new_entity_id=renamed, name="Next door")
    (device,) = dr.async_entries_for_config_entry(devices, entry.entry_id)
    devices.async_update_device(device.id, name_by_user="Alex next door")
    await hass.services.async_call(
        DOMAIN,
        "set_preferred_presence",
        {"availability": "busy"},
        target={"entity_id": renamed},
        blocking=True,
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    before = {one.id: one.entity_id for one in entities.entities.values()}
    if deleted:
        del account.simulator.tenant.apps[DAEMON_CLIENT_ID]

    flow = await account.async_renew(entry, source)
    if source == "reauth":
        if not deleted:
            account.simulator.faults.add("token", times=1, aadsts=7000215)
        flow = await account.async_configure(flow, {})
    assert flow["step_id"] == "application"
    flow = await account.async_configure(flow, NEW_FORM)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == f"{source}_successful"
    assert entry.unique_id == f"{TENANT_ID}.{NEW_ID}"
    assert entry.state is ConfigEntryState.LOADED
    assert {one.id: one.entity_id for one in entities.entities.values()} == before
    (after,) = dr.async_entries_for_config_entry(devices, entry.entry_id)
    assert (after.id, after.name_by_user) == (device.id, "Alex next door")
    found = hass.states.get(renamed)
    assert found is not None
    assert found.state == "busy"
    assert found.name.endswith("Next door")
    preference = entry.runtime_data.preferences.preference_of(alex.id)
    assert preference is not None
    assert preference.availability == "busy"

    # The next start finds everything under the new id.
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert {one.id: one.entity_id for one in entities.entities.values()} == before
    assert state(hass, renamed) == "busy"


async def test_sessions_of_the_old_app_are_cleared(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_act(hass, "set_presence", activity="presenting", duration="03:00:00")
    assert apps_with_sessions(alex) == [DAEMON_CLIENT_ID]
    await account.async_configure(await account.async_renew(entry, "reconfigure"), NEW_FORM)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not alex.sessions

    await async_act(hass, "set_presence", activity="in_a_call", duration="01:00:00")
    assert apps_with_sessions(alex) == [NEW_ID]
    await async_act(hass, "clear_presence")
    assert not alex.sessions


async def test_sessions_of_a_persons_old_app_are_cleared_too(
    hass: HomeAssistant, account: Account, robin: Person
) -> None:
    entry = await account.async_sign_in()
    await hass.services.async_call(
        DOMAIN,
        "set_presence",
        {"activity": "presenting"},
        target={"entity_id": "sensor.robin_example_availability"},
        blocking=True,
    )
    assert len(robin.sessions) == 1
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    flow = await account.async_configure(
        flow,
        PEOPLE_FORM
        | {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_CLIENT_SECRET},
    )
    flow = await account.async_visit(flow)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reconfigure_successful"
    assert not robin.sessions
    assert entry.state is ConfigEntryState.LOADED


async def test_an_app_of_another_account_is_not_taken(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    before = dict(entry.data)
    other = await async_fill(account, **NEW_FORM)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert other["result"].unique_id == f"{TENANT_ID}.{NEW_ID}"
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, NEW_FORM)

    assert flow["reason"] == "already_configured"
    assert dict(entry.data) == before
    assert entry.state is ConfigEntryState.LOADED


async def test_an_app_of_another_tenant_is_another_account(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    other_tenant = "99999999-53c4-4a6e-8a4b-6f0f5f1d2b99"
    hass.config_entries.async_update_entry(entry, unique_id=f"{other_tenant}.{DAEMON_CLIENT_ID}")
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, NEW_FORM)

    assert flow["reason"] == "wrong_account"
    assert entry.data["client_id"] == DAEMON_CLIENT_ID
