"""Colleagues: found, polled, and removed."""

import asyncio
from typing import Any

from homeassistant.config_entries import ConfigEntryState, FlowType, SubentryFlowResult
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.ms_teams_presence import subentry_flow
from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from tests.home import repairs
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.home.people import async_add, async_add_crowd, async_search
from tests.home.states import state

ALEX = "sensor.alex_example_availability"
ROBIN = "sensor.robin_example_availability"


@pytest.fixture
async def entry(account: Account) -> PresenceConfigEntry:
    """Sign in as Robin with access to colleagues."""
    return await account.async_sign_in(colleagues=True)


def offered(flow: SubentryFlowResult) -> list[str]:
    """Return the people offered by a form."""
    assert flow["step_id"] == "choose", flow
    schema = flow["data_schema"]
    assert schema is not None
    return [option["label"] for option in schema.schema["people"].config["options"]]


def polls(simulator: Simulator) -> list[str]:
    """Return a summary of the reads."""
    return [
        request.path.rpartition("/")[2]
        for request in simulator.requests
        if request.path.endswith(("presence", "getPresencesByUserId"))
    ]


async def test_a_colleague_is_found_added_and_seen(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    alex.join_call()
    flow = await async_search(hass, entry, "alex")
    assert offered(flow) == [f"Alex Example ({alex.address})"]
    await async_add(hass, entry, "alex", alex)

    assert state(hass, ALEX) == "busy"
    assert state(hass, "binary_sensor.alex_example_in_a_call") == "on"
    assert [subentry.title for subentry in entry.subentries.values()] == ["Alex Example"]


async def test_a_colleagues_main_entities_are_enabled_and_read_only(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    (subentry_id,) = entry.subentries
    entities = [
        entity
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.config_subentry_id == subentry_id
    ]

    enabled = {
        entity.unique_id.rpartition(f"{alex.id}_")[2] for entity in entities if not entity.disabled
    }
    assert enabled == {"activity", "availability", "in_call"}
    assert not {entity.domain for entity in entities} & {"select", "text"}


@pytest.mark.parametrize("by", ["id", "upper_id", "address", "part"])
async def test_every_way_to_find_a_person(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person, by: str
) -> None:
    names = {
        "id": alex.id,
        "upper_id": alex.id.upper(),
        "address": alex.address,
        "part": " Alex Ex ",
    }

    assert offered(await async_search(hass, entry, names[by])) == [f"Alex Example ({alex.address})"]


async def test_several_at_once(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, alex: Person
) -> None:
    kim = simulator.tenant.people["kim"]
    await async_add(hass, entry, "example", alex, kim)

    assert state(hass, ALEX) == state(hass, "sensor.kim_example_availability") == "available"
    names = {
        device.name
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    }
    assert names == {"Robin Example", "Alex Example", "Kim Example"}


@pytest.mark.parametrize("text", ["Nobody at all", "00000000-0000-0000-0000-000000000000", "'\"\\"])
async def test_no_person_is_found(
    hass: HomeAssistant, entry: PresenceConfigEntry, text: str
) -> None:
    flow = await async_search(hass, entry, text)

    assert flow["step_id"] == "user"
    assert flow["errors"] in ({"base": "nobody_found"}, {"base": "refused"})


async def test_an_added_person_is_not_offered_again(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)

    assert (await async_search(hass, entry, "alex"))["errors"] == {"base": "already_watched"}
    assert (await async_search(hass, entry, "robin"))["errors"] == {"base": "already_watched"}


async def test_only_the_first_of_many_are_offered_with_a_note(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    for number in range(1000):
        simulator.tenant.add_person(f"many{number}", f"Many {number:03}")
    flow = await async_search(hass, entry, "many")

    assert len(offered(flow)) == 25
    assert flow["errors"] == {"base": "more_found"}


async def test_choosing_no_person_shows_the_form_again(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    flow = await async_search(hass, entry, "example")
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], {"people": []})

    assert flow["errors"] == {"people": "nobody_chosen"}


async def test_two_dialogs_that_add_the_same_people_add_each_once(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, alex: Person
) -> None:
    kim = simulator.tenant.people["kim"]
    first, second, third = [await async_search(hass, entry, "example") for _ in range(3)]
    configure = hass.config_entries.subentries.async_configure
    await configure(first["flow_id"], {"people": [alex.id]})
    flow = await configure(second["flow_id"], {"people": [kim.id, alex.id]})
    assert flow["title"] == "Kim Example"
    flow = await configure(third["flow_id"], {"people": [kim.id]})
    assert flow["errors"] == {"people": "already_watched"}
    await hass.async_block_till_done(wait_background_tasks=True)

    assert {subentry.unique_id for subentry in entry.subentries.values()} == {alex.id, kim.id}
    assert state(hass, ALEX) == state(hass, "sensor.kim_example_availability") == "available"


async def test_more_people_than_home_assistant_supports_are_rejected(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    alex: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subentry_flow, "_MAX_PEOPLE", 0)
    flow = await async_search(hass, entry, "alex")
    flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"people": [alex.id]}
    )

    assert flow["errors"] == {"people": "too_many_people"}
    assert not entry.subentries


async def test_adding_colleagues_leads_to_the_missing_permission(
    hass: HomeAssistant, account: Account, alex: Person
) -> None:
    entry = await account.async_sign_in()
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "person"), context={"source": "user"}
    )
    assert flow["reason"] == "colleagues_not_included"
    # The dialog goes on with this flow.
    following: dict[str, Any] = dict(flow)
    kind, next_flow = following["next_flow"]
    assert kind is FlowType.CONFIG_FLOW
    (running,) = hass.config_entries.flow.async_progress()
    assert (running["flow_id"], running["step_id"]) == (next_flow, "colleagues")
    page = await account.async_configure(running, {})
    asked = URL(page["url"]).query["scope"].split()
    assert {"Presence.Read.All", "User.ReadBasic.All"} <= set(asked)
    done = await account.async_visit(page)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert done["reason"] == "colleagues_included"
    await async_add(hass, entry, "alex", alex)
    assert state(hass, ALEX) == "available"


async def test_reconfigure_includes_colleagues(hass: HomeAssistant, account: Account) -> None:
    entry = await account.async_sign_in()
    form = await account.async_configure(
        await account.async_renew(entry, "reconfigure"), {"next_step_id": "browser"}
    )
    assert form["step_id"] == "browser"
    before = dict(entry.data)
    rejected = await account.async_visit(
        await account.async_configure(form, FORM_WITH_COLLEAGUES), decision="deny"
    )
    assert rejected["errors"] == {"base": "consent_denied"}
    assert dict(entry.data) == before

    done = await account.async_visit(await account.async_configure(rejected, FORM_WITH_COLLEAGUES))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert done["reason"] == "reconfigure_successful"
    assert {"Presence.Read.All", "User.ReadBasic.All"} <= set(entry.data["token"]["scope"].split())


FORM_WITH_COLLEAGUES = {
    "cloud": "simulator",
    "tenant": "contoso.example",
    "client_id": "0c7d1e0a-53c4-4a6e-8a4b-6f0f5f1d2b01",
    "access": "read_write",
    "colleagues": True,
}


async def test_an_account_that_is_not_loaded_aborts(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "person"), context={"source": "user"}
    )

    assert flow["reason"] == "account_not_loaded"


async def test_reading_colleagues_does_not_hide_that_the_person_cannot_be_read(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    robin: Person,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    robin.close_teams()
    for _ in range(10):
        await clock.async_advance(15)
    assert state(hass, ROBIN) == "offline"
    simulator.faults.add("GET /v1.0/me/presence", status=403)
    for _ in range(12):
        await clock.async_advance(15)

    assert state(hass, ROBIN) == STATE_UNAVAILABLE


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403}, "not_permitted"),
        ({"status": 503}, "graph_unavailable"),
        ({"status": 429, "retry_after": 30}, "throttled"),
        ({"status": 401}, "token_refused"),
        ({"body": "html"}, "graph_unavailable"),
    ],
)
async def test_a_failed_search_gives_the_reason(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    fault: dict[str, Any],
    error: str,
) -> None:
    simulator.faults.add("GET /v1.0/users*", **fault)

    assert (await async_search(hass, entry, "alex"))["errors"] == {"base": error}


async def test_a_search_with_an_expired_sign_in_is_explained(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.revoke("robin")
    simulator.expire_access_tokens()

    assert (await async_search(hass, entry, "alex"))["errors"] == {"base": "sign_in_needed"}


async def test_a_search_sends_no_request_while_throttled(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    simulator.faults.add("GET /v1.0/users*", times=1, status=429, retry_after=60)
    assert (await async_search(hass, entry, "alex"))["errors"] == {"base": "throttled"}
    simulator.requests.clear()

    assert (await async_search(hass, entry, "alex"))["errors"] == {"base": "throttled"}
    with pytest.raises(HomeAssistantError):
        await async_get(hass, entry, "alex@contoso.example")
    assert not simulator.requests
    # Presence is another endpoint.
    alex = simulator.tenant.people["alex"]
    assert (await async_get(hass, entry, alex.id))[alex.id]["availability"] == "available"
    await clock.async_advance(61)
    assert offered(await async_search(hass, entry, "alex"))


async def test_removing_a_colleague_leaves_nothing_of_them(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert hass.states.get(ALEX) is None
    assert state(hass, ROBIN) == "available"
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert [device.name for device in devices] == ["Robin Example"]


async def test_all_people_are_read_in_one_request_every_ten_seconds(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "example", alex, simulator.tenant.people["kim"])
    simulator.requests.clear()
    for _ in range(8):
        await clock.async_advance(10.5)

    assert polls(simulator).count("getPresencesByUserId") == 8
    assert polls(simulator).count("presence") == 8


async def test_a_read_of_colleagues_alone_confirms_nothing_about_oneself(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    # Shift the intervals so that some polls only read colleagues.
    for _ in range(13):
        await clock.async_advance(1)
    robin = simulator.tenant.people["robin"]
    simulator.faults.add(
        "GET /v1.0/me/presence", json={"id": robin.id, "availability": "Available"}
    )
    await hass.services.async_call(
        DOMAIN, "set_status_message", {"message": "New"}, target={"entity_id": ROBIN}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    for _ in range(55):
        await clock.async_advance(1)
        assert state(hass, "sensor.robin_example_status_message") == "New"


async def test_a_renewed_token_does_not_reload_the_account(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    loaded = entry.runtime_data
    clock.freezer.tick(entry.data["token"]["expires_in"])
    await clock.async_advance(1)

    assert entry.runtime_data is loaded


async def test_a_colleague_who_left_becomes_unavailable_and_can_be_removed_by_a_click(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "example", alex, simulator.tenant.people["kim"])
    simulator.tenant.remove_person("alex")
    seen = []
    for _ in range(3):
        await clock.async_advance(31)
        seen.append(state(hass, ALEX))
    assert seen == ["available", "available", STATE_UNAVAILABLE]
    assert state(hass, "sensor.kim_example_availability") == "available"

    (issue,) = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    assert issue.translation_key == "person_gone"
    shown = await repairs.async_open(hass_client, issue.issue_id)
    assert shown["description_placeholders"] == {"person": "Alex Example"}
    await repairs.async_submit(hass_client, shown)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert hass.states.get(ALEX) is None
    assert [subentry.title for subentry in entry.subentries.values()] == ["Kim Example"]


async def test_a_colleague_who_has_returned_is_not_removed_by_an_open_dialog(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    simulator.tenant.remove_person("alex")
    for _ in range(3):
        await clock.async_advance(31)
    (issue,) = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    shown = await repairs.async_open(hass_client, issue.issue_id)
    simulator.tenant.add_person("alex", "Alex Example", person_id=alex.id)
    for _ in range(62):
        await clock.async_advance(60)
    # The HTTP client's token has expired.
    flows = hass.data["repairs"]["flow_manager"]
    done = await flows.async_configure(shown["flow_id"], {})

    assert done["type"] == "create_entry"
    assert [subentry.title for subentry in entry.subentries.values()] == ["Alex Example"]
    assert state(hass, ALEX) == "available"


async def test_colleagues_who_cannot_be_read_at_the_start_come_later(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    trouble = simulator.faults.add("POST *getPresencesByUserId", status=503)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, "sensor.robin_example_availability") == "available"
    assert state(hass, ALEX) == STATE_UNAVAILABLE

    trouble.remove()
    await clock.async_advance(31)
    assert state(hass, ALEX) == "available"


MARKUP = "<ha-alert>[Alex](https://evil.example)</ha-alert> | ![x](//evil.example)\n# Boss"
PLAIN = "ha-alert Alex (https: evil.example) /ha-alert ! x (//evil.example) # Boss"


@pytest.mark.parametrize("stored", [False, True], ids=["found now", "stored by 0.1.0"])
async def test_markup_in_a_name_is_shown_nowhere(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
    stored: bool,  # noqa: FBT001
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await account.async_sign_in(colleagues=True)
    alex.name = alex.name if stored else MARKUP
    await async_add(hass, entry, alex.id, alex)
    if stored:
        (subentry,) = entry.subentries.values()
        hass.config_entries.async_update_subentry(entry, subentry, title=MARKUP)
        await hass.config_entries.async_reload(entry.entry_id)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    simulator.tenant.remove_person("alex")
    for _ in range(3):
        await clock.async_advance(31)
    (issue,) = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    shown = await repairs.async_open(hass_client, issue.issue_id)

    assert {device.name for device in devices} == {"Robin Example", PLAIN}
    assert shown["description_placeholders"] == {"person": PLAIN}


async def test_markup_in_a_name_is_not_offered_in_the_search(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    alex.name = MARKUP

    assert offered(await async_search(hass, entry, alex.id)) == [f"{PLAIN} ({alex.address})"]


@pytest.mark.parametrize("directory", ["known", "unknown"])
async def test_a_colleague_missing_for_a_while_creates_no_repair(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
    directory: str,
) -> None:
    await async_add(hass, entry, "alex", alex)
    fault = simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    if directory == "unknown":
        simulator.faults.add("GET /v1.0/users/*", status=503)
    for _ in range(3):
        await clock.async_advance(31)
    assert state(hass, ALEX) == STATE_UNAVAILABLE
    fault.remove()
    await clock.async_advance(31)

    assert state(hass, ALEX) == "available"
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


async def test_a_missing_person_is_looked_up_once_an_hour_and_may_return(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    kim = simulator.tenant.people["kim"]
    await async_add(hass, entry, "example", alex, kim)
    simulator.tenant.remove_person("alex")
    for _ in range(10):
        await clock.async_advance(31)
    requested = [
        request.json["ids"]
        for request in simulator.requests
        if isinstance(request.json, dict) and "ids" in request.json
    ]
    assert requested[-1] == [kim.id]

    simulator.tenant.add_person("alex", "Alex Example", person_id=alex.id)
    # Few polls, as after throttling.
    for _ in range(62):
        await clock.async_advance(60)
    assert state(hass, ALEX) == "available"
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


async def test_a_directory_lookup_is_retried_after_a_failure(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    simulator.faults.add("GET /v1.0/users/*", times=1, status=503)
    simulator.tenant.remove_person("alex")
    for _ in range(4):
        await clock.async_advance(11)
    assert not issues(hass)
    for _ in range(4):
        await clock.async_advance(11)

    assert issues(hass) == ["person_gone"]


async def test_failed_lookups_of_a_missing_person_are_retried_with_backoff(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    simulator.faults.add("GET /v1.0/users/*", status=403)
    simulator.requests.clear()
    for _ in range(100):
        await clock.async_advance(11)

    # After 3, 6, 12, 24, 48 and 96 reads.
    assert len(lookups(simulator)) == 6
    assert not issues(hass)


@pytest.mark.parametrize("body", [{}, None, {"value": []}, {"error": {"code": "UnknownError"}}])
async def test_a_directory_that_answers_without_a_person_removes_no_one(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
    body: object,
) -> None:
    await async_add(hass, entry, "alex", alex)
    empty = simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    looked_up = simulator.faults.add("GET /v1.0/users/*", json=body)
    for _ in range(30):
        await clock.async_advance(11)
    assert looked_up.hits
    assert not issues(hass)

    empty.remove()
    await clock.async_advance(11)
    assert state(hass, ALEX) == "available"


async def test_many_missing_people_are_looked_up_one_at_a_time(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
) -> None:
    await async_add_crowd(hass, entry, simulator, 20)
    empty = simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    waiting = simulator.faults.add("GET /v1.0/users/*", loss="hang")
    for _ in range(2):
        await clock.async_advance(11)
    clock.freezer.tick(11)
    async_fire_time_changed(hass)
    for _ in range(2000):
        await asyncio.sleep(0)
    assert (empty.hits, waiting.hits) == (3, 1)
    waiting.remove()


async def test_a_failing_directory_is_asked_about_one_missing_person(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
) -> None:
    await async_add_crowd(hass, entry, simulator, 5)
    simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    failing = simulator.faults.add("GET /v1.0/users/*", status=503)
    for _ in range(4):
        await clock.async_advance(11)
    assert failing.hits == 1


def issues(hass: HomeAssistant) -> list[str | None]:
    """Return the translation keys of our issues."""
    return [
        issue.translation_key
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN
    ]


def lookups(simulator: Simulator) -> list[str]:
    """Return the ids of the directory lookups."""
    return [
        request.path.rpartition("/")[2]
        for request in simulator.requests
        if request.method == "GET" and request.path.startswith("/v1.0/users/")
    ]


DAY = 24 * 3600


async def test_a_name_follows_the_directory_within_a_day_and_ids_stay(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    loaded = entry.runtime_data
    simulator.requests.clear()
    alex.name = "Alex Married"
    for _ in range(49):
        await clock.async_advance(DAY / 24)

    found = hass.states.get(ALEX)
    assert found is not None
    assert found.name == "Alex Married Availability"
    assert [subentry.title for subentry in entry.subentries.values()] == ["Alex Married"]
    assert 2 <= len(lookups(simulator)) <= 3
    assert entry.runtime_data is loaded
    assert loaded.account.people[alex.id].name == "Alex Married"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    found = hass.states.get(ALEX)
    assert found is not None
    assert found.name == "Alex Married Availability"


async def test_a_person_with_a_presence_is_not_gone(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    simulator.faults.add("GET /v1.0/users/*", status=404)
    simulator.requests.clear()
    for _ in range(25):
        await clock.async_advance(DAY / 24)

    assert lookups(simulator)
    assert not ir.async_get(hass).issues
    assert state(hass, ALEX) == "available"


async def test_a_directory_without_names_renames_no_one(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    members = {"displayName": None, "mail": None, "userPrincipalName": None}
    simulator.faults.add("GET /v1.0/users/*", json={"id": alex.id} | members)
    for _ in range(25):
        await clock.async_advance(DAY / 24)

    assert lookups(simulator)
    assert [subentry.title for subentry in entry.subentries.values()] == ["Alex Example"]


@pytest.mark.parametrize("renamed", ["device", "title"])
async def test_a_name_that_the_user_has_given_stays(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    alex: Person,
    renamed: str,
) -> None:
    await async_add(hass, entry, "alex", alex)
    (subentry,) = entry.subentries.values()
    devices = dr.async_get(hass)
    (device,) = [
        device
        for device in dr.async_entries_for_config_entry(devices, entry.entry_id)
        if device.name == "Alex Example"
    ]
    if renamed == "device":
        devices.async_update_device(device.id, name_by_user="The boss")
    else:
        hass.config_entries.async_update_subentry(entry, subentry, title="The boss")
        await hass.config_entries.async_reload(entry.entry_id)
    alex.name = "Alex Married"
    for _ in range(3):
        await clock.async_advance(DAY)

    found = hass.states.get(ALEX)
    assert found is not None
    assert found.name == "The boss Availability"
    title = "Alex Example" if renamed == "device" else "The boss"
    assert [known.title for known in entry.subentries.values()] == [title]


async def test_names_are_looked_up_one_at_a_time(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    kim, sam = simulator.tenant.people["kim"], simulator.tenant.add_person("sam", "Sam Example")
    people = [alex, kim, sam]
    await async_add(hass, entry, "example", *people)
    simulator.requests.clear()
    clock.freezer.tick(DAY)
    counts = []
    for _ in range(4):
        await clock.async_advance(11)
        counts.append(len(lookups(simulator)))

    assert counts == [1, 2, 3, 3]
    assert set(lookups(simulator)) == {person.id for person in people}


@pytest.mark.parametrize(("status", "per_day"), [(403, 1), (503, 100)])
async def test_rejected_lookups_of_names_are_retried_once_a_day(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
    caplog: pytest.LogCaptureFixture,
    status: int,
    per_day: int,
) -> None:
    await async_add(hass, entry, "alex", alex)
    clock.freezer.tick(DAY)
    trouble = simulator.faults.add("GET /v1.0/users/*", status=status)
    alex.name = "Alex Married"
    for _ in range(200):
        await clock.async_advance(601)
    asked = trouble.hits
    trouble.remove()
    assert per_day <= asked <= 2 * per_day
    assert not issues(hass)
    assert not complaints(caplog)

    for _ in range(2):
        await clock.async_advance(DAY)
    assert [subentry.title for subentry in entry.subentries.values()] == ["Alex Married"]


async def test_a_colleague_whom_graph_rejects_for_a_moment_stays_available(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "example", alex, simulator.tenant.people["kim"])
    # The request for both, and the one for the first of them.
    rejected = simulator.faults.add("POST *getPresencesByUserId", status=400, times=2)
    for _ in range(6):
        await clock.async_advance(11)
        assert state(hass, ALEX) == state(hass, "sensor.kim_example_availability") == "available"
    assert rejected.hits == 2
    for person in (alex, simulator.tenant.people["kim"]):
        person.join_call()
    await clock.async_advance(11)
    assert state(hass, ALEX) == state(hass, "sensor.kim_example_availability") == "busy"


async def test_the_only_colleague_is_gone_if_neither_graph_nor_the_directory_knows_the_id(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
) -> None:
    await async_add(hass, entry, "alex", alex)
    simulator.tenant.remove_person("alex")
    simulator.faults.add("POST *getPresencesByUserId", status=404)
    for _ in range(4):
        await clock.async_advance(11)

    assert issues(hass) == ["person_gone"]


@pytest.mark.parametrize("status", [400, 404])
async def test_colleagues_who_left_together_are_gone_and_may_return(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    status: int,
) -> None:
    people = await async_add_crowd(hass, entry, simulator, 3)
    for person in people:
        simulator.tenant.remove_person(person.key)
    rejected = simulator.faults.add("POST *getPresencesByUserId", status=status)
    for _ in range(15):
        await clock.async_advance(11)
    assert issues(hass) == ["person_gone"] * 3
    assert state(hass, "sensor.crowd_0_availability") == STATE_UNAVAILABLE

    # They are requested again once an hour, which is no failure.
    asked = rejected.hits
    caplog.clear()
    for _ in range(75):
        await clock.async_advance(60)
    assert 1 <= rejected.hits - asked <= 5
    assert not complaints(caplog)
    assert entry.runtime_data.coordinators[1].failures == 0

    rejected.remove()
    for person in people:
        simulator.tenant.add_person(person.key, person.name, person_id=person.id)
    for _ in range(60):
        await clock.async_advance(60)
    assert state(hass, "sensor.crowd_0_availability") == "available"
    assert not issues(hass)


@pytest.mark.parametrize(
    ("status", "number", "most"), [(400, 21, 140), (400, 2, 35), (408, 21, 60), (409, 21, 21)]
)
async def test_a_graph_that_rejects_all_colleagues_is_not_flooded(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    status: int,
    number: int,
    most: int,
) -> None:
    await async_add_crowd(hass, entry, simulator, number)
    trouble = simulator.faults.add("POST *getPresencesByUserId", status=status)
    for _ in range(60):
        await clock.async_advance(10)
    assert 20 <= trouble.hits <= most
    assert state(hass, "sensor.crowd_0_availability") == STATE_UNAVAILABLE
    failure = entry.runtime_data.coordinators[1].last_failure
    assert failure is not None
    assert failure["reason"] == ("graph_unavailable" if status == 408 else "refused")
    assert not issues(hass)

    trouble.remove()
    for _ in range(3):
        await clock.async_advance(10)
    assert state(hass, "sensor.crowd_0_availability") == "available"


async def test_colleagues_that_may_not_be_read_are_a_repair_that_leads_to_the_sign_in(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    alex: Person,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await account.async_sign_in(colleagues=True)
    await async_add(hass, entry, "alex", alex)
    trouble = simulator.faults.add("POST *getPresencesByUserId", status=403)
    await clock.async_advance(31)
    assert not issues(hass)
    for _ in range(4):
        await clock.async_advance(31)
    assert issues(hass) == ["colleagues_refused"]
    assert state(hass, ALEX) == STATE_UNAVAILABLE
    assert state(hass, ROBIN) == "available"

    (issue,) = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    for _ in range(2):
        shown = await repairs.async_open(hass_client, issue.issue_id)
        placeholders = shown["description_placeholders"]
        assert "Presence.Read.All" in placeholders["permissions"]
        assert placeholders["admin_consent_url"].startswith("https://")
        result = await repairs.async_submit(hass_client, shown)
        flow = hass.config_entries.flow.async_get(result["next_flow"][1])
        assert flow["context"]["source"] == "reconfigure"
    assert len(hass.config_entries.flow.async_progress()) == 1

    trouble.remove()
    await clock.async_advance(31)
    assert not issues(hass)
    assert state(hass, ALEX) == "available"


async def test_errors_with_colleagues_do_not_affect_ones_own_presence(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    simulator: Simulator,
    alex: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await async_add(hass, entry, "alex", alex)
    trouble = simulator.faults.add("POST *getPresencesByUserId", status=403)
    seen = []
    for _ in range(4):
        await clock.async_advance(31)
        seen.append((state(hass, ALEX), state(hass, ROBIN)))
    assert seen == [("available", "available")] * 2 + [(STATE_UNAVAILABLE, "available")] * 2
    assert len(complaints(caplog)) == 1

    trouble.remove()
    await clock.async_advance(31)
    assert state(hass, ALEX) == "available"


async def test_a_colleague_cannot_be_written(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    with pytest.raises(ServiceValidationError, match="a colleague, can only be read"):
        await hass.services.async_call(
            DOMAIN, "clear_status_message", target={"entity_id": ALEX}, blocking=True
        )


async def async_get(hass: HomeAssistant, entry: PresenceConfigEntry, *people: str) -> Any:
    """Get people's presence without adding them."""
    response: Any = await hass.services.async_call(
        DOMAIN,
        "get_presence",
        {"config_entry_id": entry.entry_id, "people": list(people)},
        blocking=True,
        return_response=True,
    )
    return response["people"]


async def test_get_presence_of_any_person(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, alex: Person
) -> None:
    alex.present()
    kim = simulator.tenant.people["kim"]
    kim.set_status_message("Out for lunch")
    people = await async_get(hass, entry, alex.address, kim.id.upper(), "nobody@contoso.example")

    assert people[alex.address] == {
        "id": alex.id,
        "availability": "do_not_disturb",
        "activity": "presenting",
        "in_call": True,
        "in_meeting": False,
        "presenting": True,
        "out_of_office": False,
        "status_message": None,
        "work_location": "not_set",
    }
    assert people[kim.id.upper()]["status_message"] == "Out for lunch"
    assert people["nobody@contoso.example"] is None
    assert hass.states.get(ALEX) is None


async def test_get_presence_without_a_person(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    assert await async_get(hass, entry, "nobody@contoso.example", " ") == {
        "nobody@contoso.example": None
    }


async def test_a_failed_get_presence_gives_the_reason(
    hass: HomeAssistant, entry: PresenceConfigEntry, simulator: Simulator, alex: Person
) -> None:
    simulator.faults.add("POST *getPresencesByUserId", status=503)
    with pytest.raises(HomeAssistantError) as error:
        await async_get(hass, entry, alex.id)

    assert error.value.translation_key == "graph_unavailable"


async def test_get_presence_without_colleagues_points_to_reconfigure(
    hass: HomeAssistant, account: Account, alex: Person
) -> None:
    entry = await account.async_sign_in()
    with pytest.raises(ServiceValidationError) as error:
        await async_get(hass, entry, alex.address)

    assert error.value.translation_key == "colleagues_not_included"


@pytest.mark.parametrize(
    "text",
    [
        "\u200balex",
        "\ufeffAlex\u00a0Example",
        '"alex"',
        "\u201calex\u201d",
        "\uff41lex",
        "al\u00adex",
        "<alex@contoso.example>",
        "Alex Example <alex@contoso.example>",
        "Alex Example (alex@contoso.example);",
        "mailto:alex@contoso.example",
        "[alex@contoso.example](mailto:alex@contoso.example)",
    ],
)
async def test_characters_added_by_copying_do_not_affect_a_search(
    hass: HomeAssistant, account: Account, alex: Person, text: str
) -> None:
    entry = await account.async_sign_in(colleagues=True)
    flow = await async_search(hass, entry, text)

    assert flow["step_id"] == "choose"
    schema = flow["data_schema"]
    assert schema is not None
    assert alex.id in [option["value"] for option in schema.schema["people"].config["options"]]
