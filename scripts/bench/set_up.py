"""Section: duration of set-up, and the import of MSAL."""

from statistics import median
from typing import Final

from scripts.live.processes import LiveError
from simulator.tenant import PUBLIC_CLIENT_ID

from .bench import FLOOR, INTEGRATION, Bench, Worker, log_progress
from .report import Findings, Goal, at_most
from .worker import Json

_LATENCY: Final = 0.1
# A set-up is slow.
_ROUNDS_PER_SET_UP: Final = 3


async def measure(bench: Bench) -> Findings:
    """Set up the account again with delayed responses."""
    rounds = max(3, bench.rounds // _ROUNDS_PER_SET_UP)
    log_progress(f"setting up, {rounds} times with a token and {rounds} times with an expired one")
    async with bench.worker(FLOOR) as floor, bench.worker(INTEGRATION) as home:
        valid = await _compare(bench, home, floor, rounds, expired=False)
        after_valid = await home.run("msal")
        expired = await _compare(bench, home, floor, rounds, expired=True)
        after_expired = await home.run("msal")
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
    """Return the median duration relative to its requests."""
    ratios: list[float] = []
    # The first set-up opens connections and may import MSAL; it is not counted.
    for number in range(rounds + 1):
        await bench.tenant.clear_requests()
        async with bench.tenant.latency(_LATENCY):
            set_up = await home.run("set_up", expired=expired)
            if not set_up["loaded"]:
                raise LiveError("the account was not set up")
            requests = [
                _to_floor_request(bench, logged) for logged in await bench.tenant.requests()
            ]
            requested = await floor.run("requests", requests=requests)
        if number:
            ratios.append(set_up["wall"] / requested["wall"])
        else:
            paths = ", ".join(f"{logged['method']} {logged['path']}" for logged in requests)
            log_progress(f"a set-up makes: {paths}")
    return median(ratios)


def _to_floor_request(bench: Bench, logged: Json) -> Json:
    """Convert a logged request, which has no secrets."""
    form = None
    if logged["path"].endswith("/token"):
        entry = bench.access.entry or {}
        form = {
            "grant_type": "refresh_token",
            "client_id": PUBLIC_CLIENT_ID,
            "refresh_token": entry["data"]["token"]["refresh_token"],
        }
    return {"method": logged["method"], "path": logged["path"], "form": form}
