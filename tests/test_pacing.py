"""The pace of polling by itself."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

import pytest

from custom_components.ms_teams_presence.graph.pacing import Pace

# Graph's limit for reading presences: requests of one app in one tenant in so many seconds.
LIMIT = 1500
WINDOW = 30.0


def low(first: float, second: float) -> float:
    """Return the smaller end in place of a random number."""
    return min(first, second)


def high(first: float, second: float) -> float:
    """Return the greater end in place of a random number."""
    return max(first, second)


def test_without_throttling_the_base_interval_with_five_percent_of_jitter() -> None:
    assert Pace(5, low).next_delay(0) == 5
    assert Pace(5, high).next_delay(0) == pytest.approx(4.75)
    random = Pace(5, Random(1).uniform)  # noqa: S311  # no secret
    delays = {random.next_delay(0) for _ in range(100)}
    assert len(delays) == 100
    assert 4.75 <= min(delays) < max(delays) <= 5


def test_a_wait_is_retry_after_and_a_second_and_a_random_part_of_the_interval() -> None:
    soon, late = Pace(5, low), Pace(5, high)
    for pace in (soon, late):
        pace.throttled(100, 30)

    assert soon.next_delay(100) == 31
    assert late.next_delay(100) == 41
    assert late.next_delay(120) == 21
    # Over.
    assert late.next_delay(141) == pytest.approx(9.5)


def test_each_429_doubles_the_interval_up_to_ten_minutes() -> None:
    pace = Pace(5, low)
    intervals = []
    for _ in range(9):
        pace.throttled(0, 1)
        intervals.append(pace.interval)

    assert intervals == [10, 20, 40, 80, 160, 320, 600, 600, 600]


@pytest.mark.parametrize(("uniform", "minutes"), [(low, 5), (high, 15)])
def test_after_quiet_minutes_the_interval_shrinks_by_a_tenth_down_to_the_base(
    uniform: Callable[[float, float], float], minutes: int
) -> None:
    pace = Pace(5, uniform)
    pace.throttled(0, 1)
    seen = []
    for quiet in range(1, 9):
        pace.next_delay(quiet * minutes * 60 - 1)
        before = pace.interval
        pace.next_delay(quiet * minutes * 60)
        seen.append((round(before, 3), round(pace.interval, 3)))

    assert seen[:3] == [(10, 9), (9, 8.1), (8.1, 7.29)]
    assert seen[-1] == (5, 5)


def test_a_429_starts_the_quiet_minutes_again() -> None:
    pace = Pace(5, low)
    pace.throttled(0, 1)
    pace.throttled(299, 1)
    pace.next_delay(598)
    assert pace.interval == 20
    pace.next_delay(599)
    assert pace.interval == 18


def test_a_longer_base_counts_where_it_is_longer() -> None:
    pace = Pace(5, low)
    pace.throttled(0, 1)
    pace.base = 30
    assert pace.interval == 30
    pace.base = 5
    assert pace.interval == 10


def test_after_hours_without_polls_nothing_of_the_slowness_is_left() -> None:
    pace = Pace(5, low)
    for _ in range(9):
        pace.throttled(0, 1)
    pace.next_delay(24 * 3600)

    assert pace.interval == 5


def test_homes_that_share_a_limit_settle_near_it() -> None:
    # 400 homes want 2,400 requests in each window, and rejected ones count, too.
    random = Random(1)  # noqa: S311  # no secret
    paces = [Pace(5, random.uniform) for _ in range(400)]
    due = [(random.uniform(0, 5), home) for home in range(400)]
    window = deque[float]()
    answered = rejected = 0
    while due[0][0] < 2 * 3600:
        now, home = heappop(due)
        while window and window[0] <= now - WINDOW:
            window.popleft()
        window.append(now)
        if len(window) > LIMIT:
            paces[home].throttled(now, WINDOW)
            rejected += now > 3600
        else:
            answered += now > 3600
        heappush(due, (now + paces[home].next_delay(now), home))

    assert rejected < 0.02 * answered
    assert answered > 0.7 * LIMIT * 3600 / WINDOW
