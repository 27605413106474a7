"""Repair flows."""

from abc import abstractmethod
from typing import Any, override

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntry, ConfigFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .auth import description_placeholders
from .const import CONF_HOLD_SESSION, DOMAIN, ISSUE_COLLEAGUES_REFUSED
from .entra.registration import AppRegistration
from .graph.text import plain_text


class _ConfirmFlow(RepairsFlow):
    """Confirm, then fix."""

    def __init__(self, entry_id: str) -> None:
        """Initialize."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show the only step."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show the explanation, or fix."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or not self._still_applies(entry):
            # It was fixed meanwhile.
            return self.async_create_entry(data={})
        if user_input is None:
            return self.async_show_form(
                step_id="confirm", description_placeholders=await self._async_placeholders(entry)
            )
        return await self._async_fix(entry)

    def _still_applies(self, entry: ConfigEntry) -> bool:
        """Return whether there is still something to fix."""
        return True

    async def _async_placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        """Return the placeholders of the explanation."""
        return {}

    @abstractmethod
    async def _async_fix(self, entry: ConfigEntry) -> RepairsFlowResult:
        """Fix the issue."""


class PreferenceNotShownFlow(_ConfirmFlow):
    """Turn on the option that keeps preferences in effect."""

    @override
    async def _async_fix(self, entry: ConfigEntry) -> RepairsFlowResult:
        self.hass.config_entries.async_update_entry(
            entry, options={**entry.options, CONF_HOLD_SESSION: True}
        )
        return self.async_create_entry(data={})


class PersonGoneFlow(_ConfirmFlow):
    """Remove a person who is no longer in the directory."""

    def __init__(self, entry_id: str, subentry_id: str) -> None:
        """Initialize."""
        super().__init__(entry_id)
        self._subentry_id = subentry_id

    @override
    def _still_applies(self, entry: ConfigEntry) -> bool:
        # Without the issue, the person has returned.
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return issue is not None and self._subentry_id in entry.subentries

    @override
    async def _async_placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        return {"person": plain_text(entry.subentries[self._subentry_id].title)}

    @override
    async def _async_fix(self, entry: ConfigEntry) -> RepairsFlowResult:
        self.hass.config_entries.async_remove_subentry(entry, self._subentry_id)
        return self.async_create_entry(data={})


class ColleaguesRefusedFlow(_ConfirmFlow):
    """Explain a missing permission and lead to the sign-in that asks for it."""

    @override
    async def _async_placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        return description_placeholders(self.hass, AppRegistration.from_data(entry.data))

    @override
    async def _async_fix(self, entry: ConfigEntry) -> RepairsFlowResult:
        flow = next(entry.async_get_active_flows(self.hass, {SOURCE_RECONFIGURE}), None)
        flow = flow or await self.hass.config_entries.flow.async_init(
            DOMAIN, context=ConfigFlowContext(source=SOURCE_RECONFIGURE, entry_id=entry.entry_id)
        )
        # The issue stays until Graph returns colleagues.
        return self.async_abort(reason="go_on", next_flow=(FlowType.CONFIG_FLOW, flow["flow_id"]))


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow of an issue."""
    assert data is not None  # noqa: S101  # issues of ours are made with it
    if "subentry_id" in data:
        return PersonGoneFlow(str(data["entry_id"]), str(data["subentry_id"]))
    if issue_id.startswith(ISSUE_COLLEAGUES_REFUSED):
        return ColleaguesRefusedFlow(str(data["entry_id"]))
    return PreferenceNotShownFlow(str(data["entry_id"]))
