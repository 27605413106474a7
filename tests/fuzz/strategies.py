"""What Graph might say: its own words and shapes, and anything else in their places."""

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
ANYTHING: Final = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


def _or_anything(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what is expected four times out of five, and anything else otherwise."""
    return st.one_of(strategy, strategy, strategy, strategy, ANYTHING)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return an object of which any member may be missing, or be anything."""
    optional: dict[str, Any] = {name: _or_anything(member) for name, member in members.items()}
    return _or_anything(st.fixed_dictionaries({}, optional=optional))


_WORDS: Final = st.sampled_from(
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
_MOMENTS: Final = st.sampled_from(
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
    availability=_WORDS,
    activity=_WORDS,
    outOfOfficeSettings=_object(isOutOfOffice=st.booleans(), message=_TEXTS),
    statusMessage=_object(
        message=_object(content=_LONG, contentType=st.just("text")),
        expiryDateTime=_object(dateTime=_MOMENTS, timeZone=_ZONES),
        publishedDateTime=_MOMENTS,
    ),
    workLocation=_object(
        workLocationType=st.sampled_from(["office", "remote", "timeOff", "unspecified"])
    ),
    sequenceNumber=_TEXTS,
)
PEOPLE: Final = _object(id=_IDS, displayName=_LONG, mail=_TEXTS, userPrincipalName=_TEXTS)
_COLLECTIONS: Final = _object(value=st.lists(st.one_of(PRESENCES, PEOPLE), max_size=3))
_ERRORS: Final = _object(error=_object(code=_TEXTS, message=_TEXTS))
ANSWERS_OF_GRAPH: Final = st.one_of(PRESENCES, PRESENCES, PEOPLE, _COLLECTIONS, _ERRORS)

BATCHES: Final = st.lists(ANSWERS_OF_GRAPH, min_size=BATCH, max_size=BATCH)
"""Answers as JSON has them."""
BODIES: Final = st.lists(
    st.one_of(
        ANSWERS_OF_GRAPH.map(orjson.dumps),
        # Half an answer, and no answer at all.
        st.builds(
            lambda data, end: orjson.dumps(data)[:end], ANSWERS_OF_GRAPH, st.integers(0, 200)
        ),
        st.binary(max_size=200),
    ),
    min_size=BATCH,
    max_size=BATCH,
)
"""Answers byte for byte."""
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
