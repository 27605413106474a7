"""What SECURITY.md says of permissions and storage is so."""

from itertools import product
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.entra.registration import AppRegistration
from simulator import Simulator
from tests.documents import ROOT, rows
from tests.home import test_application as application
from tests.home.account import Account
from tests.home.evidence import Needles

SECURITY = ROOT / "SECURITY.md"
ACCESS = {"read": set[str](), "read_write": {"Read and set my presence", "Read and set presence"}}
COLLEAGUES = {False: set[str](), True: {"Include colleagues"}}


def documented(kinds: set[str], chosen: set[str]) -> set[str]:
    """Return the permissions of some kinds that the table says are asked for, as it was chosen."""
    return {
        permission.strip("`")
        for permission, kind, asked_for, _ in rows(SECURITY, "Permission")
        if kind in kinds and asked_for in {"always", *chosen}
    }


@pytest.mark.parametrize(("access", "colleagues"), product(ACCESS, COLLEAGUES))
async def test_microsofts_page_is_asked_for_what_the_table_says(
    account: Account, *, access: str, colleagues: bool
) -> None:
    flow = await account.async_fill(access=access, colleagues=colleagues)
    asked = {scope.rpartition("/")[2] for scope in URL(flow["url"]).query["scope"].split()}

    assert asked == documented({"sign-in", "delegated"}, ACCESS[access] | COLLEAGUES[colleagues])


@pytest.mark.parametrize("access", ACCESS)
async def test_the_organisations_app_needs_what_the_table_says(
    account: Account, access: str
) -> None:
    entry = await application.async_sign_in(account, access=access)

    assert set(AppRegistration.from_data(entry.data).permissions) == documented(
        {"application"}, ACCESS[access]
    )


async def test_the_file_of_what_was_set_holds_nothing_else(
    hass: HomeAssistant, account: Account, simulator: Simulator, hass_storage: dict[str, Any]
) -> None:
    needles = Needles()
    for person in simulator.tenant.people.values():
        needles.add("address", person.address, person.name)
    needles.add("message", "Very private")
    with needles.watching(simulator):
        entry = await account.async_sign_in(colleagues=True)
    for action, data in (
        ("set_status_message", {"message": "Very private"}),
        ("set_preferred_presence", {"availability": "busy"}),
        ("set_presence", {"activity": "in_a_call"}),
    ):
        await hass.services.async_call(
            DOMAIN,
            action,
            data,
            target={"entity_id": "sensor.robin_example_availability"},
            blocking=True,
        )
    await hass.async_block_till_done(wait_background_tasks=True)
    stored = json.dumps(hass_storage[f"{DOMAIN}.{entry.entry_id}"])

    assert simulator.tenant.people["robin"].id in stored
    assert needles.by_kind["token"]
    assert not needles.found_in(stored)
    assert [key for key in hass_storage if DOMAIN in key] == [f"{DOMAIN}.{entry.entry_id}"]


async def test_home_assistants_own_action_repeats_a_text_that_is_too_long_and_ours_does_not(
    hass: HomeAssistant, account: Account
) -> None:
    await account.async_sign_in()
    message = "Very private " * 30
    errors = {}
    for domain, action, data, entity_id in (
        ("text", "set_value", {"value": message}, "text.robin_example_set_status_message"),
        (DOMAIN, "set_status_message", {"message": message}, "sensor.robin_example_availability"),
    ):
        with pytest.raises((HomeAssistantError, ValueError)) as error:
            await hass.services.async_call(
                domain, action, data, target={"entity_id": entity_id}, blocking=True
            )
        errors[action] = str(error.value)

    assert {action: "Very private" in text for action, text in errors.items()} == {
        "set_value": True,
        "set_status_message": False,
    }
