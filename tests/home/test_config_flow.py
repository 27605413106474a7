"""The config flow, driven as a person would, against the simulator."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from simulator.tenant import PUBLIC_CLIENT_ID, TENANT_ID
from tests.home.account import FORM, Account


async def test_browser_sign_in_makes_an_entry(hass: HomeAssistant, account: Account) -> None:
    entry = await account.async_sign_in()

    robin = account.simulator.tenant.people["robin"]
    assert entry.title == "Robin Example"
    assert entry.unique_id == f"{TENANT_ID}.{robin.id}"
    assert entry.data["client_id"] == PUBLIC_CLIENT_ID
    assert set(entry.data["token"]) == {
        "access_token",
        "refresh_token",
        "expires_in",
        "expires_at",
        "scope",
        "token_type",
    }
    print({s.entity_id: s.state for s in hass.states.async_all()})
