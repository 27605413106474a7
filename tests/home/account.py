"""Sign-in through Home Assistant's flows and the simulator."""

from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Simulator
from simulator.entra.consent import Decision
from simulator.tenant import PUBLIC_CLIENT_ID, TENANT_ID

FORM: dict[str, Any] = {
    "cloud": "simulator",
    "tenant": TENANT_ID,
    "client_id": PUBLIC_CLIENT_ID,
    "access": "read_write",
}


@dataclass
class Account:
    """A user of the config flow."""

    hass: HomeAssistant
    simulator: Simulator
    client: ClientSessionGenerator

    async def async_open(self, sign_in: str = "browser") -> ConfigFlowResult:
        """Start the config flow and choose a method; return the form."""
        flow = await self.hass.config_entries.flow.async_init(DOMAIN, context={"source": "user"})
        assert flow["type"] is FlowResultType.MENU
        assert flow["menu_options"] == ["browser", "device_code", "application"]
        return await self.async_configure(flow, {"next_step_id": sign_in})

    async def async_configure(
        self, flow: ConfigFlowResult, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Submit a step."""
        return await self.hass.config_entries.flow.async_configure(flow["flow_id"], user_input)

    async def async_visit(
        self, flow: ConfigFlowResult, account: str = "robin", decision: Decision = "accept"
    ) -> ConfigFlowResult:
        """Answer Microsoft's page and return to Home Assistant."""
        assert flow["type"] is FlowResultType.EXTERNAL_STEP, flow
        location = URL(await self.simulator.authorize(flow["url"], account, decision))
        response = await (await self.client()).get(location.path_qs)
        assert response.status == 200
        return await self.async_configure(flow)

    async def async_fill(self, **changes: Any) -> ConfigFlowResult:
        """Submit the browser form with some changes."""
        return await self.async_configure(await self.async_open(), FORM | changes)

    async def async_renew(self, entry: ConfigEntry, source: str) -> ConfigFlowResult:
        """Start a `reauth` or `reconfigure` flow."""
        return await self.hass.config_entries.flow.async_init(
            DOMAIN,
            context={"source": source, "entry_id": entry.entry_id, "unique_id": entry.unique_id},
            data=entry.data if source == SOURCE_REAUTH else None,
        )

    async def async_sign_in(self, person: str = "robin", **changes: Any) -> PresenceConfigEntry:
        """Sign in with the browser and return the entry."""
        flow = await self.async_visit(await self.async_fill(**changes), person)
        assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
        await self.hass.async_block_till_done(wait_background_tasks=True)
        return flow["result"]
