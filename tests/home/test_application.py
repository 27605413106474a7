"""App-only access: sign-in, people, reads and writes."""

from datetime import UTC, datetime, timedelta
import ssl
from time import monotonic
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
import pytest
import trustme

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.runtime import PresenceConfigEntry
from simulator import Person, Simulator
from simulator.tenant import (
    DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET,
    PUBLIC_CLIENT_ID,
    TENANT_ID,
    daemon_certificate,
)
from tests.home import account as people
from tests.home.account import Account, error_key, suggested
from tests.home.clock import HomeClock
from tests.home.people import async_add, async_add_crowd
from tests.home.states import state
from tests.home.test_people import ALEX, async_get, issues

FORM: dict[str, Any] = {
    "cloud": "simulator",
    "tenant": TENANT_ID,
    "client_id": DAEMON_CLIENT_ID,
    "client_secret": DAEMON_CLIENT_SECRET,
    "access": "read_write",
}


async def async_fill(account: Account, **changes: Any) -> ConfigFlowResult:
    """Fill in the form; None leaves a field empty."""
    flow = await account.async_open("application")
    form = {key: value for key, value in (FORM | changes).items() if value is not None}
    return await account.async_configure(flow, form)


async def async_sign_in(account: Account, **changes: Any) -> PresenceConfigEntry:
    """Sign in with app-only access."""
    flow = await async_fill(account, **changes)
    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await account.hass.async_block_till_done(wait_background_tasks=True)
    return flow["result"]


@pytest.fixture
async def entry(account: Account) -> PresenceConfigEntry:
    """Sign in with the app's secret."""
    return await async_sign_in(account)


def signed_by(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, valid: timedelta = timedelta(days=1)
) -> x509.Certificate:
    """Create a self-signed certificate."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Another app")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + valid)
        .sign(key, hashes.SHA256())
    )


def pem(
    *,
    valid: timedelta = timedelta(days=1),
    password: bytes | None = None,
    key: rsa.RSAPrivateKey | None = None,
) -> str:
    """Create a self-signed certificate with its key."""
    key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = signed_by(key, valid)
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


async def test_the_app_signs_in_with_its_secret(entry: PresenceConfigEntry) -> None:
    assert entry.unique_id == f"{TENANT_ID}.{DAEMON_CLIENT_ID}"
    assert entry.title == "Microsoft Teams"
    assert entry.data["sign_in"] == "application"
    assert "refresh_token" not in entry.data["token"]
    assert not entry.runtime_data.account.people


async def test_the_app_signs_in_with_its_certificate(account: Account) -> None:
    entry = await async_sign_in(
        account, client_secret=None, certificate=daemon_certificate().pem, tenant="contoso.example"
    )

    assert entry.unique_id == f"{TENANT_ID}.{DAEMON_CLIENT_ID}"
    assert entry.title == "Microsoft Teams (contoso.example)"


async def test_an_app_cannot_be_added_twice(account: Account, entry: PresenceConfigEntry) -> None:
    assert (await async_fill(account))["reason"] == "already_configured"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"client_secret": None}, {"base": "one_credential"}),
        ({"certificate": "both"}, {"base": "one_credential"}),
        ({"tenant": "organizations"}, {"tenant": "tenant_needed"}),
        ({"tenant": "common"}, {"tenant": "personal_authority"}),
        ({"tenant": "unknown.example"}, {"tenant": "tenant_not_found"}),
        ({"client_secret": "wrong"}, {"client_secret": "secret_wrong"}),
        ({"client_id": PUBLIC_CLIENT_ID}, {"client_id": "registered_for_people"}),
    ],
)
async def test_each_error_has_its_message_and_creates_no_entry(
    hass: HomeAssistant, account: Account, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    flow = await async_fill(account, **changes)

    assert flow["step_id"] == "application"
    assert flow["errors"] == errors
    assert not hass.config_entries.async_entries(DOMAIN)


async def test_a_form_suggests_only_an_app_of_the_same_kind(
    account: Account,
) -> None:
    await async_sign_in(account)
    assert "client_id" not in suggested(await account.async_open())
    assert "tenant" not in suggested(await account.async_open("device_code"))
    await account.async_sign_in()

    assert suggested(await account.async_open())["client_id"] == PUBLIC_CLIENT_ID
    assert suggested(await account.async_open("device_code"))["client_id"] == PUBLIC_CLIENT_ID
    assert suggested(await account.async_open("application"))["client_id"] == DAEMON_CLIENT_ID


async def test_an_app_for_users_is_detected_with_a_certificate(
    account: Account,
) -> None:
    fault = account.simulator.faults.add("token", aadsts=700025)
    flow = await async_fill(account, client_secret=None, certificate=daemon_certificate().pem)
    assert flow["errors"] == {"client_id": "registered_for_people"}
    fault.remove()
    flow = await account.async_configure(flow, FORM)

    assert flow["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("sign_in", ["browser", "device_code"])
async def test_an_app_for_app_only_access_is_detected_at_a_user_sign_in(
    account: Account, sign_in: str
) -> None:
    account.simulator.faults.add("token" if sign_in == "browser" else "devicecode", aadsts=7000218)
    flow = await account.async_open(sign_in)
    flow = await account.async_configure(flow, people.FORM)
    if sign_in == "browser":
        flow = await account.async_visit(flow)

    assert flow["errors"] == {error_key(flow, "client_secret"): "public_client_refused"}


KEY = daemon_certificate().private_key
EC_KEY = ec.generate_private_key(ec.SECP256R1())
EC = (
    EC_KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    + daemon_certificate().certificate
)
# A key on the curve brainpoolP160r1, which cryptography does not support.
UNKNOWN_CURVE = """-----BEGIN PRIVATE KEY-----
MFQCAQAwFAYHKoZIzj0CAQYJKyQDAwIIAQEBBDkwNwIBAQQUAQEBAQEBAQEBAQEB
AQEBAQEBAQGhHAMaAAQBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
-----END PRIVATE KEY-----
"""


# A certificate of a key on the curve prime239v3, which cryptography does not support either.
UNKNOWN_CERTIFICATE = ssl.DER_cert_to_PEM_cert(
    signed_by(EC_KEY)
    .public_bytes(serialization.Encoding.DER)
    .replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030106"))
)


def private_key(text: str, password: bytes) -> str:
    """Return an encrypted key in openssl's old format."""
    key = serialization.load_pem_private_key(text.encode(), password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(password),
    ).decode()


CERTIFICATES = {
    "no PEM": ("hello", "certificate_unreadable"),
    "no key": (daemon_certificate().certificate, "certificate_without_key"),
    "no certificate": (KEY, "certificate_unreadable"),
    "half a certificate": (f"{KEY}-----BEGIN CERTIFICATE-----\nAAAA", "certificate_unreadable"),
    "another's key": (
        KEY + "-----BEGIN CERT" + pem().partition("-----BEGIN CERT")[2],
        "certificate_without_key",
    ),
    "expired": (pem(valid=timedelta(days=-1)), "certificate_expired"),
    "encrypted": (pem(password=b"secret"), "certificate_encrypted"),
    "encrypted as in PKCS#1": (
        private_key(daemon_certificate().private_key, b"secret") + daemon_certificate().certificate,
        "certificate_encrypted",
    ),
    "nothing but base64": ("MIIC" * 300, "certificate_unreadable"),
    "a request": (
        KEY + daemon_certificate().certificate.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
        "certificate_unreadable",
    ),
    "not base64": (
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----" + KEY,
        "certificate_unreadable",
    ),
    "a public key": (
        daemon_certificate().certificate
        + "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "certificate_without_key",
    ),
    "of an unknown kind": (
        daemon_certificate().certificate + UNKNOWN_CURVE,
        "certificate_not_rsa",
    ),
    "a certificate of an unknown kind": (UNKNOWN_CERTIFICATE + KEY, "certificate_without_key"),
    "many beginnings": ("-----BEGIN X-----\n" * 10_000, "certificate_unreadable"),
    "of another app": (pem(), "certificate_wrong"),
    "not RSA": (EC, "certificate_not_rsa"),
}


DAEMON_KEY = cast(
    "rsa.RSAPrivateKey", serialization.load_pem_private_key(KEY.encode(), password=None)
)
AUTHORITY = trustme.CA().cert_pem.bytes().decode()


@pytest.mark.parametrize(
    "certificate",
    [
        f"{AUTHORITY}{daemon_certificate().certificate}{KEY}",
        f"{KEY}{AUTHORITY}{daemon_certificate().certificate}",
        f"{daemon_certificate().certificate}{KEY}{AUTHORITY}",
        pem(valid=timedelta(days=-1), key=DAEMON_KEY) + daemon_certificate().certificate,
        f"\ufeff{AUTHORITY}\u200b\r\n{daemon_certificate().certificate}{KEY}".replace("\n", "\r\n"),
    ],
    ids=["authority first", "key first", "authority last", "one before it", "invisible characters"],
)
async def test_a_certificate_is_found_in_a_chain_in_any_order(
    account: Account, certificate: str
) -> None:
    entry = await async_sign_in(account, client_secret=None, certificate=certificate)

    assert entry.data["certificate"]


PKCS1 = DAEMON_KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()
PAIR = daemon_certificate().certificate + KEY
COPIED = {
    "PKCS#1": daemon_certificate().certificate + PKCS1,
    "PKCS#1 first": PKCS1 + daemon_certificate().certificate,
    "indented": "".join(f"    {line}\n" for line in PAIR.splitlines()),
    "a quoted mail": "".join(f"> {line}\n" for line in PAIR.splitlines()),
    "in quotes": f'"{PAIR}"',
    "escaped line ends": PAIR.replace("\n", "\\n"),
    "escaped line ends of Windows": PAIR.replace("\n", "\\r\\n"),
    "one line": PAIR.replace("\n", " "),
    "no line ends": PAIR.replace("\n", ""),
    "carriage returns": PAIR.replace("\n", "\r"),
    "blank lines": PAIR.replace("\n", "\n\n"),
    "dashes of a text processor": PAIR.replace("-----", "\u2014\u2014-"),
    "with output of openssl": f"Bag Attributes\n  friendlyName: x\n{PAIR}subject=CN = x\n",
    "two keys": pem().partition("-----BEGIN CERT")[0] + PAIR,
    "a key of another kind, too": EC.partition("-----BEGIN CERT")[0] + PAIR,
    "twice": PAIR + PAIR,
    "beside one of an unknown kind": UNKNOWN_CERTIFICATE + PAIR,
    "full width": PAIR.replace("BEGIN", "\uff22\uff25\uff27\uff29\uff2e"),
}


@pytest.mark.parametrize("certificate", COPIED.values(), ids=COPIED)
async def test_a_certificate_is_accepted_as_copied(account: Account, certificate: str) -> None:
    entry = await async_sign_in(account, client_secret=None, certificate=certificate)

    assert entry.data["token"]["access_token"]


@pytest.mark.parametrize(("certificate", "error"), CERTIFICATES.values(), ids=CERTIFICATES)
async def test_an_invalid_certificate(account: Account, certificate: str, error: str) -> None:
    begun = monotonic()
    flow = await async_fill(account, client_secret=None, certificate=certificate)

    assert flow["errors"] == {"certificate": error}
    assert monotonic() - begun < 10


@pytest.mark.parametrize("missing", ["Presence.Read.All", "User.ReadBasic.All"])
async def test_a_permission_without_admin_consent(
    account: Account, simulator: Simulator, missing: str
) -> None:
    simulator.tenant.apps[DAEMON_CLIENT_ID].application.discard(missing)
    flow = await async_fill(account)

    assert flow["errors"] == {"base": "application_consent_missing"}
    placeholders = flow["description_placeholders"]
    assert placeholders is not None
    assert (
        placeholders["permissions"]
        == "Presence.Read.All, User.ReadBasic.All, Presence.ReadWrite.All"
    )
    assert f"adminconsent?client_id={DAEMON_CLIENT_ID}" in placeholders["admin_consent_url"]


async def test_people_can_be_read_and_set(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    assert state(hass, ALEX) == "available"
    await hass.services.async_call(
        DOMAIN,
        "set_status_message",
        {"message": "Set by the home"},
        target={"entity_id": ALEX},
        blocking=True,
    )
    await hass.services.async_call(
        DOMAIN,
        "set_preferred_presence",
        {"availability": "busy"},
        target={"entity_id": ALEX},
        blocking=True,
    )
    await hass.async_block_till_done(wait_background_tasks=True)

    assert alex.status_message is not None
    assert alex.status_message.content == "Set by the home"
    assert alex.availability == "Busy"
    assert state(hass, ALEX) == "busy"


async def test_without_write_access_people_can_only_be_read(
    hass: HomeAssistant, account: Account, alex: Person
) -> None:
    entry = await async_sign_in(account, access="read")
    await async_add(hass, entry, "alex", alex)
    with pytest.raises(ServiceValidationError, match="can only be read"):
        await hass.services.async_call(
            DOMAIN, "clear_status_message", target={"entity_id": ALEX}, blocking=True
        )


async def test_the_work_location_of_others_cannot_be_set(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN,
            "set_work_location",
            {"location": "office"},
            target={"entity_id": ALEX},
            blocking=True,
        )

    assert error.value.translation_key == "work_location_of_others"


async def test_a_change_is_shown_within_half_a_minute(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    alex: Person,
    simulator: Simulator,
) -> None:
    await async_add(hass, entry, "alex", alex)
    simulator.requests.clear()
    alex.join_call()
    await clock.async_advance(31)

    assert state(hass, ALEX) == "busy"
    assert [request.path for request in simulator.requests] == [
        "/v1.0/communications/getPresencesByUserId"
    ]


async def test_people_become_unavailable_after_the_third_failure(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    alex: Person,
    simulator: Simulator,
) -> None:
    await async_add(hass, entry, "alex", alex)
    simulator.faults.add("POST *getPresencesByUserId", status=503)
    seen = []
    for _ in range(3):
        await clock.async_advance(31)
        seen.append(state(hass, ALEX))

    assert seen == ["available", "available", STATE_UNAVAILABLE]


async def test_an_expired_token_is_replaced(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, alex: Person
) -> None:
    await async_add(hass, entry, "alex", alex)
    old = entry.data["token"]["access_token"]
    clock.freezer.tick(entry.data["token"]["expires_in"])
    await clock.async_advance(31)

    assert entry.data["token"]["access_token"] != old
    assert state(hass, ALEX) == "available"


async def test_an_expired_secret_starts_reauth(
    hass: HomeAssistant,
    clock: HomeClock,
    account: Account,
    entry: PresenceConfigEntry,
    alex: Person,
    simulator: Simulator,
) -> None:
    await async_add(hass, entry, "alex", alex)
    secret = simulator.tenant.apps[DAEMON_CLIENT_ID].secrets[0]
    secret.expires = datetime.now(UTC)
    simulator.expire_access_tokens()
    await clock.async_advance(31)
    assert state(hass, ALEX) == STATE_UNAVAILABLE
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"

    form = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert form["step_id"] == "application"
    assert form["errors"] == {"client_secret": "secret_expired"}
    secret.value, secret.expires = "not-a-secret~new", None
    result = await account.async_configure(form, FORM | {"client_secret": secret.value})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert result["reason"] == "reauth_successful"
    assert state(hass, ALEX) == "available"


async def test_get_presence_with_app_only_access(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person
) -> None:
    people = await async_get(hass, entry, alex.address)

    assert people[alex.address]["availability"] == "available"


async def test_reconfigure_shows_the_apps_form_and_keeps_its_secret(
    hass: HomeAssistant, account: Account, entry: PresenceConfigEntry
) -> None:
    form = await account.async_renew(entry, "reconfigure")
    assert form["step_id"] == "application"
    typed = {key: value for key, value in FORM.items() if key != "client_secret"}
    result = await account.async_configure(form, typed | {"access": "read"})
    await hass.async_block_till_done(wait_background_tasks=True)

    assert result["reason"] == "reconfigure_successful"
    assert entry.data["access"] == "read"
    assert entry.data["client_secret"] == DAEMON_CLIENT_SECRET


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("set_presence", {"activity": "presenting"}),
        ("set_preferred_presence", {"availability": "busy"}),
    ],
)
async def test_removing_a_person_clears_sessions_and_preferences(
    hass: HomeAssistant,
    entry: PresenceConfigEntry,
    alex: Person,
    simulator: Simulator,
    action: str,
    data: dict[str, str],
) -> None:
    await async_add(hass, entry, "example", alex, simulator.tenant.people["kim"])
    await hass.services.async_call(DOMAIN, action, data, target={"entity_id": ALEX}, blocking=True)
    subentry_id = next(
        subentry.subentry_id
        for subentry in entry.subentries.values()
        if subentry.unique_id == alex.id
    )
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not alex.sessions
    assert alex.id not in entry.runtime_data.preferences.person_ids


async def test_the_preference_of_a_missing_person_expires(
    hass: HomeAssistant,
    clock: HomeClock,
    entry: PresenceConfigEntry,
    alex: Person,
    simulator: Simulator,
) -> None:
    await async_add(hass, entry, "example", alex, simulator.tenant.people["kim"])
    await hass.services.async_call(
        DOMAIN,
        "set_preferred_presence",
        {"availability": "busy", "duration": "00:10:00"},
        target={"entity_id": ALEX},
        blocking=True,
    )
    simulator.faults.add("POST *getPresencesByUserId", json={"value": []})
    for _ in range(25):
        await clock.async_advance(31)

    assert not entry.runtime_data.preferences.person_ids


async def test_concurrent_writes_are_confirmed_together(
    hass: HomeAssistant, entry: PresenceConfigEntry, alex: Person, simulator: Simulator
) -> None:
    await async_add(hass, entry, "example", alex, simulator.tenant.people["kim"])
    simulator.requests.clear()
    # The reads that confirm have to wait for a current poll.
    simulator.faults.add("POST *getPresencesByUserId", times=1, latency=0.5)
    poll = hass.async_create_task(entry.runtime_data.primary.async_request_refresh())
    await hass.services.async_call(
        DOMAIN,
        "set_status_message",
        {"message": "Moving"},
        target={"entity_id": [ALEX, "sensor.kim_example_availability"]},
        blocking=True,
    )
    await poll
    await hass.async_block_till_done(wait_background_tasks=True)
    paths = [request.path.rpartition("/")[2] for request in simulator.requests]

    assert paths.count("setStatusMessage") == 2
    assert paths.count("getPresencesByUserId") <= 2


async def test_an_app_whose_people_all_left_is_set_up_again(
    hass: HomeAssistant, clock: HomeClock, entry: PresenceConfigEntry, simulator: Simulator
) -> None:
    people = await async_add_crowd(hass, entry, simulator, 3)
    for person in people:
        simulator.tenant.remove_person(person.key)
    simulator.faults.add("POST *getPresencesByUserId", status=404)
    await hass.config_entries.async_reload(entry.entry_id)
    for _ in range(15):
        await clock.async_advance(11)

    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == ["person_gone"] * 3
