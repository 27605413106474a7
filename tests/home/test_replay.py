"""Replayed, forged and misdirected responses to a sign-in.

Home Assistant checks the signed state and finds the flow. The integration and Microsoft make sure
that a response belongs to that flow's current page.
"""

from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import jwt
import pytest
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Simulator
from tests.home.account import FORM, Account
from tests.home.log import complaints

MADE_UP_CODE = "1.AXoA-made-up-code-that-microsoft-never-gave"


async def async_come_back(account: Account, **query: str) -> int:
    """Request the callback as a browser; return the status."""
    location = URL("/auth/external/callback").with_query(query)
    response = await (await account.client()).get(str(location))
    return int(response.status)


async def async_accept(account: Account, flow: ConfigFlowResult, who: str = "robin") -> str:
    """Sign in on Microsoft's page and return the code."""
    return URL(await account.simulator.authorize(flow["url"], who)).query["code"]


def state_of(flow: ConfigFlowResult) -> str:
    """Return the state of a sign-in page's URL."""
    assert flow["type"] is FlowResultType.EXTERNAL_STEP, flow
    return URL(flow["url"]).query["state"]


def redemptions(simulator: Simulator) -> list[int | None]:
    """Return the responses to code exchanges."""
    return [
        request.status
        for request in simulator.requests
        if isinstance(request.json, dict) and request.json.get("grant_type") == "authorization_code"
    ]


def assert_waits(hass: HomeAssistant, flow: ConfigFlowResult) -> None:
    """Check that a flow is unchanged and no entry exists."""
    (progress,) = (
        one
        for one in hass.config_entries.flow.async_progress()
        if one["flow_id"] == flow["flow_id"]
    )
    assert progress["step_id"] == "auth"
    assert not hass.config_entries.async_entries(DOMAIN)


def content(state: str) -> dict[str, Any]:
    """Decode a state without verifying its signature."""
    read: dict[str, Any] = jwt.decode(state, options={"verify_signature": False})
    return read


def tampered(state: str) -> str:
    """Return a changed state with the old signature."""
    header, _, signature = state.split(".")
    other = jwt.encode(content(state) | {"flow_id": "another"}, "a" * 64).split(".")[1]
    return f"{header}.{other}.{signature}"


FOREIGN_STATES: dict[str, Callable[[str], str]] = {
    "of another home": lambda state: jwt.encode(content(state), "a" * 64, algorithm="HS256"),
    "unsigned": lambda state: jwt.encode(content(state), "", algorithm="none"),
    "without its signature": lambda state: state.rpartition(".")[0] + ".",
    "tampered with": tampered,
    "no state": lambda state: "hello",
}


@pytest.mark.parametrize("foreign", FOREIGN_STATES.values(), ids=FOREIGN_STATES)
async def test_a_state_that_home_assistant_did_not_sign_is_rejected(
    hass: HomeAssistant,
    account: Account,
    caplog: pytest.LogCaptureFixture,
    foreign: Callable[[str], str],
) -> None:
    flow = await account.async_fill()
    code = await async_accept(account, flow)
    status = await async_come_back(account, code=code, state=foreign(state_of(flow)))

    assert status == 400
    assert_waits(hass, flow)
    assert not redemptions(account.simulator)
    assert not complaints(caplog)


async def test_after_a_rejected_state_the_right_one_still_works(account: Account) -> None:
    flow = await account.async_fill()
    foreign = FOREIGN_STATES["of another home"](state_of(flow))
    assert await async_come_back(account, code=MADE_UP_CODE, state=foreign) == 400

    assert (await account.async_visit(flow))["type"] is FlowResultType.CREATE_ENTRY


async def test_the_answer_to_an_earlier_attempt_changes_nothing(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    first = await account.async_fill()
    code = await async_accept(account, first)
    await async_come_back(account, error="access_denied", state=state_of(first))
    form = await account.async_configure(first)
    second = await account.async_configure(form, FORM)
    assert second["flow_id"] == first["flow_id"]
    assert state_of(second) != state_of(first)
    for response in ({"code": code}, {"error": "access_denied"}):
        assert await async_come_back(account, state=state_of(first), **response) == 200
        assert_waits(hass, second)

    assert not redemptions(account.simulator)
    assert not complaints(caplog)
    assert (await account.async_visit(second))["type"] is FlowResultType.CREATE_ENTRY


async def test_another_response_does_not_change_the_waiting_step(
    hass: HomeAssistant, account: Account
) -> None:
    flow = await account.async_fill()
    await account.async_configure(flow, {"code": MADE_UP_CODE})

    assert_waits(hass, flow)


async def test_the_same_answer_twice_makes_one_account(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    response = {"code": await async_accept(account, flow), "state": state_of(flow)}
    assert await async_come_back(account, **response) == 200
    assert await async_come_back(account, **response) == 200
    assert not redemptions(account.simulator)
    done = await account.async_configure(flow)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert redemptions(account.simulator) == [200]
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1
    assert not complaints(caplog)


@pytest.mark.parametrize("ending", ["added", "closed"])
async def test_a_response_to_a_finished_flow_creates_nothing(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    flow = await account.async_fill()
    response = {"code": await async_accept(account, flow), "state": state_of(flow)}
    if ending == "added":
        await account.async_visit(flow)
        await hass.async_block_till_done(wait_background_tasks=True)
    else:
        hass.config_entries.flow.async_abort(flow["flow_id"])
    before = [dict(entry.data) for entry in hass.config_entries.async_entries(DOMAIN)]

    # Home Assistant's callback fails for an unknown flow.
    assert await async_come_back(account, **response) == 500
    assert [dict(entry.data) for entry in hass.config_entries.async_entries(DOMAIN)] == before
    assert len(redemptions(account.simulator)) == len(before)
    assert not complaints(caplog)


async def test_a_callback_to_a_form_is_rejected(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    response = {"code": await async_accept(account, flow), "state": state_of(flow)}
    form = await account.async_visit(flow, decision="deny")
    assert form["type"] is FlowResultType.FORM

    assert await async_come_back(account, **response) == 400
    assert not redemptions(account.simulator)
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not complaints(caplog)


async def test_a_reused_code_is_rejected_by_microsoft(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    code = await async_accept(account, flow)
    account.simulator.entra.authorize_endpoint.codes[code].redeemed = True
    await async_come_back(account, code=code, state=state_of(flow))
    form = await account.async_configure(flow)

    assert form["errors"] == {"base": "try_again"}
    assert redemptions(account.simulator) == [400]
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not complaints(caplog)


async def test_an_invented_code_is_rejected(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    await async_come_back(account, code=MADE_UP_CODE, state=state_of(flow))
    form = await account.async_configure(flow)

    assert form["type"] is FlowResultType.FORM
    assert redemptions(account.simulator) == [400]
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not complaints(caplog)


async def test_two_sign_ins_with_swapped_responses_fail_pkce(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", f"custom_components.{DOMAIN}")
    people = ("robin", "alex")
    flows = [await account.async_fill() for _ in people]
    codes = [
        await async_accept(account, flow, person)
        for flow, person in zip(flows, people, strict=True)
    ]
    for flow, code in zip(flows, reversed(codes), strict=True):
        assert await async_come_back(account, code=code, state=state_of(flow)) == 200
        form = await account.async_configure(flow)
        assert form["type"] is FlowResultType.FORM, form
        assert form["errors"] == {"base": "try_again"}

    assert redemptions(account.simulator) == [400, 400]
    assert caplog.text.count("AADSTS501481") == 2
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not complaints(caplog)


async def test_a_code_cannot_add_another_account_to_a_flow(
    hass: HomeAssistant, account: Account
) -> None:
    mine, theirs = await account.async_fill(), await account.async_fill()
    code = await async_accept(account, theirs, "alex")
    await async_come_back(account, code=code, state=state_of(mine))
    form = await account.async_configure(mine)

    assert form["errors"] == {"base": "try_again"}
    assert_waits(hass, theirs)
    assert (await account.async_visit(theirs, "alex"))["title"] == "Alex Example (contoso.example)"
