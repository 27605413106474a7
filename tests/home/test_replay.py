"""What comes back to Home Assistant in place of the answer that a sign-in waits for.

The callback is Home Assistant's: it knows a flow by the state that it signed. What belongs to the
flow itself, that an answer is to the page that is open, and to no other, is ours and Microsoft's.
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
    """Let a browser come back from Microsoft; returns the HTTP status that it gets."""
    location = URL("/auth/external/callback").with_query(query)
    answer = await (await account.client()).get(str(location))
    return int(answer.status)


async def async_accept(account: Account, flow: ConfigFlowResult, who: str = "robin") -> str:
    """Sign in on Microsoft's page and return the code, before the browser comes back with it."""
    return URL(await account.simulator.authorize(flow["url"], who)).query["code"]


def state_of(flow: ConfigFlowResult) -> str:
    """Return the state that a sign-in page was opened with."""
    assert flow["type"] is FlowResultType.EXTERNAL_STEP, flow
    return URL(flow["url"]).query["state"]


def redemptions(simulator: Simulator) -> list[int | None]:
    """Return how Microsoft answered when codes were to be exchanged."""
    return [
        request.status
        for request in simulator.requests
        if isinstance(request.json, dict) and request.json.get("grant_type") == "authorization_code"
    ]


def assert_waits(hass: HomeAssistant, flow: ConfigFlowResult) -> None:
    """Check that a flow waits as if nothing had come, and that nothing was made."""
    (progress,) = (
        one
        for one in hass.config_entries.flow.async_progress()
        if one["flow_id"] == flow["flow_id"]
    )
    assert progress["step_id"] == "auth"
    assert not hass.config_entries.async_entries(DOMAIN)


def content(state: str) -> dict[str, Any]:
    """Return what a state says, whoever signed it."""
    read: dict[str, Any] = jwt.decode(state, options={"verify_signature": False})
    return read


def tampered(state: str) -> str:
    """Return a state that says something else under the same signature."""
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
async def test_a_state_that_home_assistant_did_not_sign_is_refused(
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


async def test_after_a_refused_state_the_right_one_still_works(account: Account) -> None:
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
    for answer in ({"code": code}, {"error": "access_denied"}):
        assert await async_come_back(account, state=state_of(first), **answer) == 200
        assert_waits(hass, second)

    assert not redemptions(account.simulator)
    assert not complaints(caplog)
    assert (await account.async_visit(second))["type"] is FlowResultType.CREATE_ENTRY


async def test_what_another_answer_brings_to_the_waiting_step_changes_nothing(
    hass: HomeAssistant, account: Account
) -> None:
    flow = await account.async_fill()
    await account.async_configure(flow, {"code": MADE_UP_CODE})

    assert_waits(hass, flow)


async def test_the_same_answer_twice_makes_one_account(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    answer = {"code": await async_accept(account, flow), "state": state_of(flow)}
    assert await async_come_back(account, **answer) == 200
    assert await async_come_back(account, **answer) == 200
    assert not redemptions(account.simulator)
    done = await account.async_configure(flow)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert redemptions(account.simulator) == [200]
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1
    assert not complaints(caplog)


@pytest.mark.parametrize("ending", ["added", "closed"])
async def test_an_answer_to_a_flow_that_is_over_makes_nothing(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    flow = await account.async_fill()
    answer = {"code": await async_accept(account, flow), "state": state_of(flow)}
    if ending == "added":
        await account.async_visit(flow)
        await hass.async_block_till_done(wait_background_tasks=True)
    else:
        hass.config_entries.flow.async_abort(flow["flow_id"])
    before = [dict(entry.data) for entry in hass.config_entries.async_entries(DOMAIN)]

    # Home Assistant's callback has no better answer for a flow that it does not know.
    assert await async_come_back(account, **answer) == 500
    assert [dict(entry.data) for entry in hass.config_entries.async_entries(DOMAIN)] == before
    assert len(redemptions(account.simulator)) == len(before)
    assert not complaints(caplog)


async def test_an_answer_to_a_form_is_refused(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    answer = {"code": await async_accept(account, flow), "state": state_of(flow)}
    form = await account.async_visit(flow, decision="deny")
    assert form["type"] is FlowResultType.FORM

    assert await async_come_back(account, **answer) == 400
    assert not redemptions(account.simulator)
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not complaints(caplog)


async def test_a_code_that_was_used_before_is_refused_by_microsoft(
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


async def test_a_code_that_microsoft_never_gave_is_refused(
    hass: HomeAssistant, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await account.async_fill()
    await async_come_back(account, code=MADE_UP_CODE, state=state_of(flow))
    form = await account.async_configure(flow)

    assert form["type"] is FlowResultType.FORM
    assert redemptions(account.simulator) == [400]
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not complaints(caplog)


async def test_two_sign_ins_whose_answers_are_swapped_fail_by_their_proof_keys(
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


async def test_a_code_cannot_bring_another_flow_somebody_elses_account(
    hass: HomeAssistant, account: Account
) -> None:
    mine, theirs = await account.async_fill(), await account.async_fill()
    code = await async_accept(account, theirs, "alex")
    await async_come_back(account, code=code, state=state_of(mine))
    form = await account.async_configure(mine)

    assert form["errors"] == {"base": "try_again"}
    assert_waits(hass, theirs)
    assert (await account.async_visit(theirs, "alex"))["title"] == "Alex Example"
