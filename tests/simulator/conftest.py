"""Fixtures: a running simulator and an HTTP client."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
import json
from pathlib import Path
import ssl
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from hypothesis import HealthCheck, settings
import pytest

from simulator import Certificate, Simulator
from simulator.clouds import CloudName
from simulator.tenant import DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, PUBLIC_CLIENT_ID, TENANT_ID

# The duration of an example depends on the load of the machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

REDIRECT_URI = "http://127.0.0.1:8123/auth/external/callback"
# The example of RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@dataclass
class Reply:
    """A response."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, object]:
        """Parse the body, a JSON object."""
        parsed = json.loads(self.text)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def code(self) -> object:
        """Return the code of Graph's error body."""
        error = self.json["error"]
        assert isinstance(error, dict)
        return error["code"]

    @property
    def aadsts(self) -> object:
        """Return the AADSTS code of the sign-in's error body."""
        codes = self.json["error_codes"]
        assert isinstance(codes, list)
        return codes[0]


@dataclass
class Client:
    """An HTTP client of the simulator."""

    simulator: Simulator
    session: aiohttp.ClientSession

    async def request(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
        data: bytes | dict[str, str] | None = None,
    ) -> Reply:
        """Send a request; paths are on the https port."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        url = path if "://" in path else self.simulator.tls_url + path
        async with self.session.request(
            method, url, headers=sent, data=data, allow_redirects=False
        ) as response:
            return Reply(response.status, dict(response.headers), await response.text())

    async def get(self, path: str, token: str = "", **headers: str) -> Reply:
        """Send a GET request."""
        return await self.request("GET", path, token, headers=headers)

    async def post(self, path: str, token: str = "", body: object = None) -> Reply:
        """Send JSON."""
        return await self.request("POST", path, token, body=body)

    async def form(self, endpoint: str, tenant: str = TENANT_ID, **fields: str) -> Reply:
        """Send a form to a sign-in endpoint."""
        return await self.request("POST", f"/{tenant}/oauth2/v2.0/{endpoint}", data=fields)

    def authorize_url(self, tenant: str | None = TENANT_ID, **changes: str | None) -> str:
        """Build an authorize URL, without None fields."""
        fields: dict[str, str | None] = {
            "client_id": PUBLIC_CLIENT_ID,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": "openid offline_access Presence.Read",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "a state",
        }
        present = {name: value for name, value in (fields | changes).items() if value is not None}
        return f"{self.simulator.url}/{tenant}/oauth2/v2.0/authorize?{urlencode(present)}"

    async def code(self, account: str = "robin", **changes: str | None) -> str:
        """Sign in at the authorize page; return the code."""
        location = await self.simulator.authorize(self.authorize_url(**changes), account)
        return dict(parse_qsl(urlsplit(location).query))["code"]

    async def redeem(self, code: str, tenant: str = TENANT_ID, **changes: str) -> Reply:
        """Redeem a code of the public client."""
        fields = {
            "grant_type": "authorization_code",
            "client_id": PUBLIC_CLIENT_ID,
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        } | changes
        return await self.form("token", tenant, **fields)

    async def sign_in(self, *permissions: str, account: str = "robin") -> dict[str, str]:
        """Sign in to the public client; return the response."""
        scope = " ".join(("openid", "offline_access", *permissions))
        reply = await self.redeem(await self.code(account, scope=scope))
        assert reply.status == 200, reply.text
        return {name: str(value) for name, value in reply.json.items()}

    async def token(self, *permissions: str, account: str = "robin") -> str:
        """Sign in to the public client; return the token."""
        return (await self.sign_in(*permissions, account=account))["access_token"]

    async def app_token(self, *permissions: str) -> str:
        """Return a token of the daemon, optionally with permissions."""
        if permissions:
            self.simulator.tenant.apps[DAEMON_CLIENT_ID].application = set(permissions)
        reply = await self.form(
            "token",
            grant_type="client_credentials",
            client_id=DAEMON_CLIENT_ID,
            client_secret=DAEMON_CLIENT_SECRET,
            scope="https://graph.microsoft.com/.default",
        )
        assert reply.status == 200, reply.text
        return str(reply.json["access_token"])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.create(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trust(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate.bundle))


@pytest.fixture
def cloud() -> CloudName:
    return "global"


@pytest.fixture
async def simulator(
    socket_enabled: None, certificate: Certificate, cloud: CloudName
) -> AsyncIterator[Simulator]:
    async with Simulator(certificate, cloud=cloud) as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator, trust: ssl.SSLContext) -> AsyncIterator[Client]:
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Client(simulator, session)


@pytest.fixture
def examples() -> dict[str, dict[str, object]]:
    """Read the bodies of Microsoft's example requests and responses."""
    return json.loads((Path(__file__).parent / "examples.json").read_text())  # type: ignore[no-any-return]
