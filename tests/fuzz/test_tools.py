"""Any arguments of a language model result in data or an error."""

from collections import Counter
from typing import Any, Final

from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
from hypothesis import given, strategies as st
import pytest

from tests.home.account import Account
from tests.home.test_llm import GET, SELECT, SET_MESSAGE, SET_PRESENCE, TEXT, context_of, expose

from .conftest import BATCH, share
from .strategies import ANY_JSON

_TIMES: Final = st.sampled_from(
    [
        "14:30",
        "24:00",
        "-1:0",
        "\uff11\uff14:\uff13\uff10",
        "2026-11-25",
        "2026-02-30 10:00",
        "9999-12-31T23:59-23:59",
    ]
) | st.text(max_size=30)


def _mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return usual | usual | usual | ANY_JSON


ARGUMENTS: Final = st.lists(
    st.fixed_dictionaries(
        {
            "message": _mostly(st.text(max_size=300)),
            "availability": _mostly(st.sampled_from(["busy", "automatic"])),
        },
        optional={
            "person": _mostly(st.just("Robin Example")),
            "until": _mostly(_TIMES),
            "minutes": _mostly(st.integers(-1, 10**6) | st.floats()),
        },
    ),
    min_size=BATCH,
    max_size=BATCH,
)
FIELDS: Final = {
    GET: {"person"},
    SET_MESSAGE: {"person", "message", "until", "minutes"},
    SET_PRESENCE: {"person", "availability", "until", "minutes"},
}


@pytest.mark.parametrize("name", FIELDS)
@share(5)
@given(batch=ARGUMENTS)
async def test_a_tool_returns_data_or_an_error_for_any_arguments(
    name: str, batch: list[dict[str, Any]], account: Account, count: Counter[str]
) -> None:
    hass = account.hass
    if not hass.config_entries.async_loaded_entries("ms_teams_presence"):
        for component in ("homeassistant", "llm"):
            assert await async_setup_component(hass, component, {})
        await account.async_sign_in()
        expose(hass, TEXT, SELECT)
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, context_of())
    (tool,) = [one for one in api.tools if one.name == name]
    for arguments in batch:
        given_ones = {key: one for key, one in arguments.items() if key in FIELDS[name]}
        result = await tool.async_call(hass, llm.ToolInput(name, given_ones), context_of())
        assert isinstance(result, llm.ToolResult)
        assert bool(result.data.get("error")) == result.error
        count["tools called"] += 1
        count["rejected by a tool"] += result.error
