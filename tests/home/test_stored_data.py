"""Accounts and colleagues with invalid stored data."""

from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Simulator
from tests.home import test_application as application
from tests.home.account import FORM, Account, suggested
from tests.home.log import complaints
from tests.home.states import state
from tests.home.test_support import _support, async_download, async_health

__all__ = ["_support"]

MISSING = object()
BROKEN: list[tuple[str, Any]] = [
    *((key, MISSING) for key in ("cloud", "tenant", "client_id", "access", "sign_in", "token")),
    *((key, MISSING) for key in ("object_id", "name")),
    *((key, None) for key in ("cloud", "tenant", "access", "sign_in", "token", "object_id")),
    *((key, 7) for key in ("client_id", "client_secret", "name", "colleagues", "certificate")),
    *((key, ["x"]) for key in ("cloud", "access", "sign_in", "token")),
    ("cloud", "mars"),
    ("cloud", {"login": "https://example.com"}),
    ("sign_in", "pigeon"),
    ("tenant", ""),
    ("token", {}),
    ("token", {"access_token": "x", "refresh_token": "y", "scope": "z", "expires_at": "soon"}),
    ("token", {"access_token": None, "refresh_token": "y", "scope": "z", "expires_at": 1}),
    ("token", {"access_token": "x", "scope": "z", "expires_at": 1}),
    ("token", {"access_token": "x", "refresh_token": "y", "scope": "z", "expires_at": 1e20}),
    ("token", {"access_token": "x\n", "refresh_token": "y", "scope": "z", "expires_at": 1}),
]


async def async_break(
    hass: HomeAssistant, entry: PresenceConfigEntry, key: str, value: Any
) -> None:
    """Replace a member of the data and reload."""
    data = {name: known for name, known in entry.data.items() if name != key}
    if value is not MISSING:
        data[key] = value
    hass.config_entries.async_update_entry(entry, data=data)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.parametrize(("key", "value"), BROKEN)
async def test_reconfigure_fixes_invalid_data_and_other_accounts_work(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    account: Account,
    key: str,
    value: Any,
) -> None:
    entry = await account.async_sign_in()
    await account.async_sign_in("alex")
    await async_break(hass, entry, key, value)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "entry_unreadable"
    assert entry.reason is not None
    assert "Reconfigure" in entry.reason
    assert state(hass, "sensor.alex_example_availability") == "available"

    health = await async_health(hass)
    assert (health["accounts"], health["accounts_loaded"]) == (2, 1)
    downloaded = await async_download(hass, hass_client, entry)
    assert downloaded["unreadable"] == [key]
    options = await hass.config_entries.options.async_init(entry.entry_id)
    assert options["type"] is FlowResultType.FORM
    form = await account.async_open()
    assert suggested(form)["client_id"] == FORM["client_id"]

    flow = await account.async_renew(entry, "reconfigure")
    if key in {"object_id", "sign_in"} and flow["type"] is FlowResultType.FORM:
        raise AssertionError("a person's account has become the organization's app")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    assert suggested(flow).keys() <= {*FORM, "colleagues", "sign_in"}
    flow = await account.async_visit(await account.async_configure(flow, FORM))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert flow["reason"] == "reconfigure_successful"
    assert state(hass, "sensor.robin_example_availability") == "available"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("cloud", "mars"), ("sign_in", MISSING), ("token", {}), ("tenant", None)),
        ("token", {"access_token": "x", "scope": ["z"], "expires_at": 1}),
        ("token", {"access_token": "x", "expires_at": float("nan")}),
    ],
)
async def test_reconfigure_fixes_the_organizations_app_in_its_own_form(
    hass: HomeAssistant, account: Account, key: str, value: Any
) -> None:
    entry = await application.async_sign_in(account)
    await async_break(hass, entry, key, value)
    assert entry.error_reason_translation_key == "entry_unreadable"
    flow = await account.async_renew(entry, "reconfigure")
    assert flow["step_id"] == "application"
    flow = await account.async_configure(flow, application.FORM)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reconfigure_successful"
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("person", {}),
        ("person", {"object_id": None}),
        ("person", {"object_id": 7}),
        ("person", {"object_id": ["x"]}),
        # Of a later version
        ("room", {"object_id": "x"}),
    ],
)
async def test_an_invalid_subentry_does_not_affect_others(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    both: PresenceConfigEntry,
    simulator: Simulator,
    kind: str,
    data: dict[str, Any],
) -> None:
    reads = len(simulator.requests)
    subentry = ConfigSubentry(
        data=MappingProxyType(data), subentry_type=kind, title="Desk", unique_id="x"
    )
    hass.config_entries.async_add_subentry(both, subentry)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert both.state is ConfigEntryState.LOADED
    assert state(hass, "sensor.robin_example_availability") == "available"
    assert state(hass, "sensor.alex_example_availability") == "available"
    # It was reloaded once.
    assert len(simulator.requests) - reads == 2
    assert not complaints(caplog)
    hass.config_entries.async_remove_subentry(both, subentry.subentry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert both.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("key", ["cloud", "client_id", "sign_in", "token"])
async def test_an_account_with_missing_data_is_removed_with_its_store(
    hass: HomeAssistant, hass_storage: dict[str, Any], account: Account, key: str
) -> None:
    entry = await account.async_sign_in()
    await hass.services.async_call(
        DOMAIN,
        "set_preferred_presence",
        {"availability": "busy"},
        target={"entity_id": "sensor.robin_example_availability"},
        blocking=True,
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    (file,) = [name for name in hass_storage if entry.entry_id in name]
    await async_break(hass, entry, key, MISSING)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not hass.config_entries.async_entries(DOMAIN)
    assert file not in hass_storage


async def test_reauth_requires_missing_data(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    data = {key: value for key, value in entry.data.items() if key not in {"tenant", "cloud"}}
    hass.config_entries.async_update_entry(entry, data=data)
    flow = await account.async_renew(entry, "reauth")
    flow = await account.async_configure(flow, {})
    assert flow["errors"] == {"tenant": "tenant_invalid"}
    flow = await account.async_visit(await account.async_configure(flow, FORM))
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reauth_successful"
    assert entry.state is ConfigEntryState.LOADED
