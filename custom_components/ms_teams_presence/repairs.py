"""Repairs: what a person can mend with a click."""

from abc import abstractmethod
from typing import Any, override

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from .auth import async_translated_error, description_placeholders
from .const import CONF_HOLD_SESSION, DOMAIN
from .entra.registration import AppRegistration
from .graph.text import plain_text


class _ConfirmFlow(RepairsFlow):
    """Explain something, and mend it where the person agrees."""

    def __init__(self, entry_id: str) -> None:
        """Mend it for one account."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Go to the only step."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Explain, and do it where the person agrees."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None or not self._stands(entry):
            # Somebody was quicker.
            return self.async_create_entry(data={})
        if user_input is None:
            return self.async_show_form(
                step_id="confirm", description_placeholders=await self._async_placeholders(entry)
            )
        return await self._async_mend(entry)

    def _stands(self, entry: ConfigEntry) -> bool:
        """Return whether there is still something to mend."""
        return True

    async def _async_placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        """Return what the explanation mentions."""
        return {}

    @abstractmethod
    async def _async_mend(self, entry: ConfigEntry) -> RepairsFlowResult:
        """Do what was agreed to."""


class PreferenceNotShownFlow(_ConfirmFlow):
    """Switch on the option that makes preferences show."""

    @override
    async def _async_mend(self, entry: ConfigEntry) -> RepairsFlowResult:
        self.hass.config_entries.async_update_entry(
            entry, options={**entry.options, CONF_HOLD_SESSION: True}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})


class PersonGoneFlow(_ConfirmFlow):
    """Remove somebody who left the directory; the name is looked up here and not in the issue."""

    def __init__(self, entry_id: str, subentry_id: str) -> None:
        """Mend it for one person of one account."""
        super().__init__(entry_id)
        self._subentry_id = subentry_id

    @override
    def _stands(self, entry: ConfigEntry) -> bool:
        return self._subentry_id in entry.subentries

    @override
    async def _async_placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        return {"person": plain_text(entry.subentries[self._subentry_id].title)}

    @override
    async def _async_mend(self, entry: ConfigEntry) -> RepairsFlowResult:
        self.hass.config_entries.async_remove_subentry(entry, self._subentry_id)
        return self.async_create_entry(data={})


class SignInRefusedFlow(_ConfirmFlow):
    """Say why Microsoft refuses the sign-in, and lead to the step that mends it."""

    def __init__(self, entry_id: str, reason: str, code: str) -> None:
        """Mend it for one account."""
        super().__init__(entry_id)
        self._reason = reason
        self._code = code

    @override
    async def _async_placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        registration = AppRegistration.from_data(entry.data)
        placeholders = description_placeholders(self.hass, registration, self._code)
        return {"cause": await async_translated_error(self.hass, self._reason, placeholders)}

    @override
    async def _async_mend(self, entry: ConfigEntry) -> RepairsFlowResult:
        manager = self.hass.config_entries.flow
        sources = {SOURCE_REAUTH, SOURCE_RECONFIGURE}
        flow = next(entry.async_get_active_flows(self.hass, sources), None)
        if flow is None:
            flow = await manager.async_init(
                DOMAIN,
                context=ConfigFlowContext(
                    source=SOURCE_REAUTH,
                    entry_id=entry.entry_id,
                    title_placeholders={"name": entry.title},
                    unique_id=entry.unique_id,
                ),
                data=entry.data,
            )
        if flow["step_id"] == "reauth_confirm":
            # This has been said here.
            flow = await manager.async_configure(flow["flow_id"], {})
        # A flow that stands somewhere does not say how.
        if flow.get("type") is FlowResultType.ABORT:
            # The organisation's app has signed in already.
            return self.async_create_entry(data={})
        # The issue stays until Microsoft has let the account in.
        return self.async_abort(reason="go_on", next_flow=(FlowType.CONFIG_FLOW, flow["flow_id"]))


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that mends an issue; all of ours name the account they are about."""
    assert data is not None  # noqa: S101  # issues of ours are made with it
    if "reason" in data:
        return SignInRefusedFlow(str(data["entry_id"]), str(data["reason"]), str(data["code"]))
    if "subentry_id" in data:
        return PersonGoneFlow(str(data["entry_id"]), str(data["subentry_id"]))
    return PreferenceNotShownFlow(str(data["entry_id"]))
