"""Faults, situations in which they occur, and expected results."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
import gzip
from itertools import product
from typing import Any, Final, Unpack

from simulator.faults import Options
from simulator.tenant import TENANT_ID

from .accidents import (
    HOUR,
    MESSAGE,
    WITH_SECRET,
    CanceledAction,
    ChangedReads,
    DamagedStore,
    OneThrottledEndpoint,
    SignedOut,
    WrongClock,
)
from .scenes import Ask, Read, Scene, SignIn, Start, Trouble, Write
from .stage import TIMING_OUT, Stage
from .words import number_of, told

# One of each kind, for `.ci/run`.
SAMPLE: Final = frozenset(
    {
        "Reading one's own presence: 429 with Retry-After as a date",
        "Reading one's own presence: a body of 20 MB",
        "Reading one's own presence: no response",
        "Reading one's own presence: name not found (DNS)",
        "Reading colleagues: connection reset within the body",
        "Refreshing the token: 503 with Retry-After in seconds",
        "Refreshing the token: applied, response lost",
        "Setting a message: applied, response lost",
        "Setting a message: 403",
        "Searching the directory: connection refused",
        "Signing in, redeeming the code: half a body",
        "Starting, first read: name not found (DNS)",
        "Sign-in: password changed",
        "Clock: Home Assistant's set back by five hours",
        "Reading a message: messages are escaped",
        "Reading one's own presence: an id and no presence",
    }
)
STATUSES: Final = (400, 401, 403, 404, 408, 409, 410, 429, 500, 502, 503, 504)

STRANGE: Final[dict[str, Options]] = {
    "connection closed without a response": {"loss": "close"},
    "connection reset within the body": {"loss": "reset"},
    "no response": {"loss": "hang"},
    "a response that stops within its body": {"loss": "stall"},
    "an empty body": {"body": "empty"},
    "an HTML page as the body": {"body": "html"},
    "half a body": {"body": "truncated"},
    "a body of another type": {"body": "wrong_type"},
    "a body that is null": {"body": "null"},
    "a body nested 200,000 deep": {"body": "deep"},
    "a body that is not Unicode": {"body": "not_unicode"},
    "a body of 20 MB": {"body": "huge"},
    "a response of one byte at a time": {"loss": "drip"},
    "20 MB compressed to 20 kB": {
        "content": gzip.compress(b" " * 20_000_000),
        "headers": {"Content-Encoding": "gzip"},
    },
    "a redirect to another host": {
        "status": 307,
        "headers": {"Location": "https://elsewhere.test/"},
        "content": b"{}",
    },
}
_ME: Final = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
_ALEX: Final = "66825e03-7ef5-42da-9069-724602c31f6b"
NO_PRESENCE: Final[dict[str, Options]] = {
    "an id and no presence": {"body": "no_presence"},
    "an id and an empty list": {"json": {"id": _ME, "value": []}},
    "availability and activity null": {"json": {"id": _ME, "availability": None, "activity": None}},
    "an error object with status 200": {"json": {"error": {"code": "UnknownError", "message": ""}}},
}
NETWORKS: Final = {
    "connection refused": "refused",
    "connection timed out": "unanswered",
    "TLS handshake timed out": "silent",
    "connection closed before TLS": "cut",
    "a web server without TLS": "portal",
    "a certificate of an unknown authority": "stranger",
    "an expired certificate": "expired",
    "a certificate for another name": "other name",
    "name not found (DNS)": "no name",
}

READ: Final = (
    Read("Reading one's own presence", "GET /v1.0/me/presence"),
    Read("Reading colleagues", "POST */getPresencesByUserId", who="alex"),
    Read("Refreshing the token", "token", expire=True),
    Read("Discovery before a refresh", "discovery", expire=True),
)
_MESSAGE: Final = ("set_status_message", {"message": "Back at three"})
_BUSY: Final = ("set_preferred_presence", {"availability": "busy"})
_AWAY: Final = ("set_presence", {"activity": "away"})
_REMOTE: Final = ("set_work_location", {"location": "remote"})
WRITE: Final = (
    Write(
        "Setting a message",
        "POST *setStatusMessage",
        *_MESSAGE,
        lambda robin: (
            robin.status_message is not None and robin.status_message.content == "Back at three"
        ),
    ),
    Write(
        "Clearing a message",
        "POST *setStatusMessage",
        "clear_status_message",
        {},
        lambda robin: robin.status_message is None,
        before=_MESSAGE,
    ),
    Write(
        "Setting a preference",
        "POST *setUserPreferredPresence",
        *_BUSY,
        lambda robin: (
            robin.preference is not None and robin.preference.state.availability == "Busy"
        ),
    ),
    Write(
        "Clearing a preference",
        "POST *clearUserPreferredPresence",
        "clear_preferred_presence",
        {},
        lambda robin: robin.preference is None,
        before=_BUSY,
    ),
    Write("Setting a session", "POST *setPresence", *_AWAY, lambda robin: bool(robin.sessions)),
    Write(
        "Clearing a session",
        "POST *clearPresence",
        "clear_presence",
        {},
        lambda robin: not robin.sessions,
        before=_AWAY,
    ),
    Write(
        "Setting a work location",
        "POST *setManualLocation",
        *_REMOTE,
        lambda robin: robin.work_location is not None,
    ),
    Write(
        "Clearing a work location",
        "POST *clearLocation",
        "clear_work_location",
        {},
        lambda robin: robin.work_location is None,
        before=_REMOTE,
    ),
)
ASK: Final = (
    Ask("Looking up a person by email address", "GET /v1.0/users/*", "alex@contoso.example"),
    Ask("Searching the directory", "GET /v1.0/users"),
)
SIGN_IN: Final = (
    SignIn("Signing in, discovery", "discovery"),
    SignIn("Signing in, redeeming the code", "token"),
    SignIn("Signing in, first read", "GET /v1.0/me/presence"),
    SignIn("Signing in, requesting a device code", "devicecode", "device_code"),
)
START: Final = (
    Start("Starting, first read", "GET /v1.0/me/presence"),
    Start("Starting, refreshing the token", "token", expire=True),
)


@dataclass(frozen=True)
class Row:
    """One fault in one scene."""

    where: str
    fault: str
    play: Callable[[Stage], Awaitable[str]]
    expected: str
    sample: bool = False
    """Whether it is run with the other tests."""

    @property
    def name(self) -> str:
        """Return its name in the table."""
        return f"{self.where}: {self.fault}"


# Expected results, from the design and not from a run.

_REFUSED: Final = frozenset({400, 404, 409, 410})
_NETWORK_LOST: Final = "connection closed without a response"
"""aiohttp repeats a GET if a reused connection was closed."""


def _status(trouble: Trouble) -> int:
    """Return the status of a bad response, or 0."""
    return (trouble.response or {}).get("status", 0)


def _reason(trouble: Trouble) -> str:
    """Return the translation key of a Graph error."""
    reasons = {401: "token_refused", 403: "not_permitted", 429: "throttled"}
    reasons |= dict.fromkeys(_REFUSED, "refused")
    return reasons.get(_status(trouble), "graph_unavailable")


def _asks(trouble: Trouble, *, expire: bool) -> str | None:
    """Return the request for a sign-in, if the response rejects it."""
    rejected = {401, 403} | (_REFUSED if expire else set())
    return "reauthentication requested" if _status(trouble) in rejected else None


def _requests(number: int, trouble: Trouble, *, get: bool) -> str | None:
    """Return the number of requests, with those after a token refresh and by aiohttp."""
    if trouble.response is None:
        return None
    twice = _status(trouble) == 401 or (get and trouble.name == _NETWORK_LOST)
    return number_of(number * (2 if twice else 1), "request")


def _read(scene: Read, trouble: Trouble) -> str:
    """Expect data to be kept for a minute past due."""
    if trouble.times == 1:
        return told("up to date", "1 request", "nothing logged")
    is_me = scene is READ[0]
    # These may be about the colleague's id.
    silent = scene is READ[1] and _status(trouble) in {400, 404}
    asks = _asks(trouble, expire=scene.expire) if is_me or scene.expire else None
    sees_token = trouble if not scene.expire else Trouble(name=trouble.name, response={})
    requests = None if trouble.response is None else _requests(3, sees_token, get=is_me)
    if scene.expire:
        requests = "3 requests"
    if _status(trouble) == 401 and not scene.expire:
        # Again with a new token, but not with a rejected one.
        requests = "4 requests"
    # That minute has two polls half a minute apart, or one that waits or takes long.
    is_slow = trouble.wait or trouble.network in _SLOW or trouble.name in _SLOW
    shown = f"kept for {number_of(1 if is_slow else 2, 'poll')}, then unavailable"
    log = "nothing logged" if silent else "log: 1 failed, 1 recovered"
    if _status(trouble) == 429 and not scene.expire and (not is_me or not trouble.wait):
        # The interval doubles with each, so no data is overdue before the last.
        shown = "kept"
        overdue = is_me or trouble.wait
        log = "log: 0 failed, 2 recovered" if overdue else "nothing logged"
    return told(shown, requests, asks, "back at the next poll", log)


# Requests that time out, or that begin with a wait.
_SLOW: Final = frozenset(
    {
        *TIMING_OUT,
        "no name",
        "no response",
        "a response that stops within its body",
        "a response of one byte at a time",
    }
)


def _write(scene: Write, trouble: Trouble) -> str:
    """Expect three requests if that may help, else one, and an error."""
    # Three timeouts last longer than data is kept.
    is_long = trouble.network in TIMING_OUT
    quiet = "log: 1 failed, 1 recovered" if is_long else "nothing logged"
    if scene.action == "clear_presence" and _status(trouble) == 404:
        # Graph's status if there is no session.
        return told("done", "1 request", "Teams does not have it", "then it works", quiet)
    if trouble.name in _DONE_BODIES:
        return told("done", "1 request", "Teams has it", "then it works", quiet)
    reason = _reason(trouble)
    waits = "retry_after" in (trouble.response or {})
    times = 3 if reason == "graph_unavailable" and not waits else 1
    return told(
        f"rejected ({reason})",
        _requests(times, trouble, get=False),
        "Teams does not have it",
        "then it works",
        quiet,
    )


def _ask(scene: Ask, trouble: Trouble) -> str:
    """Expect one request, and a person or an error."""
    quiet = "nothing logged"
    requests = _requests(1, trouble, get=True)
    if scene.name and _status(trouble) in {400, 404}:
        # No such user principal name, so the mail addresses are searched.
        return told("found", requests, "then it works", quiet)
    return told(f"rejected ({_reason(trouble)})", requests, "then it works", quiet)


def _sign_in(scene: SignIn, trouble: Trouble) -> str:
    """Expect an error in the form and success afterwards."""
    status = _status(trouble)
    if scene.match.startswith("GET"):
        reason = {401: "wrong_cloud", 403: "no_presence"} | dict.fromkeys(_REFUSED, "no_presence")
        said = reason.get(status, "graph_unavailable")
    elif 300 <= status < 400:
        said = "unexpected_answer"
    elif status in {408, 429} or status >= 500:
        said = "microsoft_unavailable"
    elif status:
        said = "sign_in_failed"
    else:
        is_lost = trouble.network or "loss" in (trouble.response or {})
        said = "cannot_connect" if is_lost else "unexpected_answer"
    requests = "1 request" if trouble.response else None
    if scene.match.startswith("GET"):
        # The token is new, so a rejected one is not replaced.
        requests = "1 request" if status == 401 else _requests(1, trouble, get=True)
    return told(f"form error: {said}", requests, "then it works", "nothing logged")


def _start(scene: Start, trouble: Trouble) -> str:
    """Expect the setup to be retried until it succeeds."""
    requests = _requests(1, trouble, get=True)
    asks = _asks(trouble, expire=scene.expire)
    if scene.expire:
        requests = "1 request"
    return told("setup retry", requests, asks, "up to date by itself", "nothing logged")


def _expected(scene: Scene, trouble: Trouble) -> str:
    match scene:
        case Read():
            return _read(scene, trouble)
        case Write():
            return _write(scene, trouble)
        case Ask():
            return _ask(scene, trouble)
        case SignIn():
            return _sign_in(scene, trouble)
        case Start():
            return _start(scene, trouble)


def _rows(scenes: Iterable[Scene], troubles: Iterable[Trouble]) -> Iterator[Row]:
    for scene, trouble in product(scenes, troubles):
        yield _row(scene, trouble, _expected(scene, trouble))


def _row(scene: Scene, trouble: Trouble, expected: str) -> Row:
    async def play(stage: Stage) -> str:
        return await scene.play(stage, trouble)

    return Row(scene.title, trouble.name, play, expected)


def _statuses() -> Iterator[Trouble]:
    for status in STATUSES:
        yield Trouble(name=f"{status}", response={"status": status})
        if status in {429, 503}:
            yield Trouble(
                name=f"{status} with Retry-After in seconds",
                response={"status": status, "retry_after": 40},
            )
            yield Trouble(
                name=f"{status} with Retry-After as a date",
                response={"status": status, "retry_after": timedelta(seconds=40)},
            )


_STATUSES: Final = tuple(_statuses())
_STRANGE: Final = tuple(Trouble(name=name, response=response) for name, response in STRANGE.items())
_NO_PRESENCE: Final = tuple(
    Trouble(name=name, response=response) for name, response in NO_PRESENCE.items()
)
_NETWORKS: Final = tuple(Trouble(name=name, network=network) for name, network in NETWORKS.items())
# A write with a good status has been applied, except for a page of a proxy and an endless body.
_DONE_BODIES: Final = frozenset(
    name
    for name, response in STRANGE.items()
    if "body" in response and response["body"] not in {"html", "huge"}
)
_STRANGE_TO_WRITES: Final = tuple(
    replace(trouble, response={**(trouble.response or {}), "applied": True})
    if trouble.name in _DONE_BODIES
    else trouble
    for trouble in _STRANGE
)


def _once(name: str, **response: Unpack[Options]) -> Trouble:
    return Trouble(name=name, response=response, times=1)


_DONE: Final = "Teams has it; then it works; nothing logged"
_ONCE: Final = (
    (_once("503, once", status=503), f"done; 2 requests; {_DONE}"),
    (
        _once("429 with Retry-After: 3, once", status=429, retry_after=3),
        f"done; 2 requests; {_DONE}",
    ),
    (_once("401, once", status=401), f"done; 2 requests; {_DONE}"),
    (
        _once("a continuous-access-evaluation challenge", claims="e30="),
        f"done; 2 requests; {_DONE}",
    ),
    (_once("applied, response lost", loss="close", applied=True), f"done; 2 requests; {_DONE}"),
    (_once("applied, no response", loss="hang", applied=True), f"done; 2 requests; {_DONE}"),
    (_once("applied, response 504", status=504, applied=True), f"done; 2 requests; {_DONE}"),
)
_PREFERENCE: Final = "select.robin_example_preferred_presence"
_FRESH: Final = "up to date at the next poll; Teams has the message; nothing logged"
# A new sign-in starts without a logged failure, so there is no recovery.
_AGAIN: Final = (
    "reauthentication requested; up to date after signing in; log: 1 failed, 0 recovered"
)


def _accidents() -> Iterator[Row]:
    """Return faults outside of responses."""
    yield _row(
        READ[0],
        _once("a continuous-access-evaluation challenge", claims="e30="),
        "up to date; 1 request; nothing logged",
    )
    yield _row(
        READ[2],
        _once("applied, response lost", loss="close", applied=True),
        "kept for 1 poll, then up to date; 1 request; nothing logged",
    )
    signed_out: dict[str, tuple[SignedOut, str]] = {
        "revoked": (
            SignedOut(lambda stage: stage.simulator.revoke("robin")),
            f"up to date while the token lasts; then unavailable; {_AGAIN}",
        ),
        "password changed": (
            SignedOut(lambda stage: stage.simulator.change_password("robin")),
            f"up to date while the token lasts; then unavailable; {_AGAIN}",
        ),
        "password changed, app with a secret": (
            SignedOut(lambda stage: stage.simulator.change_password("robin"), WITH_SECRET),
            "up to date while the token lasts; then up to date; nothing logged",
        ),
    }
    for name, (signing_out, expected) in signed_out.items():
        yield Row("Sign-in", name, signing_out.play, expected)
    clocks = {
        "Microsoft's five minutes ahead": WrongClock(before=300),
        "Microsoft's five minutes behind": WrongClock(before=-300),
        "Home Assistant's set back by three hours": WrongClock(during=3 * HOUR),
        "Microsoft's five hours ahead": WrongClock(before=5 * HOUR),
        "Microsoft's five hours behind": WrongClock(before=-5 * HOUR),
        "Home Assistant's set back by five hours": WrongClock(during=5 * HOUR),
        "Home Assistant's set forward by five hours": WrongClock(during=-5 * HOUR, asleep=5 * HOUR),
        "suspended for five hours": WrongClock(asleep=5 * HOUR),
    }
    for name, clock in clocks.items():
        yield Row("Clock", name, clock.play, _FRESH)
    yield from _no_accidents()
    yield from _reads()
    for name, damage in _DAMAGES.items():
        yield Row(
            "Stored preference",
            name,
            DamagedStore(damage).play,
            "loaded; up to date; then it works; log: 1 failed, 0 recovered",
        )
    for write, entity_id, shown in (
        (WRITE[0], MESSAGE, "Back at three"),
        (WRITE[1], MESSAGE, ""),
        (WRITE[2], _PREFERENCE, "busy"),
        (WRITE[3], _PREFERENCE, "automatic"),
        (WRITE[6], "sensor.robin_example_work_location", "remote"),
    ):
        yield Row(
            "Script stopped during an action",
            write.title[0].lower() + write.title[1:],
            CanceledAction(write, entity_id, shown).play,
            "1 request; Teams has it; shown; still shown after polls; nothing logged",
        )
    for name, endpoint, expected in (
        ("one's own presence", OneThrottledEndpoint(READ[0].match, "alex"), ""),
        ("colleagues", OneThrottledEndpoint(READ[1].match, "robin"), ""),
        (
            "setting a message",
            OneThrottledEndpoint(WRITE[0].match, "robin", _MESSAGE),
            "rejected (throttled); rejected (throttled); ",
        ),
    ):
        last = "done; " if endpoint.action else ""
        yield Row(
            "429 with Retry-After from one endpoint, then a reload",
            name,
            endpoint.play,
            f"{expected}0 requests before Retry-After ends; the other endpoint: up to date; "
            f"{last}then requests again; nothing logged",
        )
    foreign = Trouble(name="a document with URLs of another host", response={"json": _FOREIGN})
    for scene in (READ[3], SIGN_IN[0]):
        yield _row(scene, foreign, _expected(scene, foreign))
    for hours in (-5, 5):
        apart = replace(READ[0], ahead=hours * HOUR)
        for trouble in _STATUSES:
            if isinstance((trouble.response or {}).get("retry_after"), timedelta):
                name = f"{trouble.name}, Microsoft's clock five hours {'ahead' if hours > 0 else 'behind'}"
                yield _row(apart, replace(trouble, name=name), _read(READ[0], trouble))


_FOREIGN: Final = {
    "issuer": f"https://elsewhere.test/{TENANT_ID}/v2.0",
    **{
        f"{name}_endpoint": f"https://elsewhere.test/{TENANT_ID}/oauth2/v2.0/{name}"
        for name in ("authorization", "token", "device_authorization")
    },
}


_DAMAGES: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "an unknown value": lambda stored: stored.update(availability="levitating"),
    "a member of another type": lambda stored: stored.update(availability=7),
    "a missing member": dict.clear,
    "a time without a zone": lambda stored: stored.update(
        {name: "2026-11-24T09:00:00" for name in stored if name.endswith("_at")}
    ),
    "a list for an object": lambda stored: [stored],
    "a text for an object": lambda stored: "preferences",
    "null for people": lambda stored: {"preferences": None, "sessions": None},
    "a list for people": lambda stored: {"preferences": [stored], "sessions": {}},
}


_SHOWN: Final = "done; shown, then not shown; no more reads than usual; nothing logged"
_LATE: Final = (
    "done; shown, then not shown, then shown, then not shown; no more reads than usual; "
    "log: 1 failed, 0 recovered"
)


def _reads() -> Iterator[Row]:
    """Return reads that differ from the written message."""
    for name, reads, expected in (
        ("shown 30 seconds late", ChangedReads(lag=30), _SHOWN),
        ("shown 80 seconds late", ChangedReads(lag=80), _LATE),
        ("ended messages linger for an hour", ChangedReads(message_lingers=HOUR), _SHOWN),
        ("messages are escaped", ChangedReads(sanitizes=True), _SHOWN),
        ("Microsoft's clock five minutes behind", ChangedReads(ahead=-300), _SHOWN),
        (
            # By Microsoft's clock the message has already expired.
            "Microsoft's clock five minutes ahead",
            ChangedReads(ahead=300),
            _SHOWN.replace("nothing logged", "log: 1 failed, 0 recovered"),
        ),
        (
            "late, escaped and lingering",
            ChangedReads(lag=30, message_lingers=HOUR, sanitizes=True),
            _SHOWN,
        ),
    ):
        yield Row("Reading a message", name, reads.play, expected)
    colleague = Trouble(
        name="a colleague with an id and no presence", response={"json": {"value": [{"id": _ALEX}]}}
    )
    missing = _read(READ[1], Trouble(name="missing", response={"status": 404}))
    yield _row(READ[1], colleague, missing)


def _no_accidents() -> Iterator[Row]:
    """Return unusual networks in which everything works."""
    for name, network in {
        "eight unreachable addresses first": "dead addresses",
        "a proxy with a password in the environment": "proxy",
    }.items():
        trouble = Trouble(name=name, network=network)
        for scene in (READ[0], READ[2]):
            yield _row(scene, trouble, "up to date; nothing logged")
        yield _row(SIGN_IN[0], trouble, "create_entry; then it works; nothing logged")


_ALL: Final = (
    *_rows((*READ, *WRITE, *ASK, *SIGN_IN, *START), _STATUSES),
    *_rows((*READ[:3], ASK[0], *SIGN_IN[1:3], START[0]), _STRANGE),
    *_rows((READ[0], SIGN_IN[2], START[0]), _NO_PRESENCE),
    *_rows(WRITE[:1], _STRANGE_TO_WRITES),
    *_rows((READ[0], WRITE[0], ASK[1], SIGN_IN[0], START[0]), _NETWORKS),
    *(_row(scene, trouble, expected) for scene in WRITE[:1] for trouble, expected in _ONCE),
    *_accidents(),
)
ROWS: Final = tuple(
    replace(row, sample=row.name in SAMPLE)
    for row in sorted(
        _ALL, key=lambda row: list(dict.fromkeys(r.where for r in _ALL)).index(row.where)
    )
)
