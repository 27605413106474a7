"""Repairs as a person taps on them, through Home Assistant's own pages."""

from typing import Any, Final

from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence.const import DOMAIN

_FLOWS: Final = "/api/repairs/issues/fix"


async def async_open(client: ClientSessionGenerator, issue_id: str) -> dict[str, Any]:
    """Tap on a repair, and return what it shows."""
    return await _async_post(client, _FLOWS, {"handler": DOMAIN, "issue_id": issue_id})


async def async_submit(client: ClientSessionGenerator, shown: dict[str, Any]) -> dict[str, Any]:
    """Submit what a repair shows, and return where that leads."""
    return await _async_post(client, f"{_FLOWS}/{shown['flow_id']}", {})


async def _async_post(
    client: ClientSessionGenerator, path: str, body: dict[str, str]
) -> dict[str, Any]:
    answer = await (await client()).post(path, json=body)
    result: dict[str, Any] = await answer.json()
    return result
