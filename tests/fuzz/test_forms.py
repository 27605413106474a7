"""Any form input results in a next step or an error."""

from collections import Counter
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from hypothesis import given, strategies as st
import pytest
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Simulator
from simulator.tenant import DOMAIN as TENANT, PUBLIC_CLIENT_ID
from tests.home.account import FORM, Account

from .conftest import share

TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def _or_text(*usual: str) -> st.SearchStrategy[str]:
    return st.sampled_from(usual) | TEXTS


FORMS: Final[dict[str, dict[str, st.SearchStrategy[Any]]]] = {
    "browser": {
        "cloud": _or_text("simulator", "simulator", "simulator"),
        "tenant": _or_text(TENANT, "organizations", "common", "nobody.example", "."),
        "client_id": _or_text(PUBLIC_CLIENT_ID, PUBLIC_CLIENT_ID.upper()),
        "client_secret": TEXTS,
        "access": _or_text("read", "read_write", "read"),
        "colleagues": st.booleans(),
    },
    "device_code": {
        "cloud": _or_text("simulator", "simulator", "simulator"),
        "tenant": _or_text(TENANT, "organizations", "common", "nobody.example", "."),
        "client_id": _or_text(PUBLIC_CLIENT_ID, PUBLIC_CLIENT_ID.upper()),
        "access": _or_text("read", "read_write", "read"),
        "colleagues": st.booleans(),
    },
    "application": {
        "cloud": _or_text("simulator", "simulator", "simulator"),
        "tenant": _or_text(TENANT, "organizations", "common", "nobody.example", "."),
        "client_id": _or_text(PUBLIC_CLIENT_ID, PUBLIC_CLIENT_ID.upper()),
        "client_secret": TEXTS,
        "certificate": TEXTS
        | st.builds(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n"
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----".format,
            TEXTS,
            TEXTS,
        ),
        "access": _or_text("read", "read_write", "read"),
    },
}
for _method in ("browser", "device_code"):
    FORMS[_method]["number"] = _or_text("AADSTS50011", "90094", "AADSTS", "65001 and more")
_OPTIONAL: Final = frozenset({"client_secret", "certificate", "colleagues", "number", "tenant"})


@pytest.mark.parametrize("method", FORMS)
@share(2)
@given(data=st.data())
async def test_a_form_accepts_or_rejects_any_input(
    method: str, data: st.DataObject, account: Account, count: Counter[str]
) -> None:
    fields = FORMS[method]
    user_input = data.draw(
        st.fixed_dictionaries(
            {name: field for name, field in fields.items() if name not in _OPTIONAL},
            optional={name: field for name, field in fields.items() if name in _OPTIONAL},
        )
    )
    flow = await account.async_open(method)
    count["forms filled in"] += 1
    try:
        result = await account.async_configure(flow, user_input)
    except InvalidData:
        # Home Assistant validates the schema first.
        count["rejected by the form's schema"] += 1
    else:
        _check(result)
    account.hass.config_entries.flow.async_abort(flow["flow_id"])


def _check(result: Any) -> None:
    """Check for a next step or a form with errors."""
    if result["type"] is FlowResultType.FORM:
        assert result["errors"]
        assert all(isinstance(reason, str) and reason for reason in result["errors"].values())
        return
    assert result["type"] in {
        FlowResultType.EXTERNAL_STEP,
        FlowResultType.MENU,
        FlowResultType.SHOW_PROGRESS,
    }


@share(2)
@given(error=TEXTS.filter(bool), description=TEXTS)
async def test_the_callback_may_have_any_parameters(
    error: str, description: str, account: Account, count: Counter[str]
) -> None:
    flow = await account.async_fill(**FORM)
    state = URL(flow["url"]).query["state"]
    callback = URL("/auth/external/callback").with_query(
        state=state, error=error, error_description=description
    )
    response = await (await account.client()).get(str(callback))
    if response.status == 400:
        # Home Assistant rejects line breaks in URLs.
        count["rejected by Home Assistant"] += 1
        account.hass.config_entries.flow.async_abort(flow["flow_id"])
        return
    assert response.status == 200
    _check(await account.async_configure(flow))
    count["forms filled in"] += 1
    account.hass.config_entries.flow.async_abort(flow["flow_id"])


@share(2)
@given(text=TEXTS)
async def test_any_text_can_be_searched_for(
    text: str, hass: HomeAssistant, account: Account, simulator: Simulator, count: Counter[str]
) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN) or [
        await account.async_sign_in(colleagues=True)
    ]
    flows = hass.config_entries.subentries
    flow = await flows.async_init((entry.entry_id, "person"), context={"source": "user"})
    result = await flows.async_configure(flow["flow_id"], {"search": text})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "choose" or result["errors"]
    count["forms filled in"] += 1
    flows.async_abort(flow["flow_id"])
    simulator.requests.clear()


@share(2)
@given(hold=st.booleans() | TEXTS | st.none() | st.integers())
async def test_the_options_accept_or_reject_any_input(
    hold: object,
    hass: HomeAssistant,
    account: Account,
    count: Counter[str],
) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN) or [await account.async_sign_in()]
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    count["forms filled in"] += 1
    try:
        result = await hass.config_entries.options.async_configure(
            flow["flow_id"], {"hold_session": hold}
        )
    except InvalidData:
        hass.config_entries.options.async_abort(flow["flow_id"])
        return
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert isinstance(entry.options["hold_session"], bool)
    await hass.async_block_till_done(wait_background_tasks=True)
