"""Colleagues, as a person looks for them and adds them."""

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person


async def async_search(
    hass: HomeAssistant, entry: PresenceConfigEntry, text: str
) -> SubentryFlowResult:
    """Look for somebody."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "person"), context={"source": "user"}
    )
    assert flow["type"] is FlowResultType.FORM, flow
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], {"search": text})


async def async_add(
    hass: HomeAssistant, entry: PresenceConfigEntry, text: str, *people: Person
) -> None:
    """Look for people, choose some and let the account reload."""
    flow = await async_search(hass, entry, text)
    flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"people": [person.id for person in people]}
    )
    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await hass.async_block_till_done(wait_background_tasks=True)
