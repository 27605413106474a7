"""Signing in to Microsoft Entra with MSAL, behind Home Assistant's OAuth2 implementation.

The only module that imports MSAL. MSAL has no asynchronous interface, reads the network in its
constructor and takes a while to import, so all of it happens in the executor.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, Self, override
import warnings

from aiohttp import RequestInfo, hdrs
from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import (
    OAuth2TokenRequestReauthError,
    OAuth2TokenRequestTransientError,
)
from homeassistant.helpers.config_entry_oauth2_flow import (
    AUTH_CALLBACK_PATH,
    AbstractOAuth2Implementation,
    _encode_jwt,
    async_get_redirect_uri,
)
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util import dt as dt_util
from multidict import CIMultiDict, CIMultiDictProxy
import orjson
import requests
from yarl import URL

from .const import (
    ACCESS_READ_WRITE,
    CONF_ACCESS,
    CONF_CERTIFICATE,
    CONF_CLOUD,
    CONF_COLLEAGUES,
    CONF_SIGN_IN,
    CONF_TENANT,
    DOMAIN,
    SIGN_IN_APPLICATION,
)
from .graph.client import read_retry_after
from .graph.clouds import CLOUDS, DEFAULT_CLOUD, DEFAULT_SCOPE, Cloud
from .refusals import SignInError, refused

if TYPE_CHECKING:
    import msal

_LOGGER = logging.getLogger(__name__)

# Seconds for one request to Entra (connecting, then reading), and for all that one step makes.
_REQUEST_TIMEOUT: Final = (5.0, 10.0)
_STEP_TIMEOUT: Final = 25.0

# What is kept of a token response, beside `expires_at`.
_TOKEN_MEMBERS: Final = ("access_token", "refresh_token", "expires_in", "scope", "token_type")
# Scopes that belong to the sign-in itself; MSAL adds those it needs and refuses to be given them.
_SIGN_IN_SCOPES: Final = frozenset({"openid", "profile", "offline_access", "email"})
# The tenant that personal accounts live in; they have no presence.
_PERSONAL_TENANT: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"

# What Entra says while the code of another device has not been entered.
_DEVICE_CODE_PENDING: Final = frozenset({"authorization_pending", "slow_down"})
_PEM_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_PEM_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """An app registration in Microsoft Entra, and what it is asked for."""

    cloud: Cloud
    tenant: str
    """Directory id, a domain of the directory, or `organizations` for an app of many tenants."""
    client_id: str
    client_secret: str | None = None
    """None for a public client, which has none, and where there is a certificate."""
    certificate: str | None = None
    """The organisation's app may have a certificate with its private key, PEM, in place of a secret."""
    access: str
    """`read` or `read_write`."""
    colleagues: bool = False
    """Whether other people than the signed-in one may be watched."""
    is_application: bool = False
    """Whether the app signs in by itself, for no person: it may watch everybody."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read the members that a form and a config entry share."""
        return cls(
            cloud=CLOUDS[data[CONF_CLOUD]],
            tenant=data[CONF_TENANT],
            client_id=data[CONF_CLIENT_ID],
            client_secret=data.get(CONF_CLIENT_SECRET) or None,
            certificate=data.get(CONF_CERTIFICATE) or None,
            access=data[CONF_ACCESS],
            colleagues=data.get(CONF_COLLEAGUES, False),
            is_application=data[CONF_SIGN_IN] == SIGN_IN_APPLICATION,
        )

    @property
    def permissions(self) -> list[str]:
        """Return the permissions to ask for, the fewest that do: the app's own, or delegated ones.

        `Presence.ReadWrite` permits no reading: https://learn.microsoft.com/graph/permissions-reference
        """
        everybody = ["Presence.Read.All", "User.ReadBasic.All"]
        writes = self.access == ACCESS_READ_WRITE
        if self.is_application:
            return everybody + ["Presence.ReadWrite.All"] * writes
        return ["Presence.Read"] + ["Presence.ReadWrite"] * writes + everybody * self.colleagues

    @property
    def admin_consent_url(self) -> str:
        """Return the page on which an administrator approves the app for the whole tenant.

        https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
        """
        page = URL(f"{self.cloud.authority(self.tenant)}/adminconsent")
        return str(page.with_query(client_id=self.client_id))

    @property
    def scopes(self) -> list[str]:
        """Return what Entra is asked for: an app can only ask for all that it was granted."""
        permissions = [DEFAULT_SCOPE] if self.is_application else self.permissions
        return [self.cloud.scope(permission) for permission in permissions]

    def missing_permissions(self, token: Mapping[str, Any]) -> list[str]:
        """Return what was asked for and not granted; Entra writes scopes short or in full."""
        granted = {scope.rpartition("/")[2].lower() for scope in token["scope"].split()}
        return [name for name in self.permissions if name.lower() not in granted]


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who signed in, as their id token says."""

    tenant_id: str
    object_id: str
    name: str

    @property
    def unique_id(self) -> str:
        """Return what makes this account of this tenant the same one again."""
        return f"{self.tenant_id}.{self.object_id}"

    @classmethod
    def from_claims(cls, claims: object) -> Self:
        """Read the claims; ids in lower case, as Microsoft does not keep to one spelling.

        https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
        """
        if not isinstance(claims, dict):
            raise SignInError("unexpected_answer")
        tenant_id, object_id = str(claims.get("tid", "")), str(claims.get("oid", ""))
        if tenant_id.lower() == _PERSONAL_TENANT:
            raise SignInError("personal_account")
        if not tenant_id or not object_id:
            raise SignInError("unexpected_answer")
        name = claims.get("name") or claims.get("preferred_username") or "Microsoft Teams"
        return cls(tenant_id=tenant_id.lower(), object_id=object_id.lower(), name=str(name))


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A sign-in that waits for a person on another device."""

    url: str
    user_code: str
    application: msal.PublicClientApplication
    flow: msal.Result


class MicrosoftSignIn(AbstractOAuth2Implementation):
    """Every exchange with Entra for one app registration.

    Methods of the sign-in raise `SignInError`; refreshing raises Home Assistant's own errors.
    """

    name = "Microsoft"
    domain = DOMAIN
    identity: Identity
    """Who signed in last through this object."""

    def __init__(self, hass: HomeAssistant, registration: Registration) -> None:
        """Hold the registration; nothing is asked of Entra yet."""
        self._hass = hass
        self.registration = registration
        self.claims: str | None = None
        """What Graph wants the next renewed token to prove, the JSON of a claims challenge."""
        self._code_flow: msal.Result = {}
        self._state: dict[str, str] = {}

    @override
    async def async_generate_authorize_url(self, flow_id: str) -> str:
        """Return Microsoft's sign-in page, with PKCE and a signed state of its own."""
        redirect_uri = redirect_address(self._hass)
        # Without a number of its own, the state of an earlier attempt would be the same.
        self._state = {
            "flow_id": flow_id,
            "redirect_uri": redirect_uri,
            "nonce": secrets.token_urlsafe(16),
        }
        state = _encode_jwt(self._hass, self._state)

        def initiate() -> msal.Result:
            return _application(self.registration).initiate_auth_code_flow(
                self.registration.scopes,
                redirect_uri=redirect_uri,
                state=state,
                prompt="select_account",
            )

        self._code_flow = await self._async_run(initiate)
        return self.page

    @property
    def page(self) -> str:
        """Return Microsoft's sign-in page that was generated last."""
        return str(self._code_flow["auth_uri"])

    def is_answered_by(self, external_data: Mapping[str, Any]) -> bool:
        """Return whether an answer belongs to the page that was generated last."""
        return bool(self._state) and external_data.get("state") == self._state

    @override
    async def async_resolve_external_data(self, external_data: Any) -> dict[str, Any]:
        """Exchange the code that came back for tokens.

        Home Assistant has verified the state's signature and found the flow by it, and the flow
        has compared its content; MSAL, which wants to see the state that it sent, is given that.
        """
        answer = {"code": external_data["code"], "state": str(self._code_flow["state"])}
        result = await self._async_run(
            lambda: _application(self.registration).acquire_token_by_auth_code_flow(
                self._code_flow, answer
            )
        )
        return self._signed_in(result)

    async def async_sign_in_as_application(self) -> tuple[str, dict[str, Any]]:
        """Sign in for the app itself; returns the id of its tenant and the tokens.

        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
        """
        claims, self.claims = self.claims, None

        def acquire() -> tuple[str, dict[str, Any]]:
            credential = _credential(self.registration) or ""
            application = _confidential_application(self.registration, credential)
            result = application.acquire_token_for_client(
                self.registration.scopes, claims_challenge=claims
            )
            return application.authority.tenant.lower(), _stored(result)

        return await self._async_run(acquire)

    async def async_start_device_code(self) -> DeviceCode:
        """Ask for a code that a person enters on another device."""

        def initiate() -> DeviceCode:
            application = _public_application(self.registration)
            flow = application.initiate_device_flow(self.registration.scopes)
            if "user_code" not in flow:
                raise refused(flow)
            return DeviceCode(
                url=str(flow["verification_uri"]),
                user_code=str(flow["user_code"]),
                application=application,
                flow=flow,
            )

        return await self._async_run(initiate)

    async def async_wait_for_device_code(self, code: DeviceCode) -> dict[str, Any]:
        """Wait until the person has entered the code, and return the tokens.

        Asks at Microsoft's pace, one short request in the executor each time, so that no thread
        is parked for the quarter of an hour that a code lives. MSAL keeps the pace in the flow and
        lengthens it where it is asked to.
        """
        while True:
            await asyncio.sleep(float(str(code.flow["interval"])))
            try:
                result = await self._async_run(
                    lambda: code.application.acquire_token_by_device_flow(
                        code.flow, exit_condition=lambda flow: True
                    )
                )
            except SignInError as err:
                # A blip of the network must not cost somebody the code that they are typing.
                if err.needs_person or time.time() >= float(str(code.flow["expires_at"])):
                    raise
                continue
            if result.get("error") not in _DEVICE_CODE_PENDING:
                return self._signed_in(result)

    @override
    async def _async_refresh_token(self, token: dict[str, Any]) -> dict[str, Any]:
        """Exchange the refresh token, asking for what was granted and nothing else.

        The organisation's app has none and signs in anew.
        """
        if self.registration.is_application:
            try:
                return (await self.async_sign_in_as_application())[1]
            except SignInError as err:
                raise self._home_assistant_error(err) from err
        claims, self.claims = self.claims, None
        data = {"claims": claims} if claims else {}
        granted = [scope for scope in token["scope"].split() if scope not in _SIGN_IN_SCOPES]
        # Entra may have shown them shorter than it takes them.
        scopes = [self.registration.cloud.scope(name.rpartition("/")[2]) for name in granted]
        try:
            result = await self._async_run(
                lambda: _application(self.registration).acquire_token_by_refresh_token(
                    token["refresh_token"], scopes, data=data
                )
            )
            # Entra may leave the refresh token out; the old one stays good then.
            return token | _stored(result)
        except SignInError as err:
            raise self._home_assistant_error(err) from err

    def _signed_in(self, result: msal.Result) -> dict[str, Any]:
        """Return what to store of a first token, and remember whose it is."""
        token = _stored(result)
        if "refresh_token" not in token or "scope" not in token:
            raise SignInError("unexpected_answer")
        self.identity = Identity.from_claims(result.get("id_token_claims"))
        return token

    def _home_assistant_error(self, err: SignInError) -> Exception:
        """Return the error that Home Assistant's OAuth2 session acts upon.

        Its constructors want to know the request and print it; it names no tenant.
        """
        url = URL(self.registration.cloud.login)
        request = RequestInfo(url, hdrs.METH_POST, CIMultiDictProxy(CIMultiDict()), url)
        kind = (
            OAuth2TokenRequestReauthError if err.needs_person else OAuth2TokenRequestTransientError
        )
        return kind(domain=DOMAIN, request_info=request, message=str(err))

    async def _async_run[T](self, job: Callable[[], T]) -> T:
        """Run a job with MSAL in the executor, bounded in time."""
        try:
            async with asyncio.timeout(_STEP_TIMEOUT):
                return await self._hass.async_add_executor_job(_guarded, job)
        except TimeoutError as err:
            raise SignInError("cannot_connect") from err


class DetachedToken:
    """Access tokens where no config entry keeps them, as for one that is being removed.

    Raises what refreshing raises.
    """

    def __init__(self, sign_in: MicrosoftSignIn, token: Mapping[str, Any]) -> None:
        """Start with a stored token."""
        self._sign_in = sign_in
        self._token = dict(token)

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token, a new one where Graph has rejected the given one."""
        self._sign_in.claims = claims
        if rejected is not None or self._token["expires_at"] <= time.time():
            self._token = await self._sign_in.async_refresh_token(self._token)
        return str(self._token["access_token"])


def redirect_address(hass: HomeAssistant) -> str:
    """Return the address that Microsoft sends the browser back to, to be registered in Entra.

    Raises `NoURLAvailableError` where Home Assistant has no address.
    """
    try:
        return async_get_redirect_uri(hass)
    except RuntimeError:
        # Nobody's browser is behind this call, so nothing tells the address it uses.
        return get_url(hass, prefer_external=True) + AUTH_CALLBACK_PATH


def text_placeholders(
    hass: HomeAssistant, registration: Registration | None, code: str = ""
) -> dict[str, str]:
    """Return what texts about a sign-in may mention; nothing that must be kept from IT.

    Without a registration, as before a form was filled, that is where apps are registered.
    """
    try:
        redirect_url = redirect_address(hass)
    except NoURLAvailableError:
        redirect_url = ""
    placeholders = {"redirect_url": redirect_url, "code": code or "-"}
    if registration is None:
        return placeholders | {"portal_url": CLOUDS[DEFAULT_CLOUD].portal}
    return placeholders | {
        "portal_url": registration.cloud.portal,
        "tenant": registration.tenant,
        "client_id": registration.client_id,
        "permissions": ", ".join(registration.permissions),
        "admin_consent_url": registration.admin_consent_url,
    }


class _EntraHttp:
    """The HTTP client under MSAL: bounded in time, and no answer reaches MSAL that it would log.

    MSAL writes a token response that is not JSON into the log as it is, and keeps an error for a
    minute to answer the next request with it. No connection outlives its request: MSAL would not
    close it.
    """

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Read a tenant's discovery document."""
        response = self._send(hdrs.METH_GET, url, params=params, headers=headers)
        if not response.ok:
            # Only Entra's own word for it means that the tenant is wrong: a proxy refuses, too.
            raise refused(orjson.loads(response.content))
        return response

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Ask for a token or a device code."""
        return self._send(hdrs.METH_POST, url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """Do nothing: nothing is open. MSAL's interface has it."""

    @staticmethod
    def _send(
        method: str, url: str, *, headers: Mapping[str, str] | None, **kwargs: Any
    ) -> requests.Response:
        """Send one request; raises `SignInError` where there is no JSON object to read."""
        headers = {**(headers or {}), hdrs.CONNECTION: "close"}
        try:
            response = requests.request(
                method, url, headers=headers, timeout=_REQUEST_TIMEOUT, **kwargs
            )
        except requests.RequestException as err:
            raise SignInError("cannot_connect") from err
        if response.status_code == requests.codes.too_many_requests or response.status_code >= 500:
            retry_after = read_retry_after(
                response.headers.get(hdrs.RETRY_AFTER), response.headers.get(hdrs.DATE)
            )
            raise SignInError("microsoft_unavailable", retry_after=retry_after)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError as err:
            raise SignInError("unexpected_answer") from err
        if not isinstance(answer, dict):
            raise SignInError("unexpected_answer")
        return response


@cache
def _msal() -> Any:
    """Import MSAL, which takes a while, and silence what it would tell of secrets.

    At DEBUG it prints authorization codes and PKCE verifiers; whatever level somebody asks for,
    those records go nowhere.
    """
    import msal  # noqa: PLC0415

    # Home Assistant's callback takes the answer in the query, where MSAL would like a form.
    warnings.filterwarnings("ignore", message="response_mode=", category=UserWarning)
    logging.getLogger("msal").setLevel(logging.INFO)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "msal":
            logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.INFO)
    return msal


def _application(registration: Registration) -> msal.ClientApplication:
    """Return a new MSAL application; one for each attempt, because it remembers refusals."""
    credential = _credential(registration)
    if credential is None:
        return _public_application(registration)
    return _confidential_application(registration, credential)


def _confidential_application(
    registration: Registration, credential: msal.Credential
) -> msal.ConfidentialClientApplication:
    """Return a new MSAL application of the kind that proves who it is."""
    application: msal.ConfidentialClientApplication = _msal().ConfidentialClientApplication(
        registration.client_id, client_credential=credential, **_application_options(registration)
    )
    return application


def _credential(registration: Registration) -> msal.Credential | None:
    """Return what the app proves itself with, as MSAL takes it; None for a public client."""
    if registration.certificate is not None:
        return _certificate_credential(registration.certificate)
    return registration.client_secret


def _certificate_credential(pem: str) -> dict[str, str]:
    """Return a certificate with its key as MSAL takes it, which makes the thumbprint itself.

    Raises `SignInError` where it can't be used, before Microsoft is asked.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    keys = _PEM_KEY.findall(pem)
    if not keys:
        raise SignInError("certificate_without_key")
    try:
        certificate = x509.load_pem_x509_certificate(pem[pem.index(_PEM_CERTIFICATE) :].encode())
        key = load_pem_private_key(keys[0].encode(), password=None)
    except TypeError as err:
        raise SignInError("certificate_encrypted") from err
    except ValueError as err:
        raise SignInError("certificate_unreadable") from err
    if not isinstance(key, RSAPrivateKey):
        raise SignInError("certificate_not_rsa")
    if certificate.public_key() != key.public_key():
        raise SignInError("certificate_without_key")
    if certificate.not_valid_after_utc <= dt_util.utcnow():
        raise SignInError("certificate_expired")
    return {"private_key": keys[0], "public_certificate": pem}


def _public_application(registration: Registration) -> msal.PublicClientApplication:
    """Return a new MSAL application of the kind that has no secret."""
    application: msal.PublicClientApplication = _msal().PublicClientApplication(
        registration.client_id, **_application_options(registration)
    )
    return application


def _application_options(registration: Registration) -> dict[str, Any]:
    return {
        "authority": registration.cloud.authority(registration.tenant),
        "http_client": _EntraHttp(),
        # The hosts are our own table's: nobody else has to vouch for them.
        "instance_discovery": False,
    }


def _guarded[T](job: Callable[[], T]) -> T:
    """Run a job and turn what MSAL raises on an answer it did not expect into our error."""
    try:
        return job()
    except SignInError:
        raise
    except Exception as err:  # noqa: BLE001  # MSAL and what is below it raise what they like
        # Its text may hold parts of the answer, so only its kind goes further.
        _LOGGER.debug("MSAL could not use the answer: %s", type(err).__name__)
        raise SignInError("unexpected_answer") from None


def _stored(result: msal.Result) -> dict[str, Any]:
    """Return the members of a token response that are kept; raises where it is none."""
    if "error" in result:
        raise refused(result)
    token: dict[str, Any] = {name: result[name] for name in _TOKEN_MEMBERS if name in result}
    if not all(token.get(name) for name in ("access_token", "expires_in")):
        raise SignInError("unexpected_answer")
    # MSAL has read it as a number already, or has failed over it.
    expires_in = int(token["expires_in"])
    return token | {"expires_in": expires_in, "expires_at": time.time() + expires_in}
