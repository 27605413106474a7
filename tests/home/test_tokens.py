"""Token refreshes: when they happen, and which are stored."""

import asyncio
import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Simulator
from simulator.entra import tokens
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    PUBLIC_CLIENT_ID,
)
from tests.home.account import FORM, Account
from tests.home.clock import HomeClock
from tests.home.states import state

ROBIN = "sensor.robin_example_availability"
ALEX = "sensor.alex_example_availability"


def token_requests(simulator: Simulator) -> int:
    """Return how often a token was requested."""
    return sum(request.path.endswith("/oauth2/v2.0/token") for request in simulator.requests)


def app_of(simulator: Simulator, entry: PresenceConfigEntry) -> str | None:
    """Return the app that the stored access token belongs to."""
    caller = simulator.entra.tokens.find_caller(entry.data["token"]["access_token"])
    return caller.app.id if caller else None


def expire(hass: HomeAssistant, entry: PresenceConfigEntry) -> None:
    """Expire the stored token."""
    token = {**entry.data["token"], "expires_at": 0}
    hass.config_entries.async_update_entry(entry, data={**entry.data, "token": token})


WITH_SECRET = {
    "client_id": CONFIDENTIAL_CLIENT_ID,
    "client_secret": CONFIDENTIAL_CLIENT_SECRET,
}


@pytest.mark.parametrize("changes", [WITH_SECRET, {}], ids=["another app", "the same app"])
@pytest.mark.parametrize("answer", ["token", "error"])
async def test_a_refresh_that_ends_after_a_new_sign_in_changes_nothing(
    hass: HomeAssistant,
    account: Account,
    entry: PresenceConfigEntry,
    answer: str,
    changes: dict[str, str],
) -> None:
    simulator = account.simulator
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    flow = await account.async_configure(flow, FORM | changes)
    expire(hass, entry)
    error: dict[str, Any] = {"aadsts": 50173} if answer == "error" else {}
    slow = simulator.faults.add("token", times=1, latency=1.5, **error)
    write = hass.async_create_task(
        hass.services.async_call(
            DOMAIN,
            "set_status_message",
            {"message": "Renewing"},
            target={"entity_id": ROBIN},
            blocking=True,
        )
    )
    while not slow.hits:  # noqa: ASYNC110  # faults set no event
        await asyncio.sleep(0.01)
    flow = await account.async_visit(flow)
    assert flow["reason"] == "reconfigure_successful"
    signed_in = dict(entry.data)
    await asyncio.gather(write, return_exceptions=True)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert dict(entry.data) == signed_in
    assert app_of(simulator, entry) == changes.get("client_id", PUBLIC_CLIENT_ID)
    assert entry.state is ConfigEntryState.LOADED
    assert not list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))


async def test_a_refresh_is_stored_unless_the_app_changed(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    expire(hass, entry)
    await clock.async_advance(31)

    assert app_of(account.simulator, entry) == PUBLIC_CLIENT_ID
    assert entry.data["token"]["expires_at"] > 0
    assert state(hass, ROBIN) == "available"


@pytest.mark.parametrize("outage", [{"status": 503}, {"loss": "close"}, {"aadsts": 90033}])
async def test_a_401_while_entra_is_down_keeps_the_valid_token(
    hass: HomeAssistant,
    clock: HomeClock,
    simulator: Simulator,
    both: PresenceConfigEntry,
    outage: dict[str, Any],
) -> None:
    token = dict(both.data["token"])
    simulator.faults.add("token", **outage)
    rejected = simulator.faults.add("POST *getPresencesByUserId", times=1, status=401)
    for _ in range(10):
        await clock.async_advance(31)

    assert rejected.hits == 1
    assert dict(both.data["token"]) == token
    assert state(hass, ROBIN) == "available"
    assert state(hass, ALEX) == "available"


@pytest.mark.parametrize("path", ["graph", "POST *getPresencesByUserId"])
async def test_a_401_that_survives_a_new_token_fetches_one_in_five_minutes(
    clock: HomeClock, simulator: Simulator, both: PresenceConfigEntry, path: str
) -> None:
    rejected = simulator.faults.add(path, status=401)
    simulator.requests.clear()
    for _ in range(40):
        await clock.async_advance(15)

    assert rejected.hits > 10
    assert token_requests(simulator) == 2

    rejected.remove()
    await clock.async_advance(301)
    assert state(both.runtime_data.account.hass, ROBIN) == "available"
    assert token_requests(simulator) == 2


async def test_the_five_minutes_outlast_a_reload(
    hass: HomeAssistant, clock: HomeClock, simulator: Simulator, entry: PresenceConfigEntry
) -> None:
    simulator.faults.add("graph", status=401)
    await clock.async_advance(31)
    simulator.requests.clear()
    for _ in range(3):
        await hass.config_entries.async_reload(entry.entry_id)
        await clock.async_advance(10)

    assert token_requests(simulator) == 0


def challenge(number: int) -> str:
    """Return a claims challenge that differs from others."""
    claims = f'{{"access_token":{{"nbf":{{"essential":true,"value":"{number}"}}}}}}'
    return base64.b64encode(claims.encode()).decode()


@pytest.mark.parametrize(("claims", "fetched"), [(challenge, 4), (lambda _: challenge(1), 1)])
async def test_a_new_claims_challenge_is_answered_at_once_and_a_repeated_one_seldom(
    clock: HomeClock,
    simulator: Simulator,
    entry: PresenceConfigEntry,
    claims: Callable[[int], str],
    fetched: int,
) -> None:
    simulator.requests.clear()
    for number in range(4):
        fault = simulator.faults.add("graph", claims=claims(number), times=1)
        await clock.async_advance(31)
        fault.remove()

    assert token_requests(simulator) == fetched
    assert entry.runtime_data.primary.last_poll is not None


@pytest.mark.parametrize("kinds", [2, 100], ids=["in turn", "always new"])
async def test_claims_challenges_that_no_token_satisfies_fetch_few(
    clock: HomeClock,
    simulator: Simulator,
    both: PresenceConfigEntry,
    kinds: int,
) -> None:
    simulator.requests.clear()
    for number in range(40):
        fault = simulator.faults.add("graph", claims=challenge(number // 2 % kinds))
        await clock.async_advance(15)
        fault.remove()

    assert 4 <= token_requests(simulator) <= 8
    await clock.async_advance(61)
    assert state(both.runtime_data.account.hass, ROBIN) == "available"


async def test_two_requests_with_a_revoked_token_fetch_one(
    hass: HomeAssistant, clock: HomeClock, simulator: Simulator, both: PresenceConfigEntry
) -> None:
    simulator.expire_access_tokens()
    simulator.requests.clear()
    await clock.async_advance(timedelta(minutes=1).total_seconds())

    assert token_requests(simulator) == 1
    assert [state(hass, one) for one in (ROBIN, ALEX)] == ["available", "available"]


async def test_a_rejected_refresh_by_a_poll_of_colleagues_is_retried(
    hass: HomeAssistant, clock: HomeClock, simulator: Simulator, both: PresenceConfigEntry
) -> None:
    simulator.faults.add("GET /v1.0/me/presence", status=429, retry_after=45, times=1)
    await clock.async_advance(16)
    expire(hass, both)
    rejected = simulator.faults.add("token", aadsts=50173)
    await clock.async_advance(16)
    assert rejected.hits == 1
    rejected.remove()
    for _ in range(11):
        await clock.async_advance(61)

    assert [state(hass, one) for one in (ROBIN, ALEX)] == ["available", "available"]
    assert not any(both.async_get_active_flows(hass, {SOURCE_REAUTH}))


async def test_a_revoked_sign_in_does_not_request_a_token_at_every_poll(
    hass: HomeAssistant, clock: HomeClock, simulator: Simulator, both: PresenceConfigEntry
) -> None:
    simulator.revoke("robin")
    simulator.expire_access_tokens()
    simulator.requests.clear()
    for _ in range(60):
        await clock.async_advance(31)

    assert len(list(both.async_get_active_flows(hass, {SOURCE_REAUTH}))) == 1
    assert token_requests(simulator) <= 4


@pytest.mark.parametrize("lifetime", [30, 60, 120])
async def test_short_lived_tokens_are_renewed_in_time(
    clock: HomeClock,
    simulator: Simulator,
    both: PresenceConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    lifetime: int,
) -> None:
    hass = both.runtime_data.account.hass
    monkeypatch.setattr(tokens, "ACCESS_TOKEN_LIFETIME", timedelta(seconds=lifetime))
    expire(hass, both)
    simulator.requests.clear()
    for _ in range(60):
        await clock.async_advance(10)
        assert [state(hass, one) for one in (ROBIN, ALEX)] == ["available", "available"]

    assert token_requests(simulator) <= 600 / (lifetime - 20) + 1
    assert not [request for request in simulator.requests if request.status == 401]
