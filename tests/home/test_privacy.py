"""Statements in docs/privacy.md about requests, database and users."""

from http import HTTPStatus
import json
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    async_test_home_assistant,
    get_system_health_info,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    RecorderInstanceContextManager,
)

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.documents import ROOT, rows, snippets
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.people import async_add, async_search

PRIVACY = ROOT / "docs/privacy.md"
RECORDER, AUTOMATION = (snippet.content for snippet in snippets(PRIVACY))
ROBIN = "sensor.robin_example_availability"
# Messages by how they are set.
IN_TEAMS: Final = "Typed in Teams"
BY_ACTION: Final = "Set by the action"
BY_TEXT: Final = "Set by the text entity"
BY_AUTOMATION: Final = AUTOMATION["actions"][0]["data"]["message"]
MESSAGES: Final = {IN_TEAMS, BY_ACTION, BY_TEXT, BY_AUTOMATION}


@pytest.fixture(autouse=True)
def _home(
    async_test_recorder: RecorderInstanceContextManager,
    simulator: Simulator,
    enable_custom_integrations: None,
) -> None:
    """Set up the recorder first; stop before the simulator."""


@pytest.fixture
def persistent_database() -> bool:
    """Use a database file."""
    return True


@pytest.fixture
def recorded(recorder_db_url: str) -> Path:
    """Return the directory of the database."""
    return Path(recorder_db_url.removeprefix("sqlite:///")).parent


def found(folder: Path, texts: set[str] = MESSAGES) -> set[str]:
    """Return the texts that the database files contain."""
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    return {text for text in texts if text.encode() in content}


async def async_get_presence(hass: HomeAssistant, entry: PresenceConfigEntry, name: str) -> None:
    """Get a presence by address or object ID."""
    await hass.services.async_call(
        DOMAIN,
        "get_presence",
        {"config_entry_id": entry.entry_id, "people": [name]},
        blocking=True,
        return_response=True,
    )


async def async_set_messages(
    hass: HomeAssistant, account: Account, robin: Person, **automation: Any
) -> None:
    """Set a status message in every way."""
    robin.set_status_message(IN_TEAMS)
    await account.async_sign_in()
    await hass.services.async_call(
        DOMAIN,
        "set_status_message",
        {"message": BY_ACTION},
        target={"entity_id": ROBIN},
        blocking=True,
    )
    text = "text.robin_example_status_message"
    await hass.services.async_call(
        "text", "set_value", {"value": BY_TEXT}, target={"entity_id": text}, blocking=True
    )
    assert await async_setup_component(
        hass, "automation", {"automation": [AUTOMATION | {"id": "lunch"} | automation]}
    )
    for action in ("trigger", "turn_off"):
        target = {"entity_id": "automation.lunch"}
        await hass.services.async_call("automation", action, target=target, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert robin.status_message
    assert robin.status_message.content.startswith(BY_AUTOMATION)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, MESSAGES),
        (
            {"exclude": {"entity_globs": RECORDER["recorder"]["exclude"]["entity_globs"]}},
            MESSAGES - {IN_TEAMS},
        ),
        ({"exclude": {"event_types": RECORDER["recorder"]["exclude"]["event_types"]}}, MESSAGES),
        (RECORDER["recorder"], set()),
    ],
    ids=["everything", "without the entities", "without the actions", "as documented"],
)
async def test_the_database_has_no_message_if_the_recorder_is_set_as_documented(
    async_test_recorder: RecorderInstanceContextManager,
    hass: HomeAssistant,
    account: Account,
    robin: Person,
    recorded: Path,
    config: dict[str, Any],
    expected: set[str],
) -> None:
    async with async_test_recorder(hass, config):
        await async_set_messages(hass, account, robin)
        await async_wait_recording_done(hass)

    assert found(recorded) == expected


async def test_the_database_has_names_and_the_people_that_an_action_was_called_with(
    async_test_recorder: RecorderInstanceContextManager,
    hass: HomeAssistant,
    account: Account,
    alex: Person,
    recorded: Path,
) -> None:
    async with async_test_recorder(hass):
        entry = await account.async_sign_in(colleagues=True)
        await async_get_presence(hass, entry, alex.address)
        await async_wait_recording_done(hass)

    texts = {"Robin Example", "sensor.robin_example_availability", alex.address}
    assert found(recorded, texts) == texts


async def test_a_purge_as_documented_removes_earlier_records(
    async_test_recorder: RecorderInstanceContextManager,
    hass: HomeAssistant,
    account: Account,
    robin: Person,
    recorded: Path,
) -> None:
    async with async_test_recorder(hass):
        await async_set_messages(hass, account, robin)
        await async_wait_recording_done(hass)
    assert found(recorded) == MESSAGES
    async with (
        async_test_home_assistant() as restarted,
        async_test_recorder(restarted, RECORDER["recorder"]),
    ):
        await restarted.services.async_call(
            "recorder", "purge", {"apply_filter": True, "repack": True}, blocking=True
        )
        await async_wait_recording_done(restarted)
        await restarted.async_stop(force=True)

    assert found(recorded) == set()


def path_of(path: str) -> str:
    """Return a Graph path as documented; empty for the sign-in service."""
    graph, path = path.startswith("/v1.0"), path.removeprefix("/v1.0")
    path = re.sub(r"^/users/[^/]+", "/users/{id}", path)
    return re.sub(r"/presence/\w+$", "/presence/{action}", path) if graph else ""


async def test_only_the_documented_requests_are_sent_to_graph(
    hass: HomeAssistant, clock: HomeClock, account: Account, simulator: Simulator, alex: Person
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    await async_search(hass, entry, "nobody@contoso.example")
    await async_add(hass, entry, "alex", alex)
    for action, data in (
        ("set_status_message", {"message": BY_ACTION}),
        ("set_preferred_presence", {"availability": "busy"}),
        ("set_presence", {"activity": "in_a_call"}),
        ("set_work_location", {"location": "remote"}),
        ("clear_work_location", {}),
    ):
        target = {"entity_id": ROBIN}
        await hass.services.async_call(DOMAIN, action, data, target=target, blocking=True)
    await async_get_presence(hass, entry, alex.address)
    simulator.tenant.remove_person("alex")
    for _ in range(4):
        await clock.async_advance(31)
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, DOMAIN)
    assert [await info[f"can_reach_{what}"] for what in ("sign_in", "graph")] == ["ok", "ok"]
    requested = {
        f"{request.method} {path}"
        for request in simulator.requests
        if (path := path_of(request.path))
    }

    assert requested == {row[0].strip("`") for row in rows(PRIVACY, "Request to Graph")}


@pytest.mark.parametrize("occasion", ["search", "address", "missing"])
async def test_the_directory_is_read_only_on_listed_occasions(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
    occasion: str,
) -> None:
    def lookups() -> int:
        return sum(
            path_of(one.path).split("/")[-1] in {"users", "{id}"} for one in simulator.requests
        )

    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    before = lookups()
    for _ in range(20):
        await clock.async_advance(31)
    await async_get_presence(hass, entry, alex.id)
    assert lookups() == before
    match occasion:
        case "search":
            await async_search(hass, entry, "kim")
        case "address":
            await async_get_presence(hass, entry, alex.address)
        case "missing":
            simulator.tenant.remove_person("alex")
            for _ in range(2):
                await clock.async_advance(31)
            assert lookups() == before
            await clock.async_advance(31)

    assert lookups() > before


async def test_a_user_without_administrator_rights_reads_every_state(
    hass: HomeAssistant,
    account: Account,
    robin: Person,
    hass_client: ClientSessionGenerator,
    hass_read_only_access_token: str,
) -> None:
    assert await async_setup_component(hass, "api", {})
    robin.set_status_message(IN_TEAMS)
    await account.async_sign_in()
    client = await hass_client(hass_read_only_access_token)
    response = await client.get("/api/states/sensor.robin_example_status_message")

    assert response.status == HTTPStatus.OK
    assert (await response.json())["state"] == IN_TEAMS


async def test_diagnostics_have_no_names_and_home_assistants_own_ids(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    simulator.tenant.remove_person("alex")
    for _ in range(4):
        await clock.async_advance(31)
    client = await hass_client()
    response = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
    downloaded = await response.text()

    for entry_id in (entry.entry_id, *entry.subentries):
        assert entry_id in downloaded
    assert {"home_assistant", "custom_components", "data"} <= (await response.json()).keys()
    for person in simulator.tenant.people.values():
        for part in person.name.casefold().split():
            assert part not in downloaded.casefold()


@pytest.mark.parametrize(("trace", "is_kept"), [({}, True), (AUTOMATION["trace"], False)])
async def test_an_automation_as_documented_leaves_no_trace(
    hass: HomeAssistant,
    account: Account,
    robin: Person,
    hass_storage: dict[str, Any],
    trace: dict[str, Any],
    *,
    is_kept: bool,
) -> None:
    await async_set_messages(hass, account, robin, trace=trace)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()

    assert (BY_AUTOMATION in json.dumps(hass_storage["trace.saved_traces"])) is is_kept
