"""Sign-in: responses and errors of each endpoint."""

import base64
from datetime import UTC, datetime, timedelta
import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aiohttp import encode_basic_auth
import jwt
import pytest

from simulator import Simulator
from simulator.entra.client_authentication import ASSERTION_TYPE
from simulator.entra.errors import SignInError
from simulator.entra.token_endpoint import DEVICE_GRANT
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    DOMAIN,
    PUBLIC_CLIENT_ID,
    TENANT_ID,
    ClientCertificate,
    Secret,
    daemon_certificate,
)

from .conftest import REDIRECT_URI, VERIFIER, Client

WEB = {"client_id": CONFIDENTIAL_CLIENT_ID, "redirect_uri": REDIRECT_URI}


def fields(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))


# Discovery


@pytest.mark.parametrize("tenant", [TENANT_ID, DOMAIN])
async def test_discovery_has_the_tenants_issuer(client: Client, tenant: str) -> None:
    response = await client.get(f"/{tenant}/v2.0/.well-known/openid-configuration")
    assert response.json["issuer"] == f"{client.simulator.tls_url}/{TENANT_ID}/v2.0"


async def test_a_shared_authority_has_an_issuer_template(client: Client) -> None:
    response = await client.get("/organizations/v2.0/.well-known/openid-configuration")
    assert response.json["issuer"] == f"{client.simulator.tls_url}/{{tenantid}}/v2.0"


async def test_an_unknown_tenant(client: Client) -> None:
    response = await client.get("/nowhere.example/v2.0/.well-known/openid-configuration")
    assert (response.status, response.json["error"], response.aadsts) == (
        400,
        "invalid_tenant",
        90002,
    )


INSTANCE = "/common/discovery/instance?api-version=1.1&authorization_endpoint="


async def test_instance_discovery_links_to_the_configuration(client: Client) -> None:
    own = quote(f"{client.simulator.tls_url}/common/oauth2/v2.0/authorize", safe="")
    response = await client.get(f"{INSTANCE}{own}")
    endpoint = str(response.json["tenant_discovery_endpoint"])
    assert (await client.get(endpoint)).json["token_endpoint"]


@pytest.mark.parametrize(
    ("endpoint", "error", "code"),
    [
        ("https://login.elsewhere.example/common", "invalid_instance", 50049),
        ("login.elsewhere.example", "invalid_request", 50050),
        ("", "invalid_request", 50050),
    ],
)
async def test_an_unknown_instance(client: Client, endpoint: str, error: str, code: int) -> None:
    response = await client.get(f"{INSTANCE}{quote(endpoint, safe='')}")
    assert (response.status, response.json["error"], response.aadsts) == (400, error, code)


async def test_the_error_body_has_microsofts_properties(client: Client) -> None:
    response = await client.form("token", grant_type="password")
    assert response.json.keys() == {
        "error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id",
        "error_uri",
    }  # fmt: skip


# Authorize


async def test_state_is_returned(client: Client) -> None:
    location = await client.simulator.authorize(client.authorize_url(state="a b&c"))
    assert fields(location)["state"] == "a b&c"


async def test_response_mode_fragment(client: Client) -> None:
    location = await client.simulator.authorize(client.authorize_url(response_mode="fragment"))
    assert "code=" in urlsplit(location).fragment


@pytest.mark.parametrize(
    "uri",
    ["http://localhost:4711/auth/external/callback", "https://my.home-assistant.io/redirect/oauth"],
)
async def test_registered_redirect_uris(client: Client, uri: str) -> None:
    location = await client.simulator.authorize(client.authorize_url(redirect_uri=uri))
    assert location.startswith(f"{uri}?code=")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://elsewhere.example/"}, 50011),
        ({"redirect_uri": "https://example.com:8123/auth/external/callback"}, 50011),
        ({"redirect_uri": None}, 900971),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 700016),
        ({"tenant": "nowhere.example"}, 90002),
        ({"tenant": "consumers"}, 9002332),
        ({"tenant": "organizations", "client_id": CONFIDENTIAL_CLIENT_ID}, 50194),
    ],
)
async def test_an_untrusted_request_is_not_redirected(
    client: Client, changes: dict[str, str | None], code: int
) -> None:
    with pytest.raises(SignInError, match=f"AADSTS{code}:"):
        await client.simulator.authorize(client.authorize_url(**changes))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"resource": "https://graph.microsoft.com"}, "invalid_request"),
        ({"scope": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
        ({"scope": "Presence.Levitate"}, "invalid_scope"),
        ({"scope": "https://graph.microsoft.com/.default Presence.Read"}, "invalid_scope"),
        ({"scope": "https://graph.microsoft.us/Presence.Read"}, "invalid_resource"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none", "login_hint": "robin@contoso.example"}, "interaction_required"),
    ],
)
async def test_errors_that_redirect_to_the_app(
    client: Client, changes: dict[str, str | None], error: str
) -> None:
    url = client.authorize_url(**changes)
    response = await client.get(url)
    location = fields(response.headers["Location"])
    assert (response.status, location["error"], location["state"]) == (302, error, "a state")


async def test_prompt_none_after_consent(client: Client) -> None:
    await client.sign_in("Presence.Read")
    url = client.authorize_url(prompt="none", login_hint="robin@contoso.example")
    response = await client.get(url)
    assert "code" in fields(response.headers["Location"])


@pytest.mark.parametrize(
    ("account", "tenant", "code"),
    [
        ("stranger", TENANT_ID, 50020),
        ("personal", TENANT_ID, 500200),
        ("guest", "organizations", 50020),
        ("unknown", TENANT_ID, 50034),
    ],
)
async def test_accounts_that_are_rejected(
    client: Client, account: str, tenant: str, code: int
) -> None:
    with pytest.raises(SignInError, match=f"AADSTS{code}:"):
        await client.simulator.authorize(client.authorize_url(tenant), account)


async def test_a_guest_can_sign_in(client: Client) -> None:
    assert await client.token("Presence.Read", account="guest")


async def test_a_disabled_account(client: Client) -> None:
    client.simulator.tenant.people["robin"].enabled = False
    with pytest.raises(SignInError, match="AADSTS50057:"):
        await client.simulator.authorize(client.authorize_url())


async def test_a_disabled_app(client: Client) -> None:
    client.simulator.tenant.apps[PUBLIC_CLIENT_ID].enabled = False
    with pytest.raises(SignInError, match="AADSTS7000112:"):
        await client.simulator.authorize(client.authorize_url())


async def test_an_app_that_requires_assignment(client: Client) -> None:
    client.simulator.tenant.apps[PUBLIC_CLIENT_ID].assignment_required = True
    with pytest.raises(SignInError, match="AADSTS50105:"):
        await client.simulator.authorize(client.authorize_url())


@pytest.mark.parametrize(("asking", "code"), [(False, 90094), (True, 90095)])
async def test_user_consent_is_blocked(client: Client, code: int, asking: bool) -> None:  # noqa: FBT001
    client.simulator.tenant.user_consent = "blocked"
    client.simulator.tenant.admin_consent_requests = asking
    with pytest.raises(SignInError, match=f"AADSTS{code}:"):
        await client.simulator.authorize(client.authorize_url())


async def test_admin_consent_is_sufficient(client: Client) -> None:
    client.simulator.tenant.user_consent = "blocked"
    query = f"client_id={PUBLIC_CLIENT_ID}&redirect_uri={REDIRECT_URI}&state=s"
    url = f"{client.simulator.url}/{TENANT_ID}/adminconsent?{query}"
    response = await client.request("POST", url, data={"decision": "accept"})
    assert fields(response.headers["Location"])["admin_consent"] == "True"
    assert await client.code()


async def test_admin_consent_is_declined(client: Client) -> None:
    query = f"client_id={PUBLIC_CLIENT_ID}&redirect_uri={REDIRECT_URI}&state=s"
    url = f"{client.simulator.url}/{TENANT_ID}/adminconsent?{query}"
    response = await client.request("POST", url, data={"decision": "deny"})
    assert fields(response.headers["Location"]) == {
        "error": "permission_denied",
        "error_description": "The admin canceled the request",
        "state": "s",
    }


async def test_admin_consent_without_a_redirect_uri(client: Client) -> None:
    client.simulator.tenant.user_consent = "blocked"
    url = f"{client.simulator.url}/{TENANT_ID}/adminconsent?client_id={PUBLIC_CLIENT_ID}"
    declined = await client.request("POST", url, data={"decision": "deny"})
    with pytest.raises(SignInError, match="AADSTS90094:"):
        await client.simulator.authorize(client.authorize_url())
    accepted = await client.request("POST", url, data={"decision": "accept"})

    assert (declined.status, accepted.status) == (200, 200)
    assert await client.code()


SCOPE_URL = "https://graph.microsoft.com/Presence.Read"


@pytest.mark.parametrize(
    ("policy", "granted"),
    [("requested", {"Presence.Read"}), ("registered", {"Presence.ReadWrite"})],
)
async def test_admin_consent_to_scopes(client: Client, policy: Any, granted: set[str]) -> None:
    app = client.simulator.tenant.apps[PUBLIC_CLIENT_ID]
    app.delegated = {"Presence.ReadWrite"}
    client.simulator.tenant.admin_consent = policy
    query = f"client_id={PUBLIC_CLIENT_ID}&redirect_uri={REDIRECT_URI}&state=s&scope={SCOPE_URL}"
    url = f"{client.simulator.url}/{TENANT_ID}/v2.0/adminconsent?{query}"
    page = await client.request("GET", url)
    assert all(f"<small>{scope}</small>" in page.text for scope in granted)
    declined = await client.request("POST", url, data={"decision": "deny"})
    assert fields(declined.headers["Location"])["error"] == "consent_required"
    assert not app.admin_consented

    response = await client.request("POST", url, data={"decision": "accept"})
    (name,) = granted
    assert fields(response.headers["Location"]) == {
        "admin_consent": "True",
        "tenant": TENANT_ID,
        "scope": f"https://graph.microsoft.com/{name}",
        "state": "s",
    }
    assert app.admin_consented == granted


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        ("https://graph.microsoft.com/.default", {"Presence.Read", "Presence.ReadWrite.All"}),
        (SCOPE_URL, {"Presence.Read"}),
    ],
)
async def test_admin_consent_to_application_permissions_needs_default(
    client: Client, scope: str, shown: set[str]
) -> None:
    app = client.simulator.tenant.apps[PUBLIC_CLIENT_ID]
    app.delegated, app.application = {"Presence.Read"}, {"Presence.ReadWrite.All"}
    query = f"client_id={PUBLIC_CLIENT_ID}&redirect_uri={REDIRECT_URI}&scope={scope}"
    page = await client.get(f"{client.simulator.url}/{TENANT_ID}/v2.0/adminconsent?{query}")
    assert set(re.findall(r"<small>(Presence[^<]*)</small>", page.text)) == shown


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scope": ""}, 900144),
        ({"redirect_uri": ""}, 900144),
        ({"redirect_uri": "https://elsewhere.example"}, 50011),
        ({"scope": "https://graph.microsoft.com/Presence.ReadWrite.All"}, 70011),
        ({"client_id": TENANT_ID}, 700016),
    ],
)
async def test_an_admin_consent_request_is_validated(
    client: Client, changes: dict[str, str], code: int
) -> None:
    right = {
        "client_id": PUBLIC_CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPE_URL,
    }
    url = f"{client.simulator.url}/{TENANT_ID}/v2.0/adminconsent?{urlencode(right | changes)}"
    response = await client.request("GET", url)

    assert response.status == 400
    assert f"AADSTS{code}" in response.text


async def test_a_permission_that_requires_an_administrator(client: Client) -> None:
    with pytest.raises(SignInError, match="AADSTS90094:"):
        await client.simulator.authorize(client.authorize_url(scope="User.Read.All"))


async def test_consent_is_declined(client: Client) -> None:
    location = await client.simulator.authorize(client.authorize_url(), decision="deny")
    assert fields(location)["error"] == "access_denied"
    assert "AADSTS65004" in fields(location)["error_description"]


async def test_sign_in_is_canceled(client: Client) -> None:
    location = await client.simulator.authorize(client.authorize_url(), decision="cancel")
    assert fields(location) == {
        "error": "access_denied",
        "error_subcode": "cancel",
        "error_description": "the user canceled the authentication",
        "state": "a state",
    }


async def test_a_fault_of_the_page_is_not_redirected(client: Client) -> None:
    client.simulator.faults.add("authorize", aadsts=53003)
    response = await client.get(client.authorize_url())
    assert (response.status, "AADSTS53003" in response.text) == (400, True)


# Codes


async def test_a_code_can_be_redeemed_once(client: Client) -> None:
    code = await client.code()
    await client.redeem(code)
    response = await client.redeem(code)
    assert (response.json["error"], response.aadsts) == ("invalid_grant", 54005)


async def test_a_code_expires(client: Client) -> None:
    code = await client.code()
    client.simulator.advance(601)
    assert (await client.redeem(code)).aadsts == 70008


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"code": "made up"}, 400, 9002313),
        ({"code_verifier": "x" * 43}, 400, 501481),
        ({"code_verifier": ""}, 400, 501481),
        ({"redirect_uri": "https://example.com/auth/external/callback"}, 400, 70000),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, 700016),
        ({"client_secret": "anything"}, 401, 700025),
        ({"tenant": "organizations"}, 400, 700005),
        ({"scope": "Presence.ReadWrite"}, 400, 65001),
        ({"resource": "https://graph.microsoft.com"}, 400, 901002),
        ({"grant_type": "password"}, 400, 70003),
        ({"grant_type": "device_code"}, 400, 70003),
        ({"grant_type": ""}, 400, 900144),
        ({"client_id": ""}, 400, 900144),
        ({"redirect_uri": ""}, 400, 900144),
    ],
)
async def test_a_code_is_bound_to_its_request(
    client: Client, changes: dict[str, str], status: int, code: int
) -> None:
    response = await client.redeem(**({"code": await client.code()} | changes))
    assert (response.status, response.aadsts) == (status, code)


async def test_a_code_is_redeemed_with_a_scope_without_consent(client: Client) -> None:
    response = await client.redeem(await client.code(), scope="Presence.ReadWrite")
    assert (response.json["error"], response.json["suberror"]) == ("consent_required",) * 2


@pytest.mark.parametrize(
    ("tenant", "expected"), [("organizations", None), ("common", 700005), (TENANT_ID, 700005)]
)
async def test_a_code_is_redeemed_at_its_own_authority(
    client: Client, tenant: str, expected: int | None
) -> None:
    location = await client.simulator.authorize(client.authorize_url("organizations"))
    response = await client.redeem(fields(location)["code"], tenant)
    assert (response.status == 200 or response.aadsts) == (expected or True)


@pytest.mark.parametrize("method", ["plain", None])
async def test_a_plain_code_challenge(client: Client, method: str | None) -> None:
    code = await client.code(code_challenge=VERIFIER, code_challenge_method=method)
    rejected = await client.redeem(code, code_verifier="x" * 43)
    accepted = await client.redeem(code)
    assert (rejected.aadsts, accepted.status) == (501481, 200)


@pytest.mark.parametrize(("platform", "error"), [("public", None), ("spa", "invalid_request")])
async def test_only_single_page_apps_must_use_pkce(
    client: Client, platform: Any, error: str | None
) -> None:
    app = client.simulator.tenant.apps[PUBLIC_CLIENT_ID]
    app.redirect_uris = {platform: [REDIRECT_URI]}
    url = client.authorize_url(code_challenge=None, code_challenge_method=None)
    location = fields(await client.simulator.authorize(url))
    assert location.get("error") == error
    if error is None:
        response = await client.redeem(location["code"], code_verifier="")
        assert response.status == 200


async def test_a_redirect_uri_without_a_path_gets_a_slash(client: Client) -> None:
    client.simulator.tenant.apps[PUBLIC_CLIENT_ID].redirect_uris["public"] = ["http://localhost"]
    url = client.authorize_url(redirect_uri="http://localhost:4711")
    location = await client.simulator.authorize(url)
    assert location.startswith("http://localhost:4711/?code=")
    code = fields(location)["code"]
    assert (await client.redeem(code, redirect_uri="http://localhost:4711")).status == 200


TOKEN_PATH = f"/{TENANT_ID}/oauth2/v2.0/token"


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}]
)
async def test_only_a_form_is_read(client: Client, headers: dict[str, str]) -> None:
    data = b"grant_type=client_credentials"
    response = await client.request("POST", TOKEN_PATH, data=data, headers=headers)
    assert (response.status, response.aadsts) == (400, 900144)


@pytest.mark.parametrize("endpoint", ["token", "devicecode"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_the_endpoints_only_accept_post(client: Client, endpoint: str, method: str) -> None:
    path = f"/{TENANT_ID}/oauth2/v2.0/{endpoint}"
    response = await client.request(method, path)
    assert (response.status, "AADSTS900561" in response.text) == (400, True)


async def test_the_correlation_id_is_the_clients(client: Client) -> None:
    headers = {"client-request-id": "11111111-2222-3333-4444-555555555555"}
    response = await client.request("POST", TOKEN_PATH, headers=headers)
    assert response.json["correlation_id"] == headers["client-request-id"]


async def test_only_single_page_apps_send_an_origin(client: Client) -> None:
    form = {
        "grant_type": "authorization_code",
        "client_id": PUBLIC_CLIENT_ID,
        "code": await client.code(),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    origin = {"Origin": "http://127.0.0.1:8123"}
    response = await client.request("POST", TOKEN_PATH, data=form, headers=origin)
    assert (response.status, response.aadsts) == (400, 9002326)


async def test_a_code_of_another_app(client: Client) -> None:
    code = await client.code()
    other = client.simulator.tenant.apps[CONFIDENTIAL_CLIENT_ID]
    other.redirect_uris["public"] = other.redirect_uris.pop("web")
    assert (await client.redeem(code, client_id=CONFIDENTIAL_CLIENT_ID)).aadsts == 70000


@pytest.mark.parametrize(
    ("secret", "code"),
    [({}, 7000218), ({"client_secret": "wrong"}, 7000215), ({"client_secret": "old"}, 7000222)],
)
async def test_a_web_app_must_authenticate(
    client: Client, secret: dict[str, str], code: int
) -> None:
    app = client.simulator.tenant.apps[CONFIDENTIAL_CLIENT_ID]
    app.secrets.append(Secret("old", client.simulator.clock.now() - timedelta(days=1)))
    response = await client.redeem(await client.code(**WEB), **WEB, **secret)
    assert (response.status, response.json["error"], response.aadsts) == (
        401,
        "invalid_client",
        code,
    )


async def test_a_web_app_with_its_secret(client: Client) -> None:
    code = await client.code(**WEB)
    response = await client.redeem(code, **WEB, client_secret=CONFIDENTIAL_CLIENT_SECRET)
    assert response.status == 200


async def test_a_secret_in_the_authorization_header(client: Client) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": await client.code(**WEB),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    secret = encode_basic_auth(CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET)
    path = f"/{TENANT_ID}/oauth2/v2.0/token"
    response = await client.request("POST", path, data=form, headers={"Authorization": secret})
    assert response.status == 200


async def test_a_web_app_can_omit_pkce(client: Client) -> None:
    code = await client.code(**WEB, code_challenge=None, code_challenge_method=None)
    response = await client.redeem(
        code, **WEB, client_secret=CONFIDENTIAL_CLIENT_SECRET, code_verifier=""
    )
    assert response.status == 200


async def test_a_single_page_apps_code_needs_an_origin(client: Client) -> None:
    app = client.simulator.tenant.apps[PUBLIC_CLIENT_ID]
    app.redirect_uris["spa"] = app.redirect_uris.pop("public")
    assert (await client.redeem(await client.code())).aadsts == 9002327


# Tokens


async def test_the_response_matches_the_scopes(client: Client) -> None:
    response = await client.redeem(await client.code(scope="Presence.Read"))
    assert response.json.keys() == {
        "token_type", "scope", "expires_in", "ext_expires_in", "access_token",
    }  # fmt: skip


async def test_the_scope_lists_all_granted_permissions(client: Client) -> None:
    await client.sign_in("Presence.ReadWrite")
    tokens = await client.sign_in("Presence.Read")
    assert tokens["scope"] == "Presence.Read Presence.ReadWrite profile openid email"


async def test_scopes_can_have_full_names(client: Client) -> None:
    tokens = await client.sign_in("https://graph.microsoft.com/Presence.Read")
    assert "https://graph.microsoft.com/Presence.Read" in tokens["scope"].split()


async def test_default_scope_requests_the_apps_permissions(client: Client) -> None:
    tokens = await client.sign_in("https://graph.microsoft.com/.default")
    scp = jwt.decode(tokens["access_token"], options={"verify_signature": False})["scp"]
    assert scp == "Presence.Read Presence.ReadWrite User.Read openid"


DEFAULT = "https://graph.microsoft.com/.default"


async def test_default_scope_is_what_was_granted(client: Client) -> None:
    await client.sign_in("Presence.Read")
    token = await client.redeem(await client.code(scope=f"{DEFAULT} offline_access"), scope=DEFAULT)
    assert token.json["scope"] == "https://graph.microsoft.com/Presence.Read"
    form = {"grant_type": "refresh_token", "refresh_token": str(token.json["refresh_token"])}
    again = await client.form("token", client_id=PUBLIC_CLIENT_ID, scope=DEFAULT, **form)
    assert again.json["scope"] == token.json["scope"]


async def test_default_scope_asks_for_all_with_a_prompt(client: Client) -> None:
    await client.sign_in("Presence.Read")
    code = await client.code(scope=DEFAULT, prompt="consent")
    granted = {"Presence.Read", "Presence.ReadWrite", "User.Read"}
    names = str((await client.redeem(code)).json["scope"]).split()
    assert {name.rpartition("/")[2] for name in names} == granted


async def test_the_id_token_is_signed_by_a_published_key(client: Client) -> None:
    code = await client.code(nonce="once", scope="openid profile email Presence.Read")
    token = str((await client.redeem(code)).json["id_token"])
    response = await client.get(f"/{TENANT_ID}/discovery/v2.0/keys")
    keys = jwt.PyJWKSet.from_dict(response.json)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    published = response.json["keys"]
    assert isinstance(published, list)
    # Microsoft's keys name no algorithm.
    assert "alg" not in published[0]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=PUBLIC_CLIENT_ID)
    robin = client.simulator.tenant.people["robin"]
    expected = {
        "nonce": "once",
        "oid": robin.id,
        "tid": TENANT_ID,
        "name": "Robin Example",
        "preferred_username": robin.address,
        "email": robin.address,
        "ver": "2.0",
        "iss": f"{client.simulator.tls_url}/{TENANT_ID}/v2.0",
    }
    assert {name: claims[name] for name in expected} == expected


async def test_the_id_token_matches_the_scopes(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert not claims.keys() & {"name", "oid", "preferred_username", "email"}


async def test_a_guests_id_token_has_an_address(client: Client) -> None:
    token = (await client.sign_in("Presence.Read", account="guest"))["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["email"] == "guest@fabrikam.example"


async def test_an_access_token_is_one_of_graphs(client: Client) -> None:
    own = await client.token("Presence.Read")
    app = await client.app_token("Presence.Read.All")
    expected = {
        "aud": "https://graph.microsoft.com",
        "iss": f"https://sts.windows.net/{TENANT_ID}/",
        "ver": "1.0",
        "tid": TENANT_ID,
    }
    claims = [jwt.decode(text, options={"verify_signature": False}) for text in (own, app)]
    assert [{name: found[name] for name in expected} for found in claims] == [expected, expected]
    assert (claims[0]["scp"], claims[0]["idtyp"]) == ("Presence.Read openid", "user")
    assert (claims[1]["roles"], claims[1]["idtyp"]) == (["Presence.Read.All"], "app")


async def test_an_app_without_permissions_gets_a_token_without_roles(client: Client) -> None:
    client.simulator.tenant.apps[DAEMON_CLIENT_ID].application = set()
    token = await client.app_token()
    assert "roles" not in jwt.decode(token, options={"verify_signature": False})
    robin = client.simulator.tenant.people["robin"].id
    assert (await client.get(f"/v1.0/users/{robin}/presence", token)).status == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_user_info(client: Client, method: str) -> None:
    discovery = (await client.get(f"/{TENANT_ID}/v2.0/.well-known/openid-configuration")).json
    tokens = await client.sign_in("profile", "email", "Presence.Read")
    url = str(discovery["userinfo_endpoint"])
    response = await client.request(method, url, tokens["access_token"])
    subject = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    assert response.json == {
        "sub": subject,
        "name": "Robin Example",
        "given_name": "Robin",
        "family_name": "Example",
        "picture": f"{client.simulator.tls_url}/v1.0/me/photo/$value",
        "email": "robin@contoso.example",
    }


async def test_user_info_needs_a_person_who_signed_in(client: Client) -> None:
    tokens = await client.redeem(await client.code(scope="Presence.Read"))
    texts = [str(tokens.json["access_token"]), await client.app_token(), ""]
    statuses = [(await client.get("/oidc/userinfo", text)).status for text in texts]
    assert statuses == [403, 403, 401]
    wrong = await client.request("PUT", "/oidc/userinfo", await client.token("Presence.Read"))
    assert wrong.status == 405


async def test_sign_out(client: Client) -> None:
    discovery = (await client.get(f"/{TENANT_ID}/v2.0/.well-known/openid-configuration")).json
    url = str(discovery["end_session_endpoint"])
    query = urlencode({"post_logout_redirect_uri": REDIRECT_URI})
    registered = await client.request("GET", f"{url}?{query}")
    assert (registered.status, registered.headers["Location"]) == (302, REDIRECT_URI)
    posted = await client.request("POST", url, data={"post_logout_redirect_uri": REDIRECT_URI})
    assert posted.status == 302
    query = urlencode({"post_logout_redirect_uri": "https://elsewhere.example/"})
    other = await client.request("GET", f"{url}?{query}")
    assert (other.status, "You signed out" in other.text) == (200, True)
    unknown = await client.request("GET", url.replace(TENANT_ID, "nowhere.example"))
    assert (unknown.status, "AADSTS90002" in unknown.text) == (400, True)


async def test_client_info_identifies_person_and_tenant(client: Client) -> None:
    response = await client.redeem(await client.code(), client_info="1")
    info = json.loads(base64.urlsafe_b64decode(f"{response.json['client_info']}=="))
    robin = client.simulator.tenant.people["robin"]
    assert info == {"uid": robin.id, "utid": TENANT_ID}


# Refresh


async def refresh(client: Client, token: str, **changes: str) -> object:
    """Refresh; return the AADSTS code or None."""
    form = {"grant_type": "refresh_token", "client_id": PUBLIC_CLIENT_ID, "refresh_token": token}
    response = await client.form("token", **(form | changes))
    return None if response.status == 200 else response.aadsts


async def test_refresh_without_consent(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    assert await refresh(client, token, scope="Presence.ReadWrite") == 65001


async def test_refresh_with_a_permission_that_was_granted_later(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    await client.sign_in("Presence.ReadWrite")
    assert await refresh(client, token, scope="Presence.ReadWrite") is None


async def test_refresh_after_revocation(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    client.simulator.revoke("robin")
    assert await refresh(client, token) == 50173


async def test_revocation_does_not_affect_a_later_sign_in(client: Client) -> None:
    client.simulator.revoke("robin")
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    assert await refresh(client, token) is None


async def test_refresh_after_90_days(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    client.simulator.advance(90 * 86400)
    assert await refresh(client, token) == 700082


async def test_refresh_by_another_app(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    assert await refresh(client, token, client_id=CONFIDENTIAL_CLIENT_ID) == 70000


async def test_refresh_of_a_deleted_person(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    client.simulator.tenant.remove_person("robin")
    assert await refresh(client, token) == 50034


async def test_refresh_by_a_public_client_with_a_secret(client: Client) -> None:
    token = (await client.sign_in("Presence.Read"))["refresh_token"]
    assert await refresh(client, token, client_secret="anything") == 700025


async def test_refresh_with_an_invalid_token(client: Client) -> None:
    assert await refresh(client, "made up") == 9002313


# Device code


async def start(client: Client) -> dict[str, object]:
    response = await client.form("devicecode", client_id=PUBLIC_CLIENT_ID, scope="Presence.Read")
    return response.json


async def poll(client: Client, device_code: object) -> dict[str, object]:
    response = await client.form(
        "token",
        grant_type=DEVICE_GRANT,
        client_id=PUBLIC_CLIENT_ID,
        device_code=str(device_code),
    )
    return response.json


async def test_the_device_endpoint_has_microsofts_properties(client: Client) -> None:
    flow = await start(client)
    assert (flow["expires_in"], flow["interval"]) == (900, 5)
    assert flow.keys() == {
        "user_code", "device_code", "verification_uri", "expires_in", "interval", "message",
    }  # fmt: skip


async def test_a_device_code_is_pending(client: Client) -> None:
    flow = await start(client)
    response = await poll(client, flow["device_code"])
    assert (response["error"], response["error_codes"]) == ("authorization_pending", [70016])


async def test_a_device_code_is_declined(client: Client) -> None:
    flow = await start(client)
    client.simulator.enter_device_code(str(flow["user_code"]), decision="deny")
    assert (await poll(client, flow["device_code"]))["error"] == "authorization_declined"


async def test_a_device_code_expires(client: Client) -> None:
    flow = await start(client)
    client.simulator.advance(900)
    assert (await poll(client, flow["device_code"]))["error"] == "expired_token"


async def test_an_invalid_device_code(client: Client) -> None:
    assert (await poll(client, "made up"))["error"] == "bad_verification_code"


async def test_a_device_code_can_be_redeemed_once(client: Client) -> None:
    flow = await start(client)
    client.simulator.enter_device_code(str(flow["user_code"]))
    assert "access_token" in await poll(client, flow["device_code"])
    assert (await poll(client, flow["device_code"]))["error_codes"] == [54005]


async def test_a_user_code_can_be_entered_once(client: Client) -> None:
    flow = await start(client)
    client.simulator.enter_device_code(str(flow["user_code"]))
    with pytest.raises(SignInError, match="AADSTS90120:"):
        client.simulator.enter_device_code(str(flow["user_code"]))


async def test_an_app_without_public_flows(client: Client) -> None:
    flow = await start(client)
    client.simulator.tenant.apps[PUBLIC_CLIENT_ID].public_client_flows = False
    response = await poll(client, flow["device_code"])
    assert (response["error"], response["error_codes"]) == ("invalid_client", [7000218])


# Client credentials


def assertion(simulator: Simulator, certificate: ClientCertificate, **changes: object) -> str:
    claims = {
        "aud": f"{simulator.tls_url}/{TENANT_ID}/oauth2/v2.0/token",
        "iss": DAEMON_CLIENT_ID,
        "sub": DAEMON_CLIENT_ID,
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        "jti": "once",
    } | changes
    headers = {"x5t#S256": daemon_certificate().key_ids()["x5t#S256"]}
    return jwt.encode(claims, certificate.private_key, "PS256", headers=headers)


async def daemon(client: Client, tenant: str = TENANT_ID, **changes: str) -> object:
    form = {
        "grant_type": "client_credentials",
        "client_id": DAEMON_CLIENT_ID,
        "scope": "https://graph.microsoft.com/.default",
    }
    response = await client.form("token", tenant, **(form | changes))
    return None if response.status == 200 else response.aadsts


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 7000216),
        ({"client_secret": "wrong"}, 7000215),
        ({"client_secret": "not-a-secret~of-the-daemon"}, None),
        ({"client_secret": "not-a-secret~of-the-daemon", "tenant": "organizations"}, 50194),
        ({"client_secret": "not-a-secret~of-the-daemon", "scope": "Presence.Read"}, 1002012),
        ({"client_secret": "not-a-secret~of-the-daemon", "scope": ""}, 900144),
        ({"client_secret": "x", "client_id": PUBLIC_CLIENT_ID}, 700025),
        ({"client_assertion": "x"}, 9002313),
        ({"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE}, 50027),
    ],
)
async def test_client_credentials(
    client: Client, changes: dict[str, str], code: int | None
) -> None:
    assert await daemon(client, **changes) == code


async def test_client_credentials_are_rejected_from_a_browser(client: Client) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": DAEMON_CLIENT_ID,
        "client_secret": "not-a-secret~of-the-daemon",
        "scope": "https://graph.microsoft.com/.default",
    }
    origin = {"Origin": "https://app.example"}
    response = await client.request("POST", TOKEN_PATH, data=form, headers=origin)
    assert response.aadsts == 9002326


async def test_client_credentials_need_the_tenants_authority(client: Client) -> None:
    client.simulator.tenant.apps[DAEMON_CLIENT_ID].multi_tenant = True
    assert await daemon(client, "organizations", client_secret="any") == 9001023


async def test_an_assertion_of_the_registered_key(client: Client) -> None:
    text = assertion(client.simulator, daemon_certificate())
    sent = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
    assert await daemon(client, **sent) is None


async def test_an_assertion_of_another_key(client: Client) -> None:
    text = assertion(client.simulator, ClientCertificate.create("Another key"))
    sent = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
    assert await daemon(client, **sent) == 700027


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/"},
        {"iss": PUBLIC_CLIENT_ID, "sub": PUBLIC_CLIENT_ID},
        {"exp": 1700000000},
        {"nbf": 4000000000, "exp": 4000000600},
        {"nbf": "now"},
    ],
)
async def test_an_assertion_with_a_wrong_claim(client: Client, changes: dict[str, object]) -> None:
    text = assertion(client.simulator, daemon_certificate(), **changes)
    sent = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
    assert await daemon(client, **sent) == 50027


@pytest.mark.parametrize("claim", ["iss", "sub"])
async def test_an_assertion_whose_subject_is_not_its_issuer(client: Client, claim: str) -> None:
    text = assertion(client.simulator, daemon_certificate(), **{claim: PUBLIC_CLIENT_ID})
    sent = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
    assert await daemon(client, **sent) == 50048


async def test_an_app_token_has_no_refresh_token(client: Client) -> None:
    response = await client.form(
        "token",
        grant_type="client_credentials",
        client_id=DAEMON_CLIENT_ID,
        client_secret="not-a-secret~of-the-daemon",
        scope="https://graph.microsoft.com/.default",
    )
    assert response.json.keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}


async def test_the_log_has_no_credentials(client: Client) -> None:
    code = await client.code(**WEB)
    tokens = await client.redeem(code, **WEB, client_secret=CONFIDENTIAL_CLIENT_SECRET)
    await client.get("/v1.0/me/presence", str(tokens.json["access_token"]))
    log = repr(client.simulator.requests)
    values = (code, CONFIDENTIAL_CLIENT_SECRET, *map(str, tokens.json.values()))
    assert not [value for value in values if len(value) > 30 and value in log]
