"""Repair flows over HTTP."""

from typing import Any, Final

from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence.const import DOMAIN

_FLOWS: Final = "/api/repairs/issues/fix"


async def async_open(client: ClientSessionGenerator, issue_id: str) -> dict[str, Any]:
    """Start a repair flow and return its first step."""
    return await _async_post(client, _FLOWS, {"handler": DOMAIN, "issue_id": issue_id})


async def async_submit(client: ClientSessionGenerator, shown: dict[str, Any]) -> dict[str, Any]:
    """Submit a repair step and return the next."""
    return await _async_post(client, f"{_FLOWS}/{shown['flow_id']}", {})


async def _async_post(
    client: ClientSessionGenerator, path: str, body: dict[str, str]
) -> dict[str, Any]:
    answer = await (await client()).post(path, json=body)
    result: dict[str, Any] = await answer.json()
    return result
