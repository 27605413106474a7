"""Every call to Microsoft Graph that this project makes; the only place with Graph's addresses."""

import asyncio
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
import gc
from http import HTTPStatus
from itertools import batched
import re
from typing import Final, Protocol
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, hdrs
import orjson
from yarl import URL

from .clouds import Cloud
from .errors import (
    GraphAuthError,
    GraphError,
    GraphPermissionError,
    GraphRejectedError,
    GraphThrottledError,
    GraphUnavailableError,
)
from .models import (
    Activity,
    Availability,
    Json,
    Person,
    Presence,
    StatusMessage,
    WorkLocation,
    time_zone_names,
)
from .time_zones import is_loaded, time_zone

_TIMEOUT: Final = ClientTimeout(total=20)
# A presence is a kilobyte; whatever is larger than 650 of the longest is not presence.
_MAX_BYTES: Final = 8 * 1024 * 1024
# How Graph says that nobody has an id or address, or could have it.
_NOBODY_HAS_THAT: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
# How many people one request may be about.
_MAX_PEOPLE: Final = 650
# How many requests may be refused in the search for the ids that spoil theirs.
_MAX_REJECTIONS: Final = 50
# How many people a search is for.
MAX_FOUND: Final = 25
_USER_MEMBERS: Final = "id,displayName,mail,userPrincipalName"
_NOT_IN_A_TERM: Final = re.compile(r'["\\&#]')
# The claims of a challenge, base64, in either of its alphabets.
_CLAIMS: Final = re.compile(r'\bclaims="([\w+/=-]+)"')
_BASE64_OF_URLS: Final = str.maketrans("-_", "+/")
_NOT_IN_A_CODE: Final = re.compile(r"[^\w.-]")
_MAX_CODE: Final = 100
# What Graph's 429 means without a Retry-After, in seconds.
_DEFAULT_RETRY_AFTER: Final = 30.0
# And the shortest wait after one, whose moment may be over when it arrives.
_MIN_RETRY_AFTER: Final = 1.0
# No wait is longer than this many seconds, whatever a header or a wrong clock says.
_MAX_RETRY_AFTER: Final = 3600.0

# The pair of words for each preference. Appearing offline is the only unequal one.
_PREFERENCES: Final[dict[Availability, tuple[str, str]]] = {
    Availability.AVAILABLE: ("Available", "Available"),
    Availability.BUSY: ("Busy", "Busy"),
    Availability.DO_NOT_DISTURB: ("DoNotDisturb", "DoNotDisturb"),
    Availability.BE_RIGHT_BACK: ("BeRightBack", "BeRightBack"),
    Availability.AWAY: ("Away", "Away"),
    Availability.OFFLINE: ("Offline", "OffWork"),
}

# What an app may say in a session of its own, by activity.
_SESSIONS: Final[dict[Activity, tuple[str, str]]] = {
    Activity.AVAILABLE: ("Available", "Available"),
    Activity.IN_A_CALL: ("Busy", "InACall"),
    Activity.IN_A_CONFERENCE_CALL: ("Busy", "InAConferenceCall"),
    Activity.AWAY: ("Away", "Away"),
    Activity.PRESENTING: ("DoNotDisturb", "Presenting"),
}
SESSION_ACTIVITIES: Final = tuple(_SESSIONS)
_WORK_LOCATIONS: Final = {
    WorkLocation.OFFICE: "office",
    WorkLocation.REMOTE: "remote",
    WorkLocation.TIME_OFF: "timeOff",
}


class TokenProvider(Protocol):
    """Where access tokens come from."""

    async def __call__(self, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token, and a new one where Graph has rejected the given one.

        `claims` is the JSON of what the new one has to prove.
        """


class PresenceClient:
    """Presence of people in one tenant, as one sign-in may see and set it.

    Every method raises a `GraphError`: `GraphAuthError` where the token is refused even after a
    new one was fetched, `GraphPermissionError`, `GraphThrottledError`, `GraphUnavailableError`
    for whatever passes by itself, `GraphRejectedError` for a request that Graph will never take.
    """

    def __init__(self, session: ClientSession, cloud: Cloud, token_provider: TokenProvider) -> None:
        """Use the caller's HTTP session, which stays the caller's to close."""
        self._session = session
        self._root = f"{cloud.graph}/v1.0"
        self._token_provider = token_provider
        self.answers: Counter[str] = Counter()
        """How often Graph answered with each HTTP status, and how often not at all."""
        self._mine: tuple[bytes, Presence] | None = None
        self._others: dict[str, Presence] = {}

    async def async_get_my_presence(self) -> Presence:
        """Return the presence of the signed-in person, with the times of their status message.

        https://learn.microsoft.com/graph/api/presence-get
        """
        answer = await self._async_request(hdrs.METH_GET, "/me/presence")
        # Mostly nothing has changed, down to the last byte.
        if self._mine is not None and answer == self._mine[0]:
            return self._mine[1]
        data = _json(answer)
        await _async_load_time_zones(time_zone_names(data))
        if (presence := Presence.from_graph(data)) is None:
            raise GraphUnavailableError(code="notPresence")
        self._mine = answer, presence
        return presence

    async def async_get_presences(self, person_ids: Collection[str]) -> dict[str, Presence]:
        """Return the presences of people by their id; who is unknown to Graph is left out.

        One request for every 650 people, all at once. An id that spoils its request is found by
        halving it.

        https://learn.microsoft.com/graph/api/cloudcommunications-getpresencesbyuserid
        """
        chunks = batched(person_ids, _MAX_PEOPLE, strict=False)
        rejections: list[GraphError] = []
        reads = [
            asyncio.ensure_future(self._async_get_chunk(chunk, rejections)) for chunk in chunks
        ]
        try:
            answers = await asyncio.gather(*reads)
        finally:
            # Where one has failed, nobody waits for the others.
            for read in reads:
                read.cancel()
        self._others = {presence.id: presence for answer in answers for presence in answer}
        return dict(self._others)

    async def _async_get_chunk(
        self, person_ids: tuple[str, ...], rejections: list[GraphError]
    ) -> list[Presence]:
        """Return the presences of at most 650 people."""
        body: Json = {"ids": list(person_ids)}
        try:
            content = await self._async_request(
                hdrs.METH_POST, "/communications/getPresencesByUserId", body
            )
        except GraphRejectedError as err:
            rejections.append(err)
            if len(rejections) > _MAX_REJECTIONS:
                # It is not about a few ids: asking for each alone would be a flood.
                raise
            if len(person_ids) == 1:
                return []
            middle = len(person_ids) // 2
            return [
                presence
                for half in (person_ids[:middle], person_ids[middle:])
                for presence in await self._async_get_chunk(half, rejections)
            ]
        # Thousands of short-lived objects would set off a collection of all that Home Assistant
        # holds, which takes much longer than reading them.
        with _without_collection():
            members = _members(_json(content))
            zones = [name for member in members for name in time_zone_names(member)]
            if all(map(is_loaded, zones)):
                return self._read_others(members)
        await _async_load_time_zones(zones)
        return self._read_others(members)

    def _read_others(self, members: list[object]) -> list[Presence]:
        """Return presences; those that are as they were are the very same objects."""
        read = (Presence.from_graph(member) for member in members)
        return [
            known if (known := self._others.get(presence.id)) == presence and known else presence
            for presence in read
            if presence is not None
        ]

    async def async_find_people(self, text: str) -> list[Person]:
        """Return people of the directory whose name or address has the words of a text.

        At most 26, so that a caller who shows 25 knows that there are more.

        https://learn.microsoft.com/graph/search-query-parameter
        """
        # Quotes and backslashes end or escape the term, and Graph takes & and # for the end of the
        # query even where they are encoded; nobody is looked up by any of them.
        if not (term := _NOT_IN_A_TERM.sub(" ", text).strip()):
            return []
        fields = ("displayName", "mail", "userPrincipalName")
        data = await self._async_read(
            hdrs.METH_GET,
            "/users",
            params={
                "$search": " OR ".join(f'"{field}:{term}"' for field in fields),
                "$select": _USER_MEMBERS,
                "$top": str(MAX_FOUND + 1),
            },
            headers={"ConsistencyLevel": "eventual"},
        )
        people = (Person.from_graph(member) for member in _members(data))
        return [person for person in people if person is not None]

    async def async_get_person(self, id_or_address: str) -> Person | None:
        """Return somebody of the directory by object id or address, or None where there is nobody.

        https://learn.microsoft.com/graph/api/user-get
        """
        if "/" in id_or_address:
            # Nobody's; Graph would take it for a path, even where it is encoded.
            return None
        # Half a character, as a template that cuts a text can make one, is in nobody's address.
        path = f"/users/{quote(id_or_address, safe='', errors='replace')}"
        try:
            data = await self._async_read(hdrs.METH_GET, path, params={"$select": _USER_MEMBERS})
        except GraphRejectedError as err:
            if err.status not in _NOBODY_HAS_THAT:
                raise
            data = None
        if (person := Person.from_graph(data)) is not None or "@" not in id_or_address:
            return person
        # An e-mail address need not be the name that somebody signs in with.
        found = await self.async_find_people(id_or_address)
        address = id_or_address.casefold()
        return next((person for person in found if person.address.casefold() == address), None)

    async def async_set_status_message(self, person_id: str, message: StatusMessage) -> None:
        """Set the status message of a person; one with an empty text clears it.

        https://learn.microsoft.com/graph/api/presence-setstatusmessage
        """
        await self._async_write(
            person_id, "setStatusMessage", {"statusMessage": message.to_graph()}
        )

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None = None
    ) -> None:
        """Set what a person wants to be shown as, whatever Teams sees.

        Without a duration, which has whole seconds, Graph keeps busy and do not disturb for a
        day and the others for a week. It shows only while the person has a presence session.

        https://learn.microsoft.com/graph/api/presence-setuserpreferredpresence
        """
        graph_availability, graph_activity = _PREFERENCES[availability]
        body: Json = {"availability": graph_availability, "activity": graph_activity}
        if duration is not None:
            body["expirationDuration"] = _iso_duration(duration)
        await self._async_write(person_id, "setUserPreferredPresence", body)

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Let Teams decide again how a person is shown.

        https://learn.microsoft.com/graph/api/presence-clearuserpreferredpresence
        """
        await self._async_write(person_id, "clearUserPreferredPresence", {})

    async def async_set_presence(
        self, person_id: str, session_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Make or renew the app's presence session of a person.

        `session_id` is the client id of the app. Activities: available, in_a_call,
        in_a_conference_call, away, presenting. The duration is between 5 minutes and 4 hours, in
        whole seconds; available fades after 5 minutes all the same.

        https://learn.microsoft.com/graph/api/presence-setpresence
        """
        graph_availability, graph_activity = _SESSIONS[activity]
        await self._async_write(
            person_id,
            "setPresence",
            {
                "sessionId": session_id,
                "availability": graph_availability,
                "activity": graph_activity,
                "expirationDuration": _iso_duration(duration),
            },
        )

    async def async_clear_presence(self, person_id: str, session_id: str) -> None:
        """End the app's presence session of a person, if there is one.

        https://learn.microsoft.com/graph/api/presence-clearpresence
        """
        try:
            await self._async_write(person_id, "clearPresence", {"sessionId": session_id})
        except GraphRejectedError as err:
            # There was no session, which is what was asked for.
            if err.status != HTTPStatus.NOT_FOUND:
                raise

    async def async_set_my_work_location(self, location: WorkLocation) -> None:
        """Set where the signed-in person works today.

        https://learn.microsoft.com/graph/api/presence-setmanuallocation
        """
        await self._async_request(
            hdrs.METH_POST,
            "/me/presence/setManualLocation",
            {"workLocationType": _WORK_LOCATIONS[location]},
        )

    async def async_clear_my_work_location(self) -> None:
        """Go back to where the signed-in person works by their schedule.

        https://learn.microsoft.com/graph/api/presence-clearlocation
        """
        await self._async_request(hdrs.METH_POST, "/me/presence/clearLocation")

    async def _async_write(self, person_id: str, action: str, body: Json) -> None:
        """Call one of Graph's actions on the presence of a person."""
        await self._async_request(hdrs.METH_POST, f"/users/{person_id}/presence/{action}", body)

    async def _async_read(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> object:
        """Ask Graph for something and return the JSON it answers with."""
        return _json(await self._async_request(method, path, body, params=params, headers=headers))

    async def _async_request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """Ask Graph once, and once more with a new token where it does not take ours."""
        url = _url(self._root + path)
        if params:
            url = url.update_query(params)
        token = await self._token_provider()
        try:
            return await self._async_send(method, url, body, headers, token)
        except GraphAuthError as err:
            token = await self._token_provider(rejected=token, claims=err.claims)
            return await self._async_send(method, url, body, headers, token)

    async def _async_send(
        self,
        method: str,
        url: URL,
        body: Json | None,
        more_headers: dict[str, str] | None,
        token: str,
    ) -> bytes:
        """Send one request and return the body of a good answer."""
        headers = {
            hdrs.AUTHORIZATION: f"Bearer {token}",
            hdrs.ACCEPT: "application/json",
            **(more_headers or {}),
        }
        try:
            data = None if body is None else orjson.dumps(body)
        except orjson.JSONEncodeError as err:
            # Half a character, as a template that cuts a text can make one.
            raise GraphRejectedError(code="notText") from err
        if data is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                # A token goes to Graph and nowhere else.
                allow_redirects=False,
                timeout=_TIMEOUT,
            ) as response:
                content = await _async_content(response)
        except (ClientError, TimeoutError, OSError) as err:
            self.answers["none"] += 1
            raise GraphUnavailableError(code=type(err).__name__) from err
        self.answers[str(response.status)] += 1
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return content
        raise _error(response, content)


async def _async_content(response: ClientResponse) -> bytes:
    """Read a body up to the limit."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _MAX_BYTES:
            raise GraphUnavailableError(status=response.status, code="tooLarge")
    return bytes(content)


async def _async_load_time_zones(names: Iterable[str]) -> None:
    """Read time zones from the disk in a thread, the first time each is seen."""
    for name in names:
        if not is_loaded(name):
            await asyncio.to_thread(time_zone, name)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep Python from collecting garbage for a few milliseconds; never held over an await."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@lru_cache(maxsize=64)
def _url(address: str) -> URL:
    """Return an address that is encoded already; the few that are used often are kept."""
    return URL(address, encoded=True)


def _json(content: bytes) -> object:
    """Read an answer; one that is no JSON comes from something in Graph's place."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as err:
        raise GraphUnavailableError(code="notJson") from err


def _members(data: object) -> list[object]:
    """Return the members of a collection; an answer that is none is no presence."""
    members = data.get("value") if isinstance(data, dict) else None
    if not isinstance(members, list):
        raise GraphUnavailableError(code="notPresence")
    return members


def _iso_duration(duration: timedelta) -> str:
    """Write a duration of at least a second as ISO 8601 does, in hours, minutes and seconds."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + "".join(f"{number}{unit}" for number, unit in parts if number)


def _error(response: ClientResponse, content: bytes) -> GraphError:
    """Turn a refusal into the error that says what to do about it.

    The body may be Graph's error object, empty, or the page of some proxy.
    """
    try:
        # Whatever stands there goes into a log, so it is kept to what a code looks like.
        code = _NOT_IN_A_CODE.sub("", orjson.loads(content)["error"]["code"])[:_MAX_CODE]
    except orjson.JSONDecodeError, KeyError, TypeError:
        code = ""
    request_id = _NOT_IN_A_CODE.sub("", response.headers.get("request-id", ""))[:_MAX_CODE]
    retry_after = read_retry_after(
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
        case HTTPStatus.UNAUTHORIZED:
            return GraphAuthError(
                code=code,
                request_id=request_id,
                claims=_claims(response.headers.get(hdrs.WWW_AUTHENTICATE, "")),
            )
        case HTTPStatus.FORBIDDEN:
            kind: type[GraphError] = GraphPermissionError
        case status if 400 <= status < 500:
            kind = GraphRejectedError
        case status:
            return GraphUnavailableError(
                status=status, code=code, request_id=request_id, retry_after=retry_after
            )
    return kind(status=response.status, code=code, request_id=request_id)


def _claims(challenge: str) -> str | None:
    """Read the claims of a challenge: JSON, which stands there in base64."""
    found = _CLAIMS.search(challenge)
    if found is None:
        return None
    try:
        # The padding may be missing, and more of it than needed does no harm.
        claims = b64decode(f"{found[1].translate(_BASE64_OF_URLS)}===")
        return claims.decode() if isinstance(orjson.loads(claims), dict) else None
    except ValueError:
        return None


def read_retry_after(value: str | None, date: str | None) -> float | None:
    """Read a Retry-After header in either of its forms, as seconds from now.

    A moment is compared with the clock of who names it, as far as the answer tells: ours may be wrong.
    """
    if value is None:
        return None
    if value.isdecimal():
        return min(float(value), _MAX_RETRY_AFTER)
    if (moment := _moment(value)) is None:
        return None
    seconds = (moment - (_moment(date) or datetime.now(UTC))).total_seconds()
    return min(max(0.0, seconds), _MAX_RETRY_AFTER)


def _moment(value: str | None) -> datetime | None:
    """Read a date of HTTP; None where it is none, or does not say of which time zone it is."""
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
