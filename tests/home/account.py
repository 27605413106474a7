"""Sign-in through Home Assistant's flows and the simulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
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


def sections(flow: ConfigFlowResult) -> dict[str, Mapping[Any, Any]]:
    """Return the fields of a form's sections."""
    schema = flow.get("data_schema")
    fields = schema.schema if schema else {}
    return {
        str(name): field.schema.schema for name, field in fields.items() if type(field) is section
    }


def nested(flow: ConfigFlowResult, user_input: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a form's input with the fields of its sections in them."""
    if not user_input:
        return user_input
    found = {
        name: {key: value for key, value in user_input.items() if key in fields}
        for name, fields in sections(flow).items()
    }
    inner = {key for fields in found.values() for key in fields}
    return {key: value for key, value in user_input.items() if key not in inner} | {
        name: fields for name, fields in found.items() if fields
    }


def error_key(flow: ConfigFlowResult, field: str) -> str:
    """Return where a form shows an error about a field."""
    schema = flow["data_schema"]
    assert schema is not None
    if field in schema.schema:
        return field
    return next((name for name, fields in sections(flow).items() if field in fields), "base")


def suggested(flow: ConfigFlowResult) -> dict[str, Any]:
    """Return the suggested values of a form's fields."""
    schema = flow["data_schema"]
    assert schema is not None
    return {
        str(field): field.description["suggested_value"]
        for fields in (schema.schema, *sections(flow).values())
        for field in fields
        if field.description and "suggested_value" in field.description
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
        """Submit a step, with a section's fields by name."""
        return await self.hass.config_entries.flow.async_configure(
            flow["flow_id"], nested(flow, user_input)
        )

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
