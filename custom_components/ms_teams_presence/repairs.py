"""Repairs: what a person can mend with a click."""

from abc import abstractmethod
from typing import Any, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import CONF_HOLD_SESSION


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
                step_id="confirm", description_placeholders=self._placeholders(entry)
            )
        self._mend(entry)
        return self.async_create_entry(data={})

    def _stands(self, entry: ConfigEntry) -> bool:
        """Return whether there is still something to mend."""
        return True

    def _placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        """Return what the explanation mentions."""
        return {}

    @abstractmethod
    def _mend(self, entry: ConfigEntry) -> None:
        """Do what was agreed to."""


class PreferenceNotShownFlow(_ConfirmFlow):
    """Switch on the option that makes preferences show."""

    @override
    def _mend(self, entry: ConfigEntry) -> None:
        self.hass.config_entries.async_update_entry(
            entry, options={**entry.options, CONF_HOLD_SESSION: True}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)


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
    def _placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        return {"person": entry.subentries[self._subentry_id].title}

    @override
    def _mend(self, entry: ConfigEntry) -> None:
        self.hass.config_entries.async_remove_subentry(entry, self._subentry_id)


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that mends an issue; all of ours name the account they are about."""
    assert data is not None  # noqa: S101  # issues of ours are made with it
    if "subentry_id" in data:
        return PersonGoneFlow(str(data["entry_id"]), str(data["subentry_id"]))
    return PreferenceNotShownFlow(str(data["entry_id"]))
