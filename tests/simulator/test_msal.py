"""MSAL signs in with each grant."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests

from simulator import Certificate, Simulator
from simulator.tenant import (
    CONFIDENTIAL_CLIENT_ID,
    CONFIDENTIAL_CLIENT_SECRET,
    DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET,
    DOMAIN,
    PUBLIC_CLIENT_ID,
    TENANT_ID,
    daemon_certificate,
)

from .conftest import Client

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:msal")

REDIRECT_URI = "http://127.0.0.1:8123/auth/external/callback"
GRAPH = ["https://graph.microsoft.com/.default"]


@pytest.fixture
def http(certificate: Certificate) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(certificate.bundle)
        yield session


async def public(
    simulator: Simulator, http: requests.Session, tenant: str = TENANT_ID
) -> msal.PublicClientApplication:
    return await asyncio.to_thread(
        lambda: msal.PublicClientApplication(
            PUBLIC_CLIENT_ID,
            authority=f"{simulator.tls_url}/{tenant}",
            http_client=cast("msal.HttpClient", http),
            instance_discovery=False,
        )
    )


async def confidential(
    simulator: Simulator, http: requests.Session, client_id: str, credential: str | dict[str, str]
) -> msal.ConfidentialClientApplication:
    return await asyncio.to_thread(
        lambda: msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            authority=f"{simulator.tls_url}/{TENANT_ID}",
            http_client=cast("msal.HttpClient", http),
            instance_discovery=False,
        )
    )


async def browse(
    simulator: Simulator, app: msal.ClientApplication, scopes: list[str]
) -> Mapping[str, object]:
    flow = await asyncio.to_thread(app.initiate_auth_code_flow, scopes, REDIRECT_URI)
    location = await simulator.authorize(str(flow["auth_uri"]), "alex")
    response = dict(parse_qsl(urlsplit(location).query))
    return await asyncio.to_thread(app.acquire_token_by_auth_code_flow, flow, response)


@pytest.mark.parametrize("tenant", [TENANT_ID, DOMAIN, "organizations"])
async def test_browser_without_a_secret(
    simulator: Simulator, http: requests.Session, tenant: str
) -> None:
    app = await public(simulator, http, tenant)
    result = await browse(simulator, app, ["Presence.Read"])
    claims = result["id_token_claims"]
    assert isinstance(claims, dict)
    assert (claims["name"], claims["tid"]) == ("Alex Example", TENANT_ID)


async def test_browser_with_a_secret(simulator: Simulator, http: requests.Session) -> None:
    app = await confidential(simulator, http, CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET)
    result = await browse(simulator, app, ["Presence.Read"])
    assert "Presence.Read" in str(result["scope"]).split()


async def test_the_old_token_stays_valid_after_a_refresh(
    simulator: Simulator, http: requests.Session
) -> None:
    app = await public(simulator, http)
    first = await browse(simulator, app, ["Presence.Read"])
    old = str(first["refresh_token"])
    second = await asyncio.to_thread(app.acquire_token_by_refresh_token, old, ["Presence.Read"])
    third = await asyncio.to_thread(app.acquire_token_by_refresh_token, old, ["Presence.Read"])
    assert len({old, second["refresh_token"], third["refresh_token"]}) == 3


async def test_device_code(simulator: Simulator, http: requests.Session, client: Client) -> None:
    app = await public(simulator, http)
    flow = await asyncio.to_thread(app.initiate_device_flow, ["Presence.Read"])

    def poll() -> Mapping[str, object]:
        return app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)

    waiting = await asyncio.to_thread(poll)
    simulator.enter_device_code(str(flow["user_code"]), "kim")
    result = await asyncio.to_thread(poll)
    presence = await client.get("/v1.0/me/presence", str(result["access_token"]))
    assert waiting["error"] == "authorization_pending"
    assert presence.json["id"] == simulator.tenant.people["kim"].id


@pytest.mark.parametrize("kind", ["secret", "certificate", "thumbprint"])
async def test_the_organizations_app(
    simulator: Simulator, http: requests.Session, client: Client, kind: str
) -> None:
    certificate = daemon_certificate()
    credentials: dict[str, str | dict[str, str]] = {
        "secret": DAEMON_CLIENT_SECRET,
        "certificate": {
            "private_key": certificate.private_key,
            "public_certificate": certificate.certificate,
        },
        "thumbprint": {
            "private_key": certificate.private_key,
            "thumbprint": certificate.thumbprint,
        },
    }
    app = await confidential(simulator, http, DAEMON_CLIENT_ID, credentials[kind])
    result = await asyncio.to_thread(app.acquire_token_for_client, GRAPH)
    robin = simulator.tenant.people["robin"].id
    response = await client.get(f"/v1.0/users/{robin}/presence", str(result["access_token"]))
    assert response.status == 200


async def test_an_unknown_tenant_is_a_value_error(
    simulator: Simulator, http: requests.Session
) -> None:
    with pytest.raises(ValueError, match="tenant"):
        await public(simulator, http, "nowhere.example")
