"""Graph: the paths of presences and users.

Built from the pages of the `presence` resource and its methods, "List users", "Combine multiple HTTP requests using
JSON batching" and "Microsoft Graph error responses". Tables decide which permission a request needs and which
properties a body may have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Final
from urllib.parse import unquote, urlencode, urlsplit
from uuid import uuid4

from simulator.clock import Clock
from simulator.clouds import Deployment
from simulator.entra.scopes import GRAPH_APP_ID
from simulator.entra.tokens import Caller, Tokens, subject
from simulator.tenant import Person, Tenant
from simulator.wire import Json

from .actions import ACTIONS
from .batch import respond_to_batch
from .bodies import Property, parse_guid, parse_object
from .errors import GraphError, bad_request, error_body
from .messages import GraphRequest, GraphResponse, parse_body, require_method
from .permissions import (
    READ_PRESENCE,
    READ_PRESENCES,
    READ_PROFILE,
    READ_PROFILES,
    WRITE_LOCATION,
    WRITE_PRESENCE,
    check_permission,
)
from .presence import PresenceReads
from .throttling import Throttle
from .users import (
    check_options,
    parse_options,
    parse_paging,
    profile_json,
    search_people,
    select_properties,
    selected,
)

PEOPLE_LIMIT: Final = 650
VERSIONS: Final = ("v1.0", "beta")
_KEY: Final = re.compile(r"/(\w+)\((?:'|%27)([^/]+?)(?:'|%27)\)(?=/|$)")
_SEGMENTS: Final = {
    name.lower(): name
    for name in (
        *VERSIONS,
        *ACTIONS,
        *("$batch", "me", "users", "presence", "presences"),
        *("communications", "getPresencesByUserId"),
    )
}


@dataclass
class Graph:
    """Graph of one tenant in one cloud."""

    tenant: Tenant
    clock: Clock
    deployment: Deployment
    tokens: Tokens
    throttle: Throttle = field(default_factory=Throttle)
    reads: PresenceReads = field(init=False)
    presences_as_collection: bool = False
    """Send /communications/presences/{id} as in Microsoft's example, `{"value": [...]}`, not as in the metadata."""

    def __post_init__(self) -> None:
        """Read at once."""
        self.reads = PresenceReads(self.clock)

    def respond(self, request: GraphRequest) -> GraphResponse:
        """Respond to one request."""
        request_id = str(uuid4())
        headers = {"request-id": request_id}
        client_id = request.header("client-request-id")
        headers["client-request-id"] = client_id or request_id
        try:
            response = self._route(request)
        except GraphError as error:
            response = GraphResponse(
                error.status, error_body(error, self.clock.now(), headers), error.headers
            )
        response.headers = headers | response.headers
        return response

    def _route(self, request: GraphRequest) -> GraphResponse:
        path = urlsplit(request.url).path
        # A key can be a segment of its own or stand in parentheses.
        parts = _KEY.sub(r"/\1/\2", path).split("/")
        _, version, *segments = [_canonical(unquote(part)) for part in parts]
        if (version, segments) == ("oidc", ["userinfo"]):
            return _user_info(request, self._caller(request), self.deployment)
        if version not in VERSIONS:
            raise bad_request(f"Invalid version: {version}")
        return self._on_resource(request, version, segments)

    def _on_resource(
        self, request: GraphRequest, version: str, segments: list[str]
    ) -> GraphResponse:
        query = parse_options(urlsplit(request.url).query, version)
        caller = self._caller(request)
        match segments:
            case ["$batch"]:
                require_method(request, "POST")
                root = self.deployment.tls_url
                return respond_to_batch(request, version, self.clock.now(), self.respond, root)
            case ["me"]:
                person = _me(caller)
                return self._profile(request, caller, person, version, query)
            case ["users"] | ["users", "$count"]:
                require_method(request, "GET")
                if only_count := segments[1:]:
                    query["$count"] = "true"
                people = self._find_people(request, caller, query)
                return (
                    GraphResponse(body=len(people))
                    if only_count
                    else self._users(people, version, query)
                )
            case ["users", name]:
                return self._profile(request, caller, self._user(name), version, query)
            case ["communications", "getPresencesByUserId"]:
                check_options(query, frozenset())
                return self._presences(request, caller, version)
        check_options(query, frozenset())
        return self._on_presence(request, caller, version, segments)

    def _caller(self, request: GraphRequest) -> Caller:
        scheme, _, token = request.header("Authorization").partition(" ")
        caller = self.tokens.find_caller(token) if scheme.lower() == "bearer" else None
        if caller:
            return caller
        challenge = (
            f'Bearer realm="", authorization_uri="{self.deployment.url}/common/oauth2/v2.0/authorize", '
            f'client_id="{GRAPH_APP_ID}"'
        )
        raise GraphError(
            401,
            "InvalidAuthenticationToken",
            "Access token is empty."
            if not token
            else "Access token validation failure. Invalid audience or lifetime.",
            {"WWW-Authenticate": challenge},
        )

    def _on_presence(
        self, request: GraphRequest, caller: Caller, version: str, segments: list[str]
    ) -> GraphResponse:
        entity_set = ""
        match segments:
            case ["me", "presence", *rest]:
                person_id = _me(caller).id
            case ["users", person_id, "presence", *rest]:
                pass
            case ["communications", "presences", person_id, *rest]:
                entity_set = "communications/presences"
            case _:
                raise bad_request(f"Resource not found for the segment '{'/'.join(segments)}'.")
        self.throttle.count(caller.app.id, self.clock.now())
        person = self.tenant.find(parse_guid(person_id))
        if not rest:
            require_method(request, "GET")
            return self._presence(caller, person, version, entity_set)
        action = ACTIONS.get(rest[0])
        if len(rest) > 1 or action is None or (action.location and not self.deployment.complete):
            raise bad_request(f"Resource not found for the segment '{rest[0]}'.")
        require_method(request, "POST")
        permissions = WRITE_LOCATION if action.location else WRITE_PRESENCE
        if caller.person and caller.permissions & permissions.own and person is not caller.person:
            # Microsoft's tracker reports this for a delegated call: not 403.
            raise GraphError(401, "Unauthorized", "Cannot set the presence of another user.")
        check_permission(caller, permissions, person)
        found = _require(person)
        body = parse_object(parse_body(request, empty=not action.properties), action.properties)
        self.reads.before_write(found)
        action.act(caller, found, body)
        return GraphResponse()

    def _presence(
        self, caller: Caller, person: Person | None, version: str, entity_set: str
    ) -> GraphResponse:
        check_permission(caller, READ_PRESENCE, person)
        found = _require(person)
        body = self.reads.read(found, own=found is caller.person, complete=self.deployment.complete)
        if entity_set and self.presences_as_collection:
            return GraphResponse(body=self._context(version, entity_set) | {"value": [body]})
        name = entity_set or f"users('{found.id}')/presence"
        return GraphResponse(body=self._context(version, f"{name}/$entity") | body)

    def _presences(self, request: GraphRequest, caller: Caller, version: str) -> GraphResponse:
        require_method(request, "POST")
        self.throttle.count(caller.app.id, self.clock.now())
        check_permission(caller, READ_PRESENCES, None)
        ids = parse_object(parse_body(request), {"ids": Property(_ids)})["ids"]
        assert isinstance(ids, list)  # noqa: S101
        people = self.tenant.find_all(ids)
        value = [
            self.reads.read(person, own=False, complete=self.deployment.complete)
            for person in people
        ]
        context = self._context(version, "Collection(microsoft.graph.presence)")
        return GraphResponse(body=context | {"value": value})

    def _profile(
        self,
        request: GraphRequest,
        caller: Caller,
        person: Person | None,
        version: str,
        query: dict[str, str],
    ) -> GraphResponse:
        require_method(request, "GET")
        check_options(query, frozenset({"$select"}))
        check_permission(caller, READ_PROFILE, person, "Authorization_RequestDenied")
        if person is None:
            raise GraphError(404, "Request_ResourceNotFound", "The resource does not exist.")
        body = select_properties(profile_json(person), query)
        names = f"({','.join(selected(query))})" if selected(query) else ""
        return GraphResponse(body=self._context(version, f"users{names}/$entity") | body)

    def _user(self, name: str) -> Person | None:
        return self.tenant.find_by_name(name) if "@" in name else self.tenant.find(name)

    def _find_people(
        self, request: GraphRequest, caller: Caller, query: Mapping[str, str]
    ) -> list[Json]:
        check_permission(caller, READ_PROFILES, None, "Authorization_RequestDenied")
        if caller.person and caller.person.guest:
            raise GraphError(403, "Authorization_RequestDenied", "Guests can't list users.")
        eventual = request.header("ConsistencyLevel").lower() == "eventual"
        people = [profile_json(person) for person in self.tenant.people.values()]
        return search_people(people, query, eventual=eventual)

    def _users(self, people: list[Json], version: str, query: dict[str, str]) -> GraphResponse:
        start, size = parse_paging(query)
        names = f"({','.join(selected(query))})" if selected(query) else ""
        body: Json = self._context(version, f"users{names}")
        if query.get("$count") == "true" and not start:
            body["@odata.count"] = len(people)
        if start + size < len(people):
            more = urlencode(query | {"$skiptoken": str(start + size)})
            body["@odata.nextLink"] = f"{self.deployment.tls_url}/{version}/users?{more}"
        value = [select_properties(person, query) for person in people[start : start + size]]
        return GraphResponse(body=body | {"value": value})

    def _context(self, version: str, resource: str) -> Json:
        return {"@odata.context": f"{self.deployment.tls_url}/{version}/$metadata#{resource}"}


def _canonical(segment: str) -> str:
    """Return a resource or action in the case of the metadata; Graph ignores the case."""
    return _SEGMENTS.get(segment.lower(), segment)


def _user_info(request: GraphRequest, caller: Caller, deployment: Deployment) -> GraphResponse:
    """Serialize the claims of OpenID Connect, as their scopes allow."""
    if request.method != "POST":
        require_method(request, "GET")
    if caller.person is None or "openid" not in caller.permissions:
        raise GraphError(403, "Forbidden", "The scope 'openid' is required.")
    claims: Json = {"sub": subject(caller.app, caller.person)}
    profile = profile_json(caller.person)
    if "profile" in caller.permissions:
        claims |= {
            "name": profile["displayName"],
            "family_name": profile["surname"] or "",
            "given_name": profile["givenName"],
            "picture": f"{deployment.tls_url}/v1.0/me/photo/$value",
        }
    if "email" in caller.permissions:
        claims["email"] = profile["mail"]
    return GraphResponse(body=claims)


def _me(caller: Caller) -> Person:
    if caller.person is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return caller.person


def _require(person: Person | None) -> Person:
    if person is None:
        raise GraphError(404, "NotFound", "The user was not found.")
    return person


def _ids(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise bad_request("A list of ids is expected.")
    if len(value) > PEOPLE_LIMIT:
        raise bad_request(f"There are more than {PEOPLE_LIMIT} ids.")
    return list(dict.fromkeys(parse_guid(item) for item in value))
