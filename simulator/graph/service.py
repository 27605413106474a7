"""Graph as far as presence goes: paths, permissions, bodies, answers.

Built from the pages of the `presence` resource and its methods, "List users", "Combine multiple HTTP requests using
JSON batching" and "Microsoft Graph error responses". What Graph refuses is refused here, by tables: which permission
a call needs, which members a body may have.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
import math
import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit
from uuid import UUID, uuid4

from aiohttp import web

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.engine import LOCATION_TYPES, PINNED, LocationSource, StatusMessage
from simulator.identity import Caller, Identity
from simulator.states import PREFERENCES, SESSION_STATES, State
from simulator.tenant import Person, Tenant
from simulator.wire import Json
from simulator.zones import find_zone

MESSAGE_LIMIT: Final = 280
"""Teams lets people type so many characters, what pins them aside; Graph's own limit is not documented."""
PEOPLE_LIMIT: Final = 650
BATCH_LIMIT: Final = 20
NEVER: Final = "9999-12-30T23:00:00.0000000"
VERSIONS: Final = ("v1.0", "beta")
JSON_TYPE: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


class GraphError(Exception):
    """Graph refuses."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse with an HTTP status, and the code and message of Graph's error body."""
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def bad_request(message: str) -> GraphError:
    """Refuse what was sent."""
    return GraphError(400, "BadRequest", message)


@dataclass(frozen=True)
class Call:
    """One request, alone or out of a batch."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header in any case, empty when missing."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


@dataclass
class Answer:
    """What Graph answers; `body` None is an empty one."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


# Bodies


type Check = Callable[[object], object]


@dataclass(frozen=True)
class Member:
    """A member of a body: what it may be, and whether it may be missing or null."""

    check: Check
    required: bool = True


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise bad_request("A string is expected.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise bad_request("The string is not valid Unicode.")
    return value


def _guid(value: object) -> str:
    text = _text(value)
    try:
        plain = str(UUID(text))
    except ValueError as error:
        raise bad_request(f"'{text}' is not a GUID.") from error
    if plain != text.lower():
        raise bad_request(f"'{text}' is not a GUID in its plain form.")
    return plain


_DURATION: Final = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def _duration(value: object) -> timedelta:
    text = _text(value)
    match = _DURATION.fullmatch(text)
    if not match or text == "P":
        raise bad_request(f"'{text}' is not an ISO 8601 duration.")
    try:
        return timedelta(**{unit: float(number or 0) for unit, number in match.groupdict().items()})
    except OverflowError as error:
        raise bad_request(f"'{text}' is too long.") from error


def _one_of(*allowed: str) -> Check:
    def check(value: object) -> str:
        text = _text(value)
        if text not in allowed:
            raise bad_request(f"'{text}' is not supported. Supported: {', '.join(allowed)}.")
        return text

    return check


def _content(value: object) -> str:
    text = _text(value)
    if len(text.removesuffix(PINNED)) > MESSAGE_LIMIT:
        raise bad_request(f"The content is longer than {MESSAGE_LIMIT} characters.")
    return text


def _ids(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise bad_request("A list of ids is expected.")
    if len(value) > PEOPLE_LIMIT:
        raise bad_request(f"There are more than {PEOPLE_LIMIT} ids.")
    return list(dict.fromkeys(_guid(item) for item in value))


def _object(members: Mapping[str, Member]) -> Check:
    return lambda value: read_object(value, members)


_DATE_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7}))?")
_MESSAGE: Final = {
    "content": Member(_content),
    "contentType": Member(_one_of("text"), required=False),
}
_DATE_TIME_ZONE: Final = {"dateTime": Member(_text), "timeZone": Member(_text)}
_STATUS_MESSAGE: Final = {
    "message": Member(_object(_MESSAGE), required=False),
    "expiryDateTime": Member(_object(_DATE_TIME_ZONE), required=False),
}
_PLACE: Final = {
    "workLocationType": Member(_one_of(*LOCATION_TYPES)),
    "placeId": Member(_guid, required=False),
}
_STATE: Final = {"availability": Member(_text), "activity": Member(_text)}
_LASTING: Final = _STATE | {"expirationDuration": Member(_duration, required=False)}


def read_object(value: object, members: Mapping[str, Member]) -> Json:
    """Check a JSON object against its members; null counts as missing."""
    if not isinstance(value, dict):
        raise bad_request("An object is expected.")
    for name in value:
        if name not in members:
            raise bad_request(f"The property '{name}' does not exist.")
    found: Json = {}
    for name, member in members.items():
        if value.get(name) is not None:
            found[name] = member.check(value[name])
        elif member.required:
            raise bad_request(f"The property '{name}' is required.")
    return found


def read_expiry(date_time: str, time_zone: str) -> tuple[datetime, int]:
    """Read a dateTimeTimeZone: the moment in UTC, and the seventh digit of its fraction."""
    zone = find_zone(time_zone)
    if zone is None:
        raise bad_request(f"The time zone '{time_zone}' is not known.")
    match = _DATE_TIME.fullmatch(date_time)
    if not match:
        raise bad_request(f"'{date_time}' is not a date and time without offset.")
    digits = (match[2] or "").ljust(7, "0")
    try:
        local = datetime.fromisoformat(f"{match[1]}").replace(
            microsecond=int(digits[:6]), tzinfo=zone
        )
        return local.astimezone(UTC), int(digits[6])
    except (ValueError, OverflowError) as error:
        raise bad_request(f"'{date_time}' is not a date and time.") from error


# Actions on one person's presence


def _set_presence(caller: Caller, person: Person, body: Json) -> None:
    _check_session(caller, body)
    state = State(str(body["availability"]), str(body["activity"]))
    if state not in SESSION_STATES:
        raise bad_request(f"The combination {'/'.join(state)} is not supported.")
    duration = body.get("expirationDuration", timedelta(minutes=5))
    assert isinstance(duration, timedelta)  # noqa: S101
    if not timedelta(minutes=5) <= duration <= timedelta(hours=4):
        raise bad_request("The expiration must be between PT5M and PT4H.")
    person.set_session(caller.app.id, state, duration)


def _check_session(caller: Caller, body: Json) -> None:
    if body["sessionId"] != caller.app.id:
        raise bad_request("The session id must be the id of the calling application.")


def _clear_presence(caller: Caller, person: Person, body: Json) -> None:
    _check_session(caller, body)
    if not person.clear_session(caller.app.id):
        raise GraphError(404, "NotFound", "The presence session does not exist.")


def _set_preferred(caller: Caller, person: Person, body: Json) -> None:
    del caller
    availability, activity = str(body["availability"]), str(body["activity"])
    if availability not in PREFERENCES or PREFERENCES[availability][0] != activity:
        raise bad_request(f"The combination {availability}/{activity} is not supported.")
    duration = body.get("expirationDuration")
    assert duration is None or isinstance(duration, timedelta)  # noqa: S101
    if duration is not None and duration <= timedelta():
        raise bad_request("The expiration must be longer than nothing.")
    try:
        person.prefer(availability, duration)
    except OverflowError as error:
        raise bad_request("The expiration is too long.") from error


def _clear_preferred(caller: Caller, person: Person, body: Json) -> None:
    del caller, body
    person.clear_preference()


def _set_status_message(caller: Caller, person: Person, body: Json) -> None:
    del caller
    status = body.get("statusMessage")
    if not isinstance(status, dict) or "message" not in status:
        person.clear_status_message()
        return
    expiry = status.get("expiryDateTime")
    expires, ticks = read_expiry(expiry["dateTime"], expiry["timeZone"]) if expiry else (None, 0)
    person.publish(status["message"]["content"], expires, ticks)


def _set_location(source: LocationSource) -> Callable[[Caller, Person, Json], None]:
    def act(caller: Caller, person: Person, body: Json) -> None:
        del caller
        place = body.get("placeId")
        person.set_work_location(
            str(body["workLocationType"]), source, None if place is None else str(place)
        )

    return act


def _clear_location(*sources: LocationSource) -> Callable[[Caller, Person, Json], None]:
    def act(caller: Caller, person: Person, body: Json) -> None:
        del caller, body
        person.clear_work_location(*sources)

    return act


@dataclass(frozen=True)
class Action:
    """A POST below a presence; one about the work location is for delegated callers of the complete cloud."""

    members: Mapping[str, Member]
    act: Callable[[Caller, Person, Json], None]
    location: bool = False


ACTIONS: Final[dict[str, Action]] = {
    "setPresence": Action({"sessionId": Member(_text)} | _LASTING, _set_presence),
    "clearPresence": Action({"sessionId": Member(_text)}, _clear_presence),
    "setUserPreferredPresence": Action(_LASTING, _set_preferred),
    "clearUserPreferredPresence": Action({}, _clear_preferred),
    "setStatusMessage": Action(
        {"statusMessage": Member(_object(_STATUS_MESSAGE), required=False)}, _set_status_message
    ),
    "setManualLocation": Action(_PLACE, _set_location("manual"), location=True),
    "setAutomaticLocation": Action(_PLACE, _set_location("automatic"), location=True),
    "clearAutomaticLocation": Action({}, _clear_location("automatic"), location=True),
    "clearLocation": Action({}, _clear_location("manual", "automatic"), location=True),
}


# Permissions


@dataclass(frozen=True)
class Need:
    """Any one of these permissions lets a call pass; an empty set lets no such caller pass."""

    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    application: frozenset[str] = frozenset()


_READ_ALL: Final = frozenset({"Presence.Read.All"})
_PROFILES: Final = frozenset({"User.ReadBasic.All", "User.Read.All"})
READ_PRESENCE: Final = Need(
    _READ_ALL | {"Presence.Read"}, _READ_ALL, _READ_ALL | {"Presence.ReadWrite.All"}
)
READ_PRESENCES: Final = Need(_READ_ALL, _READ_ALL, _READ_ALL)
WRITE_PRESENCE: Final = Need(
    own=frozenset({"Presence.ReadWrite"}), application=frozenset({"Presence.ReadWrite.All"})
)
WRITE_LOCATION: Final = Need(own=frozenset({"Presence.ReadWrite"}))
READ_PROFILE: Final = Need(_PROFILES | {"User.Read"}, _PROFILES, _PROFILES)
READ_PROFILES: Final = Need(_PROFILES, _PROFILES, _PROFILES)


def check_permission(
    caller: Caller, need: Need, person: Person | None, code: str = "Forbidden"
) -> None:
    """Refuse a caller that lacks the permission for somebody (None: for people at large)."""
    if caller.person is None:
        sufficient = need.application
    else:
        sufficient = need.own if person is caller.person else need.others
    if not caller.permissions & sufficient:
        raise GraphError(403, code, "Insufficient privileges to complete the operation.")


# Answers


def stamp(moment: datetime, ticks: int = 0) -> str:
    """Write a moment in UTC as Graph does, with seven digits of a second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}{ticks}"


def message_json(message: StatusMessage, *, own: bool) -> Json:
    """Write a status message; when it ends and began is for its author only."""
    body: Json = {"message": {"content": message.content, "contentType": "text"}}
    if own:
        expiry = stamp(message.expires, message.ticks) if message.expires else NEVER
        body["expiryDateTime"] = {"dateTime": expiry, "timeZone": "UTC"}
        body["publishedDateTime"] = f"{stamp(message.published)}Z"
    return body


def presence_json(person: Person, *, own: bool, complete: bool) -> Json:
    """Write somebody's presence as their own app, or another one, reads it."""
    message = person.status_message
    place = person.work_location
    body: Json = {
        "id": person.id,
        "availability": person.availability,
        "activity": person.activity,
        "statusMessage": message_json(message, own=own) if message else None,
    }
    if complete:
        body |= {
            "outOfOfficeSettings": {
                "message": person.out_of_office_message,
                "isOutOfOffice": person.is_out_of_office,
            },
            "sequenceNumber": person.sequence_number,
            "workLocation": place
            and {
                "workLocationType": place.type,
                "placeId": place.place_id,
                "source": place.source,
            },
        }
    return body


def profile_json(person: Person) -> Json:
    """Write somebody's profile."""
    given, _, family = person.name.partition(" ")
    return {
        "businessPhones": [],
        "displayName": person.name,
        "givenName": given,
        "jobTitle": None,
        "mail": person.address,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": family or None,
        "userPrincipalName": person.principal_name,
        "id": person.id,
    }


@dataclass
class Throttle:
    """How many presence calls an app may make in a while; calls that are refused count as well."""

    limit: int = 1500
    window: timedelta = timedelta(seconds=30)
    _calls: dict[str, deque[datetime]] = field(default_factory=dict)

    def count(self, app_id: str, now: datetime) -> None:
        """Count a call, and refuse it when it is one too many."""
        calls = self._calls.setdefault(app_id, deque())
        while calls and (calls[0] <= now - self.window or calls[0] > now):
            calls.popleft()
        calls.append(now)
        if len(calls) > self.limit:
            free = calls[-self.limit] + self.window - now
            seconds = max(1, math.ceil(free.total_seconds()))
            raise GraphError(
                429, "TooManyRequests", "Please retry again later.", {"Retry-After": str(seconds)}
            )


@dataclass
class Graph:
    """Graph of one tenant in one cloud."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment
    identity: Identity
    throttle: Throttle = field(default_factory=Throttle)
    presences_as_collection: bool = False
    """Answer /communications/presences/{id} as Microsoft's example does, `{"value": [...]}`, not as the metadata says."""

    def answer(self, call: Call) -> Answer:
        """Answer one request."""
        request_id = str(uuid4())
        headers = {"request-id": request_id}
        client_id = call.header("client-request-id")
        headers["client-request-id"] = client_id or request_id
        try:
            answer = self._answer(call)
        except GraphError as error:
            answer = Answer(error.status, self.error_json(error, headers), error.headers)
        answer.headers = headers | answer.headers
        return answer

    def error_json(self, error: GraphError, headers: Mapping[str, str]) -> Json:
        """Write Graph's error body."""
        inner: Json = {
            "date": f"{self.clock.now():%Y-%m-%dT%H:%M:%S}",
            "request-id": headers["request-id"],
            "client-request-id": headers["client-request-id"],
        }
        if error.status == 429:
            inner |= {"code": "429", "message": "Please retry after", "status": "429"}
        return {"error": {"code": error.code, "message": error.message, "innerError": inner}}

    def _answer(self, call: Call) -> Answer:
        parts = urlsplit(call.url)
        _, version, *segments = [unquote(part) for part in parts.path.split("/")]
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if version not in VERSIONS:
            raise bad_request(f"Invalid version: {version}")
        caller = self._caller(call)
        match segments:
            case ["$batch"]:
                _method(call, "POST")
                return self._batch(version, call)
            case ["me"]:
                person = _me(caller)
                return self._profile(call, caller, person, version)
            case ["users"]:
                _method(call, "GET")
                return self._users(call, caller, version, query)
            case ["users", name]:
                return self._profile(call, caller, self._user(name), version)
            case ["communications", "getPresencesByUserId"]:
                return self._presences(call, caller, version)
        return self._on_presence(call, caller, version, segments)

    def _caller(self, call: Call) -> Caller:
        scheme, _, token = call.header("Authorization").partition(" ")
        caller = self.identity.caller(token) if scheme.lower() == "bearer" else None
        if caller:
            return caller
        challenge = (
            f'Bearer realm="", authorization_uri="{self.deployment.url}/common/oauth2/v2.0/authorize", '
            f'client_id="00000003-0000-0000-c000-000000000000"'
        )
        raise GraphError(
            401,
            "InvalidAuthenticationToken",
            "Access token is empty."
            if not token
            else "Access token validation failure. Invalid audience or lifetime.",
            {"WWW-Authenticate": challenge},
        )

    # Presence

    def _on_presence(self, call: Call, caller: Caller, version: str, segments: list[str]) -> Answer:
        collection = False
        match segments:
            case ["me", "presence", *rest]:
                person_id = _me(caller).id
            case ["users", person_id, "presence", *rest]:
                pass
            case ["communications", "presences", person_id, *rest]:
                collection = self.presences_as_collection
            case _:
                raise bad_request(f"Resource not found for the segment '{'/'.join(segments)}'.")
        self.throttle.count(caller.app.id, self.clock.now())
        person = self.tenant.find(_guid(person_id))
        if not rest:
            _method(call, "GET")
            return self._presence(caller, person, version, collection=collection)
        action = ACTIONS.get(rest[0])
        if len(rest) > 1 or action is None or (action.location and not self._complete):
            raise bad_request(f"Resource not found for the segment '{rest[0]}'.")
        _method(call, "POST")
        check_permission(caller, WRITE_LOCATION if action.location else WRITE_PRESENCE, person)
        found = _known(person)
        action.act(
            caller, found, read_object(_body(call, empty=not action.members), action.members)
        )
        return Answer()

    @property
    def _complete(self) -> bool:
        return self.deployment.complete

    def _presence(
        self, caller: Caller, person: Person | None, version: str, *, collection: bool
    ) -> Answer:
        check_permission(caller, READ_PRESENCE, person)
        found = _known(person)
        body = presence_json(found, own=found is caller.person, complete=self._complete)
        if collection:
            context = self._context(version, "communications/presences")
            return Answer(body=context | {"value": [body]})
        return Answer(body=self._context(version, f"users('{found.id}')/presence/$entity") | body)

    def _presences(self, call: Call, caller: Caller, version: str) -> Answer:
        _method(call, "POST")
        self.throttle.count(caller.app.id, self.clock.now())
        check_permission(caller, READ_PRESENCES, None)
        ids = read_object(_body(call), {"ids": Member(_ids)})["ids"]
        assert isinstance(ids, list)  # noqa: S101
        people = self.tenant.find_all(ids)
        value = [presence_json(person, own=False, complete=self._complete) for person in people]
        context = self._context(version, "Collection(microsoft.graph.presence)")
        return Answer(body=context | {"value": value})

    # People

    def _profile(self, call: Call, caller: Caller, person: Person | None, version: str) -> Answer:
        _method(call, "GET")
        check_permission(caller, READ_PROFILE, person, "Authorization_RequestDenied")
        if person is None:
            raise GraphError(404, "Request_ResourceNotFound", "The resource does not exist.")
        return Answer(body=self._context(version, "users/$entity") | profile_json(person))

    def _user(self, name: str) -> Person | None:
        return self.tenant.find_by_name(name) if "@" in name else self.tenant.find(name)

    def _users(self, call: Call, caller: Caller, version: str, query: dict[str, str]) -> Answer:
        check_permission(caller, READ_PROFILES, None, "Authorization_RequestDenied")
        eventual = call.header("ConsistencyLevel").lower() == "eventual"
        people = select_people(
            [profile_json(person) for person in self.tenant.people.values()],
            query,
            eventual=eventual,
        )
        start, size = _page(query)
        body: Json = self._context(version, "users")
        if query.get("$count") == "true":
            body["@odata.count"] = len(people)
        if start + size < len(people):
            more = urlencode(query | {"$skiptoken": str(start + size)})
            body["@odata.nextLink"] = f"{self.deployment.tls_url}/{version}/users?{more}"
        members = [name for name in query.get("$select", "").split(",") if name]
        value = people[start : start + size]
        if members:
            value = [_only(person, members) for person in value]
        return Answer(body=body | {"value": value})

    # Batch

    def _batch(self, version: str, call: Call) -> Answer:
        members = {"requests": Member(_requests)}
        requests = read_object(_body(call), members)["requests"]
        assert isinstance(requests, list)  # noqa: S101
        statuses: dict[str, int] = {}
        responses: list[Json] = []
        for request in requests:
            failed = any(statuses.get(name, 424) >= 400 for name in request.get("dependsOn", []))
            answer = self._failed_dependency() if failed else self._inner(version, call, request)
            statuses[request["id"]] = answer.status
            reply: Json = {"id": request["id"], "status": answer.status, "headers": answer.headers}
            if answer.body is not None:
                answer.headers["Content-Type"] = "application/json"
                reply["body"] = answer.body
            responses.append(reply)
        return Answer(body={"responses": responses[::-1]})

    def _failed_dependency(self) -> Answer:
        error = GraphError(424, "FailedDependency", "A request this one depends on has failed.")
        ids = dict.fromkeys(("request-id", "client-request-id"), str(uuid4()))
        return Answer(424, self.error_json(error, ids), ids)

    def _inner(self, version: str, call: Call, request: dict[str, object]) -> Answer:
        headers = {"Authorization": call.header("Authorization")}
        extra = request.get("headers")
        if isinstance(extra, dict):
            headers |= {str(key): str(value) for key, value in extra.items()}
        body = json.dumps(request["body"]).encode() if "body" in request else b""
        url = f"/{version}/{str(request['url']).lstrip('/')}"
        return self.answer(Call(str(request["method"]).upper(), url, headers, body))

    def _context(self, version: str, what: str) -> Json:
        return {"@odata.context": f"{self.deployment.tls_url}/{version}/$metadata#{what}"}


def _method(call: Call, allowed: str) -> None:
    if call.method != allowed:
        raise GraphError(
            405, "MethodNotAllowed", f"The method {call.method} is not allowed.", {"Allow": allowed}
        )


def _me(caller: Caller) -> Person:
    if caller.person is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return caller.person


def _known(person: Person | None) -> Person:
    if person is None:
        raise GraphError(404, "NotFound", "The user was not found.")
    return person


def _body(call: Call, *, empty: bool = False) -> object:
    if not call.body and empty:
        return {}
    if call.header("Content-Type").partition(";")[0].strip().lower() != "application/json":
        raise bad_request("Write requests must contain the Content-Type header application/json.")
    try:
        return json.loads(call.body)
    except ValueError as error:
        raise bad_request("Unable to read JSON request payload.") from error


def _requests(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not 0 < len(value) <= BATCH_LIMIT:
        raise bad_request(f"A batch holds 1 to {BATCH_LIMIT} requests.")
    for item in value:
        if not isinstance(item, dict) or not all(
            isinstance(item.get(name), str) for name in ("id", "method", "url")
        ):
            raise bad_request("A request of a batch needs an id, a method and a url.")
        if "$batch" in item["url"]:
            raise bad_request("A batch can't hold a batch.")
        if not isinstance(item.get("dependsOn", []), list):
            raise bad_request("dependsOn must be a list of ids.")
    if len({item["id"] for item in value}) < len(value):
        raise bad_request("The ids of a batch's requests must differ.")
    return value


_SEARCH: Final = re.compile(r'"(\w+):((?:[^"\\]|\\["\\])*)"(?:\s+(OR|AND)\s+|$)')
_FILTER: Final = re.compile(r"startswith\((\w+),\s*'((?:[^']|'')*)'\)(?:\s+or\s+|$)", re.IGNORECASE)
_SEARCHABLE: Final = ("displayName", "mail", "userPrincipalName", "givenName", "surname")


def select_people(people: list[Json], query: Mapping[str, str], *, eventual: bool) -> list[Json]:
    """Apply $search, $filter (startswith, joined by or) and $orderby=displayName."""
    if ("$search" in query or "$count" in query) and not eventual:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "This query needs the header ConsistencyLevel: eventual.",
        )
    known = {"$search", "$filter", "$top", "$select", "$count", "$orderby", "$skiptoken"}
    if unknown := query.keys() - known:
        raise GraphError(400, "Request_BadRequest", f"Unknown query options: {sorted(unknown)}.")
    if query.get("$orderby", "displayName") != "displayName":
        raise GraphError(400, "Request_UnsupportedQuery", "Only displayName can be ordered by.")
    if "$search" in query:
        # A known issue of Graph: neither is understood there, even in percent encoding.
        if not {"&", "#"}.isdisjoint(query["$search"]):
            raise GraphError(
                400, "Request_BadRequest", "Unrecognized query argument specified: ''."
            )
        clauses = _clauses(_SEARCH, query["$search"])
        joined = all if any(clause[3] == "AND" for clause in clauses) else any
        people = [
            person for person in people if joined(_is_sought(person, clause) for clause in clauses)
        ]
    if "$filter" in query:
        clauses = _clauses(_FILTER, query["$filter"])
        people = [person for person in people if any(_starts(person, clause) for clause in clauses)]
    return sorted(people, key=lambda person: str(person["displayName"]))


def _clauses(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    clauses = list(pattern.finditer(text))
    whole = "".join(clause[0] for clause in clauses) == text
    if not clauses or not whole or any(clause[1] not in _SEARCHABLE for clause in clauses):
        raise GraphError(400, "Request_BadRequest", f"The query '{text}' is not supported.")
    return clauses


def _is_sought(person: Json, clause: re.Match[str]) -> bool:
    """Look for the words of a name in any order, and for the beginning of anything else."""
    value = str(person[clause[1]] or "")
    sought = re.sub(r"\\(.)", r"\1", clause[2])
    if clause[1] != "displayName":
        return value.lower().startswith(sought.lower())
    words = _words(value)
    return all(any(word.startswith(part) for word in words) for part in _words(sought))


def _words(text: str) -> list[str]:
    """Split by spaces, letters against digits, and case; a symbol is a word."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word.lower() for word in re.findall(r"\d+|[^\W\d_]+|[^\w\s]|_", apart)]


def _starts(person: Json, clause: re.Match[str]) -> bool:
    sought = clause[2].replace("''", "'").lower()
    return str(person[clause[1]] or "").lower().startswith(sought)


def _page(query: Mapping[str, str]) -> tuple[int, int]:
    try:
        size, start = int(query.get("$top", "100")), int(query.get("$skiptoken", "0"))
    except ValueError as error:
        raise GraphError(400, "Request_BadRequest", "$top must be a number.") from error
    if not 1 <= size <= 999:
        raise GraphError(400, "Request_BadRequest", "$top must be between 1 and 999.")
    return start, size


def _only(person: Json, members: list[str]) -> Json:
    if unknown := set(members) - person.keys():
        raise GraphError(400, "Request_BadRequest", f"Unknown properties: {sorted(unknown)}.")
    return {name: person[name] for name in members}


def _handler(graph: Graph) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        call = Call(request.method, request.raw_path, request.headers, body)
        answer = graph.answer(call)
        if answer.body is None:
            return web.Response(status=answer.status, headers=answer.headers)
        text = json.dumps(answer.body, ensure_ascii=False).encode(errors="replace")
        headers = answer.headers | {"Content-Type": JSON_TYPE}
        return web.Response(status=answer.status, headers=headers, body=text)

    return handle


def routes(graph: Graph) -> list[web.RouteDef]:
    """Return the https endpoints."""
    handle = _handler(graph)
    return [web.route("*", f"/{version}/{{rest:.*}}", handle) for version in VERSIONS]


def fallback(graph: Graph) -> web.RouteDef:
    """Return the answer to every path that is nobody's: an unknown version of Graph."""
    return web.route("*", "/{rest:.*}", _handler(graph))
