"""No log, repair or error contains secrets or personal data.

One run covers every operation and failure with all loggers at DEBUG. Its output is then searched
for values exchanged with Microsoft.
"""

from collections.abc import Callable
import logging
from typing import Any
from urllib.parse import quote

from homeassistant.components.persistent_notification import DOMAIN as NOTIFICATIONS
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import EVENT_LOGGING_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.entra.authorize import code_challenge
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_SECRET,
    TENANT_ID,
    daemon_certificate,
)
from tests.home import repairs, test_application as application
from tests.home.account import Account
from tests.home.clock import HomeClock
from tests.home.evidence import KINDS, Evidence, Needles
from tests.home.people import async_add, async_search
from tests.home.test_config_flow import async_confirm, async_show_code, async_wait

# Output that contains addresses, messages or directory IDs, but no secrets.
EXPECTED: dict[str, set[str]] = {
    # Home Assistant logs states, action calls and removed devices at DEBUG.
    "log of homeassistant.core": {"address", "message", "directory_id"},
    # The test harness logs the data of mocked files.
    "log of pytest_homeassistant_custom_component.common": {"directory_id"},
    # Microsoft's endpoints have tenants and people in their paths.
    "URL": {"directory_id"},
    # Graph's search has its text in the query.
    "URL of a directory lookup": {"address", "directory_id"},
}

MESSAGE = "Very private words, and more"
TYPED = "Words that were only typed"
CLIENT = {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_CLIENT_SECRET}
ROBIN = "sensor.robin_example_availability"
ALEX = "sensor.alex_example_availability"

# Invalid token responses, each with secret values.
BAD_TOKENS: list[dict[str, Any]] = [
    {"json": {"access_token": "an-access-token-without-an-end", "scope": "Presence.Read"}},
    {"json": {"access_token": "an-access-token-that-ends-oddly", "expires_in": "soon"}},
    {"json": ["a-refresh-token-in-a-list"]},
    {"json": {"error": "invalid_grant", "error_description": f"{MESSAGE} {TENANT_ID}", "refresh_token": "a-token-in-an-error"}, "status": 400},
    {"json": {"id_token": "an-id-token-that.is-none-at-all-but-long.and-has-three-parts", "access_token": "an-access-token-beside-a-broken-one", "refresh_token": "a-refresh-token-beside-a-broken-one", "expires_in": 60, "scope": "Presence.Read"}},
    {"body": "truncated"},
    {"body": "html"},
    {"status": 500, "json": {"error": "server_error", "error_description": "a-token-in-an-outage"}},
    {"aadsts": 50076},
    {"loss": "reset"},
]  # fmt: skip
PLANTED = [
    "an-access-token-without-an-end",
    "an-access-token-that-ends-oddly",
    "a-refresh-token-in-a-list",
    "a-token-in-an-error",
    "an-id-token-that.is-none-at-all-but-long.and-has-three-parts",
    "an-access-token-beside-a-broken-one",
    "a-refresh-token-beside-a-broken-one",
    "a-token-in-an-outage",
]
# Graph errors whose messages repeat the request.
GRAPH_FAULTS: list[dict[str, Any]] = [
    {"status": 400, "code": "BadRequest"},
    {"status": 401},
    {"status": 403, "code": "Forbidden"},
    {"status": 404, "code": "NotFound"},
    {"status": 429, "retry_after": 30},
    {"status": 500},
    {"body": "html", "status": 502},
    {"loss": "close"},
]
ACTIONS: dict[str, dict[str, Any]] = {
    "set_status_message": {"message": MESSAGE, "expires_in": "01:00:00", "pinned": True},
    "clear_status_message": {},
    "set_preferred_presence": {"availability": "busy"},
    "clear_preferred_presence": {},
    "set_presence": {"activity": "in_a_call"},
    "clear_presence": {},
    "set_work_location": {"location": "remote"},
    "clear_work_location": {},
}


# Errors and output that the run must include.
ERROR_KEYS = {
    "colleague_read_only",
    "graph_unavailable",
    "message_too_long",
    "nobody_targeted",
    "not_permitted",
    "refused",
    "some_failed",
    "throttled",
    "token_refused",
}
SEARCHED = {
    f"log of custom_components.{DOMAIN}",
    f"log of custom_components.{DOMAIN}.config_flow",
    f"log of custom_components.{DOMAIN}.coordinator",
    "log of homeassistant.core",
    "URL",
    "diagnostics",
    "downloaded diagnostics",
    "error",
    "notifications",
    "repair",
    "system health",
}


@pytest.fixture
def needles(simulator: Simulator) -> Needles:
    """Return the sensitive values known in advance."""
    needles = Needles()
    needles.add(
        "secret", CONFIDENTIAL_CLIENT_SECRET, DAEMON_CLIENT_SECRET, "a-secret-that-is-wrong"
    )
    needles.add("certificate", daemon_certificate().pem)
    needles.add("message", MESSAGE, TYPED)
    needles.add("token", *PLANTED)
    needles.add("directory_id", TENANT_ID)
    for person in simulator.tenant.people.values():
        needles.add("address", person.address)
        needles.add("directory_id", person.id)
    return needles


@pytest.fixture
def evidence() -> Evidence:
    """Return the collected output."""
    return Evidence()


def everything_at_debug(hass: HomeAssistant) -> None:
    """Set every logger to DEBUG.

    The web server's log contains whole URLs, so Home Assistant keeps it at WARNING.
    """
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    hass.bus.async_fire(EVENT_LOGGING_CHANGED)


class Life:
    """Every operation on the accounts, with every failure."""

    def __init__(
        self,
        account: Account,
        evidence: Evidence,
        clock: HomeClock,
        client: ClientSessionGenerator,
    ) -> None:
        """Initialize."""
        self.account = account
        self.hass = account.hass
        self.simulator = account.simulator
        self.evidence = evidence
        self.clock = clock
        self.client = client
        self.error_keys: set[str] = set()

    async def async_act(
        self, action: str, domain: str = DOMAIN, *, targets: Any = ROBIN, **data: Any
    ) -> bool:
        """Perform an action; record the error if it fails."""
        try:
            await self.hass.services.async_call(
                domain, action, data, target={"entity_id": targets}, blocking=True
            )
        except HomeAssistantError as err:
            self.evidence.add_error(err)
            self.error_keys.add(str(err.translation_key))
            return False
        finally:
            await self.hass.async_block_till_done(wait_background_tasks=True)
        return True

    async def async_fail_to_sign_in(self) -> None:
        """Sign in with invalid responses, a wrong secret and a wrong code."""
        for fault in BAD_TOKENS:
            flow = await self.account.async_fill(**CLIENT)
            trouble = self.simulator.faults.add("token", **fault)
            flow = await self.account.async_visit(flow)
            assert flow["type"] is FlowResultType.FORM, flow
            trouble.remove()
        flow = await self.account.async_fill(**CLIENT | {"client_secret": "a-secret-that-is-wrong"})
        flow = await self.account.async_visit(flow)
        assert flow["errors"] == {"advanced": "secret_wrong"}
        flow = await application.async_fill(self.account, client_secret="a-secret-that-is-wrong")
        assert flow["errors"] == {"client_secret": "secret_wrong"}
        broken = daemon_certificate().pem.replace("M", "N")
        flow = await application.async_fill(self.account, client_secret=None, certificate=broken)
        assert flow["errors"]

    async def async_sign_in(self) -> list[PresenceConfigEntry]:
        """Sign in with a browser, a device code and an application."""
        entries = [await self.account.async_sign_in(colleagues=True, **CLIENT)]
        self.simulator.entra.device_code_endpoint.interval = 0
        flow = await async_show_code(self.account)
        self.enter_code(flow, "kim")
        flow = await async_wait(self.hass, self.account, flow)
        entries.append(flow["result"])
        entries.append(
            await application.async_sign_in(
                self.account, client_secret=None, certificate=daemon_certificate().pem
            )
        )
        await self.hass.async_block_till_done(wait_background_tasks=True)
        return entries

    def enter_code(self, flow: ConfigFlowResult, person: str) -> None:
        """Enter the device code."""
        placeholders = flow["description_placeholders"]
        assert placeholders is not None
        self.simulator.enter_device_code(placeholders["code"], person)

    async def async_find_people(self, entry: PresenceConfigEntry, *people: Person) -> None:
        """Search by name, address and invalid input; add some."""
        for person in people:
            await async_search(self.hass, entry, person.address)
        for fault in GRAPH_FAULTS:
            trouble = self.simulator.faults.add("GET /v1.0/users*", **self.echoing(fault))
            await async_search(self.hass, entry, people[0].name)
            trouble.remove()
            self.wait_for_retry_after(fault)
        await async_add(self.hass, entry, "example", *people)
        names = [name for person in people for name in (person.address, person.id)]
        assert await self.async_ask(entry, names)
        for fault in GRAPH_FAULTS:
            trouble = self.simulator.faults.add("* /v1.0/*", **self.echoing(fault))
            await self.async_ask(entry, names)
            trouble.remove()
            self.wait_for_retry_after(fault)

    async def async_ask(self, entry: PresenceConfigEntry, names: list[str]) -> bool:
        """Get people's presence; return whether it succeeded."""
        try:
            await self.hass.services.async_call(
                DOMAIN,
                "get_presence",
                {"config_entry_id": entry.entry_id, "people": names},
                blocking=True,
                return_response=True,
            )
        except HomeAssistantError as err:
            self.evidence.add_error(err)
            return False
        return True

    def wait_for_retry_after(self, fault: dict[str, Any]) -> None:
        """Wait until Graph stops throttling."""
        self.clock.freezer.tick(fault.get("retry_after", 0) + 2)

    def echoing(self, fault: dict[str, Any]) -> dict[str, Any]:
        """Return a fault whose message repeats the request."""
        robin = self.simulator.tenant.people["robin"]
        return fault | {"message": f"{MESSAGE}; {robin.address} {robin.id} {TENANT_ID}"}

    async def async_write(self) -> None:
        """Perform every action with every failure."""
        for action, data in ACTIONS.items():
            assert await self.async_act(action, **data)
            for fault in GRAPH_FAULTS:
                trouble = self.simulator.faults.add(
                    "POST /v1.0/*/presence/*", **self.echoing(fault)
                )
                await self.async_act(action, **data)
                trouble.remove()
                self.wait_for_retry_after(fault)
        trouble = self.simulator.faults.add("POST /v1.0/users/*", **self.echoing(GRAPH_FAULTS[2]))
        kims = "sensor.kim_example_availability"
        assert not await self.async_act("set_status_message", targets=[ROBIN, kims], message=TYPED)
        trouble.remove()
        text = "text.robin_example_status_message"
        assert await self.async_act("set_value", "text", targets=text, value=TYPED)
        assert not await self.async_act("set_status_message", targets=ALEX, message=TYPED)
        assert not await self.async_act("set_status_message", message=TYPED * 20)
        assert not await self.async_act("set_status_message", targets="light.none", message=TYPED)

    async def async_poll(self) -> None:
        """Poll with every failure."""
        await self.clock.async_advance(31)
        for fault in GRAPH_FAULTS:
            trouble = self.simulator.faults.add("* /v1.0/*resence*", **self.echoing(fault))
            for _ in range(3):
                await self.clock.async_advance(16)
            trouble.remove()
            await self.clock.async_advance(16)

    async def async_renew(self, entry: PresenceConfigEntry) -> None:
        """Lose the sign-in in every way and sign in again."""
        for fault in BAD_TOKENS:
            self.simulator.expire_access_tokens()
            trouble = self.simulator.faults.add("token", **fault)
            await self.clock.async_advance(16)
            trouble.remove()
            await self.clock.async_advance(16)
        self.simulator.revoke("robin")
        self.simulator.expire_access_tokens()
        await self.clock.async_advance(16)
        assert any(
            flow["context"]["source"] == "reauth"
            for flow in self.hass.config_entries.flow.async_progress()
        )
        flow = await async_confirm(await self.account.async_renew(entry, "reauth"), self.account)
        flow = await self.account.async_visit(flow)
        await self.hass.async_block_till_done(wait_background_tasks=True)
        assert flow["reason"] == "reauth_successful"

    async def async_restart_in_an_outage(self, entry: PresenceConfigEntry) -> None:
        """Set up the entries during an outage."""
        trouble = self.simulator.faults.add("graph", **self.echoing({"status": 503}))
        await self.hass.config_entries.async_reload(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        await self.async_look(entry)
        trouble.remove()
        await self.hass.config_entries.async_reload(entry.entry_id)
        await self.hass.async_block_till_done(wait_background_tasks=True)

    async def async_fix(self, entry: PresenceConfigEntry) -> None:
        """Create a repair and fix it."""
        self.simulator.tenant.people["robin"].close_teams()
        assert await self.async_act("set_preferred_presence", availability="busy")
        self.simulator.tenant.remove_person("alex")
        for kind in ("person_gone", "preference_not_shown"):
            # Fixing one reloads the account, which creates the other again. After throttling, polls
            # are rarer, at random.
            offered: dict[str | None, ir.IssueEntry] = {}
            for _ in range(40):
                await self.clock.async_advance(31)
                offered = {issue.translation_key: issue for issue in self.issues}
                if kind in offered:
                    break
            await self.async_look(entry)
            shown = await repairs.async_open(self.client, offered[kind].issue_id)
            await repairs.async_submit(self.client, shown)
            await self.hass.async_block_till_done(wait_background_tasks=True)
        assert ALEX not in self.hass.states.async_entity_ids()
        assert entry.options["hold_session"]

    @property
    def issues(self) -> list[ir.IssueEntry]:
        """Return the integration's repairs."""
        issues = ir.async_get(self.hass).issues.values()
        return [issue for issue in issues if issue.domain == DOMAIN]

    async def async_look(self, entry: PresenceConfigEntry) -> None:
        """Download diagnostics and system health."""
        diagnostics: Any = await get_diagnostics_for_config_entry(self.hass, self.client, entry)
        self.evidence.add("diagnostics", diagnostics)
        client = await self.client()
        response = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
        assert response.status == 200
        self.evidence.add("downloaded diagnostics", await response.text())
        info = await get_system_health_info(self.hass, DOMAIN)
        for key in ("can_reach_sign_in", "can_reach_graph"):
            info[key] = await info[key]
        self.evidence.add("system health", info)
        self.evidence.add("notifications", self.hass.data.get(NOTIFICATIONS))


@pytest.mark.once
async def test_no_output_contains_secrets(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    clock: HomeClock,
    account: Account,
    simulator: Simulator,
    needles: Needles,
    evidence: Evidence,
) -> None:
    for component in ("diagnostics", "repairs", "system_health"):
        assert await async_setup_component(hass, component, {})
    simulator.tenant.people["robin"].set_status_message(MESSAGE)
    alex = simulator.tenant.people["alex"]
    life = Life(account, evidence, clock, hass_client)
    with needles.watching(simulator), evidence.gathering(hass, simulator):
        everything_at_debug(hass)
        await life.async_fail_to_sign_in()
        # MSAL has been imported and has created loggers.
        everything_at_debug(hass)
        entries = await life.async_sign_in()
        await life.async_find_people(entries[0], alex)
        for entry in entries:
            await life.async_look(entry)
        await life.async_write()
        await life.async_poll()
        await life.async_renew(entries[0])
        await life.async_restart_in_an_outage(entries[0])
        await life.async_fix(entries[0])
        for entry in entries:
            await life.async_look(entry)
            await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)

    needles.add("proof", *simulator.entra.authorize_endpoint.codes)
    assert life.error_keys == ERROR_KEYS
    assert {where for where, _ in evidence.pieces} >= SEARCHED
    leaks = evidence.leaks(needles)
    assert leaks == EXPECTED


PLACES: dict[str, Callable[[Evidence, str], None]] = {
    "message": lambda evidence, text: logging.getLogger("planted").debug(text),
    "argument": lambda evidence, text: logging.getLogger("planted").debug("%s", {"it": text}),
    "unused argument": lambda evidence, text: logging.getLogger("planted").debug("%.1s", text),
    "exception in the log": lambda evidence, text: log_exception(text),
    "error": lambda evidence, text: evidence.add_error(ValueError(text)),
    "placeholder of an error": lambda evidence, text: evidence.add_error(
        HomeAssistantError(translation_key="refused", translation_placeholders={"detail": text})
    ),
    "cause of an error": lambda evidence, text: evidence.add_error(caused(text)),
    "diagnostics": lambda evidence, text: evidence.add("diagnostics", {"deep": [{"down": text}]}),
    "address": lambda evidence, text: evidence.add("address", f"/path?query={quote(text)}"),
}


def caused(text: str) -> Exception:
    """Return an error without a message but with a cause."""
    error = HomeAssistantError("Nothing to see")
    error.__cause__ = ValueError(text)
    return error


def log_exception(text: str) -> None:
    """Log an exception with its traceback."""
    try:
        raise caused(text)
    except HomeAssistantError:
        logging.getLogger("planted").exception("It went wrong")


@pytest.mark.parametrize("place", PLACES)
async def test_every_planted_value_is_found(
    hass: HomeAssistant,
    account: Account,
    simulator: Simulator,
    needles: Needles,
    evidence: Evidence,
    place: str,
) -> None:
    simulator.entra.device_code_endpoint.interval = 0
    with needles.watching(simulator):
        await account.async_sign_in(**CLIENT)
        flow = await async_show_code(account)
        hass.config_entries.flow.async_abort(flow["flow_id"])
    with evidence.gathering(hass, simulator):
        for kind in KINDS:
            assert needles.by_kind[kind]
            for needle in needles.by_kind[kind]:
                evidence.pieces.clear()
                PLACES[place](evidence, f"before {needle} after")
                assert [kind in found for found in evidence.leaks(needles).values()] == [True]
        evidence.pieces.clear()
        PLACES[place](evidence, "nothing that matters")
        assert not evidence.leaks(needles)


async def test_a_planted_repair_is_found(
    hass: HomeAssistant, simulator: Simulator, robin: Person, needles: Needles, evidence: Evidence
) -> None:
    with evidence.gathering(hass, simulator):
        ir.async_create_issue(
            hass,
            DOMAIN,
            "planted",
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="person_gone",
            translation_placeholders={"person": robin.address},
        )
        await hass.async_block_till_done()

    assert evidence.leaks(needles)["repair"] == {"address"}


async def test_tokens_are_watched_for_in_both_directions(
    account: Account, simulator: Simulator, needles: Needles
) -> None:
    with needles.watching(simulator):
        entry = await account.async_sign_in(**CLIENT)
    token = entry.data["token"]
    signature = token["access_token"].rpartition(".")[2]

    assert {token["access_token"], token["refresh_token"], signature} <= needles.by_kind["token"]
    (verifier,) = [
        text
        for text in needles.by_kind["proof"]
        if text not in simulator.entra.authorize_endpoint.codes
    ]
    (code,) = simulator.entra.authorize_endpoint.codes.values()
    assert code_challenge(verifier, "S256") == code.request.challenge
