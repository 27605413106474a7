"""Authenticated requests to Microsoft Graph, and the errors that its answers become."""

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
import re
from typing import Final, Protocol

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, hdrs
import orjson
from yarl import URL

from .errors import (
    GraphAuthError,
    GraphError,
    GraphPermissionError,
    GraphRejectedError,
    GraphThrottledError,
    GraphUnavailableError,
)
from .models import Json

_TIMEOUT: Final = ClientTimeout(total=20)
# A presence is a kilobyte, and one answer has at most 650 of them.
_MAX_BYTES: Final = 8 * 1024 * 1024
# The claims of a challenge, base64 in either of its alphabets.
_CLAIMS: Final = re.compile(r'\bclaims="([\w+/=-]+)"')
_URL_SAFE_BASE64: Final = str.maketrans("-_", "+/")
_NOT_IN_A_CODE: Final = re.compile(r"[^\w.-]", re.ASCII)
_MAX_CODE: Final = 100
# In place of Graph's code, for what a proxy sends.
_NOT_JSON: Final = "notJson"
# Seconds to wait after a 429 without Retry-After.
_DEFAULT_RETRY_AFTER: Final = 30.0
# The shortest wait after a 429, whose date may be over when it arrives.
_MIN_RETRY_AFTER: Final = 1.0
# The longest wait, whatever a header or a wrong clock says.
_MAX_RETRY_AFTER: Final = 3600.0


class TokenProvider(Protocol):
    """Callable that returns an access token."""

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token, if possible a new one if Graph rejected the given one.

        `claims` is the JSON of a claims challenge that the new token has to satisfy.
        """


class GraphHttp:
    """Sends requests with a token, and once more with a new token after a 401."""

    def __init__(self, session: ClientSession, root: str, token_provider: TokenProvider) -> None:
        """Initialize; the session stays the caller's to close."""
        self._session = session
        self._root = root
        self._token_provider = token_provider
        self.response_counts: Counter[str] = Counter()
        """Number of responses by HTTP status; `none` counts requests without one."""

    async def async_request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body of a successful response; raises `GraphError` otherwise."""
        url = _url(self._root + path)
        if params:
            url = url.update_query(params)
        token = await self._token_provider()
        try:
            return await self._async_send(method, url, body, headers, token)
        except GraphAuthError as err:
            renewed = await self._token_provider(rejected=token, claims=err.claims)
            if renewed == token:
                raise
            return await self._async_send(method, url, body, headers, renewed)

    async def _async_send(
        self,
        method: str,
        url: URL,
        body: Json | None,
        more_headers: Mapping[str, str] | None,
        token: str,
    ) -> bytes:
        """Send one request and return the body of a successful response."""
        headers = {
            hdrs.AUTHORIZATION: f"Bearer {token}",
            hdrs.ACCEPT: "application/json",
            **(more_headers or {}),
        }
        data = None if body is None else _dump_json(body)
        if data is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                # The token goes to Graph and nowhere else.
                allow_redirects=False,
                timeout=_TIMEOUT,
            ) as response:
                content = await async_read_body(response, _MAX_BYTES)
        except (ClientError, TimeoutError, OSError) as err:
            failure = type(err).__name__
        else:
            self.response_counts[str(response.status)] += 1
            if content is None:
                raise GraphUnavailableError(status=response.status, code="tooLarge")
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                raise _error_from_response(response, content)
            return content
        self.response_counts["none"] += 1
        # Outside the handler: aiohttp's error holds the address with what was searched for.
        raise GraphUnavailableError(code=failure)


async def async_read_body(response: ClientResponse, limit: int) -> bytes | None:
    """Return a body of at most `limit` unpacked bytes, or None if it is larger."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > limit:
            return None
    return bytes(content)


def is_outage(status: int) -> bool:
    """Return whether a status is temporary."""
    return status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def check_is_no_page(content: bytes) -> None:
    """Raise an error for a page of a proxy."""
    if _is_page(content):
        raise GraphUnavailableError(status=HTTPStatus.OK, code=_NOT_JSON)


def _is_page(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def parse_json(content: bytes) -> object:
    """Parse a successful response; not JSON means that a proxy answered."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise GraphUnavailableError(status=HTTPStatus.OK, code=_NOT_JSON) from None


def parse_retry_after(value: str | None, date: str | None) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date; None without one.

    A date is compared with the response's own `Date`, because the local clock may be wrong.
    """
    if value is None:
        return None
    if value.isascii() and value.isdecimal():
        return min(float(value), _MAX_RETRY_AFTER)
    if (moment := _parse_http_date(value)) is None:
        return None
    seconds = (moment - (_parse_http_date(date) or datetime.now(UTC))).total_seconds()
    return min(max(0.0, seconds), _MAX_RETRY_AFTER)


def _parse_http_date(value: str | None) -> datetime | None:
    """Parse an HTTP date; None if invalid or naive."""
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


@lru_cache(maxsize=64)
def _url(address: str) -> URL:
    """Return an encoded address; the few that are used often are cached."""
    return URL(address, encoded=True)


def _dump_json(body: Json) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        # Half a surrogate pair, as a template that cuts a text can produce.
        raise GraphRejectedError(code="notText") from None


def _error_from_response(response: ClientResponse, content: bytes) -> GraphError:
    """Return the error for a status; the body may be Graph's, empty, or a proxy's page."""
    code = _parse_code(content)
    request_id = _NOT_IN_A_CODE.sub("", response.headers.get("request-id", ""))[:_MAX_CODE]
    retry_after = parse_retry_after(
        response.headers.get(hdrs.RETRY_AFTER), response.headers.get(hdrs.DATE)
    )
    match response.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return GraphThrottledError(
                retry_after=_DEFAULT_RETRY_AFTER
                if retry_after is None
                else max(_MIN_RETRY_AFTER, retry_after),
                code=code,
                request_id=request_id,
            )
        case HTTPStatus.UNAUTHORIZED if not _is_page(content):
            claims = _parse_claims(response.headers.get(hdrs.WWW_AUTHENTICATE, ""))
            return GraphAuthError(code=code, request_id=request_id, claims=claims)
        case status if code == _NOT_JSON or is_outage(status) or status < 400:
            return GraphUnavailableError(
                status=status, code=code, request_id=request_id, retry_after=retry_after
            )
        case HTTPStatus.FORBIDDEN:
            kind: type[GraphError] = GraphPermissionError
        case _:
            kind = GraphRejectedError
    return kind(status=response.status, code=code, request_id=request_id)


def _parse_code(content: bytes) -> str:
    """Return the code of an error body, cut to what a log may hold."""
    try:
        error = orjson.loads(content or b"{}")
        return _NOT_IN_A_CODE.sub("", error["error"]["code"])[:_MAX_CODE]
    except orjson.JSONDecodeError:
        return _NOT_JSON
    except KeyError, TypeError:
        return ""


def _parse_claims(challenge: str) -> str | None:
    """Return the JSON of a claims challenge.

    https://learn.microsoft.com/entra/identity-platform/claims-challenge
    """
    found = _CLAIMS.search(challenge)
    if found is None:
        return None
    try:
        # The padding may be missing, and more of it than needed does no harm.
        claims = b64decode(f"{found[1].translate(_URL_SAFE_BASE64)}===")
        return claims.decode() if isinstance(orjson.loads(claims), dict) else None
    except ValueError:
        return None
