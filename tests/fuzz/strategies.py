"""Strategies for Graph responses, both valid and invalid."""

from typing import Any, Final

from hypothesis import strategies as st
import orjson

from .conftest import BATCH

_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXTS,
)
ANY_JSON: Final = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


def _or_any_json(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy with one invalid value in five."""
    return st.one_of(strategy, strategy, strategy, strategy, ANY_JSON)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects with missing or invalid members."""
    optional: dict[str, Any] = {name: _or_any_json(member) for name, member in members.items()}
    return _or_any_json(st.fixed_dictionaries({}, optional=optional))


_VALUES: Final = st.sampled_from(
    [
        "Available",
        "availableIdle",
        "AWAY",
        "BeRightBack",
        "busy",
        "DoNotDisturb",
        "focusing",
        "inACall",
        "InAMeeting",
        "Offline",
        "OffWork",
        "OutOfOffice",
        "Presenting",
        "PresenceUnknown",
        "",
        "Levitating",
    ]
)
_DATES: Final = st.sampled_from(
    [
        "2026-11-21T09:00:00.0000000",
        "2026-11-21T09:00:00Z",
        "9999-12-30T23:00:00.0000000",
        "9998-12-31T23:59:59.9999999",
        "0001-01-01T00:00:00",
        "2026-02-30T00:00:00",
        "2026-11-21",
        "T",
    ]
)
_ZONES: Final = st.sampled_from(
    [
        "UTC",
        "Pacific Standard Time",
        "Europe/Amsterdam",
        "tzone://Microsoft/Custom",
        "../passwd",
        "",
    ]
)
_IDS: Final = st.sampled_from(
    ["fa8bf3dc-eca7-46b7-bad1-db199b62afc3", "FA8BF3DC-ECA7-46B7-BAD1-DB199B62AFC3", ""]
)
_LONG: Final = st.builds(lambda text, times: text * times, _TEXTS, st.integers(0, 200))
PRESENCES: Final = _object(
    id=_IDS,
    availability=_VALUES,
    activity=_VALUES,
    outOfOfficeSettings=_object(isOutOfOffice=st.booleans(), message=_TEXTS),
    statusMessage=_object(
        message=_object(content=_LONG, contentType=st.just("text")),
        expiryDateTime=_object(dateTime=_DATES, timeZone=_ZONES),
        publishedDateTime=_DATES,
    ),
    workLocation=_object(
        workLocationType=st.sampled_from(["office", "remote", "timeOff", "unspecified"])
    ),
    sequenceNumber=_TEXTS,
)
PEOPLE: Final = _object(id=_IDS, displayName=_LONG, mail=_TEXTS, userPrincipalName=_TEXTS)
_COLLECTIONS: Final = _object(value=st.lists(st.one_of(PRESENCES, PEOPLE), max_size=3))
_ERRORS: Final = _object(error=_object(code=_TEXTS, message=_TEXTS))
RESPONSES: Final = st.one_of(PRESENCES, PRESENCES, PEOPLE, _COLLECTIONS, _ERRORS)

BATCHES: Final = st.lists(RESPONSES, min_size=BATCH, max_size=BATCH)
"""Responses as parsed JSON."""
BODIES: Final = st.lists(
    st.one_of(
        RESPONSES.map(orjson.dumps),
        # A truncated response, and no JSON.
        st.builds(lambda data, end: orjson.dumps(data)[:end], RESPONSES, st.integers(0, 200)),
        st.binary(max_size=200),
    ),
    min_size=BATCH,
    max_size=BATCH,
)
"""Response bodies as bytes."""
STATUSES: Final = st.sampled_from(
    [200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503, 599]
)
HEADERS: Final = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
        for name in ("Retry-After", "Date", "request-id")
    },
)
