"""MSAL's HTTP client on the caller's aiohttp session."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, hdrs
import orjson

from ..graph.clouds import Cloud
from ..graph.http import async_read_body, is_outage, parse_retry_after
from .errors import SignInError

# Seconds for one request, from name resolution to the last byte.
_TIMEOUT: Final = 15.0
# Seconds that the waiting thread adds, in case the event loop is busy.
_MARGIN: Final = 5.0
# A token response has a few kilobytes.
_MAX_BYTES: Final = 1024 * 1024
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response as MSAL reads it."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class MsalHttpClient:
    """HTTP client for MSAL: sends from the event loop, waits in MSAL's thread."""

    # Everything but a JSON object raises `SignInError`: MSAL would log other token responses and
    # answer later requests from memory.

    def __init__(self, session: ClientSession, cloud: Cloud) -> None:
        """Initialize in the event loop that sends the requests."""
        self._session = session
        self._cloud = cloud
        self._loop = asyncio.get_running_loop()
        self._pending: Future[Response] | None = None
        self._closed = False

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Read a tenant's discovery document."""
        response = self._send(hdrs.METH_GET, url, params=params, headers=headers)
        if response.status_code != HTTPStatus.OK:
            # MSAL would blame the tenant for any status; a proxy can answer 4xx, too.
            raise SignInError.from_response(orjson.loads(response.text))
        return response

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Request a token or a device code."""
        headers = {**(headers or {}), hdrs.CONTENT_TYPE: _FORM}
        # aiohttp would send bytes, as MSAL passes a client assertion, as a file.
        body = urlencode(data or {}).encode()
        return self._send(hdrs.METH_POST, url, params=params, data=body, headers=headers)

    def close(self) -> None:
        """Cancel the pending request and reject further ones."""
        self._closed = True
        if self._pending is not None:
            self._pending.cancel()

    def _send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        data: bytes | None = None,
    ) -> Response:
        """Send a request in the event loop and wait for it."""
        if not self._cloud.is_login_url(url):
            # From a forged discovery document: the form holds the secret or the refresh token.
            raise SignInError("unexpected_answer")
        job = self._async_send(method, url, params, headers, data)
        pending = self._pending = asyncio.run_coroutine_threadsafe(job, self._loop)
        if self._closed:
            pending.cancel()
        try:
            return pending.result(_TIMEOUT + _MARGIN)
        except CancelledError, TimeoutError:
            pending.cancel()
            raise SignInError("cannot_connect") from None

    async def _async_send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        data: bytes | None,
    ) -> Response:
        """Send a request and return a response with a JSON object."""
        try:
            async with self._session.request(
                method,
                url,
                params=params,
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=ClientTimeout(total=_TIMEOUT),
            ) as response:
                content = await async_read_body(response, _MAX_BYTES)
        except ClientError, TimeoutError, OSError:
            error = SignInError("cannot_connect")
        else:
            if response.status == HTTPStatus.TOO_MANY_REQUESTS or is_outage(response.status):
                retry_after = parse_retry_after(
                    response.headers.get(hdrs.RETRY_AFTER), response.headers.get(hdrs.DATE)
                )
                raise SignInError("microsoft_unavailable", retry_after=retry_after)
            is_redirect = 300 <= response.status < 400
            if content is None or is_redirect or not _is_json_object(content):
                raise SignInError("unexpected_answer")
            return Response(response.status, content.decode(), dict(response.headers))
        # Outside the handler: aiohttp's error holds the address with the tenant.
        raise error


def _is_json_object(content: bytes) -> bool:
    """Return whether a body is a JSON object."""
    try:
        return isinstance(orjson.loads(content), dict)
    except orjson.JSONDecodeError:
        return False
