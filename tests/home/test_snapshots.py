"""Snapshots of every entity, in both of Microsoft's vocabularies."""

from datetime import UTC, datetime
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import JSONEncoder
from syrupy.assertion import SnapshotAssertion

from simulator import Person
from tests.home.account import Account
from tests.home.clock import HomeClock


def everything(hass: HomeAssistant) -> dict[str, Any]:
    """Return the states and attributes of all entities."""
    states = {
        state.entity_id: {"state": state.state, **state.attributes}
        for state in hass.states.async_all()
    }
    loaded: dict[str, Any] = json.loads(json.dumps(states, cls=JSONEncoder, sort_keys=True))
    return loaded


async def test_every_entity_is_the_same_in_either_vocabulary(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    robin: Person,
    snapshot: SnapshotAssertion,
) -> None:
    clock.freezer.move_to(datetime(2031, 3, 3, 8, tzinfo=UTC))
    robin.join_call()
    robin.set_out_of_office(message="On the road")
    robin.set_status_message("Back at nine", datetime(2031, 3, 3, 9, tzinfo=UTC), pinned=True)
    robin.set_work_location("remote")
    await account.async_sign_in()
    classic = everything(hass)

    account.simulator.tenant.vocabulary = "modern"
    await clock.async_advance(16)
    assert everything(hass) == classic
    assert classic == snapshot
