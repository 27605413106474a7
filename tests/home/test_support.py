"""Diagnostics and system health."""

from datetime import UTC, datetime
import json
from typing import Any

from homeassistant.components.system_health import DOMAIN as SYSTEM_HEALTH
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph import models
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home import test_application as application
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add

MONDAY = datetime(2031, 3, 3, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _support(hass: HomeAssistant) -> None:
    """Set up both before the account."""
    assert await async_setup_component(hass, "diagnostics", {})
    assert await async_setup_component(hass, SYSTEM_HEALTH, {})


@pytest.fixture
def _no_unknown_words() -> None:
    """Clear the record of unknown values."""
    models._unknown_values.clear()  # noqa: SLF001


async def async_download(
    hass: HomeAssistant, client: ClientSessionGenerator, entry: PresenceConfigEntry
) -> dict[str, Any]:
    """Download an account's diagnostics."""
    downloaded: Any = await get_diagnostics_for_config_entry(hass, client, entry)
    return dict(downloaded)


async def async_health(hass: HomeAssistant) -> dict[str, Any]:
    """Return system health with its asynchronous values."""
    await hass.async_block_till_done()
    info: dict[str, Any] = await get_system_health_info(hass, DOMAIN)
    return info | {key: await info[key] for key in ("can_reach_sign_in", "can_reach_graph")}


@pytest.mark.freeze_time(MONDAY)
@pytest.mark.usefixtures("_no_unknown_words")
async def test_diagnostics_of_an_account_that_works(
    hass: HomeAssistant,
    clock: HomeClock,
    hass_client: ClientSessionGenerator,
    account: Account,
    robin: Person,
    snapshot: SnapshotAssertion,
) -> None:
    robin.set_status_message("Very private", MONDAY.replace(hour=9), pinned=True)
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", account.simulator.tenant.people["alex"])
    await hass.services.async_call(
        DOMAIN,
        "set_preferred_presence",
        {"availability": "busy"},
        target={"entity_id": "sensor.robin_example_availability"},
        blocking=True,
    )
    await hass.async_block_till_done(wait_background_tasks=True)

    diagnostics = await async_download(hass, hass_client, entry)
    for person in diagnostics["people"]:
        assert person["presence"].pop("sequence_number")
    assert diagnostics == snapshot


@pytest.mark.usefixtures("_no_unknown_words")
async def test_diagnostics_contain_unknown_values(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, account: Account, robin: Person
) -> None:
    account.simulator.faults.add(
        "GET /v1.0/me/presence",
        json={"id": robin.id, "availability": "Daydreaming", "activity": "inACall"},
    )
    diagnostics = await async_download(hass, hass_client, await account.async_sign_in())

    assert diagnostics["unknown_values"] == ["availability 'Daydreaming'"]


@pytest.mark.freeze_time(MONDAY)
async def test_diagnostics_of_the_organizations_app(
    hass: HomeAssistant, clock: HomeClock, hass_client: ClientSessionGenerator, account: Account
) -> None:
    entry = await application.async_sign_in(account, tenant="contoso.example")
    diagnostics = await async_download(hass, hass_client, entry)

    assert diagnostics["sign_in"] == {
        "tenant_by": "domain",
        "credential": "client_secret",
        "asked_for": ["Presence.Read.All", "User.ReadBasic.All", "Presence.ReadWrite.All"],
        "granted": None,
        "token_expires_at": "2031-03-03T09:10:00+00:00",
        "can_be_renewed": True,
    }
    assert diagnostics["people"] == []


@pytest.mark.parametrize(
    ("where", "fault", "failure"),
    [
        (
            "token",
            {"aadsts": 50173},
            {
                "reason": "sign_in_needed",
                "detail": "session_ended AADSTS50173",
            },
        ),
        (
            "token",
            {"body": "html"},
            {"reason": "sign_in_unavailable", "detail": "unexpected_answer"},
        ),
        (
            "GET /v1.0/me/presence",
            {"status": 503, "code": "Busy"},
            {"reason": "graph_unavailable", "detail": "HTTP 503 Busy"},
        ),
        (
            "GET /v1.0/me/presence",
            {"loss": "close"},
            {"reason": "graph_unavailable", "detail": "no answer ServerDisconnectedError"},
        ),
    ],
)
async def test_diagnostics_contain_the_error_of_the_last_poll(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    where: str,
    fault: Any,
    failure: dict[str, str],
) -> None:
    if where == "token":
        simulator.expire_access_tokens()
    simulator.faults.add(where, **fault)
    await clock.async_advance(16)
    polls = (await async_download(hass, hass_client, entry))["polls"]

    assert polls["last_failure"].pop("at")
    assert polls["last_failure"] == failure


async def test_diagnostics_of_an_account_that_cannot_be_set_up(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: PresenceConfigEntry,
    simulator: Simulator,
) -> None:
    simulator.faults.add("GET /v1.0/me/presence", status=503)
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    diagnostics = await async_download(hass, hass_client, entry)

    assert (diagnostics["state"], diagnostics["reason"]) == ("setup_retry", "graph_unavailable")
    assert diagnostics["sign_in"]["granted"]
    assert "polls" not in diagnostics


async def test_diagnostics_show_a_person_without_presence(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    account: Account,
    simulator: Simulator,
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    await async_add(hass, entry, "alex", simulator.tenant.people["alex"])
    diagnostics = await async_download(hass, hass_client, entry)

    assert [person["presence"] is None for person in diagnostics["people"]] == [False, True]
    assert json.dumps(diagnostics)


async def test_system_health_of_a_home_that_is_well(hass: HomeAssistant, account: Account) -> None:
    entry = await account.async_sign_in()

    assert await async_health(hass) == {
        "can_reach_sign_in": "ok",
        "can_reach_graph": "ok",
        "accounts": 1,
        "accounts_loaded": 1,
        "people": 1,
        "last_poll": entry.runtime_data.primary.last_poll,
        "throttled_until": None,
        "sign_in_ways": "browser",
    }


async def test_system_health_shows_how_long_microsoft_is_throttling(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator
) -> None:
    clock.freezer.move_to(MONDAY)
    await account.async_sign_in()
    await application.async_sign_in(account)
    simulator.faults.add("GET /v1.0/me/presence", times=1, status=429, retry_after=120)
    await clock.async_advance(16)
    info = await async_health(hass)

    assert info["throttled_until"] == datetime(2031, 3, 3, 8, 2, 17, tzinfo=UTC)
    assert info["sign_in_ways"] == "application, browser"


async def test_system_health_of_a_home_that_microsoft_is_cut_off_from(
    hass: HomeAssistant, account: Account, simulator: Simulator
) -> None:
    await account.async_sign_in()
    await simulator.stop()
    info = await async_health(hass)

    assert info["can_reach_sign_in"] == info["can_reach_graph"]
    assert info["can_reach_graph"] == {"type": "failed", "error": "unreachable"}
