"""Statements in SECURITY.md about permissions, files, URLs and logs."""

from datetime import timedelta
from itertools import product
import json
import logging
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import slugify
import jwt
import pytest
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.entra.registration import AppRegistration
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.tenant import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, TENANT_ID
from tests.documents import ROOT, rows
from tests.home import test_application as application
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.evidence import Needles
from tests.home.people import async_add

SECURITY = ROOT / "SECURITY.md"
CLIENT: Final = {
    "client_id": CONFIDENTIAL_CLIENT_ID,
    "client_secret": CONFIDENTIAL_CLIENT_SECRET,
}
TARGET: Final = {"entity_id": "sensor.robin_example_availability"}
MESSAGE: Final = "Very private"
ACCESS = {"read": set[str](), "read_write": {"Read and set my presence", "Read and set presence"}}
COLLEAGUES = {False: set[str](), True: {"Include colleagues"}}


def documented(kinds: set[str], chosen: set[str]) -> set[str]:
    """Return the documented permissions for a configuration."""
    return {
        permission.strip("`")
        for permission, kind, setting, _ in rows(SECURITY, "Permission")
        if kind in kinds and setting in {"always", *chosen}
    }


@pytest.mark.parametrize(("access", "colleagues"), product(ACCESS, COLLEAGUES))
async def test_microsofts_page_requests_the_documented_permissions(
    account: Account, *, access: str, colleagues: bool
) -> None:
    flow = await account.async_fill(access=access, colleagues=colleagues)
    requested = {scope.rpartition("/")[2] for scope in URL(flow["url"]).query["scope"].split()}

    assert requested == documented(
        {"sign-in", "delegated"}, ACCESS[access] | COLLEAGUES[colleagues]
    )


async def test_a_refresh_requests_only_the_permissions_that_were_accepted(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator
) -> None:
    entry = await account.async_sign_in(access="read", colleagues=False)
    granted = set(entry.data["token"]["scope"].split())
    simulator.requests.clear()
    await clock.async_advance(timedelta(hours=2).total_seconds())
    (form,) = (
        request.json
        for request in simulator.requests
        if isinstance(request.json, dict) and request.json.get("grant_type") == "refresh_token"
    )
    requested = {scope.rpartition("/")[2] for scope in form["scope"].split()}

    assert requested <= documented({"sign-in", "delegated"}, set())
    assert {name for name in requested if "." in name} <= granted


async def test_the_sign_in_page_receives_the_documented_parameters(
    hass: HomeAssistant, account: Account
) -> None:
    flow = await account.async_fill(**CLIENT)
    query = URL(flow["url"]).query
    state = jwt.decode(query["state"], options={"verify_signature": False})

    assert not Needles(by_kind={"secret": {CLIENT["client_secret"]}}).found_in(flow["url"])
    assert {"client_id", "scope", "redirect_uri", "state", "code_challenge"} <= query.keys()
    assert state["redirect_uri"] == query["redirect_uri"]
    assert state["flow_id"] == flow["flow_id"]
    assert state.keys() == {"flow_id", "redirect_uri", "nonce"}


async def test_the_browser_returns_by_way_of_my_home_assistant_unless_that_is_removed(
    hass: HomeAssistant, account: Account
) -> None:
    async def redirect_host() -> str | None:
        flow = await account.async_fill()
        return URL(URL(flow["url"]).query["redirect_uri"]).host

    assert await redirect_host() == "example.com"
    hass.config.components.add("my")
    assert await redirect_host() == "my.home-assistant.io"


async def test_deleting_the_account_revokes_nothing_at_microsoft(
    hass: HomeAssistant, account: Account, simulator: Simulator
) -> None:
    entry = await account.async_sign_in()
    consents = {key: set(granted) for key, granted in simulator.tenant.consents.items()}
    assert consents
    await hass.config_entries.async_remove(entry.entry_id)

    assert simulator.tenant.consents == consents


@pytest.mark.parametrize("access", ACCESS)
async def test_the_organizations_app_needs_the_documented_permissions(
    account: Account, access: str
) -> None:
    entry = await application.async_sign_in(account, access=access)

    assert set(AppRegistration.from_data(entry.data).permissions) == documented(
        {"application"}, ACCESS[access]
    )


async def async_use_everything(account: Account, alex: Person) -> PresenceConfigEntry:
    """Sign in, add a colleague, and write everything."""
    hass = account.hass
    entry = await account.async_sign_in(colleagues=True, **CLIENT)
    await async_add(hass, entry, "alex", alex)
    for action, data in (
        ("set_status_message", {"message": MESSAGE}),
        ("set_preferred_presence", {"availability": "busy"}),
        ("set_presence", {"activity": "in_a_call"}),
    ):
        await hass.services.async_call(DOMAIN, action, data, target=TARGET, blocking=True)
    lunch = {
        "alias": "Lunch",
        "id": "lunch",
        "triggers": [],
        "actions": [
            {
                "action": f"{DOMAIN}.set_status_message",
                "target": TARGET,
                "data": {"message": MESSAGE},
            }
        ],
    }
    assert await async_setup_component(hass, "automation", {"automation": [lunch]})
    target = {"entity_id": "automation.lunch"}
    await hass.services.async_call("automation", "trigger", target=target, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    return entry


def needles_of(simulator: Simulator) -> Needles:
    """Return the sensitive values of a tenant and an app."""
    needles = Needles()
    needles.add("message", MESSAGE)
    needles.add("secret", CLIENT["client_secret"])
    needles.add("directory_id", TENANT_ID)
    for person in simulator.tenant.people.values():
        needles.add("address", person.address)
        needles.add("directory_id", person.id)
        needles.by_kind.setdefault("name", set()).update({person.name, slugify(person.name)})
    return needles


async def async_files(
    hass: HomeAssistant, stored: dict[str, Any], needles: Needles
) -> dict[str, set[str]]:
    """Return files with account data, and the kinds found."""
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    return {
        file: found
        for file, content in stored.items()
        if (found := needles.found_in(json.dumps(content)))
    }


async def test_data_is_stored_in_the_documented_files(
    hass: HomeAssistant,
    account: Account,
    simulator: Simulator,
    alex: Person,
    hass_storage: dict[str, Any],
) -> None:
    needles = needles_of(simulator)
    with needles.watching(simulator):
        entry = await async_use_everything(account, alex)
    needles.add("proof", *simulator.entra.authorize_endpoint.codes)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    files = await async_files(hass, hass_storage, needles)

    assert len(needles.by_kind["proof"]) == 2
    assert files == {
        "core.config_entries": {"secret", "token", "name", "address", "directory_id"},
        f"{DOMAIN}.{entry.entry_id}": {"directory_id"},
        "core.device_registry": {"name", "directory_id"},
        "core.entity_registry": {"name", "directory_id"},
        "trace.saved_traces": {"message", "name"},
    }
    assert {f".storage/{file.replace(entry.entry_id, '<entry ID>')}" for file in files} == {
        name
        for file, _, _ in rows(SECURITY, "File")
        if (name := file.strip("`")).startswith(".storage")
    }


async def test_remaining_data_is_deleted_after_thirty_days(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
    hass_storage: dict[str, Any],
) -> None:
    entry = await async_use_everything(account, alex)
    of_alex = Needles()
    of_alex.add("directory_id", alex.id)
    of_alex.add("address", alex.address)
    of_alex.by_kind["name"] = {alex.name, slugify(alex.name)}
    (colleague,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, colleague)
    await hass.async_block_till_done(wait_background_tasks=True)
    kept = {
        "core.device_registry": {"directory_id"},
        "core.entity_registry": {"name", "directory_id"},
    }
    assert await async_files(hass, hass_storage, of_alex) == kept

    await hass.config_entries.async_remove(entry.entry_id)
    needles = needles_of(simulator)
    assert await async_files(hass, hass_storage, needles) == kept
    for days, expected in ((29, kept), (2, {})):
        await clock.async_advance(timedelta(days=days).total_seconds())
        # Home Assistant cleans up devices at start and saves them at the next change.
        dr.async_cleanup(hass, dr.async_get(hass), er.async_get(hass))
        dr.async_get(hass).async_schedule_save()
        assert await async_files(hass, hass_storage, needles) == expected


async def test_home_assistant_logs_the_title_of_an_account_that_it_cannot_set_up(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    entry = await account.async_sign_in()
    account.simulator.faults.add("graph", status=503)
    await hass.config_entries.async_reload(entry.entry_id)

    assert f"Config entry '{entry.title}' for {DOMAIN} integration not ready" in caplog.text


async def test_home_assistants_own_action_repeats_a_text_that_is_too_long_and_ours_does_not(
    hass: HomeAssistant, account: Account
) -> None:
    await account.async_sign_in()
    message = "Very private " * 30
    errors = {}
    for domain, action, data, entity_id in (
        ("text", "set_value", {"value": message}, "text.robin_example_status_message"),
        (DOMAIN, "set_status_message", {"message": message}, "sensor.robin_example_availability"),
    ):
        with pytest.raises((HomeAssistantError, ValueError)) as error:
            await hass.services.async_call(
                domain, action, data, target={"entity_id": entity_id}, blocking=True
            )
        errors[action] = str(error.value)

    assert {action: "Very private" in text for action, text in errors.items()} == {
        "set_value": True,
        "set_status_message": False,
    }
