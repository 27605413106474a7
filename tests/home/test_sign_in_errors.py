"""Every sign-in error of Microsoft, wherever it can occur."""

import base64
from contextlib import suppress
from enum import Flag, auto
import json
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntryDisabler,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.entra.errors import (
    SIGN_IN_ERRORS,
    Resolution,
    SignInErrorKind,
)
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Simulator
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    PUBLIC_CLIENT_ID,
    TENANT_ID,
)
from tests.home import test_application
from tests.home.account import FORM, Account, error_key, suggested
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.home.people import async_add
from tests.home.states import state

TRANSLATIONS: Final = Path("custom_components", DOMAIN, "translations")
TEXTS: Final = json.loads((TRANSLATIONS / "en.json").read_text())
SENTENCES: Final[dict[str, str]] = TEXTS["config"]["error"]
AVAILABILITY: Final = "sensor.robin_example_availability"


class Place(Flag):
    """A place where errors occur."""

    PAGE = auto()
    """On Microsoft's own page, which does not redirect back."""
    CALLBACK = auto()
    """In the address that Microsoft's page redirects to."""
    DISCOVERY = auto()
    """When the discovery document is read."""
    DEVICE = auto()
    """When a device code is requested."""
    TOKEN = auto()
    """When a token is requested."""
    GRAPH = auto()
    """When Graph is called with the token."""
    LOCAL = auto()
    """Before anything is sent."""


_FRONT: Final = Place.PAGE | Place.TOKEN
_EVERYWHERE: Final = Place.PAGE | Place.DEVICE | Place.TOKEN

PLACES: Final[dict[str, Place]] = {
    "account_disabled": _FRONT,
    "admin_consent_missing": _FRONT,
    "app_disabled": _EVERYWHERE,
    "app_misconfigured": _FRONT,
    "app_not_found": _EVERYWHERE | Place.CALLBACK,
    "application_consent_missing": Place.GRAPH,
    "blocked_by_policy": _EVERYWHERE,
    "cannot_connect": Place.DISCOVERY | Place.DEVICE | Place.TOKEN,
    "certificate_encrypted": Place.LOCAL,
    "certificate_expired": Place.LOCAL,
    "certificate_not_rsa": Place.LOCAL | Place.TOKEN,
    "certificate_unreadable": Place.LOCAL,
    "certificate_without_key": Place.LOCAL,
    "certificate_wrong": Place.TOKEN,
    "client_refused": Place.TOKEN,
    "clock_wrong": Place.TOKEN,
    "consent_denied": Place.CALLBACK | Place.TOKEN,
    "consent_missing": _FRONT | Place.CALLBACK,
    "device_code_expired": Place.TOKEN,
    "graph_unavailable": Place.GRAPH,
    "guest_account": _FRONT,
    "interaction_required": Place.CALLBACK | Place.TOKEN,
    "microsoft_app": _EVERYWHERE,
    "microsoft_unavailable": _EVERYWHERE | Place.CALLBACK | Place.DISCOVERY,
    "no_presence": Place.GRAPH,
    "not_assigned": _FRONT,
    "organization_sign_in_failed": _FRONT,
    "personal_account": _EVERYWHERE,
    "public_client_refused": Place.DEVICE | Place.TOKEN,
    "redirect_refused": _FRONT,
    "registered_for_people": Place.TOKEN,
    "request_refused": _EVERYWHERE | Place.CALLBACK,
    "secret_expired": Place.TOKEN,
    "secret_not_wanted": Place.TOKEN,
    "secret_wrong": Place.TOKEN,
    "session_ended": Place.TOKEN | Place.GRAPH,
    "sign_in_failed": _EVERYWHERE | Place.CALLBACK,
    "spa_platform": Place.TOKEN,
    "tenant_not_found": _EVERYWHERE | Place.DISCOVERY,
    "try_again": Place.TOKEN,
    "unexpected_answer": Place.DISCOVERY | Place.DEVICE | Place.TOKEN,
    "wrong_cloud": _EVERYWHERE | Place.DISCOVERY | Place.GRAPH,
    "wrong_tenant": _EVERYWHERE,
}


def rows(where: Place) -> list[Any]:
    """Return the errors that occur in a place."""
    return [
        pytest.param(reason, kind, id=reason)
        for reason, kind in SIGN_IN_ERRORS.items()
        if where in PLACES[reason] and (kind.aadsts_codes or kind.oauth_errors)
    ]


def fault(kind: SignInErrorKind) -> dict[str, Any]:
    """Return the simulator's fault for an error."""
    if kind.aadsts_codes:
        return {"aadsts": kind.aadsts_codes[0]}
    return {"json": {"error": kind.oauth_errors[0]}, "status": 400}


def assert_shows_error(
    flow: ConfigFlowResult,
    reason: str,
    kind: SignInErrorKind,
    *,
    sign_in: str = "browser",
    is_typed: bool = False,
) -> None:
    """Check the error's step, field and text."""
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    if kind.browser_may_work and sign_in == "device_code":
        assert flow["type"] is FlowResultType.MENU
        assert flow["step_id"] == "other_way"
        assert flow["menu_options"] == ["browser", "device_code"]
        assert placeholders["cause"] == SENTENCES[reason]
        return
    assert flow["type"] is FlowResultType.FORM, flow
    if kind.resolution is Resolution.ADMIN:
        assert flow["step_id"] == "approval"
        assert flow["errors"] == {"base": reason}
        text = TEXTS["config"]["step"]["approval"]["description"].format(**placeholders)
        assert f"/{TENANT_ID}/v2.0/adminconsent?client_id={PUBLIC_CLIENT_ID}&scope=" in text
    elif is_typed:
        assert flow["step_id"] == "error_code"
        assert flow["errors"] == {"base": reason}
        assert placeholders["code"] in TEXTS["config"]["step"]["error_code"]["description"].format(
            **placeholders
        )
    else:
        assert flow["step_id"] == sign_in
        assert flow["errors"] == {error_key(flow, kind.field): reason}
    assert "{" not in SENTENCES[reason].format(**placeholders)


@pytest.mark.parametrize(("reason", "kind"), rows(Place.TOKEN))
async def test_each_error_of_the_token_endpoint(
    account: Account, caplog: pytest.LogCaptureFixture, reason: str, kind: SignInErrorKind
) -> None:
    flow = await account.async_fill()
    account.simulator.faults.add("token", **fault(kind))
    flow = await account.async_visit(flow)

    assert_shows_error(flow, reason, kind)
    assert not complaints(caplog)


@pytest.mark.parametrize(("reason", "kind"), rows(Place.CALLBACK))
async def test_each_error_of_the_callback(
    account: Account, reason: str, kind: SignInErrorKind
) -> None:
    for error in kind.oauth_errors:
        flow = await account.async_fill()
        state_of_flow = URL(flow["url"]).query["state"]
        callback = URL("/auth/external/callback").with_query(state=state_of_flow, error=error)
        response = await (await account.client()).get(callback.path_qs)
        assert response.status == 200

        assert_shows_error(await account.async_configure(flow), reason, kind)


async def test_invalid_client_at_the_callback_is_about_the_apps_permissions(
    account: Account,
) -> None:
    flow = await account.async_fill()
    state_of_flow = URL(flow["url"]).query["state"]
    callback = URL("/auth/external/callback").with_query(
        state=state_of_flow, error="invalid_client"
    )
    await (await account.client()).get(callback.path_qs)
    flow = await account.async_configure(flow)

    assert flow["step_id"] == "approval"
    assert flow["errors"] == {"base": "app_misconfigured"}


@pytest.mark.parametrize(("reason", "kind"), rows(Place.DEVICE))
async def test_each_error_of_the_device_code_endpoint(
    account: Account, reason: str, kind: SignInErrorKind
) -> None:
    account.simulator.faults.add("devicecode", **fault(kind))
    flow = await account.async_configure(await account.async_open("device_code"), FORM)

    assert_shows_error(flow, reason, kind, sign_in="device_code")


@pytest.mark.parametrize(("reason", "kind"), rows(Place.DISCOVERY))
async def test_each_error_of_discovery(
    account: Account, reason: str, kind: SignInErrorKind
) -> None:
    account.simulator.faults.add("discovery", **fault(kind))

    assert_shows_error(await account.async_fill(), reason, kind)


async def test_every_number_on_microsofts_own_page_can_be_typed_in(account: Account) -> None:
    flow = await account.async_open()
    for reason, kind in SIGN_IN_ERRORS.items():
        for number in kind.aadsts_codes:
            shown = f"AADSTS{number}: Something in Microsoft's own words."
            flow = await account.async_configure(
                await account.async_open(), FORM | {"number": shown}
            )
            assert_shows_error(flow, reason, kind, is_typed=True)
            placeholders = flow["description_placeholders"]
            assert placeholders is not None
            assert placeholders["code"] == f"AADSTS{number}"
            if kind.resolution is not Resolution.ADMIN:
                assert_shows_error(await account.async_configure(flow, {}), reason, kind)
    assert not [request for request in account.simulator.requests if "token" in request.path]


@pytest.mark.parametrize(
    ("shown", "error", "code"),
    [
        ("AADSTS1234567", "sign_in_failed", "AADSTS1234567"),
        ("50999", "sign_in_failed", "AADSTS50999"),
        ("aadsts 1234567", "sign_in_failed", "AADSTS1234567"),
        (" 50999\n", "sign_in_failed", "AADSTS50999"),
        (
            "Request Id: 12345678-0000 Timestamp: 2026-11-25 Message: AADSTS1234567: No.",
            "sign_in_failed",
            "AADSTS1234567",
        ),
        ("AADSTS: 1234567.", "sign_in_failed", "AADSTS1234567"),
        ("Sign-in error code: 50999", "sign_in_failed", "AADSTS50999"),
        ("https://login.microsoftonline.com/error?code=50999", "sign_in_failed", "AADSTS50999"),
        ("[50999]", "sign_in_failed", "AADSTS50999"),
        ("Error code 12345678-0000", "number_invalid", "-"),
        ("help", "number_invalid", "-"),
        ("42", "number_invalid", "-"),
        ("Request Id: 12345678", "number_invalid", "-"),
        ("Timestamp: 20261125", "number_invalid", "-"),
        ("AADSTS", "number_invalid", "-"),
        ("AADSTS123456789", "number_invalid", "-"),
    ],
)
async def test_an_unknown_number(account: Account, shown: str, error: str, code: str) -> None:
    flow = await account.async_fill(number=shown)

    is_number = error == "sign_in_failed"
    assert flow["step_id"] == ("error_code" if is_number else "browser")
    assert flow["errors"] == {"base" if is_number else "advanced": error}
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert placeholders["code"] == code


async def test_an_unknown_oauth_error_is_shown_by_its_code(account: Account) -> None:
    flow = await account.async_fill()
    account.simulator.faults.add(
        "token", status=400, json={"error": "surprise\n<b>", "error_description": "secret"}
    )
    flow = await account.async_visit(flow)

    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert flow["errors"] == {"base": "sign_in_failed"}
    assert placeholders["code"] == "surpriseb"


@pytest.mark.parametrize(
    "reason", [reason for reason in SIGN_IN_ERRORS if Place.LOCAL in PLACES[reason]]
)
async def test_an_error_before_any_request_is_about_the_certificate(reason: str) -> None:
    assert SIGN_IN_ERRORS[reason].field == "certificate"
    assert SENTENCES[reason]


async def test_submitting_after_approval_retries_without_the_form(account: Account) -> None:
    flow = await account.async_fill()
    account.simulator.faults.add("token", times=1, aadsts=90094)
    flow = await account.async_visit(flow)
    assert flow["step_id"] == "approval"

    flow = await account.async_visit(await account.async_configure(flow, {}))
    assert flow["type"] is FlowResultType.CREATE_ENTRY


async def test_a_blocked_device_code_offers_the_browser(account: Account) -> None:
    account.simulator.faults.add("devicecode", aadsts=530035)
    flow = await account.async_configure(await account.async_open("device_code"), FORM)
    flow = await account.async_configure(flow, {"next_step_id": "browser"})

    assert suggested(flow)["client_id"] == PUBLIC_CLIENT_ID
    flow = await account.async_visit(await account.async_configure(flow, FORM))
    assert flow["type"] is FlowResultType.CREATE_ENTRY


# Errors after setup


def notice(hass: HomeAssistant, entry: PresenceConfigEntry) -> ConfigFlowResult | None:
    """Return the reauth flow of an account, if any."""
    issues = ir.async_get(hass).issues
    flows = list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    assert not [issue_id for domain, issue_id in issues if domain == DOMAIN]
    assert len(flows) == len(issues) <= 1
    return flows[0] if flows else None


async def async_cause(account: Account, flow: ConfigFlowResult | None) -> str:
    """Return the cause that a reauth flow shows."""
    assert flow is not None
    form = await account.async_configure(flow)
    assert form["step_id"] == "reauth_confirm"
    placeholders = form["description_placeholders"]
    assert placeholders is not None
    return placeholders["cause"]


async def async_reject_token(clock: HomeClock, simulator: Simulator, **options: Any) -> None:
    """Reject the token and its refresh, then poll."""
    simulator.expire_access_tokens()
    simulator.faults.add("token", **options)
    await clock.async_advance(31)


async def async_set_message(hass: HomeAssistant) -> None:
    """Set the status message by the action."""
    target = {"entity_id": AVAILABILITY}
    data = {"message": "Still here"}
    await hass.services.async_call(DOMAIN, "set_status_message", data, target=target, blocking=True)


def token_requests(simulator: Simulator) -> int:
    """Return how often a token was requested."""
    return sum(request.path.endswith("/token") for request in simulator.requests)


RARELY: Final = range(5, 8)
UP_TO_OTHERS: Final = [50057, 50105, 53003, 65001, 7000112, 7000218]


@pytest.mark.parametrize("aadsts", UP_TO_OTHERS)
async def test_an_error_that_others_resolve_is_retried_every_ten_minutes(
    hass: HomeAssistant, clock: HomeClock, account: Account, aadsts: int
) -> None:
    simulator = account.simulator
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", simulator.tenant.people["alex"])
    clock.freezer.tick(entry.data["token"]["expires_in"])
    trouble = simulator.faults.add("token", aadsts=aadsts)
    simulator.requests.clear()
    for _ in range(60):
        await clock.async_advance(60)
    assert 5 <= token_requests(simulator) <= 7
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert notice(hass, entry)
    with pytest.raises(HomeAssistantError) as error:
        await async_set_message(hass)
    assert error.value.translation_key == "sign_in_needed"
    assert token_requests(simulator) <= 7

    trouble.remove()
    for _ in range(11):
        await clock.async_advance(60)
    assert state(hass, AVAILABILITY) == "available"
    assert state(hass, "sensor.alex_example_availability") == "available"
    assert not hass.config_entries.flow.async_progress()
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize(
    ("options", "expected", "acts"),
    [
        # When these pass is not known: unknown codes and errors, a blocked request loop.
        ({"aadsts": 99999, "error": "surprise", "status": 400}, RARELY, True),
        ({"json": {"error": "surprise"}, "status": 400}, RARELY, True),
        ({"aadsts": 700024}, RARELY, True),
        ({"aadsts": 50196}, RARELY, True),
        # Only the user resolves these: polls of oneself end.
        ({"aadsts": 50173}, RARELY, False),
        ({"aadsts": 7000215}, RARELY, False),
        # These pass soon.
        ({"status": 408}, range(60, 130), False),
        ({"status": 403}, range(60, 130), False),
        ({"aadsts": 90033}, range(60, 130), False),
    ],
)
async def test_token_requests_per_hour_after_an_error(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    options: dict[str, Any],
    expected: range,
    acts: bool,  # noqa: FBT001
) -> None:
    simulator = account.simulator
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", simulator.tenant.people["alex"])
    clock.freezer.tick(entry.data["token"]["expires_in"])
    simulator.faults.add("token", **options)
    simulator.requests.clear()
    for minute in range(60):
        await clock.async_advance(60)
        if acts and minute % 5 == 0:
            with pytest.raises(HomeAssistantError):
                await async_set_message(hass)

    assert token_requests(simulator) in expected


@pytest.mark.parametrize("application", [False, True])
async def test_an_error_that_others_resolve_is_retried_at_setup_too(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    application: bool,  # noqa: FBT001
) -> None:
    simulator = account.simulator
    sign_in = test_application.async_sign_in if application else Account.async_sign_in
    entry = await sign_in(account)
    if application:
        await async_add(hass, entry, "Alex", simulator.tenant.people["alex"])
    await hass.config_entries.async_unload(entry.entry_id)
    clock.freezer.tick(entry.data["token"]["expires_in"])
    trouble = simulator.faults.add("token", aadsts=50057)
    simulator.requests.clear()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state.value == "setup_retry"
    assert entry.error_reason_translation_key == "sign_in_needed"
    for _ in range(60):
        await clock.async_advance(60)
    assert 4 <= token_requests(simulator) <= 7
    cause = await async_cause(account, notice(hass, entry))
    assert cause == SENTENCES["account_disabled"]

    # A reload tries at once.
    await hass.config_entries.async_reload(entry.entry_id)
    assert token_requests(simulator) <= 8
    assert await async_cause(account, notice(hass, entry)) == cause
    trouble.remove()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert notice(hass, entry) is None
    assert not hass.config_entries.flow.async_progress()


async def test_a_sign_in_that_has_begun_is_not_aborted_by_a_successful_poll(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    clock.freezer.tick(entry.data["token"]["expires_in"])
    trouble = account.simulator.faults.add("token", aadsts=50057)
    await clock.async_advance(31)
    await clock.async_advance(61)
    (progress,) = entry.async_get_active_flows(hass, {SOURCE_REAUTH})
    trouble.remove()
    flow = await account.async_configure(progress, {})
    assert flow["type"] is FlowResultType.EXTERNAL_STEP
    for _ in range(11):
        await clock.async_advance(60)

    assert state(hass, AVAILABILITY) == "available"
    left = notice(hass, entry)
    assert left
    assert left["step_id"] == "auth"


async def test_setup_succeeds_once_others_have_resolved_the_error(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    simulator = account.simulator
    await hass.config_entries.async_unload(entry.entry_id)
    clock.freezer.tick(entry.data["token"]["expires_in"])
    trouble = simulator.faults.add("token", aadsts=50105)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await clock.async_advance(60)
    trouble.remove()
    for _ in range(24):
        await clock.async_advance(60)

    assert state(hass, AVAILABILITY) == "available"
    assert notice(hass, entry) is None
    assert not hass.config_entries.flow.async_progress()


async def test_an_error_that_only_the_user_resolves_is_not_retried(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    simulator = account.simulator
    simulator.requests.clear()
    await async_reject_token(clock, simulator, aadsts=50173)
    for _ in range(60):
        await clock.async_advance(60)

    assert token_requests(simulator) == 1
    assert state(hass, AVAILABILITY) == STATE_UNAVAILABLE
    assert notice(hass, entry)


@pytest.mark.parametrize(
    "path", ["POST *getPresencesByUserId", "POST *setStatusMessage", "GET /v1.0/users/*"]
)
async def test_a_401_for_another_path_does_not_blame_the_sign_in(
    hass: HomeAssistant, clock: HomeClock, account: Account, path: str
) -> None:
    simulator = account.simulator
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", simulator.tenant.people["alex"])
    simulator.faults.add(path, status=401)
    simulator.requests.clear()
    for minute in range(10):
        if minute % 3 == 0:
            with suppress(HomeAssistantError):
                await async_set_message(hass)
        for _ in range(6):
            await clock.async_advance(10)
    assert state(hass, AVAILABILITY) == "available"
    assert token_requests(simulator) <= 3
    assert notice(hass, entry) is None
    assert not hass.config_entries.flow.async_progress()


@pytest.mark.parametrize(("reason", "kind"), rows(Place.TOKEN))
async def test_later_one_notice_has_the_sentence_and_leads_to_the_right_step(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    reason: str,
    kind: SignInErrorKind,
) -> None:
    simulator = account.simulator
    await async_reject_token(clock, simulator, **fault(kind))
    if kind.resolution in {Resolution.RETRY, Resolution.UNKNOWN}:
        assert notice(hass, entry) is None
        for _ in range(3):
            await clock.async_advance(31)
    progress = notice(hass, entry)
    assert (progress is None) == (kind.resolution is Resolution.RETRY)
    if progress is None:
        return

    start = SENTENCES[reason].partition("{")[0]
    assert start
    assert (await async_cause(account, progress)).startswith(start)
    flow = await account.async_configure(progress, {})
    if kind.resolution is Resolution.RECONFIGURE:
        assert_shows_error(flow, reason, kind)
    else:
        assert flow["step_id"] == "auth"
    assert notice(hass, entry)

    simulator.faults.clear()
    if kind.resolution is Resolution.RECONFIGURE:
        flow = await account.async_configure(flow, FORM)
    flow = await account.async_visit(flow)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert flow["reason"] == "reauth_successful"
    assert notice(hass, entry) is None
    assert state(hass, AVAILABILITY) == "available"


async def test_the_notice_has_the_reason_of_a_failed_action(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    entry = await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )
    clock.freezer.tick(entry.data["token"]["expires_in"])
    account.simulator.faults.add("token", aadsts=7000222)
    with pytest.raises(HomeAssistantError):
        await async_set_message(hass)
    flow = notice(hass, entry)
    assert flow
    assert await async_cause(account, flow) == SENTENCES["secret_expired"]

    flow = await account.async_configure(flow, {})
    assert flow["errors"] == {"advanced": "secret_expired"}


async def test_an_unknown_error_requests_a_sign_in_after_a_minute(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    surprise = {"json": {"error": "surprise"}, "status": 400}
    await async_reject_token(clock, account.simulator, **surprise)
    await clock.async_advance(31)
    assert notice(hass, entry) is None
    await clock.async_advance(31)
    cause = await async_cause(account, notice(hass, entry))
    assert cause == SENTENCES["sign_in_failed"].format(code="surprise")

    account.simulator.faults.clear()
    for _ in range(20):
        await clock.async_advance(31)
    assert state(hass, AVAILABILITY) == "available"
    assert notice(hass, entry) is None


async def test_the_notice_shows_the_latest_cause(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    trouble = account.simulator.faults.add("GET /v1.0/me/presence", status=403)
    for _ in range(3):
        await clock.async_advance(31)
    before = notice(hass, entry)
    assert await async_cause(account, before) == SENTENCES["no_presence"]

    trouble.remove()
    await async_reject_token(clock, account.simulator, aadsts=50173)
    after = notice(hass, entry)
    assert before
    assert after
    assert after["flow_id"] == before["flow_id"]
    assert await async_cause(account, after) == SENTENCES["session_ended"]


@pytest.mark.parametrize(
    ("match", "options", "reason"),
    [
        ("GET /v1.0/me/presence", {"status": 403}, "no_presence"),
        ("token", {"aadsts": 50173}, "session_ended"),
    ],
)
async def test_while_an_account_is_reconfigured_no_sign_in_is_requested_beside_it(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    match: str,
    options: dict[str, Any],
    reason: str,
) -> None:
    account.simulator.expire_access_tokens()
    account.simulator.faults.add(match, **options)
    flow = await account.async_renew(entry, "reconfigure")
    for _ in range(4):
        await clock.async_advance(31)
    assert notice(hass, entry) is None
    hass.config_entries.flow.async_abort(flow["flow_id"])
    await clock.async_advance(31)

    assert await async_cause(account, notice(hass, entry)) == SENTENCES[reason]


async def test_a_code_that_is_blocked_later_leads_to_the_browser(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, "sign_in": "device_code"})
    await async_reject_token(clock, account.simulator, aadsts=530035)
    (flow,) = entry.async_get_active_flows(hass, {SOURCE_REAUTH})
    flow = await account.async_configure(flow, {})

    assert flow["step_id"] == "other_way"
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    account.simulator.faults.clear()
    flow = await account.async_visit(await account.async_configure(flow, FORM))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert flow["reason"] == "reauth_successful"
    assert entry.data["sign_in"] == "browser"


async def test_a_revoked_sign_in_at_setup_has_one_notice(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await async_reject_token(clock, account.simulator, aadsts=50173)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert await async_cause(account, notice(hass, entry)) == SENTENCES["session_ended"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert notice(hass, entry) is None


async def test_a_disabled_account_requests_no_sign_in(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    await async_reject_token(clock, account.simulator, aadsts=50173)
    assert notice(hass, entry)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)

    assert notice(hass, entry) is None


@pytest.mark.parametrize(("status", "reason"), [(401, "session_ended"), (403, "no_presence")])
async def test_a_token_rejected_by_graph_requests_a_sign_in(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    status: int,
    reason: str,
) -> None:
    account.simulator.faults.add("GET /v1.0/me/presence", status=status)
    for _ in range(2):
        await clock.async_advance(31)
    assert notice(hass, entry) is None
    await clock.async_advance(31)
    assert await async_cause(account, notice(hass, entry)) == SENTENCES[reason]

    account.simulator.faults.clear()
    await clock.async_advance(61)
    assert notice(hass, entry) is None


async def test_a_missing_permission_at_the_start_requests_a_sign_in(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    trouble = account.simulator.faults.add("GET /v1.0/me/presence", status=403)
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state.value == "setup_retry"
    flow = notice(hass, entry)
    assert await async_cause(account, flow) == SENTENCES["no_presence"]
    assert flow
    shown = await account.async_configure(flow, {})
    assert_shows_error(shown, "no_presence", SIGN_IN_ERRORS["no_presence"])

    trouble.remove()
    flow = await account.async_visit(await account.async_configure(shown, FORM))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert flow["reason"] == "reauth_successful"
    assert entry.state is ConfigEntryState.LOADED
    assert notice(hass, entry) is None


async def test_the_organizations_app_without_consent_requests_a_sign_in(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    entry = await test_application.async_sign_in(account)
    await async_add(hass, entry, "Alex", account.simulator.tenant.people["alex"])
    account.simulator.faults.add("graph", status=403)
    for _ in range(3):
        await clock.async_advance(31)

    flow = notice(hass, entry)
    start = SENTENCES["application_consent_missing"].partition("{")[0]
    assert (await async_cause(account, flow)).startswith(start)
    assert flow
    flow = await account.async_configure(flow, {})
    assert flow["step_id"] == "approval"
    assert flow["errors"] == {"base": "application_consent_missing"}


async def test_the_organizations_app_signs_in_again_with_one_click(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    entry = await test_application.async_sign_in(account)
    await async_add(hass, entry, "Alex", account.simulator.tenant.people["alex"])
    await async_reject_token(clock, account.simulator, aadsts=50105)
    flow = notice(hass, entry)
    assert await async_cause(account, flow) == SENTENCES["not_assigned"]
    assert flow
    account.simulator.faults.clear()
    flow = await account.async_configure(flow, {})
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reauth_successful"
    assert notice(hass, entry) is None
    assert entry.unique_id == f"{TENANT_ID}.{DAEMON_CLIENT_ID}"


# Claims challenges

CLAIMS: Final = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}'


@pytest.mark.parametrize("application", [False, True])
async def test_a_claims_challenge_is_answered_with_a_token_that_has_the_claims(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    application: bool,  # noqa: FBT001
) -> None:
    simulator = account.simulator
    if application:
        entry = await test_application.async_sign_in(account)
        await async_add(hass, entry, "Alex", simulator.tenant.people["alex"])
    else:
        entry = await account.async_sign_in()
    simulator.requests.clear()
    challenge = base64.b64encode(CLAIMS.encode()).decode()
    simulator.faults.add("graph", times=1, claims=challenge)
    await clock.async_advance(31)

    forms = [request.json for request in simulator.requests if request.path.endswith("/token")]
    assert [form["claims"] for form in forms if isinstance(form, dict)] == [CLAIMS]
    assert entry.runtime_data.primary.failures == 0

    # The next refresh has no claims.
    simulator.requests.clear()
    clock.freezer.tick(entry.data["token"]["expires_in"])
    await clock.async_advance(1)
    forms = [request.json for request in simulator.requests if request.path.endswith("/token")]
    assert ["claims" in form for form in forms if isinstance(form, dict)] == [False]


async def test_lowering_the_access_removes_the_writing_entities(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    registry = er.async_get(hass)
    writing = {"text.robin_example_status_message", "select.robin_example_preferred_presence"}
    assert writing <= registry.entities.keys()

    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    flow = await account.async_visit(await account.async_configure(flow, FORM | {"access": "read"}))
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reconfigure_successful"
    assert not writing & registry.entities.keys()
    assert not [entity_id for entity_id in writing if hass.states.get(entity_id)]
    assert state(hass, AVAILABILITY) == "available"


@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
@pytest.mark.parametrize("method", ["browser", "device_code", "application"])
async def test_an_aborted_change_changes_nothing(
    hass: HomeAssistant, account: Account, source: str, method: str
) -> None:
    if method == "application":
        entry = await test_application.async_sign_in(account)
        form = test_application.FORM | {"client_secret": "not-a-secret~wrong", "access": "read"}
    else:
        entry = await account.async_sign_in()
        form = FORM | {"access": "read"}
        hass.config_entries.async_update_entry(entry, data={**entry.data, "sign_in": method})
    before = dict(entry.data)
    states = {found.entity_id: found.state for found in hass.states.async_all()}

    flow = await account.async_renew(entry, source)
    if source == "reauth":
        flow = await account.async_configure(flow, {})
    elif flow["type"] is FlowResultType.MENU:
        flow = await account.async_configure(flow, {"next_step_id": method})
    if flow["type"] is FlowResultType.FORM:
        flow = await account.async_configure(flow, form)
    if flow["type"] is not FlowResultType.ABORT:
        hass.config_entries.flow.async_abort(flow["flow_id"])
    await hass.async_block_till_done(wait_background_tasks=True)

    if (source, method) == ("reauth", "application"):
        # There is nothing to abort: the app has already signed in.
        assert flow["reason"] == "reauth_successful"
        before["token"] = entry.data["token"]
    assert dict(entry.data) == before
    assert entry.state is ConfigEntryState.LOADED
    assert {found.entity_id: found.state for found in hass.states.async_all()} == states
    assert not list(entry.async_get_active_flows(hass, {"reauth", "reconfigure"}))
