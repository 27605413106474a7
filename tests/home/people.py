"""Helpers that search for and add colleagues."""

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator


async def async_search(
    hass: HomeAssistant, entry: PresenceConfigEntry, text: str
) -> SubentryFlowResult:
    """Search for people."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "person"), context={"source": "user"}
    )
    assert flow["type"] is FlowResultType.FORM, flow
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], {"search": text})


async def async_add(
    hass: HomeAssistant, entry: PresenceConfigEntry, text: str, *people: Person
) -> None:
    """Search for people, add some and wait for the reload."""
    flow = await async_search(hass, entry, text)
    flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"people": [person.id for person in people]}
    )
    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await hass.async_block_till_done(wait_background_tasks=True)


async def async_add_crowd(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, number: int
) -> list[Person]:
    """Create people in the directory and add them."""
    people = [simulator.tenant.add_person(f"crowd{n}", f"Crowd {n}") for n in range(number)]
    await async_add(hass, entry, "Crowd", *people)
    return people
