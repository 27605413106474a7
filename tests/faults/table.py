"""The faults, where each strikes, and what is to be seen."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
import gzip
from itertools import product
from typing import Any, Final, Unpack

from simulator.faults import Options
from simulator.tenant import TENANT_ID

from .accidents import HOUR, WITH_SECRET, ChangedReads, DamagedStore, SignedOut, WrongClock
from .scenes import Ask, Read, Scene, SignIn, Start, Trouble, Write
from .stage import Stage
from .words import number_of, told

# One of each kind; `.ci/run` goes through these.
SAMPLE: Final = frozenset(
    {
        "Reading one's own presence: 429 with Retry-After as a date",
        "Reading one's own presence: a body of 20 MB",
        "Reading one's own presence: no answer to the request",
        "Reading one's own presence: name not found (DNS)",
        "Reading colleagues: connection reset within the body",
        "Renewing the token: 503 with Retry-After in seconds",
        "Renewing the token: the new one lost on its way",
        "Setting a message: done, the answer lost",
        "Setting a message: 403",
        "Searching the directory: connection refused",
        "Signing in, redeeming the code: half a body",
        "Starting, first look: name not found (DNS)",
        "The sign-in: password changed",
        "The clock: ours set back by five hours",
        "Reading a message: messages come back escaped",
        "Reading one's own presence: an id and no presence",
    }
)
STATUSES: Final = (400, 401, 403, 404, 409, 410, 429, 500, 502, 503, 504)

STRANGE: Final[dict[str, Options]] = {
    "connection closed without an answer": {"loss": "close"},
    "connection reset within the body": {"loss": "reset"},
    "no answer to the request": {"loss": "hang"},
    "an answer that stops within its body": {"loss": "stall"},
    "an empty body": {"body": "empty"},
    "somebody's web page for a body": {"body": "html"},
    "half a body": {"body": "truncated"},
    "a body of another type": {"body": "wrong_type"},
    "a body that is null": {"body": "null"},
    "a body nested 200,000 deep": {"body": "deep"},
    "a body that is not Unicode": {"body": "not_unicode"},
    "a body of 20 MB": {"body": "huge"},
    "an answer that drips": {"loss": "drip"},
    "20 MB packed into 20 kB": {
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
    "an error with status 200": {"json": {"error": {"code": "UnknownError", "message": ""}}},
}
NETWORKS: Final = {
    "connection refused": "refused",
    "no answer to the connection": "unanswered",
    "no answer to TLS": "silent",
    "connection cut before TLS": "cut",
    "somebody else's web server, no TLS": "portal",
    "a certificate of an unknown authority": "stranger",
    "a certificate that is over": "expired",
    "a certificate for another name": "other name",
    "name not found (DNS)": "no name",
}

READ: Final = (
    Read("Reading one's own presence", "GET /v1.0/me/presence"),
    Read("Reading colleagues", "POST */getPresencesByUserId", who="alex"),
    Read("Renewing the token", "token", expire=True),
    Read("Discovery before a renewal", "discovery", expire=True),
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
    Ask("Asking for somebody by address", "GET /v1.0/users/*", "alex@contoso.example"),
    Ask("Searching the directory", "GET /v1.0/users"),
)
SIGN_IN: Final = (
    SignIn("Signing in, discovery", "discovery"),
    SignIn("Signing in, redeeming the code", "token"),
    SignIn("Signing in, first look", "GET /v1.0/me/presence"),
    SignIn("Signing in, asking for a device code", "devicecode", "device_code"),
)
START: Final = (
    Start("Starting, first look", "GET /v1.0/me/presence"),
    Start("Starting, renewing the token", "token", expire=True),
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
        """Return what it is called."""
        return f"{self.where}: {self.fault}"


# What is to be seen. These are the design's words, not what some run has shown.

_REFUSED: Final = frozenset({400, 404, 409, 410})
_NETWORK_LOST: Final = "connection closed without an answer"
"""aiohttp sends a GET once more where an open connection was closed."""


def _status(trouble: Trouble) -> int:
    """Return the status of a bad answer; 0 where there is none, or no good one."""
    return (trouble.answer or {}).get("status", 0)


def _reason(trouble: Trouble) -> str:
    """Return the key of the sentence that tells of a fault of Graph."""
    reasons = {401: "token_refused", 403: "not_permitted", 429: "throttled"}
    reasons |= dict.fromkeys(_REFUSED, "refused")
    return reasons.get(_status(trouble), "graph_unavailable")


def _requests(number: int, trouble: Trouble, *, get: bool) -> str | None:
    """Return how often it is asked: again with a new token, and as aiohttp repeats a lost GET."""
    if trouble.answer is None:
        return None
    twice = _status(trouble) == 401 or (get and trouble.name == _NETWORK_LOST)
    return number_of(number * (2 if twice else 1), "request")


def _read(scene: Read, trouble: Trouble) -> str:
    """Keep what was read for a minute past due, not longer; the next poll is good."""
    if trouble.times == 1:
        return told("up to date", "1 request", "not a line in the log")
    is_me = scene is READ[0]
    silent = scene is READ[1] and _status(trouble) in _REFUSED
    asks = "asks to sign in" if is_me and _status(trouble) == 401 else None
    sees_token = trouble if not scene.expire else Trouble(name=trouble.name, answer={})
    requests = None if trouble.answer is None else _requests(3, sees_token, get=is_me)
    if scene.expire:
        requests = "3 requests"
    if _status(trouble) == 401 and not scene.expire:
        # Again with a new token, but not with one that was rejected already.
        requests = "4 requests"
    # Two polls half a minute apart are in that minute, and one that waits or takes long.
    is_slow = trouble.wait or trouble.network in _SLOW or trouble.name in _SLOW
    shown = f"kept for {number_of(1 if is_slow else 2, 'poll')}, then unavailable"
    log = "not a line in the log" if silent else "log: 1 down, 1 back"
    if _status(trouble) == 429 and not scene.expire and (not is_me or not trouble.wait):
        # The interval doubles with each, so that nothing is overdue until after the last.
        shown = "kept"
        overdue = is_me or trouble.wait
        log = "log: 0 down, 2 back" if overdue else "not a line in the log"
    return told(shown, requests, asks, "back at the next poll", log)


# What takes until the request is given up, or starts with a wait.
_SLOW: Final = frozenset(
    {
        "unanswered",
        "silent",
        "no name",
        "no answer to the request",
        "an answer that stops within its body",
        "an answer that drips",
    }
)


def _write(scene: Write, trouble: Trouble) -> str:
    """Send three times what may pass, and once what Graph refuses; tell the caller."""
    quiet = "not a line in the log"
    if scene.action == "clear_presence" and _status(trouble) == 404:
        # Graph's word for a session that there is none of.
        return told("done", "1 request", "Teams does not have it", "then it works", quiet)
    if trouble.name in _DONE_BODIES:
        return told("done", "1 request", "Teams has it", "then it works", quiet)
    reason = _reason(trouble)
    waits = "retry_after" in (trouble.answer or {})
    times = 3 if reason == "graph_unavailable" and not waits else 1
    return told(
        f"refused ({reason})",
        _requests(times, trouble, get=False),
        "Teams does not have it",
        "then it works",
        quiet,
    )


def _ask(scene: Ask, trouble: Trouble) -> str:
    """Somebody is asked for once, and the answer is a person or a sentence."""
    quiet = "not a line in the log"
    requests = _requests(1, trouble, get=True)
    if scene.name and (_status(trouble) in {400, 404} or trouble.name in _NOBODY):
        # No such user name, so that the mail addresses are looked through.
        return told("answered", requests, "then it works", quiet)
    return told(f"refused ({_reason(trouble)})", requests, "then it works", quiet)


_NOBODY: Final = frozenset({"a body of another type", "a body that is null"})


def _sign_in(scene: SignIn, trouble: Trouble) -> str:
    """Say in the form what it is about; it works when that is over."""
    status = _status(trouble)
    if scene.match.startswith("GET"):
        reason = {401: "wrong_cloud", 403: "no_presence"} | dict.fromkeys(_REFUSED, "no_presence")
        said = reason.get(status, "graph_unavailable")
    elif 300 <= status < 400:
        said = "unexpected_answer"
    elif status == 429 or status >= 500:
        said = "microsoft_unavailable"
    elif status:
        said = "sign_in_failed"
    else:
        is_lost = trouble.network or "loss" in (trouble.answer or {})
        said = "cannot_connect" if is_lost else "unexpected_answer"
    requests = "1 request" if trouble.answer else None
    if scene.match.startswith("GET"):
        requests = _requests(1, trouble, get=True)
    return told(f"the form says {said}", requests, "then it works", "not a line in the log")


def _start(scene: Start, trouble: Trouble) -> str:
    """Try again by itself until it is up."""
    requests = _requests(1, trouble, get=True)
    asks = "asks to sign in" if _status(trouble) == 401 else None
    if scene.expire:
        requests, asks = "1 request", None
    return told("setup retry", requests, asks, "up to date by itself", "not a line in the log")


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
        yield Trouble(name=f"{status}", answer={"status": status})
        if status in {429, 503}:
            yield Trouble(
                name=f"{status} with Retry-After in seconds",
                answer={"status": status, "retry_after": 40},
            )
            yield Trouble(
                name=f"{status} with Retry-After as a date",
                answer={"status": status, "retry_after": timedelta(seconds=40)},
            )


_STATUSES: Final = tuple(_statuses())
_STRANGE: Final = tuple(Trouble(name=name, answer=answer) for name, answer in STRANGE.items())
_NO_PRESENCE: Final = tuple(
    Trouble(name=name, answer=answer) for name, answer in NO_PRESENCE.items()
)
_NETWORKS: Final = tuple(Trouble(name=name, network=network) for name, network in NETWORKS.items())
# Whatever a good answer to a write holds, it is done. A body that has no end is another thing.
_DONE_BODIES: Final = frozenset(
    name for name, answer in STRANGE.items() if "body" in answer and answer["body"] != "huge"
)
_STRANGE_TO_WRITES: Final = tuple(
    replace(trouble, answer={**(trouble.answer or {}), "applied": True})
    if trouble.name in _DONE_BODIES
    else trouble
    for trouble in _STRANGE
)


def _once(name: str, **answer: Unpack[Options]) -> Trouble:
    return Trouble(name=name, answer=answer, times=1)


_DONE: Final = "Teams has it; then it works; not a line in the log"
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
    (_once("done, the answer lost", loss="close", applied=True), f"done; 2 requests; {_DONE}"),
    (_once("done, no answer", loss="hang", applied=True), f"done; 2 requests; {_DONE}"),
    (_once("done, 504 for an answer", status=504, applied=True), f"done; 2 requests; {_DONE}"),
)
_FRESH: Final = "up to date at the next poll; Teams has the message; not a line in the log"
# Signing in begins anew, so that nothing has to be told of what was.
_AGAIN: Final = "asks to sign in; up to date after signing in; log: 1 down, 0 back"


def _accidents() -> Iterator[Row]:
    """Return what goes wrong elsewhere than in an answer."""
    yield _row(
        READ[0],
        _once("a continuous-access-evaluation challenge", claims="e30="),
        "up to date; 1 request; not a line in the log",
    )
    yield _row(
        READ[2],
        _once("the new one lost on its way", loss="close", applied=True),
        "kept for 1 poll, then up to date; 1 request; not a line in the log",
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
            "up to date while the token lasts; then up to date; not a line in the log",
        ),
    }
    for name, (signing_out, expected) in signed_out.items():
        yield Row("The sign-in", name, signing_out.play, expected)
    clocks = {
        "Microsoft's five minutes ahead": WrongClock(before=300),
        "Microsoft's five minutes behind": WrongClock(before=-300),
        "ours set back by three hours": WrongClock(during=3 * HOUR),
        "Microsoft's five hours ahead": WrongClock(before=5 * HOUR),
        "Microsoft's five hours behind": WrongClock(before=-5 * HOUR),
        "ours set back by five hours": WrongClock(during=5 * HOUR),
        "ours set forward by five hours": WrongClock(during=-5 * HOUR, asleep=5 * HOUR),
        "the machine asleep for five hours": WrongClock(asleep=5 * HOUR),
    }
    for name, clock in clocks.items():
        yield Row("The clock", name, clock.play, _FRESH)
    yield from _no_accidents()
    yield from _reads()
    for name, damage in _DAMAGES.items():
        yield Row(
            "The stored preference",
            name,
            DamagedStore(damage).play,
            "loaded; up to date; then it works; log: 1 down, 0 back",
        )
    foreign = Trouble(name="a document that names another host", answer={"json": _FOREIGN})
    for scene in (READ[3], SIGN_IN[0]):
        yield _row(scene, foreign, _expected(scene, foreign))
    for hours in (-5, 5):
        apart = replace(READ[0], ahead=hours * HOUR)
        for trouble in _STATUSES:
            if isinstance((trouble.answer or {}).get("retry_after"), timedelta):
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


_SHOWN: Final = "done; shown, then not shown; no more reads than usual; not a line in the log"
_LATE: Final = (
    "done; shown, then not shown, then shown, then not shown; no more reads than usual; "
    "log: 1 down, 0 back"
)


def _reads() -> Iterator[Row]:
    """Return reads that differ from what was written."""
    for name, reads, expected in (
        ("shown 30 seconds late", ChangedReads(lag=30), _SHOWN),
        ("shown 80 seconds late", ChangedReads(lag=80), _LATE),
        ("ended messages linger for an hour", ChangedReads(message_lingers=HOUR), _SHOWN),
        ("messages come back escaped", ChangedReads(sanitizes=True), _SHOWN),
        ("Microsoft's clock five minutes behind", ChangedReads(ahead=-300), _SHOWN),
        (
            # For Microsoft the message has ended when it is set.
            "Microsoft's clock five minutes ahead",
            ChangedReads(ahead=300),
            _SHOWN.replace("not a line in the log", "log: 1 down, 0 back"),
        ),
        (
            "late, escaped and lingering",
            ChangedReads(lag=30, message_lingers=HOUR, sanitizes=True),
            _SHOWN,
        ),
    ):
        yield Row("Reading a message", name, reads.play, expected)
    colleague = Trouble(
        name="a colleague with an id and no presence", answer={"json": {"value": [{"id": _ALEX}]}}
    )
    missing = _read(READ[1], Trouble(name="missing", answer={"status": 404}))
    yield _row(READ[1], colleague, missing)


def _no_accidents() -> Iterator[Row]:
    """Return networks in which everything works."""
    for name, network in {
        "eight dead addresses in front": "dead addresses",
        "a proxy with a password in the environment": "proxy",
    }.items():
        trouble = Trouble(name=name, network=network)
        for scene in (READ[0], READ[2]):
            yield _row(scene, trouble, "up to date; not a line in the log")
        yield _row(SIGN_IN[0], trouble, "create_entry; then it works; not a line in the log")


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
