"""Presence rules: sessions, preference, priorities, expiration."""

from datetime import UTC, datetime, timedelta
import string

from hypothesis import given, strategies as st
import pytest

from simulator.clock import Clock
from simulator.engine import Presence
from simulator.states import (
    AVAILABLE,
    AWAY,
    PREFERENCES,
    SESSION_STATES,
    State,
    Vocabulary,
    in_vocabulary,
)

HOUR = timedelta(hours=1)
CALL = State("Busy", "InACall")
PRESENTING = State("DoNotDisturb", "Presenting")

MODERN_AVAILABILITY = {
    "available", "away", "beRightBack", "busy", "doNotDisturb", "focusing", "inACall", "inAMeeting",
    "offline", "presenting",
}  # fmt: skip
MODERN_ACTIVITY = {
    "available", "away", "beRightBack", "busy", "doNotDisturb", "offline", "outOfOffice",
}  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock(lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))


@pytest.fixture
def robin(clock: Clock) -> Presence:
    return Presence(clock, lambda: "classic")


@pytest.fixture
def closed(robin: Presence) -> Presence:
    """Return a person whose Teams is closed."""
    robin.close_teams()
    return robin


@pytest.mark.parametrize(
    ("gestures", "expected"),
    [
        ([], "Available/Available"),
        (["join_call"], "Busy/InACall"),
        (["join_meeting"], "Busy/InAMeeting"),
        (["present"], "DoNotDisturb/Presenting"),
        (["present", "stop_presenting"], "Busy/InACall"),
        (["present", "leave_call"], "Available/Available"),
        (["join_meeting", "present", "leave_meeting"], "Available/Available"),
        (["focus"], "DoNotDisturb/Focusing"),
        (["focus", "join_call"], "Busy/InACall"),
        (["focus", "stop_focusing"], "Available/Available"),
        (["go_away"], "Away/Away"),
        (["go_away", "come_back"], "Available/Available"),
        (["go_away", "join_call", "leave_call"], "Available/Available"),
        (["be_right_back"], "BeRightBack/BeRightBack"),
        (["be_right_back", "reset_status"], "Available/Available"),
        (["be_right_back", "close_teams"], "Offline/Offline"),
        (["close_teams"], "Offline/Offline"),
        (["go_offline"], "Offline/Offline"),
        (["join_call", "close_teams", "open_teams"], "Available/Available"),
        (["close_teams", "go_away"], "Offline/Offline"),
        (["set_out_of_office"], "Available/OutOfOffice"),
        (["set_out_of_office", "join_call"], "Busy/InACall"),
        (["set_out_of_office", "close_teams"], "Offline/Offline"),
    ],
)
def test_gestures_change_the_presence(robin: Presence, gestures: list[str], expected: str) -> None:
    for gesture in gestures:
        getattr(robin, gesture)()
    assert "/".join(robin.state) == expected


def test_a_conference_call_has_its_own_activity(robin: Presence) -> None:
    robin.join_call(conference=True)
    assert robin.activity == "InAConferenceCall"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (PRESENTING, CALL, PRESENTING),
        (CALL, AVAILABLE, CALL),
        (AVAILABLE, AWAY, AVAILABLE),
        (AWAY, PRESENTING, PRESENTING),
    ],
)
def test_the_busiest_session_applies(
    closed: Presence, one: State, other: State, expected: State
) -> None:
    closed.set_session("one", one, HOUR)
    closed.set_session("other", other, HOUR)
    assert closed.state == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (4.9, "Available/Available"),
        (5, "Available/AvailableInactive"),
        (9.9, "Available/AvailableInactive"),
        (10, "Away/Away"),
        (59.9, "Away/Away"),
        (60, "Offline/Offline"),
    ],
)
def test_an_available_session_becomes_inactive(
    closed: Presence, clock: Clock, minutes: float, expected: str
) -> None:
    closed.set_session("app", AVAILABLE, HOUR)
    clock.advance(minutes * 60)
    assert "/".join(closed.state) == expected


def test_a_renewed_available_session_stays_available(closed: Presence, clock: Clock) -> None:
    for _ in range(5):
        closed.set_session("app", AVAILABLE, HOUR)
        clock.advance(4 * 60)
    assert closed.state == AVAILABLE


@pytest.mark.parametrize("state", sorted(SESSION_STATES - {AVAILABLE}))
def test_other_sessions_last_until_they_expire(
    closed: Presence, clock: Clock, state: State
) -> None:
    closed.set_session("app", state, HOUR)
    clock.advance(3599)
    before = closed.state
    clock.advance(1)
    assert (before, closed.state.availability) == (state, "Offline")


def test_clearing_the_only_session_shows_offline(closed: Presence) -> None:
    closed.set_session("app", CALL, HOUR)
    closed.clear_session("app")
    assert closed.state == State("Offline", "Offline")


def test_clearing_an_expired_session_returns_false(closed: Presence, clock: Clock) -> None:
    closed.set_session("app", CALL, HOUR)
    clock.advance(3600)
    assert not closed.clear_session("app")


def test_a_preference_overrides_sessions(robin: Presence) -> None:
    robin.join_call()
    robin.prefer("Available")
    assert robin.state == AVAILABLE


def test_the_preference_offline_shows_off_work(robin: Presence) -> None:
    robin.prefer("Offline")
    assert robin.state == State("Offline", "OffWork")


@pytest.mark.parametrize(
    ("availability", "days"),
    [
        ("Busy", 1),
        ("DoNotDisturb", 1),
        ("Available", 7),
        ("BeRightBack", 7),
        ("Away", 7),
        ("Offline", 7),
    ],
)
def test_a_preference_expires(robin: Presence, clock: Clock, availability: str, days: int) -> None:
    robin.prefer(availability)
    clock.advance(days * 86400 - 1)
    assert robin.preference
    clock.advance(1)
    assert not robin.preference


def test_a_preference_needs_a_session(closed: Presence) -> None:
    closed.prefer("Busy")
    before = closed.availability
    closed.set_session("app", AWAY, HOUR)
    assert (before, closed.availability) == ("Offline", "Busy")


def test_the_error_of_a_wrong_preference_lists_valid_ones(robin: Presence) -> None:
    with pytest.raises(ValueError, match="Available, Busy"):
        robin.prefer("Sleeping")


def test_a_calendar_meeting_shows_until_it_ends(robin: Presence, clock: Clock) -> None:
    robin.schedule_meeting(clock.now() + HOUR, clock.now() + 2 * HOUR)
    seen = []
    for _ in range(3):
        seen.append(robin.activity)
        clock.advance(3600)
    assert seen == ["Available", "InAMeeting", "Available"]


def test_a_calendar_meeting_does_not_show_without_a_session(closed: Presence, clock: Clock) -> None:
    closed.schedule_meeting(clock.now(), clock.now() + HOUR)
    assert closed.activity == "Offline"


def test_a_message_expires(robin: Presence, clock: Clock) -> None:
    robin.set_status_message("Back soon", HOUR)
    clock.advance(3599)
    assert robin.status_message
    clock.advance(1)
    assert robin.status_message is None


def test_pinning_adds_a_suffix_to_the_content(robin: Presence) -> None:
    robin.set_status_message("Read this", pinned=True)
    assert robin.status_message
    assert robin.status_message.content == "Read this<pinnednote></pinnednote>"


def test_an_empty_message_clears_the_message(robin: Presence) -> None:
    robin.set_status_message("Note")
    robin.set_status_message("", pinned=True)
    assert robin.status_message is None


def test_manual_work_location_overrides_automatic_and_scheduled(robin: Presence) -> None:
    seen = []
    robin.set_work_location("timeOff", "scheduled")
    robin.set_work_location("office", "automatic")
    robin.set_work_location("remote", "manual")
    for source in ("manual", "automatic", "scheduled"):
        assert robin.work_location
        seen.append(robin.work_location.type)
        robin.clear_work_location(source)
    assert (seen, robin.work_location) == (["remote", "office", "timeOff"], None)


def test_clearing_the_location_keeps_the_scheduled_one(robin: Presence) -> None:
    robin.set_work_location("timeOff", "scheduled")
    robin.set_work_location("remote")
    robin.clear_work_location()
    assert robin.work_location
    assert robin.work_location.source == "scheduled"


def test_a_manual_location_lasts_until_midnight(robin: Presence, clock: Clock) -> None:
    robin.set_work_location("remote")
    clock.advance(15 * 3600 - 1)
    assert robin.work_location
    clock.advance(1)
    assert robin.work_location is None


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State("Busy", "InACall"), ("inACall", "busy")),
        (State("Busy", "InAConferenceCall"), ("inACall", "busy")),
        (State("Busy", "InAMeeting"), ("inAMeeting", "busy")),
        (State("DoNotDisturb", "Presenting"), ("presenting", "doNotDisturb")),
        (State("DoNotDisturb", "Focusing"), ("focusing", "doNotDisturb")),
        (State("Available", "AvailableInactive"), ("available", "available")),
        (State("Available", "OutOfOffice"), ("available", "outOfOffice")),
        (State("Offline", "OffWork"), ("offline", "offline")),
    ],
)
def test_the_modern_vocabulary(state: State, expected: tuple[str, str]) -> None:
    assert in_vocabulary(state, "modern") == expected


# Any sequence of gestures and requests

GESTURES = (
    "join_call", "leave_call", "join_meeting", "leave_meeting", "present", "focus", "go_away",
    "come_back", "close_teams", "open_teams", "reset_status", "set_out_of_office",
    "clear_work_location", "clear_status_message",
)  # fmt: skip

_states = st.sampled_from(sorted(SESSION_STATES))
_minutes = st.integers(0, 300).map(lambda number: timedelta(minutes=number))
_steps = st.one_of(
    st.tuples(st.sampled_from(GESTURES)),
    st.tuples(st.just("prefer"), st.sampled_from(sorted(PREFERENCES)), _minutes),
    st.tuples(st.just("set_session"), st.sampled_from("ab"), _states, _minutes),
    st.tuples(st.just("clear_session"), st.sampled_from("ab")),
    st.tuples(st.just("set_status_message"), st.text(string.ascii_letters), _minutes),
    st.tuples(st.just("advance"), st.integers(0, 4000)),
)
_stories = st.lists(_steps, max_size=25)


def _live(story: list[tuple[object, ...]], vocabulary: Vocabulary = "classic") -> Presence:
    clock = Clock(lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))
    person = Presence(clock, lambda: vocabulary)
    for name, *arguments in story:
        getattr(clock if name == "advance" else person, str(name))(*arguments)
    return person


@given(_stories)
def test_offline_only_without_a_session_or_by_preference(
    story: list[tuple[object, ...]],
) -> None:
    person = _live(story)
    has_session = bool(person.client or person.sessions)
    hides = bool(person.preference and person.preference.state.availability == "Offline")
    assert (person.availability == "Offline") == (not has_session or hides)


@given(_stories)
def test_a_preference_in_effect_is_shown(story: list[tuple[object, ...]]) -> None:
    person = _live(story)
    if person.preference and (person.client or person.sessions):
        assert person.availability == person.preference.state.availability


@given(_stories)
def test_all_modern_values_are_documented(story: list[tuple[object, ...]]) -> None:
    person = _live(story, "modern")
    assert person.availability in MODERN_AVAILABILITY
    assert person.activity in MODERN_ACTIVITY


@given(_stories, _steps)
def test_the_sequence_number_rises_only_with_readable_changes(
    story: list[tuple[object, ...]], step: tuple[object, ...]
) -> None:
    person = _live(story)

    def readable() -> object:
        return (
            person.state, person.is_out_of_office, person.status_message, person.work_location
        )  # fmt: skip

    before, number = readable(), person.sequence_number
    name, *arguments = step
    if name != "advance":
        getattr(person, str(name))(*arguments)
    assert (person.sequence_number > number) == (readable() != before)
