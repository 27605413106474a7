"""The config flow of a user."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers.aiohttp_client import async_get_clientsession
import jwt
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph.clouds import CLOUDS
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, SignInError, Simulator
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DOMAIN as TENANT_DOMAIN,
    PUBLIC_CLIENT_ID,
    TENANT_ID,
)
from tests.documents import ROOT, links
from tests.home.account import FORM, Account, error_key, sections, suggested
from tests.home.clock import HomeClock
from tests.home.log import complaints
from tests.repository import INTEGRATION, read_json

SENTENCES = read_json(INTEGRATION / "translations/en.json")["config"]["error"]
TOKEN_MEMBERS = {
    "access_token",
    "refresh_token",
    "expires_in",
    "expires_at",
    "scope",
    "token_type",
}


def assert_form(flow: ConfigFlowResult, step: str, errors: dict[str, str]) -> None:
    """Check a form's error and the user's input."""
    assert flow["type"] is FlowResultType.FORM, flow
    keys = {error_key(flow, field): error for field, error in errors.items()}
    assert (flow["step_id"], flow["errors"]) == (step, keys)
    assert SENTENCES.keys() >= set(errors.values())
    assert suggested(flow)["client_id"]


async def test_browser_sign_in_creates_an_entry(hass: HomeAssistant, account: Account) -> None:
    entry = await account.async_sign_in()

    robin = account.simulator.tenant.people["robin"]
    assert entry.title == "Robin Example (contoso.example)"
    assert entry.unique_id == f"{TENANT_ID}.{robin.id}"
    assert {key: entry.data[key] for key in FORM} == FORM
    assert entry.data["sign_in"] == "browser"
    assert "client_secret" not in entry.data
    assert set(entry.data["token"]) == TOKEN_MEMBERS
    assert hass.states.get("sensor.robin_example_availability") is not None


async def test_a_confidential_client_signs_in_with_its_secret(account: Account) -> None:
    entry = await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )

    assert entry.data["client_secret"] == CONFIDENTIAL_CLIENT_SECRET


@pytest.mark.parametrize("tenant", [TENANT_ID.upper(), TENANT_DOMAIN, "organizations"])
async def test_each_form_of_the_tenant_creates_the_same_account(
    account: Account, tenant: str
) -> None:
    entry = await account.async_sign_in(tenant=tenant)

    assert entry.unique_id == f"{TENANT_ID}.{account.simulator.tenant.people['robin'].id}"


@pytest.mark.parametrize(
    ("access", "scopes"),
    [
        ("read", {"Presence.Read"}),
        ("read_write", {"Presence.Read", "Presence.ReadWrite"}),
    ],
)
async def test_only_necessary_permissions_are_requested(
    account: Account, access: str, scopes: set[str]
) -> None:
    entry = await account.async_sign_in(access=access)

    granted = set(entry.data["token"]["scope"].split())
    assert {scope for scope in granted if scope.startswith(("Presence", "User"))} == scopes


async def test_the_form_lists_clouds_and_the_redirect_uri(
    account: Account,
) -> None:
    flow = await account.async_open()

    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert sections(flow)["advanced"]["cloud"].config["options"] == list(CLOUDS)
    assert list(CLOUDS)[:3] == ["global", "us_gov_l4", "us_gov_l5"]
    assert placeholders["redirect_url"] == "https://example.com/auth/external/callback"


async def test_the_next_form_suggests_the_last_registration_without_its_secret(
    account: Account,
) -> None:
    await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )

    assert suggested(await account.async_open()) == {
        "cloud": "simulator",
        "tenant": TENANT_ID,
        "client_id": CONFIDENTIAL_CLIENT_ID,
    }


async def test_the_approval_link_is_shown_during_the_browser_sign_in(account: Account) -> None:
    flow = await account.async_fill()

    assert flow["type"] is FlowResultType.EXTERNAL_STEP
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert placeholders["admin_consent_url"] == (
        f"{account.simulator.tls_url}/{TENANT_ID}/v2.0/adminconsent?client_id={PUBLIC_CLIENT_ID}"
        "&scope=https://graph.microsoft.com/Presence.Read"
        "+https://graph.microsoft.com/Presence.ReadWrite"
        "&redirect_uri=https://example.com/auth/external/callback"
    )
    assert placeholders["permissions"] == "Presence.Read, Presence.ReadWrite"


async def test_the_authorize_url_has_pkce_and_a_choice_of_account(
    account: Account,
) -> None:
    flow = await account.async_fill()

    assert "code_challenge_method=S256" in flow["url"]
    assert "prompt=select_account" in flow["url"]


async def test_without_a_request_the_internal_url_is_used(
    hass: HomeAssistant,
    simulator: Simulator,
    cloud: object,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    hass.config.external_url = "https://example.com"
    account = Account(hass, simulator, hass_client_no_auth)

    assert (await account.async_sign_in()).title == "Robin Example (contoso.example)"


async def test_without_any_url_the_flow_shows_an_error(
    hass: HomeAssistant,
    simulator: Simulator,
    cloud: object,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    account = Account(hass, simulator, hass_client_no_auth)
    await account.async_open()
    hass.config.api = None
    flow = await account.async_fill()

    assert flow["type"] is FlowResultType.ABORT
    assert flow["reason"] == "no_url_available"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"client_id": "my app"}, {"client_id": "client_id_invalid"}),
        ({"client_id": PUBLIC_CLIENT_ID + "0"}, {"client_id": "client_id_invalid"}),
        ({"tenant": "our company"}, {"tenant": "tenant_invalid"}),
        ({"tenant": "../common"}, {"tenant": "tenant_invalid"}),
        ({"tenant": "common"}, {"tenant": "personal_authority"}),
        ({"tenant": "Consumers"}, {"tenant": "personal_authority"}),
        (
            {"tenant": "x", "client_id": "y"},
            {"tenant": "tenant_invalid", "client_id": "client_id_invalid"},
        ),
    ],
)
async def test_invalid_values_are_rejected_before_any_request(
    account: Account, changes: dict[str, str], errors: dict[str, str]
) -> None:
    flow = await account.async_fill(**changes)

    assert_form(flow, "browser", errors)
    assert suggested(flow) == FORM | changes
    assert not account.simulator.requests


@pytest.mark.parametrize(
    ("field", "error"), [("tenant", "tenant_invalid"), ("client_id", "client_id_invalid")]
)
async def test_an_empty_field_is_rejected(account: Account, field: str, error: str) -> None:
    flow = await account.async_fill(**{field: ""})

    assert flow["errors"] == {field: error}
    assert not account.simulator.requests


async def test_spaces_around_a_pasted_value_are_removed(account: Account) -> None:
    entry = await account.async_sign_in(client_id=f" {PUBLIC_CLIENT_ID} ", tenant=f"{TENANT_ID}\t")

    assert entry.data["client_id"] == PUBLIC_CLIENT_ID
    assert entry.data["tenant"] == TENANT_ID


async def test_a_tenant_that_does_not_exist(account: Account) -> None:
    flow = await account.async_fill(tenant="unknown.example")

    assert_form(flow, "browser", {"tenant": "tenant_not_found"})


async def test_the_form_can_be_corrected_after_an_error(account: Account) -> None:
    flow = await account.async_fill(tenant="unknown.example")
    flow = await account.async_visit(await account.async_configure(flow, FORM))

    assert flow["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("decision", ["deny", "cancel"])
async def test_a_denied_consent(account: Account, decision: Any) -> None:
    flow = await account.async_visit(await account.async_fill(), decision=decision)

    assert_form(flow, "browser", {"base": "consent_denied"})


@pytest.mark.parametrize(
    "invisible",
    ["\u200b", "\ufeff", "\u2060", "\u00ad", "\u202a", "\u200e", "\u200d", "\ufe0f", "\u3164"],
)
async def test_invisible_characters_of_pasted_values_are_removed(
    account: Account, invisible: str
) -> None:
    entry = await account.async_sign_in(
        tenant=f"{invisible}{TENANT_ID}",
        client_id=f" {CONFIDENTIAL_CLIENT_ID[:5]}{invisible}{CONFIDENTIAL_CLIENT_ID[5:]}",
        client_secret=f"{CONFIDENTIAL_CLIENT_SECRET}{invisible}",
    )

    assert entry.data["tenant"] == TENANT_ID
    assert entry.data["client_id"] == CONFIDENTIAL_CLIENT_ID
    assert entry.data["client_secret"] == CONFIDENTIAL_CLIENT_SECRET


PASTED: list[Callable[[str], str]] = [
    lambda text: f"\u00a0{text}\u00a0",
    lambda text: f'"{text}"',
    lambda text: f" \u201c{text}\u201d ",
    lambda text: f"'{text} '",
    lambda text: f"\u00ab\u00a0{text}\u00a0\u00bb",
    lambda text: f"`{text}`\n",
    lambda text: f"\u2028{text}\u3000",
    lambda text: text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
]


@pytest.mark.parametrize("paste", PASTED)
async def test_characters_added_by_copying_are_removed(
    account: Account, paste: Callable[[str], str]
) -> None:
    entry = await account.async_sign_in(
        tenant=paste(TENANT_DOMAIN),
        client_id=paste(CONFIDENTIAL_CLIENT_ID),
        client_secret=paste(CONFIDENTIAL_CLIENT_SECRET),
    )
    assert entry.data["tenant"] == TENANT_DOMAIN
    assert entry.data["client_id"] == CONFIDENTIAL_CLIENT_ID
    assert entry.data["client_secret"] == CONFIDENTIAL_CLIENT_SECRET

    flow = await account.async_fill(number=paste("AADSTS50105"))
    assert flow["errors"] == {"base": "not_assigned"}


@pytest.mark.parametrize(
    "tenant",
    [
        f"robin@{TENANT_DOMAIN}",
        f"https://{TENANT_DOMAIN}/",
        f"http://{TENANT_DOMAIN}/sites/home?x=1",
        f"{TENANT_DOMAIN}/",
    ],
)
async def test_the_domain_of_an_address_is_the_tenant(account: Account, tenant: str) -> None:
    entry = await account.async_sign_in(tenant=tenant)

    assert entry.data["tenant"] == TENANT_DOMAIN


@pytest.mark.parametrize(
    "line",
    [
        f"{TENANT_DOMAIN} {PUBLIC_CLIENT_ID}",
        f"{PUBLIC_CLIENT_ID} robin@{TENANT_DOMAIN}",
        f"\u200b{TENANT_ID.upper()}\u00a0{PUBLIC_CLIENT_ID.upper()}\n",
        f"Client_id Tenant {PUBLIC_CLIENT_ID} {TENANT_ID}",
    ],
)
async def test_one_pasted_line_is_sufficient(account: Account, line: str) -> None:
    flow = await account.async_open()
    form = {key: value for key, value in FORM.items() if key != "tenant"}
    flow = await account.async_configure(flow, form | {"client_id": line})
    flow = await account.async_visit(flow)

    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert flow["result"].data["client_id"].lower() == PUBLIC_CLIENT_ID


@pytest.mark.parametrize("paste", PASTED)
async def test_the_address_of_the_apps_page_is_its_id(
    account: Account, paste: Callable[[str], str]
) -> None:
    page = "https://entra.microsoft.com/#view/A/ApplicationMenuBlade/~/Overview/appId/"
    entry = await account.async_sign_in(client_id=paste(page + PUBLIC_CLIENT_ID))

    assert entry.data["client_id"] == PUBLIC_CLIENT_ID
    assert entry.data["tenant"] == TENANT_ID


@pytest.mark.parametrize(
    "tenant",
    ["robin@outlook.com", "Robin@Hotmail.co.uk", "live.nl", "https://outlook.com/", "msn.com"],
)
async def test_a_personal_address_is_rejected_before_any_request(
    account: Account, tenant: str
) -> None:
    flow = await account.async_fill(tenant=tenant)

    assert_form(flow, "browser", {"tenant": "personal_account"})
    assert not account.simulator.requests


def is_collapsed(flow: ConfigFlowResult) -> bool:
    """Return whether the form's section is closed."""
    assert flow["data_schema"] is not None
    collapsed: bool = flow["data_schema"].schema["advanced"].options["collapsed"]
    return collapsed


@pytest.mark.parametrize("sign_in", ["browser", "device_code", "application"])
async def test_rarely_needed_fields_are_in_a_collapsed_section(
    account: Account, sign_in: str
) -> None:
    flow = await account.async_open(sign_in)

    schema = flow["data_schema"]
    assert schema is not None
    visible = [str(field) for field in schema.schema]
    credentials = ["client_secret", "certificate"] if sign_in == "application" else []
    assert visible == ["client_id", "tenant", *credentials, "access", "advanced"]
    assert is_collapsed(flow)


async def test_an_error_in_the_section_opens_it(account: Account) -> None:
    flow = await account.async_fill(tenant="unknown.example")
    assert is_collapsed(flow)
    flow = await account.async_configure(flow, FORM | {"number": "x"})
    assert flow["errors"] == {"advanced": "number_invalid"}
    assert not is_collapsed(flow)


async def test_a_form_without_its_section_uses_the_global_cloud(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CLOUDS, "global", CLOUDS["simulator"])
    form = {key: value for key, value in FORM.items() if key != "cloud"}
    flow = await account.async_visit(
        await account.async_configure(await account.async_open(), form)
    )

    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert flow["result"].data["cloud"] == "global"
    # docs/first-minutes.md continues from here.
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert flow["description"] == "lamp"
    address = URL(placeholders["blueprint_url"])
    assert address.path == "/config/blueprint/dashboard/import"
    (readme,) = [
        link for link in links(ROOT / "README.md") if "busy_light" in link and "redirect" in link
    ]
    assert address.query == URL(readme).query


@pytest.mark.parametrize("cloud", ["global", "us_gov_l4", "us_gov_l5"])
async def test_the_form_links_to_the_portal_of_its_cloud(account: Account, cloud: str) -> None:
    flow = await account.async_fill(cloud=cloud, tenant="x")

    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    portal = "https://entra.microsoft." + ("com" if cloud == "global" else "us")
    assert placeholders["register_url"].startswith(
        f"{portal}/#view/Microsoft_AAD_RegisteredApps/CreateApplicationBlade/"
    )


async def async_consent_as_admin(account: Account, url: str) -> None:
    """Accept on Microsoft's page for administrators."""
    simulator = account.simulator
    page = url.replace(simulator.tls_url, simulator.url)
    async with async_get_clientsession(account.hass).post(
        page, data={"decision": "accept"}, allow_redirects=False
    ) as response:
        assert response.status == 302
        assert URL(response.headers["Location"]).query["admin_consent"] == "True"


@pytest.mark.parametrize("granted", ["requested", "registered"])
async def test_an_administrator_consents_for_an_app_without_permissions(
    account: Account, granted: Any
) -> None:
    tenant = account.simulator.tenant
    tenant.user_consent, tenant.admin_consent = "blocked", granted
    app = tenant.apps[PUBLIC_CLIENT_ID]
    app.delegated.clear()
    flow = await account.async_fill(number="AADSTS90094")
    assert flow["step_id"] == "approval"
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert placeholders["permissions"] == "Presence.Read, Presence.ReadWrite"
    await async_consent_as_admin(account, placeholders["admin_consent_url"])
    flow = await account.async_configure(flow, {})
    if granted == "registered":
        # Microsoft's other consent page only grants registered permissions. IT adds those listed.
        with pytest.raises(SignInError, match="AADSTS90094"):
            await account.async_visit(flow)
        app.delegated |= set(placeholders["permissions"].split(", "))
        await async_consent_as_admin(account, placeholders["admin_consent_url"])

    assert (await account.async_visit(flow))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_wrong_secret(account: Account) -> None:
    flow = await account.async_visit(
        await account.async_fill(client_id=CONFIDENTIAL_CLIENT_ID, client_secret="wrong")
    )

    assert_form(flow, "browser", {"client_secret": "secret_wrong"})
    assert suggested(flow)["client_secret"] == "wrong"


async def test_a_web_app_without_its_secret(account: Account) -> None:
    flow = await account.async_visit(await account.async_fill(client_id=CONFIDENTIAL_CLIENT_ID))

    assert_form(flow, "browser", {"client_secret": "public_client_refused"})


async def test_a_secret_that_the_app_does_not_have(account: Account) -> None:
    flow = await account.async_visit(await account.async_fill(client_secret="surplus"))

    assert_form(flow, "browser", {"client_secret": "secret_not_wanted"})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"aadsts": 50076}, "interaction_required"),
        ({"aadsts": 53003}, "blocked_by_policy"),
        ({"aadsts": 65001}, "consent_missing"),
        ({"aadsts": 90094}, "admin_consent_missing"),
        ({"aadsts": 7000112}, "app_disabled"),
        ({"aadsts": 90033}, "microsoft_unavailable"),
        ({"status": 503}, "microsoft_unavailable"),
        ({"status": 429}, "microsoft_unavailable"),
        ({"status": 500, "body": "html"}, "microsoft_unavailable"),
        ({"body": "html"}, "unexpected_answer"),
        ({"body": "empty"}, "unexpected_answer"),
        ({"body": "truncated"}, "unexpected_answer"),
        ({"body": "null"}, "unexpected_answer"),
        ({"body": "wrong_type"}, "unexpected_answer"),
        ({"json": {}}, "unexpected_answer"),
        (
            {"json": {"access_token": "a", "expires_in": "soon", "scope": "Presence.Read"}},
            "unexpected_answer",
        ),
        (
            {"json": {"access_token": "a", "expires_in": 60, "scope": "Presence.Read"}},
            "unexpected_answer",
        ),
        ({"json": {"error": "surprise", "error_codes": ["x"]}, "status": 400}, "sign_in_failed"),
        ({"loss": "close"}, "cannot_connect"),
        ({"loss": "reset"}, "cannot_connect"),
    ],
)
async def test_each_failure_of_the_token_endpoint_has_its_message(
    account: Account, caplog: pytest.LogCaptureFixture, fault: dict[str, Any], error: str
) -> None:
    flow = await account.async_fill()
    account.simulator.faults.add("token", **fault)
    flow = await account.async_visit(flow)

    assert flow["type"] is FlowResultType.FORM, flow
    errors = flow["errors"]
    assert errors is not None
    assert list(errors.values()) == [error]
    assert not complaints(caplog)


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        (None, "unexpected_answer"),
        ({}, "unexpected_answer"),
        ({"sub": "s", "tid": TENANT_ID}, "unexpected_answer"),
        ({"sub": "s", "oid": TENANT_ID}, "unexpected_answer"),
        (
            {"sub": "s", "tid": "9188040d-6c67-4c5b-b112-36a304b66dad", "oid": TENANT_ID},
            "personal_account",
        ),
    ],
)
async def test_an_id_token_without_necessary_claims(
    hass: HomeAssistant, account: Account, claims: dict[str, str] | None, error: str
) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    response: dict[str, Any] = {
        "access_token": "access",
        "refresh_token": "refresh",
        "expires_in": 3600,
        "scope": "Presence.Read Presence.ReadWrite",
    }
    if claims is not None:
        response["id_token"] = jwt.encode(claims, "k" * 32)
    account.simulator.faults.add("token", json=response)
    flow = await async_wait(hass, account, await async_show_code(account))

    assert_form(flow, "device_code", {"base": error})


@pytest.mark.parametrize(
    ("name", "username", "title"),
    [
        ("Robin", "robin@fabrikam.example", "Robin (fabrikam.example)"),
        # Microsoft promises neither claim, and no format.
        ("Robin", "+1 425 555 0100", "Robin"),
        ("Robin", "", "Robin"),
        ("", "robin@fabrikam.example", "robin@fabrikam.example"),
        ("", "", "Microsoft Teams"),
    ],
)
async def test_an_account_is_titled_with_its_person_and_domain(
    account: Account, robin: Person, name: str, username: str, title: str
) -> None:
    robin.name, robin.address = name, username

    assert (await account.async_sign_in()).title == title


async def test_the_error_lists_permissions_that_were_not_granted(
    hass: HomeAssistant, account: Account
) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    account.simulator.faults.add(
        "token",
        json={
            "access_token": "access",
            "refresh_token": "refresh",
            "expires_in": "3600",
            "scope": "https://graph.microsoft.com/Presence.Read openid",
            "id_token": jwt.encode({"sub": "s", "tid": TENANT_ID, "oid": TENANT_ID}, "k" * 32),
        },
    )
    flow = await async_wait(hass, account, await async_show_code(account))

    assert_form(flow, "device_code", {"base": "permissions_missing"})
    assert flow["description_placeholders"] is not None
    assert flow["description_placeholders"]["permissions"] == "Presence.ReadWrite"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403}, "no_presence"),
        ({"status": 404}, "no_presence"),
        ({"status": 401}, "wrong_cloud"),
        ({"status": 503}, "graph_unavailable"),
        ({"status": 429, "retry_after": 5}, "graph_unavailable"),
        ({"body": "html"}, "graph_unavailable"),
        ({"loss": "close"}, "graph_unavailable"),
    ],
)
async def test_a_sign_in_without_a_presence_creates_no_entry(
    hass: HomeAssistant, account: Account, fault: dict[str, Any], error: str
) -> None:
    account.simulator.faults.add("GET /v1.0/me/presence", **fault)
    flow = await account.async_visit(await account.async_fill())

    assert_form(flow, "browser", {"cloud" if error == "wrong_cloud" else "base": error})
    assert not hass.config_entries.async_entries(DOMAIN)


async def test_an_account_cannot_be_added_twice(account: Account) -> None:
    await account.async_sign_in()
    flow = await account.async_visit(await account.async_fill())

    assert flow["type"] is FlowResultType.ABORT
    assert flow["reason"] == "already_configured"


async def test_two_accounts(hass: HomeAssistant, account: Account) -> None:
    await account.async_sign_in("robin")
    await account.async_sign_in("alex")

    assert hass.states.get("sensor.robin_example_availability") is not None
    assert hass.states.get("sensor.alex_example_availability") is not None


async def test_a_closed_port(account: Account) -> None:
    await account.simulator.stop()

    assert_form(await account.async_fill(), "browser", {"base": "cannot_connect"})


async def test_a_sign_in_that_times_out(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    form = await account.async_open()
    account.simulator.faults.add("discovery", latency=0.5)
    step = hass.async_create_task(account.async_configure(form, FORM))
    while not account.simulator.requests:  # noqa: ASYNC110  # the clock is frozen
        await asyncio.sleep(0)
    clock.freezer.tick(26)

    assert_form(await step, "browser", {"base": "cannot_connect"})


async def test_device_code_sign_in_creates_an_entry(hass: HomeAssistant, account: Account) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    flow = await async_show_code(account)
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert placeholders["url"] == f"{account.simulator.url}/device"

    account.simulator.enter_device_code(placeholders["code"])
    flow = await async_wait(hass, account, flow)

    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    assert flow["title"] == "Robin Example (contoso.example)"
    assert flow["result"].data["sign_in"] == "device_code"
    assert set(flow["result"].data["token"]) == TOKEN_MEMBERS
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_declined_device_code(hass: HomeAssistant, account: Account) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    flow = await async_show_code(account)
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    account.simulator.enter_device_code(placeholders["code"], decision="deny")

    assert_form(await async_wait(hass, account, flow), "device_code", {"base": "consent_denied"})


async def test_a_device_code_expires(hass: HomeAssistant, account: Account) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    flow = await async_show_code(account)
    account.simulator.advance(16 * 60)

    assert_form(
        await async_wait(hass, account, flow), "device_code", {"base": "device_code_expired"}
    )


async def test_a_short_network_failure_keeps_the_device_code(
    hass: HomeAssistant, account: Account
) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    failure = account.simulator.faults.add("token", times=3, loss="close")
    flow = await async_show_code(account)
    while failure.hits < 3:  # noqa: ASYNC110  # a background task polls
        await asyncio.sleep(0.01)
    assert flow["description_placeholders"] is not None
    account.simulator.enter_device_code(flow["description_placeholders"]["code"])
    flow = await async_wait(hass, account, flow)

    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_network_failure_until_the_device_code_expires(
    hass: HomeAssistant, clock: HomeClock, account: Account
) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    account.simulator.faults.add("token", loss="close")
    flow = await async_show_code(account)
    clock.freezer.tick(16 * 60)
    flow = await async_wait(hass, account, flow)

    assert_form(flow, "device_code", {"base": "cannot_connect"})


async def test_slow_down_increases_the_interval(
    hass: HomeAssistant, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("custom_components.ms_teams_presence.entra.client.asyncio.sleep", record)
    account.simulator.faults.add("token", times=1, status=400, json={"error": "slow_down"})
    account.simulator.faults.add("token", times=1, aadsts=70016)
    flow = await async_show_code(account)
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    account.simulator.enter_device_code(placeholders["code"])
    await async_wait(hass, account, flow)

    assert [pause for pause in pauses if pause] == [5, 5, 10]
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        ({"aadsts": 7000218}, {"base": "public_client_refused"}),
        ({"aadsts": 700016}, {"client_id": "app_not_found"}),
        ({"body": "html"}, {"base": "unexpected_answer"}),
        ({"json": {"user_code": "X"}}, {"base": "unexpected_answer"}),
    ],
)
async def test_a_failed_request_for_a_device_code(
    account: Account, fault: dict[str, Any], errors: dict[str, str]
) -> None:
    account.simulator.faults.add("devicecode", **fault)

    assert_form(await async_show_code(account), "device_code", errors)


async def test_the_device_code_form_has_no_secret(account: Account) -> None:
    flow = await account.async_open("device_code")

    assert "client_secret" not in sections(flow)["advanced"]


async def test_closing_the_dialog_stops_polling(hass: HomeAssistant, account: Account) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    flow = await async_show_code(account)
    hass.config_entries.flow.async_abort(flow["flow_id"])
    # Let a current request finish.
    await asyncio.sleep(0.2)
    account.simulator.requests.clear()
    await asyncio.sleep(0.2)

    assert not account.simulator.requests


async def test_of_two_submissions_of_the_device_code_form_one_polls(
    hass: HomeAssistant, account: Account
) -> None:
    simulator = account.simulator
    simulator.entra.device_code_endpoint.interval = 0
    form = await account.async_open("device_code")
    waiting = simulator.faults.add("token", loss="hang")
    await asyncio.gather(*(account.async_configure(form, FORM) for _ in range(2)))
    flow = await account.async_configure(form)
    await asyncio.sleep(0.5)
    assert waiting.hanging == 1

    waiting.remove()
    assert flow["description_placeholders"] is not None
    simulator.enter_device_code(flow["description_placeholders"]["code"])
    assert (await async_wait(hass, account, flow))["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_removing_the_account_ends_its_reconfiguration(
    hass: HomeAssistant, account: Account
) -> None:
    entry = await account.async_sign_in()
    account.simulator.entra.device_code_endpoint.interval = 0
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "device_code"})
    flow = await account.async_configure(flow, FORM)
    assert flow["type"] is FlowResultType.SHOW_PROGRESS
    await hass.config_entries.async_remove(entry.entry_id)
    # Let a current request finish.
    await asyncio.sleep(0.2)
    account.simulator.requests.clear()
    await asyncio.sleep(0.2)

    assert not account.simulator.requests
    with pytest.raises(UnknownFlow):
        await account.async_configure(flow)


async def async_show_code(account: Account) -> ConfigFlowResult:
    """Continue to the device code or an error."""
    flow = await account.async_open("device_code")
    return await account.async_configure(flow, FORM)


async def async_wait(
    hass: HomeAssistant, account: Account, flow: ConfigFlowResult
) -> ConfigFlowResult:
    """Wait until the code is accepted, declined or expired."""
    assert flow["type"] is FlowResultType.SHOW_PROGRESS, flow
    await hass.async_block_till_done()
    return await account.async_configure(flow)


async def async_confirm(flow: ConfigFlowResult, account: Account) -> ConfigFlowResult:
    """Confirm the reauth."""
    assert flow["step_id"] == "reauth_confirm"
    return await account.async_configure(flow, {})


async def test_reauth_uses_the_same_sign_in_method_and_replaces_the_token(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    old = entry.data["token"]["refresh_token"]
    flow = await async_confirm(await account.async_renew(entry, "reauth"), account)
    flow = await account.async_visit(flow)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["type"] is FlowResultType.ABORT
    assert flow["reason"] == "reauth_successful"
    assert entry.data["token"]["refresh_token"] != old
    assert entry.data["sign_in"] == "browser"


async def test_reauth_with_a_device_code(hass: HomeAssistant, account: Account) -> None:
    account.simulator.entra.device_code_endpoint.interval = 0
    flow = await async_show_code(account)
    assert flow["description_placeholders"] is not None
    account.simulator.enter_device_code(flow["description_placeholders"]["code"])
    entry = (await async_wait(hass, account, flow))["result"]
    await hass.async_block_till_done(wait_background_tasks=True)

    flow = await async_confirm(await account.async_renew(entry, "reauth"), account)
    assert flow["description_placeholders"] is not None
    account.simulator.enter_device_code(flow["description_placeholders"]["code"])
    flow = await async_wait(hass, account, flow)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reauth_successful"


async def test_reauth_with_another_account_is_rejected(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    before = dict(entry.data)
    flow = await async_confirm(await account.async_renew(entry, "reauth"), account)
    flow = await account.async_visit(flow, "alex")

    assert flow["type"] is FlowResultType.ABORT
    assert flow["reason"] == "wrong_account"
    assert flow["description_placeholders"] == {"account": "Robin Example (contoso.example)"}
    assert dict(entry.data) == before


async def test_reauth_with_an_expired_secret_requires_a_new_one(
    hass: HomeAssistant, account: Account
) -> None:
    entry = await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )
    app = account.simulator.tenant.apps[CONFIDENTIAL_CLIENT_ID]
    new = "not-a-secret~the-next-one"
    app.secrets[0].value = new
    flow = await async_confirm(await account.async_renew(entry, "reauth"), account)
    flow = await account.async_visit(flow)

    assert_form(flow, "browser", {"client_secret": "secret_wrong"})
    assert "client_secret" not in suggested(flow)

    form = suggested(flow) | {"client_secret": new}
    flow = await account.async_visit(await account.async_configure(flow, form))
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reauth_successful"
    assert entry.data["client_secret"] == new


async def test_reconfigure_keeps_a_secret_if_the_field_is_empty(
    hass: HomeAssistant, account: Account
) -> None:
    entry = await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID,
        client_secret=CONFIDENTIAL_CLIENT_SECRET,
        access="read",
    )
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    form = suggested(flow) | {"access": "read_write"}
    assert "client_secret" not in form
    flow = await account.async_visit(await account.async_configure(flow, form))
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reconfigure_successful"
    assert entry.data["client_secret"] == CONFIDENTIAL_CLIENT_SECRET
    assert entry.data["access"] == "read_write"


@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
async def test_a_client_id_stored_in_the_other_case_keeps_its_secret(
    hass: HomeAssistant, account: Account, source: str
) -> None:
    entry = await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )
    stored = {**entry.data, "client_id": CONFIDENTIAL_CLIENT_ID.upper()}
    hass.config_entries.async_update_entry(entry, data=stored)
    flow = await account.async_renew(entry, source)
    if source == "reauth":
        flow = await account.async_configure(flow, {})
    else:
        flow = await account.async_configure(flow, {"next_step_id": "browser"})
        flow = await account.async_configure(flow, suggested(flow))
    flow = await account.async_visit(flow)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == f"{source}_successful"
    assert entry.data["client_id"] == CONFIDENTIAL_CLIENT_ID
    assert entry.data["client_secret"] == CONFIDENTIAL_CLIENT_SECRET


async def test_a_secret_replaced_in_another_dialog_is_not_reverted(
    hass: HomeAssistant, account: Account
) -> None:
    entry = await account.async_sign_in(
        client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_CLIENT_SECRET
    )
    flow = await account.async_renew(entry, "reconfigure")
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    flow = await account.async_configure(flow, suggested(flow))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "client_secret": "newer"})
    account.simulator.faults.add("token", aadsts=50011)
    flow = await account.async_visit(flow)

    assert_form(flow, "browser", {"base": "redirect_refused"})
    assert "client_secret" not in suggested(flow)


async def test_reconfigure_adds_write_access(hass: HomeAssistant, account: Account) -> None:
    entry = await account.async_sign_in(access="read")
    assert hass.states.get("text.robin_example_status_message") is None

    flow = await account.async_renew(entry, "reconfigure")
    assert flow["type"] is FlowResultType.MENU
    flow = await account.async_configure(flow, {"next_step_id": "browser"})
    assert suggested(flow)["access"] == "read"
    flow = await account.async_visit(await account.async_configure(flow, FORM))
    await hass.async_block_till_done(wait_background_tasks=True)

    assert flow["reason"] == "reconfigure_successful"
    assert hass.states.get("text.robin_example_status_message") is not None


async def test_holding_a_session_is_the_only_option(
    hass: HomeAssistant, entry: PresenceConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, options={"later": 1})
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    schema = flow["data_schema"]
    assert schema is not None
    assert [str(field) for field in schema.schema] == ["hold_session"]
    result = await hass.config_entries.options.async_configure(
        flow["flow_id"], {"hold_session": True}
    )
    await hass.async_block_till_done(wait_background_tasks=True)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    # What a later version has stored stays.
    assert entry.options == {"hold_session": True, "later": 1}


async def test_read_only_access_has_no_options(hass: HomeAssistant, account: Account) -> None:
    entry = await account.async_sign_in(access="read")

    assert not entry.supports_options
    assert (entry.version, entry.minor_version) == (1, 2)
