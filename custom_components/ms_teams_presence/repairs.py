"""Repairs: what a person can mend with a click."""

from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant

from .const import CONF_HOLD_SESSION


class PreferenceNotShownFlow(RepairsFlow):
    """Explain why a preference does not show, and switch on the option that makes it."""

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
        if user_input is None:
            return self.async_show_form(step_id="confirm")
        entry = self.hass.config_entries.async_get_known_entry(self._entry_id)
        self.hass.config_entries.async_update_entry(
            entry, options={**entry.options, CONF_HOLD_SESSION: True}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that mends an issue; all of ours name the account they are about."""
    assert data is not None  # noqa: S101  # issues of ours are made with it
    return PreferenceNotShownFlow(str(data["entry_id"]))
