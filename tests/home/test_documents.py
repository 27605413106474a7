"""What the documents tell people to paste works, taken from the documents themselves."""

from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import pytest

from custom_components.ms_teams_presence.const import DOMAIN
from tests.home.account import Account

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def snippets() -> list[Any]:
    """Return everything in YAML that the documents show, each with where it stands."""
    found = []
    for document in DOCUMENTS:
        blocks = re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL)
        loaded = [parse_yaml(part) for block in blocks for part in block.split("\n---\n")]
        found += [
            pytest.param(snippet, id=f"{document.name}-{number}")
            for number, snippet in enumerate(loaded, 1)
        ]
    return found


@pytest.mark.parametrize("snippet", snippets())
async def test_what_is_to_be_pasted_works(
    hass: HomeAssistant, account: Account, snippet: dict[str, Any]
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    if "triggers" in snippet:
        assert await async_setup_component(
            hass, "automation", {"automation": {"id": "pasted", **snippet}}
        )
        assert hass.states.async_entity_ids("automation")
        return
    domain, _, name = snippet["action"].partition(".")
    data = snippet.get("data", {})
    if "config_entry_id" in data:
        data["config_entry_id"] = entry.entry_id
    response: Any = await hass.services.async_call(
        domain,
        name,
        data,
        target=snippet.get("target"),
        blocking=True,
        return_response="response_variable" in snippet,
    )
    assert "response_variable" not in snippet or all(response["people"].values())
    await hass.async_block_till_done(wait_background_tasks=True)


def test_every_action_is_shown_with_an_example() -> None:
    shown = {
        snippet["action"].partition(".")[2]
        for parameter in snippets()
        if (snippet := parameter.values[0]).get("action", "").startswith(f"{DOMAIN}.")
    }
    described = load_yaml_dict(ROOT / "custom_components" / DOMAIN / "services.yaml")

    assert shown == set(described)
