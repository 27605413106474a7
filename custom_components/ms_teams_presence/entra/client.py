"""Every exchange with Microsoft Entra; the only module that imports MSAL."""

# MSAL has no asynchronous interface, reads the network in its constructor and takes a while to
# import, so all of it happens in the executor.

import asyncio
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
import logging
import re
import time
from typing import TYPE_CHECKING, Any, Final
import warnings

from aiohttp import ClientSession

from .errors import SignInError
from .http import MsalHttpClient
from .registration import AppRegistration, Identity

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate
    import msal

_LOGGER = logging.getLogger(__name__)

# Seconds for everything that MSAL does in one step.
_STEP_TIMEOUT: Final = 25.0

# What is kept of a token response, apart from `expires_in`.
_TOKEN_MEMBERS: Final = ("access_token", "refresh_token", "scope", "token_type")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
# Entra's longest lifetime of an access token, with continuous access evaluation, in seconds.
_MAX_TOKEN_LIFETIME: Final = 28 * 3600
# Scopes of the sign-in itself; MSAL adds them and rejects them as arguments.
_SIGN_IN_SCOPES: Final = frozenset({"openid", "profile", "offline_access", "email"})

# Entra's answers until the user has entered the device code.
_DEVICE_CODE_PENDING: Final = frozenset({"authorization_pending", "slow_down"})
_USER_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
# Bounds of a device flow, and what is added if Entra asks to slow down, in seconds.
_MAX_POLL_INTERVAL: Final = 60
_SLOW_DOWN: Final = 5
_MAX_DEVICE_FLOW: Final = 1800

# Word processors replace hyphens by dashes; JSON and YAML escape line ends.
_DASH: Final = r"[-\u2010-\u2015]"
# No block contains the beginning of another; otherwise each of many would be sought to the end.
_PEM_BLOCK: Final = re.compile(
    rf"{_DASH}\s{{0,9}}BEGIN ([A-Z0-9 ]{{1,40}}?)\s{{0,9}}{_DASH}{{1,8}}"
    rf"((?:(?!{_DASH}\s{{0,9}}BEGIN).)*?){_DASH}\s{{0,9}}END \1\s{{0,9}}{_DASH}",
    re.DOTALL,
)
_ESCAPED_LINE_END: Final = re.compile(r"\\r\\n|\\n|\\r")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/=]")

type Token = dict[str, Any]
"""`access_token`, `scope`, `expires_in`, `expires_at`, and `refresh_token` for a user."""


@dataclass(frozen=True, slots=True)
class AuthCodeFlow:
    """A sign-in in the browser."""

    authorize_url: str
    flow: msal.Result = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceFlow:
    """A sign-in on another device."""

    verification_url: str
    user_code: str = field(repr=False)
    flow: msal.Result = field(repr=False)
    interval: int
    """Seconds between two polls."""
    expires_at: float
    """Seconds since the epoch."""


class EntraClient:
    """Signs in to Microsoft Entra for one app registration.

    Every method raises `SignInError`.
    """

    def __init__(self, session: ClientSession, registration: AppRegistration) -> None:
        """Initialize; the session stays the caller's to close."""
        self._session = session
        self._registration = registration

    async def async_initiate_auth_code_flow(self, redirect_uri: str, state: str) -> AuthCodeFlow:
        """Return Microsoft's sign-in page, with PKCE.

        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
        """
        flow = await self._application().async_run(
            lambda application: application.initiate_auth_code_flow(
                self._registration.scopes,
                redirect_uri=redirect_uri,
                state=state,
                prompt="select_account",
            )
        )
        return AuthCodeFlow(self._sign_in_page(flow["auth_uri"]), flow)

    async def async_acquire_token_by_auth_code(
        self, flow: AuthCodeFlow, code: str
    ) -> tuple[Identity, Token]:
        """Redeem an authorization code; the caller has verified the state."""
        response = {"code": code, "state": str(flow.flow["state"])}
        result = await self._application().async_run(
            lambda application: application.acquire_token_by_auth_code_flow(flow.flow, response)
        )
        return _read_first_token(result)

    async def async_initiate_device_flow(self) -> DeviceFlow:
        """Request a code that the user enters on another device.

        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
        """
        flow = await self._application().async_run(
            lambda application: application.initiate_device_flow(self._registration.scopes)
        )
        if "user_code" not in flow:
            raise SignInError.from_response(flow)
        user_code = flow["user_code"]
        if not (isinstance(user_code, str) and _USER_CODE.fullmatch(user_code)):
            raise SignInError("unexpected_answer")
        interval = min(max(_number(flow["interval"]), 0), _MAX_POLL_INTERVAL)
        # MSAL asks whether to go on once per second of the interval, so never with 0.
        flow["interval"] = 1
        return DeviceFlow(
            self._sign_in_page(flow.get("verification_uri")),
            user_code,
            flow,
            interval,
            time.time() + min(_number(flow["expires_in"]), _MAX_DEVICE_FLOW),
        )

    async def async_poll_device_flow(self, flow: DeviceFlow) -> tuple[Identity, Token]:
        """Poll the token endpoint until the user has entered the code."""
        # Every poll is a short job: no thread waits for the lifetime of a code.
        application = self._application()
        interval = flow.interval
        while True:
            await asyncio.sleep(interval)
            try:
                result = await application.async_run(
                    lambda application: application.acquire_token_by_device_flow(
                        flow.flow, exit_condition=lambda _: True
                    )
                )
            except SignInError as err:
                # A short outage must not cost the user the code.
                if err.requires_user or time.time() >= flow.expires_at:
                    raise
                application = self._application()
                continue
            if result.get("error") not in _DEVICE_CODE_PENDING:
                return _read_first_token(result)
            if result.get("error") == "slow_down":
                interval += _SLOW_DOWN
            if time.time() >= flow.expires_at:
                raise SignInError("device_code_expired")

    async def async_acquire_token_for_client(self, claims: str | None = None) -> tuple[str, Token]:
        """Sign in as the app itself; returns the tenant id and the token.

        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
        """

        def acquire(application: msal.ConfidentialClientApplication) -> tuple[str, Token]:
            result = application.acquire_token_for_client(
                self._registration.scopes, claims_challenge=claims
            )
            return application.authority.tenant.lower(), _parse_token_response(result)

        try:
            return await self._application().async_run(acquire)
        except SignInError as err:
            if err.reason == "secret_not_wanted":
                # Without a credential it can't sign in at all.
                raise SignInError("registered_for_people", code=err.code) from None
            raise

    async def async_refresh_token(self, token: Token, claims: str | None = None) -> Token:
        """Refresh with the granted scopes only; app-only access signs in anew.

        `claims` is the JSON of a claims challenge.
        """
        if self._registration.is_app_only:
            return (await self.async_acquire_token_for_client(claims))[1]
        data = {"claims": claims} if claims else {}
        granted = [scope for scope in token["scope"].split() if scope not in _SIGN_IN_SCOPES]
        # Entra shows them shorter than it accepts them.
        cloud = self._registration.cloud
        scopes = [cloud.scope(name.rpartition("/")[2]) for name in granted]
        result = await self._application().async_run(
            lambda application: application.acquire_token_by_refresh_token(
                token["refresh_token"], scopes, data=data
            )
        )
        # Entra may omit the refresh token; the old one stays valid.
        return token | _parse_token_response(result)

    def _application(self) -> _MsalApplication:
        """Return a new MSAL application; MSAL caches errors for 60 s."""
        return _MsalApplication(self._session, self._registration)

    def _sign_in_page(self, url: object) -> str:
        """Return an address that the frontend may open."""
        if not isinstance(url, str) or not self._registration.cloud.is_sign_in_page(url):
            raise SignInError("unexpected_answer")
        return url


class _MsalApplication:
    """An MSAL application, created in the executor by its first job."""

    def __init__(self, session: ClientSession, registration: AppRegistration) -> None:
        self._registration = registration
        self._http_client = MsalHttpClient(session, registration.cloud)
        self._application: Any = None

    async def async_run[T](self, job: Callable[[Any], T]) -> T:
        """Run a job in the executor; if it is given up, its request is canceled."""
        try:
            async with asyncio.timeout(_STEP_TIMEOUT):
                return await asyncio.to_thread(self._run, job)
        except TimeoutError:
            self._http_client.close()
            raise SignInError("cannot_connect") from None
        except asyncio.CancelledError:
            self._http_client.close()
            raise

    def _run[T](self, job: Callable[[Any], T]) -> T:
        """Run a job; wrap unexpected MSAL exceptions in `SignInError`."""
        try:
            if self._application is None:
                self._application = _create_application(self._registration, self._http_client)
            return job(self._application)
        except SignInError:
            raise
        except Exception as err:  # noqa: BLE001  # MSAL raises various types on odd responses
            # The text can contain parts of the response.
            _LOGGER.debug("MSAL could not use the response: %s", type(err).__name__)
            raise SignInError("unexpected_answer") from None


def _create_application(
    registration: AppRegistration, http_client: MsalHttpClient
) -> msal.ClientApplication:
    options: dict[str, Any] = {
        "authority": registration.cloud.authority(registration.tenant),
        "http_client": http_client,
        # The hosts are our own table's: they need no validation.
        "instance_discovery": False,
    }
    credential = _client_credential(registration)
    if credential is None and not registration.is_app_only:
        kind = _import_msal().PublicClientApplication
    else:
        kind = _import_msal().ConfidentialClientApplication
        options["client_credential"] = credential or ""
    application: msal.ClientApplication = kind(registration.client_id, **options)
    return application


def _client_credential(registration: AppRegistration) -> msal.Credential | None:
    """Return the client credential, or None for a public client."""
    if registration.certificate is not None:
        return _certificate_credential(registration.certificate)
    return registration.client_secret


def _certificate_credential(text: str) -> dict[str, str]:
    """Return a certificate with its key for MSAL, which computes the thumbprint.

    Raises `SignInError` if it can't be used.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    certificates, keys = _parse_pem(text)
    if not certificates:
        raise SignInError("certificate_unreadable")
    if not keys:
        raise SignInError("certificate_without_key")
    pairs = [
        (certificate, key)
        for key in keys
        if isinstance(key, RSAPrivateKey)
        for certificate in certificates
        if _has_key(certificate, key)
    ]
    if not pairs:
        is_rsa = any(isinstance(key, RSAPrivateKey) for key in keys)
        raise SignInError("certificate_without_key" if is_rsa else "certificate_not_rsa")
    # A renewed certificate may have the key of the one before it.
    newest, key = max(pairs, key=lambda pair: pair[0].not_valid_after_utc)
    if newest.not_valid_after_utc <= datetime.now(UTC):
        raise SignInError("certificate_expired")
    # A chain may come in any order; MSAL expects the certificate itself first.
    chain = [newest, *(one for one in certificates if one != newest)]
    public = b"".join(one.public_bytes(Encoding.PEM) for one in chain).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"private_key": private, "public_certificate": public}


def _has_key(certificate: Certificate, key: RSAPrivateKey) -> bool:
    """Return whether a certificate belongs to a private key."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    try:
        return certificate.public_key() == key.public_key()
    except UnsupportedAlgorithm, ValueError:
        # Its own key is of an unknown kind.
        return False


def _parse_pem(text: str) -> tuple[list[Certificate], list[PrivateKeyTypes]]:
    """Return the certificates and private keys of a text, however it was copied."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_private_key  # noqa: PLC0415
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415

    certificates, keys = [], []
    for label, content in _PEM_BLOCK.findall(_ESCAPED_LINE_END.sub("\n", text)):
        if ",ENCRYPTED" in content:
            raise SignInError("certificate_encrypted")
        try:
            der = b64decode(_NOT_BASE64.sub("", content))
            if label.endswith("PRIVATE KEY"):
                keys.append(load_der_private_key(der, password=None))
            elif label.endswith("CERTIFICATE"):
                certificates.append(load_der_x509_certificate(der))
        except TypeError:
            raise SignInError("certificate_encrypted") from None
        except UnsupportedAlgorithm:
            raise SignInError("certificate_not_rsa") from None
        except ValueError:
            raise SignInError("certificate_unreadable") from None
    return certificates, keys


@cache
def _import_msal() -> Any:
    """Import MSAL lazily and filter its DEBUG records, which contain codes."""
    import msal  # noqa: PLC0415

    # Home Assistant's callback accepts the response in the query; MSAL would prefer a form.
    warnings.filterwarnings("ignore", message="response_mode=", category=UserWarning)
    logging.getLogger("msal").setLevel(logging.INFO)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "msal":
            logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.INFO)
    return msal


def _read_first_token(result: msal.Result) -> tuple[Identity, Token]:
    """Return the identity and the token of a user's sign-in."""
    token = _parse_token_response(result)
    if "refresh_token" not in token or "scope" not in token:
        raise SignInError("unexpected_answer")
    return Identity.from_claims(result.get("id_token_claims")), token


def _parse_token_response(result: Mapping[str, object]) -> Token:
    """Return what is kept of a token response; raises `SignInError` for anything else."""
    if "error" in result:
        raise SignInError.from_response(result)
    token: Token = {name: result[name] for name in _TOKEN_MEMBERS if result.get(name) is not None}
    if "access_token" not in token or not all(
        isinstance(text, str) and _TOKEN.fullmatch(text) for text in token.values()
    ):
        raise SignInError("unexpected_answer")
    expires_in = min(_number(result.get("expires_in")), _MAX_TOKEN_LIFETIME)
    if expires_in <= 0:
        raise SignInError("unexpected_answer")
    return token | {"expires_in": expires_in, "expires_at": time.time() + expires_in}


def _number(value: object) -> int:
    """Return a whole number of a response, which may be a string; 0 if it is none."""
    try:
        return int(float(str(value)))
    except ValueError, OverflowError:
        return 0
