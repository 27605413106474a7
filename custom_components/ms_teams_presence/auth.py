"""OAuth2 implementation on top of `entra`."""

import asyncio
from collections.abc import Callable, Mapping
import secrets
import time
from typing import Any, Final, override

from aiohttp import RequestInfo, hdrs
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import (
    OAuth2TokenRequestBaseError,
    OAuth2TokenRequestReauthError,
    OAuth2TokenRequestTransientError,
)
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.config_entry_oauth2_flow import (
    AUTH_CALLBACK_PATH,
    CLOCK_OUT_OF_SYNC_MAX_SEC,
    AbstractOAuth2Implementation,
    _encode_jwt,
    async_get_redirect_uri,
)
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.translation import async_get_translations
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .const import DOMAIN, REPOSITORY
from .entra.client import AuthCodeFlow, DeviceFlow, EntraClient, Token
from .entra.errors import SignInError
from .entra.registration import AppRegistration, Identity
from .entra.token_state import TokenState
from .graph.clouds import CLOUDS, DEFAULT_CLOUD
from .graph.throttling import Endpoint, Throttle

# Seconds until a rejected sign-in is retried; Entra blocks loops.
_REFUSED_FOR: Final = 600.0
_IT_TEXT: Final = f"{REPOSITORY}/blob/main/docs/setup.md#a-text-for-your-it-department"
# Bytes of the nonce that tells two attempts of one flow apart.
_NONCE_BYTES: Final = 16


class MicrosoftOAuth2Implementation(AbstractOAuth2Implementation):
    """OAuth2 implementation for one app registration.

    Signing in raises `SignInError`; refreshing raises Home Assistant's OAuth2 errors.
    """

    name = "Microsoft"
    domain = DOMAIN
    identity: Identity
    """Whose tokens were acquired last."""

    def __init__(self, hass: HomeAssistant, registration: AppRegistration) -> None:
        """Initialize."""
        self._hass = hass
        self.registration = registration
        self.claims: str | None = None
        """Claims challenge that the next refreshed token has to satisfy, JSON."""
        self._client = EntraClient(async_get_clientsession(hass), registration)
        self._flow: AuthCodeFlow | None = None
        self._state: dict[str, str] = {}

    @override
    async def async_generate_authorize_url(self, flow_id: str) -> str:
        """Return Microsoft's sign-in page, with PKCE and a signed state."""
        redirect = redirect_uri(self._hass)
        # Without a nonce, the state of an earlier attempt would be the same.
        self._state = {
            "flow_id": flow_id,
            "redirect_uri": redirect,
            "nonce": secrets.token_urlsafe(_NONCE_BYTES),
        }
        state = _encode_jwt(self._hass, self._state)
        self._flow = await self._client.async_initiate_auth_code_flow(redirect, state)
        return self._flow.authorize_url

    @property
    def authorize_url(self) -> str:
        """Return the sign-in page that was generated last."""
        assert self._flow is not None  # noqa: S101  # generated before anything is shown
        return self._flow.authorize_url

    def matches_state(self, external_data: Mapping[str, Any]) -> bool:
        """Return whether a callback belongs to the page that was generated last."""
        return bool(self._state) and external_data.get("state") == self._state

    @override
    async def async_resolve_external_data(self, external_data: Any) -> Token:
        """Redeem the authorization code."""
        # Home Assistant has verified the signature of the state, and the flow its content.
        assert self._flow is not None  # noqa: S101  # a callback has a flow
        self.identity, token = await self._client.async_acquire_token_by_auth_code(
            self._flow, str(external_data["code"])
        )
        return token

    async def async_acquire_token_for_client(self) -> tuple[str, Token]:
        """Sign in as the app itself; returns the tenant id and the token."""
        return await self._client.async_acquire_token_for_client()

    async def async_initiate_device_flow(self) -> DeviceFlow:
        """Request a code that the user enters on another device."""
        return await self._client.async_initiate_device_flow()

    async def async_poll_device_flow(self, flow: DeviceFlow) -> Token:
        """Poll the token endpoint until the user has entered the code."""
        self.identity, token = await self._client.async_poll_device_flow(flow)
        return token

    @override
    async def _async_refresh_token(self, token: Token) -> Token:
        """Refresh with the granted scopes only."""
        claims, self.claims = self.claims, None
        try:
            return await self._client.async_refresh_token(token, claims)
        except SignInError as err:
            raise self._to_oauth2_error(err) from err

    def _to_oauth2_error(self, err: SignInError) -> Exception:
        """Return the error that Home Assistant's OAuth2 session acts upon."""
        # Its constructor requires a request and prints it; this one names no tenant.
        url = URL(self.registration.cloud.login)
        request = RequestInfo(url, hdrs.METH_POST, CIMultiDictProxy(CIMultiDict()), url)
        kind = (
            OAuth2TokenRequestReauthError if err.requires_user else OAuth2TokenRequestTransientError
        )
        return kind(domain=DOMAIN, request_info=request, message=str(err))


class ConfigEntryTokenProvider:
    """Token provider that updates a config entry.

    Raises what refreshing raises.
    """

    # Home Assistant's OAuth2 session can't keep a token that Graph rejects until a better one
    # exists, and stores a token though the entry was given another one meanwhile.

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        implementation: MicrosoftOAuth2Implementation,
        state: TokenState,
        throttle: Throttle,
        *,
        start_reauth: Callable[[Exception], None],
    ) -> None:
        """Initialize."""
        self._hass = hass
        self._entry = entry
        self._implementation = implementation
        self._lock = asyncio.Lock()
        self._state = state
        self._throttle = throttle
        self._start_reauth = start_reauth

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token, if possible another than the rejected one."""
        if rejected is None and not self.is_expired:
            return self._access_token
        async with self._lock:
            if rejected == self._access_token and self._state.may_fetch(claims):
                await self._async_refresh(claims)
                self._state.fetched(claims)
            elif self.is_expired:
                await self._async_refresh(None)
        return self._access_token

    @property
    def _access_token(self) -> str:
        return str(self._entry.data[CONF_TOKEN]["access_token"])

    @property
    def is_expired(self) -> bool:
        """Return whether the next request needs a new token."""
        expires_at: float = self._entry.data[CONF_TOKEN]["expires_at"]
        return expires_at <= time.time() + CLOCK_OUT_OF_SYNC_MAX_SEC

    async def _async_refresh(self, claims: str | None) -> None:
        """Refresh the token, unless the entry gets another one meanwhile."""
        if self._state.refusal and self._state.refused_for:
            raise self._state.refusal.with_traceback(None)
        token = self._entry.data[CONF_TOKEN]
        self._implementation.claims = claims
        try:
            refreshed = await self._throttle.async_request(
                Endpoint.TOKEN, lambda: self._implementation.async_refresh_token(token)
            )
        except OAuth2TokenRequestBaseError as err:
            if self._entry.data[CONF_TOKEN] != token:
                return
            if is_retried_rarely(err):
                self._state.refusal = err
                self._state.refused_until = time.monotonic() + _REFUSED_FOR
            if isinstance(err, OAuth2TokenRequestReauthError):
                self._start_reauth(err)
            raise
        if self._entry.data[CONF_TOKEN] == token:
            self._hass.config_entries.async_update_entry(
                self._entry, data={**self._entry.data, CONF_TOKEN: refreshed}
            )


class InMemoryTokenProvider:
    """Token provider that does not update a config entry.

    Raises what refreshing raises.
    """

    def __init__(
        self, implementation: MicrosoftOAuth2Implementation, token: Mapping[str, Any]
    ) -> None:
        """Initialize with a stored token."""
        self._implementation = implementation
        self._token = dict(token)

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token, a new one if Graph rejected the given one."""
        self._implementation.claims = claims
        if rejected is not None or self._token["expires_at"] <= time.time():
            self._token = await self._implementation.async_refresh_token(self._token)
        return str(self._token["access_token"])


def is_retried_rarely(err: Exception) -> bool:
    """Return whether a sign-in error may end without the user, but not soon."""
    return isinstance(err.__cause__, SignInError) and err.__cause__.is_retried_rarely


def redirect_uri(hass: HomeAssistant) -> str:
    """Return the redirect URI to register in Entra.

    Raises `NoURLAvailableError` if Home Assistant has no address.
    """
    try:
        return async_get_redirect_uri(hass)
    except RuntimeError:
        # No browser's request is being handled that would tell the address it uses.
        return get_url(hass, prefer_external=True) + AUTH_CALLBACK_PATH


def description_placeholders(
    hass: HomeAssistant, registration: AppRegistration | None, code: str = ""
) -> dict[str, str]:
    """Return what texts about a sign-in may mention, all of it fit to be sent to IT."""
    try:
        redirect_url = redirect_uri(hass)
    except NoURLAvailableError:
        redirect_url = ""
    placeholders = {"redirect_url": redirect_url, "code": code or "-", "it_text_url": _IT_TEXT}
    if registration is None:
        # Before a form was filled in, or the stored data can't be read.
        unknown = ("tenant", "client_id", "permissions", "admin_consent_url")
        return (
            placeholders
            | dict.fromkeys(unknown, "-")
            | {"register_url": CLOUDS[DEFAULT_CLOUD].register_url}
        )
    return placeholders | {
        "register_url": registration.cloud.register_url,
        "tenant": registration.tenant,
        "client_id": registration.client_id,
        "permissions": ", ".join(registration.permissions),
        "admin_consent_url": registration.admin_consent_url(redirect_url),
    }


async def async_translated_error(
    hass: HomeAssistant, reason: str, placeholders: Mapping[str, str]
) -> str:
    """Return the sentence about a sign-in error in Home Assistant's language."""
    texts = await async_get_translations(hass, hass.config.language, "config", [DOMAIN])
    return texts[f"component.{DOMAIN}.config.error.{reason}"].format(**placeholders)
