"""The section about setting an account up: how long it takes, and where MSAL is imported."""

from statistics import median
from typing import Final

from scripts.live.processes import LiveError
from simulator.tenant import PUBLIC_CLIENT_ID

from .bench import FLOOR, INTEGRATION, Bench, Worker, say
from .report import Findings, Goal, at_most
from .worker import Json

_LATENCY: Final = 0.1
# Each takes a while.
_ROUNDS_PER_SET_UP: Final = 3


async def measure(bench: Bench) -> Findings:
    """Set the account up anew while every answer takes its time."""
    rounds = max(3, bench.rounds // _ROUNDS_PER_SET_UP)
    say(f"setting up, {rounds} times with a token and {rounds} times with an expired one")
    async with bench.worker(FLOOR) as floor, bench.worker(INTEGRATION) as home:
        valid = await _compare(bench, home, floor, rounds, expired=False)
        after_valid = await home.ask("msal")
        expired = await _compare(bench, home, floor, rounds, expired=True)
        after_expired = await home.ask("msal")
    text = "Set-up with {}, relative to the requests it makes"
    return Findings(
        goals=[
            at_most(text.format("a valid token"), 1.2, valid),
            at_most(text.format("an expired token"), 1.2, expired),
            Goal(
                "Set-up with a valid token leaves MSAL alone",
                "MSAL was imported" if after_valid["imported"] else "so it is",
                met=not after_valid["imported"],
            ),
            Goal(
                "A token that is needed brings MSAL, but not in the event loop",
                "in the event loop" if after_expired["in_event_loop"] else "so it is",
                met=after_expired["imported"] and not after_expired["in_event_loop"],
            ),
        ]
    )


async def _compare(
    bench: Bench, home: Worker, floor: Worker, rounds: int, *, expired: bool
) -> float:
    """Return the median of the set-up's time, relative to that of its bare requests."""
    ratios: list[float] = []
    # The first time is not counted: connections are opened, and MSAL may have to be imported.
    for number in range(rounds + 1):
        await bench.tenant.forget_requests()
        async with bench.tenant.latency(_LATENCY):
            done = await home.ask("set_up", expired=expired)
            if not done["loaded"]:
                raise LiveError("the account could not be set up")
            requests = [_repeated(bench, made) for made in await bench.tenant.seen_requests()]
            bare = await floor.ask("requests", requests=requests)
        if number:
            ratios.append(done["wall"] / bare["wall"])
        else:
            paths = ", ".join(f"{made['method']} {made['path']}" for made in requests)
            say(f"a set-up makes: {paths}")
    return median(ratios)


def _repeated(bench: Bench, made: Json) -> Json:
    """Return a request as the floor can make it again; the log has no secrets."""
    form = None
    if made["path"].endswith("/token"):
        entry = bench.access.entry or {}
        form = {
            "grant_type": "refresh_token",
            "client_id": PUBLIC_CLIENT_ID,
            "refresh_token": entry["data"]["token"]["refresh_token"],
        }
    return {"method": made["method"], "path": made["path"], "form": form}
