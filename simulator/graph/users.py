"""The `user` resource: profiles, search and paging."""

from collections.abc import Mapping, Set
import json
import re
from typing import Final
from urllib.parse import parse_qsl

from simulator.tenant import Person
from simulator.wire import Json

from .errors import GraphError, bad_request

_SEARCH: Final = re.compile(r'"(\w+):((?:[^"\\]|\\["\\])*)"(?:\s+(OR|AND)\s+|$)')
_TEXT: Final = r"'(?:[^']|'')*'"
_FILTER: Final = re.compile(
    rf"(?:(?P<function>startswith|endswith)\((?P<argument>\w+),\s*(?P<part>{_TEXT})\)"
    rf"|(?P<name>\w+)\s+(?:eq\s+(?P<value>{_TEXT}|null|true|false)|in\s*\((?P<values>{_TEXT}(?:,\s*{_TEXT})*)\)))"
    r"(?:\s+(?P<joint>or|and)\s+(?=\S)|$)",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(r"(displayName|userPrincipalName)(?: +(asc|desc))?")
_LIST_OPTIONS: Final = frozenset(
    {"$search", "$filter", "$top", "$select", "$count", "$orderby", "$skiptoken"}
)
# Properties that are always null; others are not simulated.
_UNSET: Final = (
    *("city", "companyName", "country", "department", "employeeId", "postalCode", "state"),
    *("streetAddress", "usageLocation"),
)
_ONLY_IF_SELECTED: Final = frozenset({"accountEnabled", "userType", *_UNSET})
_SEARCHABLE: Final = frozenset({"displayName", "mail", "userPrincipalName", "givenName", "surname"})
_FILTERABLE: Final = _SEARCHABLE | _ONLY_IF_SELECTED | {"id", "jobTitle", "officeLocation"}


def profile_json(person: Person) -> Json:
    """Serialize all properties of a profile."""
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
        "accountEnabled": person.enabled,
        "userType": "Guest" if person.guest else "Member",
        **dict.fromkeys(_UNSET),
    }


def search_people(people: list[Json], query: Mapping[str, str], *, eventual: bool) -> list[Json]:
    """Apply $search, $filter and $orderby.

    The page "Advanced query capabilities" lists what needs ConsistencyLevel, and $count.
    """
    if ("$search" in query or "$count" in query) and not eventual:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "This query needs the header ConsistencyLevel: eventual.",
        )
    advanced = eventual and query.get("$count") == "true"
    if {"$filter", "$orderby"} <= query.keys() and not advanced:
        raise GraphError(
            400, "Request_UnsupportedQuery", "Sorting is not supported for the current query."
        )
    check_options(query, _LIST_OPTIONS)
    order = _ORDER.fullmatch(query.get("$orderby", "displayName"))
    if order is None:
        raise GraphError(400, "Request_UnsupportedQuery", "This can't be ordered by.")
    if "$search" in query:
        # A known issue of Graph: neither is understood there, even in percent encoding.
        if not {"&", "#"}.isdisjoint(query["$search"]):
            raise GraphError(
                400, "Request_BadRequest", "Unrecognized query argument specified: ''."
            )
        clauses = _clauses(_SEARCH, query["$search"])
        if not {clause[1] for clause in clauses} <= _SEARCHABLE:
            raise _unsupported(query["$search"])
        joined = all if any(clause[3] == "AND" for clause in clauses) else any
        people = [
            person for person in people if joined(_contains(person, clause) for clause in clauses)
        ]
    if "$filter" in query:
        people = _filter(people, query["$filter"], advanced=advanced)
    return sorted(
        people, key=lambda person: str(person[order[1]]).lower(), reverse=order[2] == "desc"
    )


def _clauses(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    clauses = list(pattern.finditer(text))
    if not clauses or "".join(clause[0] for clause in clauses) != text:
        raise _unsupported(text)
    return clauses


def _unsupported(text: str) -> GraphError:
    return GraphError(400, "Request_BadRequest", f"The query '{text}' is not supported.")


def _filter(people: list[Json], text: str, *, advanced: bool) -> list[Json]:
    """Apply eq, in, startswith and endswith, joined by and, then by or."""
    alternatives: list[list[re.Match[str]]] = [[]]
    for clause in _clauses(_FILTER, text):
        if (clause["argument"] or clause["name"]) not in _FILTERABLE:
            raise _unsupported(text)
        if (clause["function"] or "").lower() == "endswith" and not advanced:
            raise GraphError(
                400, "Request_UnsupportedQuery", "endswith needs ConsistencyLevel and $count."
            )
        alternatives[-1].append(clause)
        if (clause["joint"] or "").lower() == "or":
            alternatives.append([])
    return [
        person
        for person in people
        if any(all(_matches(person, clause) for clause in group) for group in alternatives)
    ]


def _matches(person: Json, clause: re.Match[str]) -> bool:
    value = person[clause["argument"] or clause["name"]]
    if clause["function"]:
        text = "" if value is None else str(value).lower()
        part = clause["part"][1:-1].replace("''", "'").lower()
        starts = clause["function"].lower() == "startswith"
        return text.startswith(part) if starts else text.endswith(part)
    literals = re.findall(_TEXT, clause["values"] or "") or [clause["value"]]
    return _literal(value) in {literal.lower() for literal in literals}


def _literal(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    quoted = str(value).replace("'", "''").lower()
    return f"'{quoted}'"


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
        if (name, value.lower()) == ("$format", "json"):
            continue
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
        return {name: value for name, value in person.items() if name not in _ONLY_IF_SELECTED}
    known = {name.lower(): name for name in person}
    for name in names:
        if name.lower() not in known:
            raise bad_request(
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.user'."
            )
    found = {name: known[name.lower()] for name in names}
    return {name: person[name] for name in found.values()}
