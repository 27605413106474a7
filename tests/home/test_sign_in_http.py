"""Sign-in requests use Home Assistant's session settings, limits and hosts."""

import asyncio
from collections.abc import Callable
import gzip
from pathlib import Path
import sys
from typing import Any

from aiohttp import web
from freezegun import api as freezegun
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
import pytest

from custom_components.ms_teams_presence.entra import http as entra_http
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import request_log
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    TENANT_ID,
    daemon_certificate,
)
from tests.home import test_application as application
from tests.home.account import FORM, Account
from tests.home.clock import HomeClock
from tests.home.states import state
from tests.recorder import Recorder, recording

ROBIN = "sensor.robin_example_availability"
WITH_SECRET = {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_CLIENT_SECRET}
DISCOVERY = f"/{TENANT_ID}/v2.0/.well-known/openid-configuration"
ENDPOINTS = ("discovery", "token", "devicecode")


def waiting_threads() -> int:
    """Return the number of threads waiting for MSAL's requests."""
    count = 0
    for top in sys._current_frames().values():  # noqa: SLF001  # there is no public way
        frame: Any = top
        while frame is not None:
            count += frame.f_code.co_filename == entra_http.__file__
            frame = frame.f_back
    return count


async def async_no_thread_waits() -> None:
    """Wait in real time until no thread waits."""
    end = freezegun.real_monotonic() + 5
    while waiting_threads():
        await asyncio.sleep(0)
        assert freezegun.real_monotonic() < end


async def async_sign_in_at(account: Account, endpoint: str, **fault: Any) -> dict[str, Any]:
    """Sign in with a faulty endpoint; return the flow's result."""
    if endpoint == "devicecode":
        form = await account.async_open("device_code")
        account.simulator.faults.add(endpoint, **fault)
        return dict(await account.async_configure(form, FORM))
    if endpoint == "discovery":
        account.simulator.faults.add(endpoint, **fault)
        return dict(await account.async_fill(**WITH_SECRET))
    flow = await account.async_fill(**WITH_SECRET)
    account.simulator.faults.add(endpoint, **fault)
    return dict(await account.async_visit(flow))


# Deadlines


@pytest.mark.parametrize("loss", ["drip", "hang", "stall"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_slow_response_ends_at_the_deadline_and_no_thread_waits_longer(
    account: Account, monkeypatch: pytest.MonkeyPatch, endpoint: str, loss: str
) -> None:
    monkeypatch.setattr(entra_http, "_TIMEOUT", 0.5)
    async with asyncio.timeout(5):
        flow = await async_sign_in_at(account, endpoint, loss=loss)

    assert flow["errors"] == {"base": "cannot_connect"}
    await async_no_thread_waits()


@pytest.mark.once
async def test_many_slow_responses_at_once_do_not_use_up_the_executor(
    hass: HomeAssistant, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough for a hundred TLS handshakes on a busy machine.
    monkeypatch.setattr(entra_http, "_TIMEOUT", 4.0)
    account.simulator.faults.add("discovery", loss="drip")
    forms = [await account.async_open() for _ in range(100)]
    async with asyncio.timeout(30):
        flows = await asyncio.gather(*(account.async_configure(form, FORM) for form in forms))

    assert {str(flow["errors"]) for flow in flows} == {"{'base': 'cannot_connect'}"}
    await async_no_thread_waits()
    async with asyncio.timeout(1):
        assert await hass.async_add_executor_job(lambda: "free") == "free"


async def test_a_step_that_times_out_cancels_its_request(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    form = await account.async_open()
    fault = account.simulator.faults.add("discovery", loss="hang")
    step = hass.async_create_task(account.async_configure(form, FORM))
    while not fault.hanging:  # noqa: ASYNC110  # the clock stands still
        await asyncio.sleep(0)
    clock.freezer.tick(26)

    assert (await step)["errors"] == {"base": "cannot_connect"}
    await async_no_thread_waits()
    while fault.hanging:  # noqa: ASYNC110  # the server notices that the client has left
        await asyncio.sleep(0)


async def test_a_canceled_step_cancels_its_request_and_sends_no_other(account: Account) -> None:
    flow = await account.async_fill(**WITH_SECRET)
    fault = account.simulator.faults.add("discovery", loss="hang")
    step = asyncio.create_task(account.async_visit(flow))
    while not fault.hanging:  # noqa: ASYNC110  # faults set no event
        await asyncio.sleep(0.01)
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)

    await async_no_thread_waits()
    assert not [r for r in account.simulator.requests if r.path.endswith("/oauth2/v2.0/token")]


# Size, compression, redirects


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "fault",
    [
        {"body": "huge"},
        {"content": gzip.compress(b" " * 50_000_000), "headers": {"Content-Encoding": "gzip"}},
        {
            "content": gzip.compress(gzip.compress(b" " * 50_000_000)),
            "headers": {"Content-Encoding": "gzip, gzip"},
        },
        {"content": b"\x00\x01\x02", "headers": {"Content-Encoding": "gzip"}},
        {"body": "deep"},
        {"body": "null"},
        {"body": "not_unicode"},
        {"content": b'"a text"'},
        {"content": b"[]"},
    ],
    ids=[
        "huge",
        "packed",
        "packed twice",
        "not packed",
        "deep",
        "null",
        "not Unicode",
        "a text",
        "a list",
    ],
)
async def test_a_body_that_is_no_small_json_object_is_an_error(
    account: Account, endpoint: str, fault: dict[str, Any]
) -> None:
    flow = await async_sign_in_at(account, endpoint, **fault)

    assert flow["errors"] in ({"base": "unexpected_answer"}, {"base": "cannot_connect"})


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(account: Account, endpoint: str, status: int) -> None:
    async with recording() as other:
        flow = await async_sign_in_at(
            account,
            endpoint,
            status=status,
            headers={"Location": f"{other.url}/elsewhere"},
            json={"access_token": "x", "user_code": "ABC"},
        )

    assert flow["errors"] == {"base": "unexpected_answer"}
    assert other.connections == 0


# Hosts


def foreign(document: dict[str, Any], member: str, other: Recorder) -> dict[str, Any]:
    """Return a discovery document with an endpoint on another host."""
    return {**document, member: f"{other.url}/{TENANT_ID}/oauth2/v2.0/token"}


@pytest.mark.parametrize(
    "place",
    [
        lambda other: f"{other.url}/{TENANT_ID}/oauth2/v2.0/token",
        lambda other: f"http://127.0.0.1:{other.port}/{TENANT_ID}/oauth2/v2.0/token",
        lambda other: f"https://localhost:{other.port}/{TENANT_ID}/oauth2/v2.0/token",
    ],
    ids=["https", "http", "a name"],
)
@pytest.mark.parametrize("member", ["token_endpoint", "device_authorization_endpoint"])
async def test_a_secret_goes_to_no_other_host_than_the_login_host(
    account: Account, member: str, place: Callable[[Recorder], str]
) -> None:
    document = account.simulator.entra.authorities.metadata(TENANT_ID)
    async with recording() as other:
        document[member] = place(other)
        account.simulator.faults.add("discovery", json=document)
        if member == "token_endpoint":
            flow = await application.async_fill(account)
        else:
            form = await account.async_open("device_code")
            flow = await account.async_configure(form, FORM)

    assert flow["errors"] == {"base": "unexpected_answer"}
    assert other.connections == 0


async def test_a_refresh_token_goes_to_no_other_host_either(
    hass: HomeAssistant, clock: HomeClock, account: Account, entry: PresenceConfigEntry
) -> None:
    document = account.simulator.entra.authorities.metadata(TENANT_ID)
    async with recording() as other:
        fault = account.simulator.faults.add(
            "discovery", json=foreign(document, "token_endpoint", other)
        )
        account.simulator.expire_access_tokens()
        for _ in range(4):
            await clock.async_advance(61)
        assert fault.hits
    assert other.connections == 0
    assert not list(entry.async_get_active_flows(hass, {"reauth"}))

    fault.remove()
    await clock.async_advance(61)
    assert state(hass, ROBIN) == "available"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)//",
        "https://evil.example/authorize",
        "http://login.microsoftonline.com/authorize",
        "https://login.microsoftonline.com@evil.example/authorize",
        "https://evil.example\\@127.0.0.1/authorize",
        "//evil.example/authorize",
        "data:text/html,x",
        "https://microsoft.com.evil.example/devicelogin",
        "http://microsoft.com/devicelogin",
        "https://microsoft.com:8443/devicelogin",
        "https://[::1/devicelogin",
        " https://microsoft.com/devicelogin",
        "https://microsoft.com/[x](https://evil.example)",
        "",
        None,
        7,
    ],
)
async def test_a_foreign_page_reaches_no_frontend(account: Account, address: object) -> None:
    document = account.simulator.entra.authorities.metadata(TENANT_ID)
    fault = account.simulator.faults.add(
        "discovery", json={**document, "authorization_endpoint": address}
    )
    flow = await account.async_fill()
    assert (flow["type"], flow.get("errors")) == (
        FlowResultType.FORM,
        {"base": "unexpected_answer"},
    )
    fault.remove()

    account.simulator.faults.add(
        "devicecode", json=device_response(verification_uri=address), status=200
    )
    flow = await account.async_configure(await account.async_open("device_code"), FORM)
    assert flow.get("errors") == {"base": "unexpected_answer"}


@pytest.mark.parametrize(
    "address",
    [
        "https://microsoft.com/devicelogin",
        "https://www.microsoft.com/devicelogin",
        "https://microsoft.com/deviceloginus",
        "https://login.microsoft.com/device",
    ],
)
async def test_microsofts_pages_for_a_device_code_are_shown(
    hass: HomeAssistant, account: Account, address: str
) -> None:
    account.simulator.faults.add("devicecode", json=device_response(verification_uri=address))
    flow = await account.async_configure(await account.async_open("device_code"), FORM)

    assert flow["type"] is FlowResultType.SHOW_PROGRESS
    assert flow["description_placeholders"] == {"url": address, "code": "ABC-123"}
    hass.config_entries.flow.async_abort(flow["flow_id"])
    await hass.async_block_till_done()


def device_response(**members: object) -> dict[str, object]:
    """Return a response of the device authorization endpoint."""
    return {
        "device_code": "secret",
        "user_code": "ABC-123",
        "verification_uri": "https://microsoft.com/devicelogin",
        "expires_in": 900,
        "interval": 5,
    } | members


@pytest.mark.parametrize(
    "members",
    [
        {"user_code": "[A](https://evil.example)"},
        {"user_code": "<ha-alert>"},
        {"user_code": ""},
        {"user_code": "A" * 1000},
        {"user_code": None},
        {"user_code": ["A"]},
        {"interval": "soon"},
        {"interval": None},
        {"expires_in": "never"},
        {"expires_in": {}},
    ],
    ids=str,
)
async def test_an_odd_device_answer_is_an_error_at_the_form(
    account: Account, members: dict[str, object]
) -> None:
    account.simulator.faults.add("devicecode", json=device_response(**members))
    flow = await account.async_configure(await account.async_open("device_code"), FORM)

    assert flow["type"] is FlowResultType.FORM
    assert flow["errors"] == {"base": "unexpected_answer"}


@pytest.mark.parametrize("interval", [0, -7, 10**12])
async def test_an_odd_interval_neither_hurries_nor_waits_for_ever(
    hass: HomeAssistant, account: Account, interval: int
) -> None:
    account.simulator.faults.add("devicecode", json=device_response(interval=interval))
    pending = account.simulator.faults.add(
        "token", status=400, json={"error": "authorization_pending"}, latency=0.05
    )
    flow = await account.async_configure(await account.async_open("device_code"), FORM)
    await asyncio.sleep(0.3)
    hits = pending.hits
    hass.config_entries.flow.async_abort(flow["flow_id"])
    await async_no_thread_waits()
    await hass.async_block_till_done()
    # The last request may still be pending.
    await asyncio.sleep(0.2)
    after = pending.hits
    await asyncio.sleep(0.2)

    assert bool(hits) == (interval <= 0)
    assert pending.hits == after


async def test_a_code_that_entra_keeps_pending_ends_by_our_clock(
    hass: HomeAssistant, account: Account
) -> None:
    account.simulator.faults.add("devicecode", json=device_response(interval=0, expires_in=0))
    account.simulator.faults.add("token", status=400, json={"error": "authorization_pending"})
    flow = await account.async_configure(await account.async_open("device_code"), FORM)
    await hass.async_block_till_done()
    flow = await account.async_configure(flow)

    assert flow["errors"] == {"base": "device_code_expired"}


# Token responses

GOOD_TOKEN: dict[str, object] = {
    "access_token": "an-access-token",
    "refresh_token": "a-refresh-token",
    "scope": "Presence.Read Presence.ReadWrite",
    "token_type": "Bearer",
    "expires_in": 3600,
}


@pytest.mark.parametrize(
    "members",
    [
        {"access_token": None},
        {"access_token": ["x"]},
        {"access_token": {"x": 1}},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "two\r\nHost: evil.example"},
        {"access_token": "\u20ac"},
        {"refresh_token": 7},
        {"refresh_token": None},
        {"scope": ["Presence.Read"]},
        {"scope": None},
        {"expires_in": 0},
        {"expires_in": -1},
        {"expires_in": "soon"},
        {"expires_in": 1e400},
        {"expires_in": None},
        {"id_token": "no.id.token"},
        {"id_token": 7},
    ],
    ids=str,
)
async def test_an_odd_token_is_an_error_at_the_form(
    account: Account, members: dict[str, object]
) -> None:
    flow = await account.async_fill()
    account.simulator.faults.add("token", json=GOOD_TOKEN | members)
    flow = await account.async_visit(flow)

    assert flow["type"] is FlowResultType.FORM
    assert flow["errors"] == {"base": "unexpected_answer"}


@pytest.mark.parametrize("expires_in", [10**12, "1000000000000", 1e15])
async def test_a_token_lives_for_28_hours_at_most(
    account: Account, clock: HomeClock, entry: PresenceConfigEntry, expires_in: object
) -> None:
    account.simulator.faults.add("token", times=1, json=GOOD_TOKEN | {"expires_in": expires_in})
    account.simulator.expire_access_tokens()
    await clock.async_advance(61)

    assert entry.data["token"]["expires_in"] == 28 * 3600
    assert entry.data["token"]["expires_at"] < clock.freezer().timestamp() + 28 * 3600 + 1


async def test_a_certificate_signs_in_though_msal_passes_bytes(account: Account) -> None:
    entry = await application.async_sign_in(
        account, client_secret=None, certificate=daemon_certificate().pem
    )

    (token,) = [r for r in account.simulator.requests if r.path.endswith("/token")]
    assert token.status == 200
    assert token.json == {
        "grant_type": "client_credentials",
        "client_id": DAEMON_CLIENT_ID,
        "scope": "https://graph.microsoft.com/.default",
    }
    assert entry.title


# Proxies and .netrc: Home Assistant's session ignores these settings of `requests`


@pytest.mark.parametrize("user", ["", "somebody:secret@"])
async def test_no_request_goes_through_a_proxy_that_home_assistants_session_does_not_use(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
) -> None:
    async with recording() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{user}127.0.0.1:{proxy.port}")
        await account.async_sign_in()
        account.simulator.expire_access_tokens()
        await clock.async_advance(61)

    assert state(hass, ROBIN) == "available"
    assert proxy.connections == 0


async def test_a_netrc_password_is_not_sent(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password a-netrc-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_bytes(netrc.read_bytes())
    headers: list[str | None] = []
    log = request_log._body  # noqa: SLF001  # the one place that sees every request

    async def watch(request: web.Request) -> object:
        headers.append(request.headers.get("Authorization"))
        return await log(request)

    monkeypatch.setattr(request_log, "_body", watch)
    await account.async_sign_in()

    assert {str(header).partition(" ")[0] for header in headers} == {"None", "Bearer"}


# The window is closed


@pytest.mark.parametrize(
    ("sign_in", "endpoint"),
    [
        *(("browser", endpoint) for endpoint in ("discovery", "token", "graph")),
        *(("device_code", endpoint) for endpoint in ("discovery", "devicecode", "token", "graph")),
        *(("application", endpoint) for endpoint in ("discovery", "token", "graph")),
    ],
)
async def test_nothing_is_left_of_a_window_that_is_closed(
    hass: HomeAssistant, account: Account, sign_in: str, endpoint: str
) -> None:
    simulator = account.simulator
    simulator.entra.device_code_endpoint.interval = 0
    form = await account.async_open(sign_in)
    fault = simulator.faults.add(endpoint, loss="hang")
    fields = application.FORM if sign_in == "application" else FORM
    step = asyncio.create_task(async_go_on(hass, account, sign_in, form, fields))
    async with asyncio.timeout(10):
        while not fault.hanging:  # noqa: ASYNC110  # faults set no event
            await asyncio.sleep(0.01)
    flow_id = form["flow_id"]
    hass.config_entries.flow.async_abort(flow_id)
    async with asyncio.timeout(5):
        await asyncio.gather(step, return_exceptions=True)
        while fault.hanging:  # noqa: ASYNC110  # the server notices that the client has left
            await asyncio.sleep(0.01)
    await async_no_thread_waits()
    simulator.faults.clear()
    simulator.requests.clear()
    await asyncio.sleep(0.2)

    assert not simulator.requests
    assert not [task for task in asyncio.all_tasks() if "sign-in" in task.get_name()]
    assert not hass.config_entries.async_entries("ms_teams_presence")


async def async_go_on(
    hass: HomeAssistant, account: Account, sign_in: str, form: Any, fields: dict[str, Any]
) -> None:
    """Sign in as far as possible."""
    flow = await account.async_configure(form, fields)
    if sign_in == "browser":
        await account.async_visit(flow)
    elif sign_in == "device_code":
        account.simulator.enter_device_code(flow["description_placeholders"]["code"])  # type: ignore[index]
        await hass.async_block_till_done()
        await account.async_configure(flow)


async def test_a_window_that_is_closed_while_a_code_is_fetched_polls_nothing(
    hass: HomeAssistant, account: Account
) -> None:
    simulator = account.simulator
    simulator.entra.device_code_endpoint.interval = 0
    form = await account.async_open("device_code")
    slow = simulator.faults.add("devicecode", latency=0.5)
    step = asyncio.create_task(account.async_configure(form, FORM))
    while not slow.hits:  # noqa: ASYNC110  # faults set no event
        await asyncio.sleep(0.01)
    hass.config_entries.flow.async_abort(form["flow_id"])
    with pytest.raises(UnknownFlow):
        await step
    await asyncio.sleep(0.8)

    assert not [one for one in simulator.requests if one.path.endswith("/token")]


async def test_a_change_of_the_app_that_is_closed_half_way_changes_nothing(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    before = dict(entry.data)
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    flow = await account.async_configure(flow, FORM | WITH_SECRET)
    fault = account.simulator.faults.add("token", loss="hang")
    step = asyncio.create_task(account.async_visit(flow))
    while not fault.hanging:  # noqa: ASYNC110  # faults set no event
        await asyncio.sleep(0.01)
    hass.config_entries.flow.async_abort(flow["flow_id"])
    fault.remove()
    await asyncio.gather(step, return_exceptions=True)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert dict(entry.data) == before
    assert state(hass, ROBIN) == "available"
