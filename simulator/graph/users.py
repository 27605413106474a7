"""The `user` resource: profiles, search and paging."""

from collections.abc import Mapping, Set
import re
from typing import Final
from urllib.parse import parse_qsl

from simulator.tenant import Person
from simulator.wire import Json

from .errors import GraphError, bad_request

_SEARCH: Final = re.compile(r'"(\w+):((?:[^"\\]|\\["\\])*)"(?:\s+(OR|AND)\s+|$)')
_FILTER: Final = re.compile(r"startswith\((\w+),\s*'((?:[^']|'')*)'\)(?:\s+or\s+|$)", re.IGNORECASE)
_LIST_OPTIONS: Final = frozenset(
    {"$search", "$filter", "$top", "$select", "$count", "$orderby", "$skiptoken"}
)
# Properties of a user that are only returned if selected; others are not simulated.
_ON_REQUEST: Final[Json] = {"accountEnabled": True, "companyName": None, "department": None}
_SEARCHABLE: Final = ("displayName", "mail", "userPrincipalName", "givenName", "surname")


def profile_json(person: Person) -> Json:
    """Serialize a profile."""
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


def search_people(people: list[Json], query: Mapping[str, str], *, eventual: bool) -> list[Json]:
    """Apply $search, $filter (startswith, joined by or) and $orderby=displayName.

    The page "Advanced query capabilities" lists what needs ConsistencyLevel, and $count.
    """
    if ("$search" in query or "$count" in query) and not eventual:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "This query needs the header ConsistencyLevel: eventual.",
        )
    if {"$filter", "$orderby"} <= query.keys() and not (eventual and query.get("$count") == "true"):
        raise GraphError(
            400, "Request_UnsupportedQuery", "Sorting is not supported for the current query."
        )
    check_options(query, _LIST_OPTIONS)
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
            person for person in people if joined(_contains(person, clause) for clause in clauses)
        ]
    if "$filter" in query:
        clauses = _clauses(_FILTER, query["$filter"])
        people = [
            person for person in people if any(_starts_with(person, clause) for clause in clauses)
        ]
    return sorted(people, key=lambda person: str(person["displayName"]))


def _clauses(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    clauses = list(pattern.finditer(text))
    whole = "".join(clause[0] for clause in clauses) == text
    if not clauses or not whole or any(clause[1] not in _SEARCHABLE for clause in clauses):
        raise GraphError(400, "Request_BadRequest", f"The query '{text}' is not supported.")
    return clauses


def _contains(person: Json, clause: re.Match[str]) -> bool:
    """Match words of displayName, or another property's start."""
    value = str(person[clause[1]] or "")
    sought = re.sub(r"\\(.)", r"\1", clause[2])
    if clause[1] != "displayName":
        return value.lower().startswith(sought.lower())
    words = _words(value)
    return all(any(word.startswith(part) for word in words) for part in _words(sought))


def _words(text: str) -> list[str]:
    """Split at spaces, digits, symbols and case."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word.lower() for word in re.findall(r"\d+|[^\W\d_]+|[^\w\s]|_", apart)]


def _starts_with(person: Json, clause: re.Match[str]) -> bool:
    sought = clause[2].replace("''", "'").lower()
    return str(person[clause[1]] or "").lower().startswith(sought)


def parse_paging(query: Mapping[str, str]) -> tuple[int, int]:
    """Parse $skiptoken and $top: start and length."""
    size, start = query.get("$top", "100"), query.get("$skiptoken", "0")
    for text in (size, start):
        if not re.fullmatch("[0-9]{1,9}", text):
            raise GraphError(400, "Request_BadRequest", f"'{text}' is not a number.")
    if not 1 <= int(size) <= 999:
        raise GraphError(400, "Request_BadRequest", "$top must be between 1 and 999.")
    return int(start), int(size)


def parse_options(text: str, version: str) -> dict[str, str]:
    """Parse a query; the case of OData's options does not count, nor their $ in beta."""
    query: dict[str, str] = {}
    for written, value in parse_qsl(text, keep_blank_values=True):
        option = written.lower()
        if version == "beta" and f"${option}" in _LIST_OPTIONS:
            option = f"${option}"
        name = option if option.startswith("$") else written
        if name in query and name.startswith("$"):
            raise GraphError(
                400, "Request_BadRequest", f"The query option '{written}' occurs twice."
            )
        query[name] = value
    return query


def check_options(query: Mapping[str, str], allowed: Set[str]) -> None:
    """Reject unsupported OData options; ignore other parameters."""
    # The directory was seen to reject `select` without its dollar sign, and the empty name that
    # a shell leaves of `$filter`.
    for name in query.keys() - allowed:
        if name.startswith("$") or f"${name.lower()}" in _LIST_OPTIONS or not name:
            raise GraphError(
                400, "Request_BadRequest", f"Unrecognized query argument specified: '{name}'."
            )


def selected(query: Mapping[str, str]) -> list[str]:
    """List the properties in $select."""
    return [name.strip() for name in query.get("$select", "").split(",") if name.strip()]


def select_properties(person: Json, query: Mapping[str, str]) -> Json:
    """Apply $select; without it, return the default properties."""
    if not (names := selected(query)):
        return person
    known = {name.lower(): name for name in (*person, *_ON_REQUEST)}
    for name in names:
        if name.lower() not in known:
            raise bad_request(
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.user'."
            )
    found = {name: known[name.lower()] for name in names}
    return {name: person.get(name, _ON_REQUEST.get(name)) for name in found.values()}
