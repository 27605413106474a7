"""Parsing and serializing Graph's JSON, without a network."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
import html
import logging
import time

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ms_teams_presence.graph import models
from custom_components.ms_teams_presence.graph.models import (
    NOT_SET,
    Activity,
    Availability,
    Person,
    Presence,
    StatusMessage,
    WorkLocation,
    time_zone_names,
)
from custom_components.ms_teams_presence.graph.text import message_text

ID = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
LOGGER = "custom_components.ms_teams_presence.graph.models"
PIN = "<pinnednote></pinnednote>"

# All values of Microsoft's two vocabularies and how they are parsed.
VALUES: dict[str, tuple[Availability | None, Activity | None]] = {
    "Available": (Availability.AVAILABLE, Activity.AVAILABLE),
    "AvailableIdle": (Availability.AVAILABLE, Activity.INACTIVE),
    "AvailableInactive": (Availability.AVAILABLE, Activity.INACTIVE),
    "Away": (Availability.AWAY, Activity.AWAY),
    "BeRightBack": (Availability.BE_RIGHT_BACK, Activity.BE_RIGHT_BACK),
    "Busy": (Availability.BUSY, Activity.BUSY),
    "BusyIdle": (Availability.BUSY, Activity.INACTIVE),
    "DoNotDisturb": (Availability.DO_NOT_DISTURB, Activity.DO_NOT_DISTURB),
    "focusing": (Availability.DO_NOT_DISTURB, Activity.FOCUSING),
    "inACall": (Availability.BUSY, Activity.IN_A_CALL),
    "InAConferenceCall": (Availability.BUSY, Activity.IN_A_CONFERENCE_CALL),
    "inAMeeting": (Availability.BUSY, Activity.IN_A_MEETING),
    "Inactive": (Availability.AVAILABLE, Activity.INACTIVE),
    "Offline": (Availability.OFFLINE, Activity.OFFLINE),
    "OffWork": (Availability.OFFLINE, Activity.OFF_WORK),
    "OutOfOffice": (None, Activity.OUT_OF_OFFICE),
    "presenting": (Availability.DO_NOT_DISTURB, Activity.PRESENTING),
    "PresenceUnknown": (None, None),
    "UrgentInterruptionsOnly": (
        Availability.DO_NOT_DISTURB,
        Activity.URGENT_INTERRUPTIONS_ONLY,
    ),
}
# Values that only repeat an availability.
GENERIC_VALUES = ("Available", "Away", "BeRightBack", "Busy", "DoNotDisturb", "Offline")
SPELLINGS: list[Callable[[str], str]] = [str, str.lower, str.upper, str.swapcase]


def read(availability: object = None, activity: object = None, **members: object) -> Presence:
    """Parse a presence with these members."""
    if availability is activity is None:
        # Without either it would be no presence.
        availability = "PresenceUnknown"
    body = {"id": ID, "availability": availability, "activity": activity} | members
    presence = Presence.from_graph(body)
    assert presence is not None
    return presence


def message(content: object = "Out for lunch", **members: object) -> StatusMessage:
    """Parse a status message with these members."""
    status = StatusMessage.from_graph({"message": {"content": content}} | members)
    assert status is not None
    return status


def expiry(date_time: object, **members: object) -> datetime | None:
    """Parse the expiration of a status message."""
    return message(expiryDateTime={"dateTime": date_time} | members).expires_at


# Values


@pytest.mark.parametrize("value", VALUES)
def test_an_availability_gives_the_availability_in_any_case(value: str) -> None:
    found = {read(availability=spell(value)).availability for spell in SPELLINGS}
    assert found == {VALUES[value][0]}


@pytest.mark.parametrize("value", sorted(VALUES.keys() - GENERIC_VALUES))
def test_a_specific_availability_gives_the_activity_in_any_case(value: str) -> None:
    found = {read(availability=spell(value)).activity for spell in SPELLINGS}
    assert found == {VALUES[value][1]}


@pytest.mark.parametrize("value", GENERIC_VALUES)
def test_a_generic_availability_gives_no_activity(value: str) -> None:
    assert read(availability=value).activity is None


@pytest.mark.parametrize("value", VALUES)
def test_an_activity_gives_the_activity_in_any_case(value: str) -> None:
    found = {read(activity=spell(value)).activity for spell in SPELLINGS}
    assert found == {VALUES[value][1]}


@pytest.mark.parametrize("value", VALUES)
def test_an_activity_gives_no_availability(value: str) -> None:
    assert read(activity=value).availability is None


@pytest.mark.parametrize(
    ("availability", "activity", "expected"),
    [
        # The pairs in Microsoft's documentation.
        ("Available", "Available", (Availability.AVAILABLE, Activity.AVAILABLE)),
        ("Available", "OutOfOffice", (Availability.AVAILABLE, Activity.OUT_OF_OFFICE)),
        ("Available", "AvailableInactive", (Availability.AVAILABLE, Activity.INACTIVE)),
        ("Busy", "Busy", (Availability.BUSY, Activity.BUSY)),
        ("Busy", "InACall", (Availability.BUSY, Activity.IN_A_CALL)),
        ("Busy", "InAConferenceCall", (Availability.BUSY, Activity.IN_A_CONFERENCE_CALL)),
        ("Busy", "InAMeeting", (Availability.BUSY, Activity.IN_A_MEETING)),
        ("DoNotDisturb", "DoNotDisturb", (Availability.DO_NOT_DISTURB, Activity.DO_NOT_DISTURB)),
        ("DoNotDisturb", "Presenting", (Availability.DO_NOT_DISTURB, Activity.PRESENTING)),
        ("Away", "Away", (Availability.AWAY, Activity.AWAY)),
        ("Away", "BeRightBack", (Availability.AWAY, Activity.BE_RIGHT_BACK)),
        ("BeRightBack", "BeRightBack", (Availability.BE_RIGHT_BACK, Activity.BE_RIGHT_BACK)),
        ("Offline", "OffWork", (Availability.OFFLINE, Activity.OFF_WORK)),
        ("Offline", "Offline", (Availability.OFFLINE, Activity.OFFLINE)),
        # Pairs that follow from the vocabularies.
        ("DoNotDisturb", "Focusing", (Availability.DO_NOT_DISTURB, Activity.FOCUSING)),
        (
            "DoNotDisturb",
            "UrgentInterruptionsOnly",
            (Availability.DO_NOT_DISTURB, Activity.URGENT_INTERRUPTIONS_ONLY),
        ),
        ("inACall", "busy", (Availability.BUSY, Activity.IN_A_CALL)),
        ("inACall", "available", (Availability.BUSY, Activity.IN_A_CALL)),
        ("inAMeeting", "busy", (Availability.BUSY, Activity.IN_A_MEETING)),
        ("presenting", "doNotDisturb", (Availability.DO_NOT_DISTURB, Activity.PRESENTING)),
        ("focusing", "doNotDisturb", (Availability.DO_NOT_DISTURB, Activity.FOCUSING)),
        ("inACall", "outOfOffice", (Availability.BUSY, Activity.IN_A_CALL)),
        ("inAMeeting", "outOfOffice", (Availability.BUSY, Activity.IN_A_MEETING)),
        ("presenting", "outOfOffice", (Availability.DO_NOT_DISTURB, Activity.PRESENTING)),
        ("focusing", "outOfOffice", (Availability.DO_NOT_DISTURB, Activity.FOCUSING)),
        (
            "UrgentInterruptionsOnly",
            "OutOfOffice",
            (Availability.DO_NOT_DISTURB, Activity.URGENT_INTERRUPTIONS_ONLY),
        ),
        ("busy", "outOfOffice", (Availability.BUSY, Activity.OUT_OF_OFFICE)),
        # Of two specific values, the activity wins.
        ("inAMeeting", "InACall", (Availability.BUSY, Activity.IN_A_CALL)),
        # A specific activity outweighs inactivity.
        ("BusyIdle", "InAMeeting", (Availability.BUSY, Activity.IN_A_MEETING)),
        ("BusyIdle", "Busy", (Availability.BUSY, Activity.INACTIVE)),
        ("AvailableIdle", "Available", (Availability.AVAILABLE, Activity.INACTIVE)),
        ("AvailableIdle", "OutOfOffice", (Availability.AVAILABLE, Activity.OUT_OF_OFFICE)),
        # One unknown value.
        ("Snoozing", "InACall", (None, Activity.IN_A_CALL)),
        ("Busy", "Snoozing", (Availability.BUSY, None)),
        ("AvailableIdle", "Snoozing", (Availability.AVAILABLE, Activity.INACTIVE)),
        ("PresenceUnknown", "PresenceUnknown", (None, None)),
    ],
)
def test_a_pair_of_values_gives_the_more_specific_activity(
    availability: str, activity: str, expected: tuple[Availability | None, Activity | None]
) -> None:
    presence = read(availability, activity)
    assert (presence.availability, presence.activity) == expected


@pytest.mark.parametrize(
    ("classic", "modern"),
    [
        (("Available", "Available"), ("available", "available")),
        (("Available", "OutOfOffice"), ("available", "outOfOffice")),
        (("Busy", "InACall"), ("inACall", "busy")),
        (("Busy", "InAMeeting"), ("inAMeeting", "busy")),
        (("DoNotDisturb", "Presenting"), ("presenting", "doNotDisturb")),
        (("DoNotDisturb", "Focusing"), ("focusing", "doNotDisturb")),
        (("Offline", "Offline"), ("offline", "offline")),
    ],
)
def test_a_classic_pair_and_its_modern_pair_are_the_same_presence(
    classic: tuple[str, str], modern: tuple[str, str]
) -> None:
    assert read(*classic) == read(*modern)


@pytest.mark.parametrize("value", ["Snoozing", " Busy", "Busy!", "b\u0131sy", "Bus\ud83d", "9"])
def test_an_unknown_value_is_an_unknown_state(value: str) -> None:
    presence = read(value, value)
    assert (presence.availability, presence.activity) == (None, None)


@pytest.fixture
def _nothing_was_logged() -> None:
    """Clear the record of logged unknown values."""
    models._unknown_values.clear()  # noqa: SLF001


@pytest.mark.usefixtures("_nothing_was_logged")
def test_an_unknown_value_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        read(availability="Daydreaming")
        read(availability="Daydreaming")
    assert [record.getMessage() for record in caplog.records] == [
        "Graph's availability 'Daydreaming' is not known here and shown as unknown"
    ]


@pytest.mark.usefixtures("_nothing_was_logged")
def test_an_unknown_value_is_logged_in_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        read(activity="Day\ndreaming" * 1000)
    (record,) = caplog.records
    assert len(record.getMessage()) < 120
    assert "\n" not in record.getMessage()


@pytest.mark.usefixtures("_nothing_was_logged")
def test_a_limited_number_of_unknown_values_is_kept_for_the_diagnostics() -> None:
    read(availability="Daydreaming", activity="Bus\ud83d")
    assert models.unknown_values() == [
        "activity 'Bus\\ud83d'",
        "availability 'Daydreaming'",
    ]

    for number in range(100):
        read(availability=f"Dream{number}")
    assert len(models.unknown_values()) == 64


@pytest.mark.usefixtures("_nothing_was_logged")
@pytest.mark.parametrize("value", ["PresenceUnknown", "", None, 7])
def test_a_known_or_missing_value_is_not_logged(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        Presence.from_graph({"id": ID, "availability": value, "activity": value})
    assert caplog.records == []


# Derived properties


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("Busy", "InACall"), True),
        (("inACall", "busy"), True),
        (("Busy", "InAConferenceCall"), True),
        (("DoNotDisturb", "Presenting"), True),
        (("presenting", "doNotDisturb"), True),
        (("inACall", "outOfOffice"), True),
        (("Busy", "InAMeeting"), False),
        (("Busy", "Snoozing"), False),
        (("Available", "Available"), False),
        (("PresenceUnknown", "PresenceUnknown"), None),
        ((None, None), None),
    ],
)
def test_in_call_is_a_call_a_conference_or_presenting(
    values: tuple[str | None, str | None], *, expected: bool | None
) -> None:
    assert read(*values).in_call is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("Busy", "InAMeeting"), True),
        (("inAMeeting", "busy"), True),
        (("inAMeeting", "InACall"), True),
        (("Busy", "InACall"), False),
        (("PresenceUnknown", "PresenceUnknown"), None),
    ],
)
def test_in_meeting_follows_from_either_member(
    values: tuple[str, str], *, expected: bool | None
) -> None:
    assert read(*values).in_meeting is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("DoNotDisturb", "Presenting"), True),
        (("presenting", "doNotDisturb"), True),
        (("DoNotDisturb", "DoNotDisturb"), False),
        (("PresenceUnknown", "PresenceUnknown"), None),
    ],
)
def test_presenting_follows_from_either_member(
    values: tuple[str, str], *, expected: bool | None
) -> None:
    assert read(*values).presenting is expected


@pytest.mark.parametrize(
    ("setting", "activity", "expected"),
    [
        (True, "Available", True),
        (True, None, True),
        (False, "OutOfOffice", True),
        (None, "OutOfOffice", True),
        (False, "Available", False),
        (None, "Available", False),
        (False, None, False),
        (None, None, None),
    ],
)
def test_out_of_office_follows_from_the_setting_or_the_activity(
    *, setting: bool | None, activity: str | None, expected: bool | None
) -> None:
    presence = read(activity=activity, outOfOfficeSettings={"isOutOfOffice": setting})
    assert presence.is_out_of_office is expected


# Presence


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {
                "id": "fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
                "availability": "Available",
                "activity": "Available",
                "outOfOfficeSettings": {"message": None, "isOutOfOffice": False},
                "sequenceNumber": "A0129311063",
            },
            Presence(
                id="fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
                availability=Availability.AVAILABLE,
                activity=Activity.AVAILABLE,
                activities=frozenset({Activity.AVAILABLE}),
                out_of_office=False,
            ),
        ),
        (
            {
                "id": "66825e03-7ef5-42da-9069-724602c31f6b",
                "availability": "DoNotDisturb",
                "activity": "Presenting",
                "outOfOfficeSettings": {"message": None, "isOutOfOffice": False},
                "sequenceNumber": "A0129311063",
            },
            Presence(
                id="66825e03-7ef5-42da-9069-724602c31f6b",
                availability=Availability.DO_NOT_DISTURB,
                activity=Activity.PRESENTING,
                activities=frozenset({Activity.DO_NOT_DISTURB, Activity.PRESENTING}),
                out_of_office=False,
            ),
        ),
        (
            {
                "id": "dc74d9bb-6afe-433d-8eaa-e39d80d3a647",
                "availability": "Away",
                "activity": "BeRightBack",
                "outOfOfficeSettings": {"message": None, "isOutOfOffice": False},
                "sequenceNumber": "A0129311063",
            },
            Presence(
                id="dc74d9bb-6afe-433d-8eaa-e39d80d3a647",
                availability=Availability.AWAY,
                activity=Activity.BE_RIGHT_BACK,
                activities=frozenset({Activity.AWAY, Activity.BE_RIGHT_BACK}),
                out_of_office=False,
            ),
        ),
        (
            {
                "id": "fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
                "availability": "Available",
                "activity": "Available",
                "outOfOfficeSettings": {"message": None, "isOutOfOffice": False},
                "statusMessage": {
                    "message": {"content": "Hey I am available now", "contentType": "text"}
                },
            },
            Presence(
                id="fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
                availability=Availability.AVAILABLE,
                activity=Activity.AVAILABLE,
                activities=frozenset({Activity.AVAILABLE}),
                out_of_office=False,
                status_message=StatusMessage(text="Hey I am available now"),
            ),
        ),
    ],
    ids=["own", "colleague", "colleague by another path", "colleague with a message"],
)
def test_an_answer_from_microsofts_pages_is_read_whole(
    answer: dict[str, object], expected: Presence
) -> None:
    assert Presence.from_graph(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "presence",
        7,
        [],
        [{"id": ID}],
        {},
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"value": [{"id": ID}]},
        {"availability": "Busy", "activity": "Busy"},
        {"id": ID},
        {"id": ID, "availability": None, "activity": None},
        {"id": ID, "availability": "", "activity": ""},
        {"id": ID, "availability": 7, "activity": ["Busy"]},
        {"id": ID, "statusMessage": {"message": {"content": "Lunch"}}},
    ],
)
def test_json_without_a_person_or_availability_is_no_presence(answer: object) -> None:
    assert Presence.from_graph(answer) is None


def test_a_person_is_the_same_in_any_case_of_the_id() -> None:
    presence = Presence.from_graph({"id": ID.upper(), "activity": "Busy"})
    assert presence is not None
    assert presence.id == ID


@pytest.mark.parametrize(
    "member",
    ["availability", "activity", "outOfOfficeSettings", "statusMessage", "workLocation"],
)
def test_a_member_of_another_type_counts_as_missing(member: str) -> None:
    odd: list[object] = [None, True, 7, 1.5, [], ["Busy"], {}, {"value": "Busy"}]
    others = {"availability": "Busy", "activity": "Busy"}
    others.pop(member, None)
    assert {read(**others, **{member: value}) for value in odd} == {read(**others)}


@pytest.mark.parametrize("value", [None, 0, 1, "true", [], {}])
def test_out_of_office_is_unknown_where_it_is_no_boolean(value: object) -> None:
    assert read(outOfOfficeSettings={"isOutOfOffice": value}).out_of_office is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("office", WorkLocation.OFFICE),
        ("Remote", WorkLocation.REMOTE),
        ("timeOff", WorkLocation.TIME_OFF),
        ("unspecified", NOT_SET),
        ("unknownFutureValue", None),
        (None, NOT_SET),
        (7, None),
    ],
)
def test_a_work_location_is_one_of_three_or_not_set_or_unknown(
    value: object, expected: str | None
) -> None:
    assert read(workLocation={"workLocationType": value}).work_location == expected


def test_a_work_location_may_be_null_or_missing() -> None:
    assert read(workLocation=None).work_location == NOT_SET
    assert read().work_location == NOT_SET


@pytest.mark.parametrize(
    ("value", "expected"), [("A0129311063", "A0129311063"), (None, ""), (7, "")]
)
def test_the_sequence_number_is_a_text(value: object, expected: str) -> None:
    assert read(sequenceNumber=value).sequence_number == expected


def test_the_sequence_number_alone_is_no_change() -> None:
    assert read(sequenceNumber="A0129311063") == read(sequenceNumber="A0129311064")


# Status message


@pytest.mark.parametrize(
    ("content", "kind", "text", "pinned"),
    [
        ("R&amp;D day", "text", "R&D day", False),
        ("a &lt; b", "text", "a < b", False),
        ("a <b> c", "text", "a <b> c", False),
        ("Lunch&lt;pinnednote&gt;&lt;/pinnednote&gt;", "text", "Lunch", True),
        ("<p>Lunch<pinnednote/></p>", "text", "Lunch", True),
        ("<p>R&amp;D <b>day</b></p>", "html", "R&D day", False),
        (f"<p>Lunch</p>{PIN}", "HTML", "Lunch", True),
        ("<p>one</p><p>two</p>", "html", "one\ntwo", False),
    ],
)
def test_a_message_is_read_as_people_see_it(
    content: str, kind: str, text: str, *, pinned: bool
) -> None:
    message = StatusMessage.from_graph({"message": {"content": content, "contentType": kind}})
    assert message == StatusMessage(text=text, pinned=pinned)


def test_a_status_message_is_read_whole() -> None:
    assert StatusMessage.from_graph(
        {
            "message": {"content": f"Out for lunch{PIN}", "contentType": "text"},
            "expiryDateTime": {
                "dateTime": "2022-10-18T17:05:33.2079781",
                "timeZone": "Pacific Standard Time",
            },
            "publishedDateTime": "2022-10-17T23:59:59.1234567Z",
        }
    ) == StatusMessage(
        text="Out for lunch",
        expires_at=datetime(2022, 10, 19, 0, 5, 33, 207978, tzinfo=UTC),
        published_at=datetime(2022, 10, 17, 23, 59, 59, 123456, tzinfo=UTC),
        pinned=True,
    )


@pytest.mark.parametrize(
    "status",
    [
        None,
        "Out for lunch",
        [],
        {},
        {"message": None},
        {"message": "Out for lunch"},
        {"message": {}},
        {"message": {"content": None}},
        {"message": {"content": 7}},
        {"message": {"content": ""}},
        {"message": {"content": " \n\t"}},
        {"message": {"content": PIN}},
        {"message": {"content": f" {PIN} "}},
    ],
)
def test_a_message_without_text_is_no_message(status: object) -> None:
    assert StatusMessage.from_graph(status) is None


@pytest.mark.parametrize(
    ("content", "pinned"),
    [
        ("Out for lunch", False),
        ("  Out for lunch\n", False),
        (f"Out for lunch{PIN}", True),
        (f"Out for lunch {PIN}\n", True),
        ("Out for lunch<PinnedNote> </PinnedNote>", True),
        (f"{PIN}Out for lunch", True),
        (f"Out for lunch{PIN}{PIN}", True),
    ],
)
def test_the_mark_of_a_pinned_note_is_not_part_of_the_text(content: str, *, pinned: bool) -> None:
    assert message(content) == StatusMessage(text="Out for lunch", pinned=pinned)


@pytest.mark.parametrize(
    ("time_zone", "hour"),
    [
        ({"timeZone": "UTC"}, 17),
        ({"timeZone": "Etc/GMT"}, 17),
        ({"timeZone": "tzone://Microsoft/Utc"}, 17),
        ({"timeZone": "W. Europe Standard Time"}, 15),
        ({"timeZone": "Tokyo Standard Time"}, 8),
        ({"timeZone": "Europe/Berlin"}, 15),
        ({"timeZone": "Nonsense Standard Time"}, 17),
        ({"timeZone": "Nowhere/Land"}, 17),
        ({"timeZone": ""}, 17),
        ({"timeZone": None}, 17),
        ({"timeZone": 7}, 17),
        ({}, 17),
    ],
)
def test_an_expiry_is_in_its_time_zone_or_else_in_utc(
    time_zone: dict[str, object], hour: int
) -> None:
    assert expiry("2022-10-18T17:05:33", **time_zone) == datetime(
        2022, 10, 18, hour, 5, 33, tzinfo=UTC
    )


@pytest.fixture
def _machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a system time zone far from UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_machine_in_tokyo")
def test_an_expiry_in_an_unknown_time_zone_is_in_utc_wherever_the_machine_is() -> None:
    expires_at = expiry("2022-10-18T17:05:33", timeZone="Nowhere/Land")
    assert expires_at == datetime(2022, 10, 18, 17, 5, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date_time", "expected"),
    [
        ("2022-10-18T17:05:33.2079781", datetime(2022, 10, 18, 17, 5, 33, 207978, tzinfo=UTC)),
        ("2022-10-18T17:05:33.5", datetime(2022, 10, 18, 17, 5, 33, 500000, tzinfo=UTC)),
        ("2022-10-18T17:05", datetime(2022, 10, 18, 17, 5, tzinfo=UTC)),
        ("2022-10-18", datetime(2022, 10, 18, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_read_at_any_precision(date_time: str, expected: datetime) -> None:
    assert expiry(date_time, timeZone="UTC") == expected


@pytest.mark.parametrize("date_time", ["2022-10-18T19:05:33+02:00", "2022-10-18T17:05:33Z"])
def test_an_offset_in_the_date_outweighs_the_time_zone(date_time: str) -> None:
    assert expiry(date_time, timeZone="Tokyo Standard Time") == datetime(
        2022, 10, 18, 17, 5, 33, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "date_time",
    [
        "9999-12-30T23:00:00.0000000",
        "9999-12-31T23:59:59.9999999Z",
        "9999-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00Z",
        "1601-01-01T00:00:00Z",
        "1970-01-01T00:00:00.0000000",
    ],
)
def test_dates_that_stand_for_none_are_never(date_time: str) -> None:
    assert expiry(date_time, timeZone="Pacific Standard Time") is None


@pytest.mark.parametrize(
    "date_time",
    ["", "tomorrow", "2022-13-01T00:00:00", "2022-10-18T25:00:00", "0001-01-01T00:00:00", None, 7],
)
def test_an_expiry_that_is_no_date_is_never(date_time: object) -> None:
    # With a positive offset, this is before datetime.min in UTC.
    assert expiry(date_time, timeZone="Tokyo Standard Time") is None


@pytest.mark.parametrize("value", [None, "2022-10-18T17:05:33Z", 7, [], {}])
def test_an_expiry_of_another_shape_is_never(value: object) -> None:
    assert message(expiryDateTime=value).expires_at is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2022-10-17T08:00:00.1234567Z", datetime(2022, 10, 17, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2022-10-17T10:00:00+02:00", datetime(2022, 10, 17, 8, tzinfo=UTC)),
        ("2022-10-17T08:00:00", datetime(2022, 10, 17, 8, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
        (7, None),
        ({"dateTime": "2022-10-17T08:00:00", "timeZone": "UTC"}, None),
    ],
)
def test_the_publication_is_a_moment_or_unknown(value: object, expected: datetime | None) -> None:
    assert message(publishedDateTime=value).published_at == expected


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (StatusMessage(text="Out for lunch"), "Out for lunch"),
        (StatusMessage(text="Out for lunch", pinned=True), f"Out for lunch{PIN}"),
        (StatusMessage(text=""), ""),
        (StatusMessage(text="", pinned=True), ""),
    ],
)
def test_a_message_without_an_end_is_written_as_its_content(
    status: StatusMessage, content: str
) -> None:
    assert status.to_graph() == {"message": {"content": content, "contentType": "text"}}


@pytest.mark.parametrize(
    "expires_at",
    [
        datetime(2022, 10, 18, 17, 5, 33, 207978, tzinfo=UTC),
        datetime(2022, 10, 18, 19, 5, 33, 207978, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_an_expiry_is_written_in_utc_without_an_offset(expires_at: datetime) -> None:
    status = StatusMessage(text="Out for lunch", expires_at=expires_at).to_graph()
    assert status["expiryDateTime"] == {
        "dateTime": "2022-10-18T17:05:33.207978",
        "timeZone": "UTC",
    }


def test_the_publication_is_not_written() -> None:
    status = StatusMessage(text="Out for lunch", published_at=datetime(2022, 10, 17, tzinfo=UTC))
    assert status.to_graph().keys() == {"message"}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"statusMessage": {"expiryDateTime": {"timeZone": "Europe/Berlin"}}}, ["Europe/Berlin"]),
        ({"statusMessage": {"expiryDateTime": {"timeZone": ""}}}, []),
        ({"statusMessage": {"expiryDateTime": {"timeZone": 7}}}, []),
        ({"statusMessage": {"expiryDateTime": None}}, []),
        ({"statusMessage": None}, []),
        ({}, []),
        ([], []),
        (None, []),
    ],
)
def test_the_time_zones_of_a_presence_are_those_it_names(body: object, names: list[str]) -> None:
    assert time_zone_names(body) == names


# Person


@pytest.mark.parametrize(
    ("members", "person"),
    [
        (
            {"displayName": "Robin", "mail": "robin@a.example", "userPrincipalName": "r@b.example"},
            Person(ID, "Robin", "robin@a.example"),
        ),
        (
            {"displayName": "Robin", "mail": None, "userPrincipalName": "r@b.example"},
            Person(ID, "Robin", "r@b.example"),
        ),
        (
            {"displayName": "", "mail": "robin@a.example"},
            Person(ID, "robin@a.example", "robin@a.example"),
        ),
        ({"displayName": None, "mail": "", "userPrincipalName": None}, Person(ID, ID)),
        ({"displayName": 7, "mail": [], "userPrincipalName": {}}, Person(ID, ID)),
        ({}, Person(ID, ID)),
    ],
)
def test_a_person_is_named_by_the_best_there_is(members: dict[str, object], person: Person) -> None:
    assert Person.from_graph({"id": ID} | members) == person


def test_the_id_of_a_person_is_in_lower_case() -> None:
    assert Person.from_graph({"id": ID.upper(), "displayName": "Robin"}) == Person(ID, "Robin")


@pytest.mark.parametrize(
    "data",
    [None, [], "Robin", 7, {}, {"id": None}, {"id": 7}, {"id": ""}, {"displayName": "Robin"}],
)
def test_a_person_without_an_id_is_none(data: object) -> None:
    assert Person.from_graph(data) is None


# Arbitrary JSON


def _objects(members: dict[str, st.SearchStrategy[object]]) -> st.SearchStrategy[object]:
    """Return objects with optional members, valid or not."""
    anything = {name: value | JSON for name, value in members.items()}
    return st.fixed_dictionaries({}, optional=anything)


JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_VALUE = st.sampled_from(sorted(VALUES)) | st.text(max_size=12)
_DATE_TIME = st.datetimes().map(datetime.isoformat) | st.text(max_size=30)
_ZONE = st.sampled_from(["UTC", "Tokyo Standard Time", "Europe/Berlin"]) | st.text(max_size=12)
_STATUS_MESSAGE = _objects(
    {
        "message": _objects({"content": st.text() | st.just(PIN)}),
        "expiryDateTime": _objects({"dateTime": _DATE_TIME, "timeZone": _ZONE}),
        "publishedDateTime": _DATE_TIME,
    }
)
_PRESENCE = _objects(
    {
        "id": st.just(ID),
        "availability": _VALUE,
        "activity": _VALUE,
        "outOfOfficeSettings": _objects({"isOutOfOffice": st.booleans()}),
        "statusMessage": _STATUS_MESSAGE,
        "workLocation": _objects({"workLocationType": st.text(max_size=12)}),
        "sequenceNumber": st.text(max_size=12),
    }
)
_USER = _objects(dict.fromkeys(("id", "displayName", "mail", "userPrincipalName"), st.text()))


@settings(max_examples=200, deadline=None)
@given(JSON | _PRESENCE)
def test_any_json_is_a_presence_or_none(data: object) -> None:
    assert isinstance(Presence.from_graph(data), Presence | None)


@settings(max_examples=100, deadline=None)
@given(JSON | _USER)
def test_any_json_is_a_person_or_none(data: object) -> None:
    assert isinstance(Person.from_graph(data), Person | None)


@settings(max_examples=100, deadline=None)
@given(JSON | _STATUS_MESSAGE)
def test_any_json_is_a_status_message_or_none(data: object) -> None:
    assert isinstance(StatusMessage.from_graph(data), StatusMessage | None)


@settings(max_examples=100, deadline=None)
@given(JSON | _PRESENCE)
def test_the_time_zones_of_any_json_are_strings(data: object) -> None:
    assert all(isinstance(name, str) for name in time_zone_names(data))


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        StatusMessage,
        text=st.text(min_size=1).map(message_text).filter(bool),
        expires_at=st.none()
        | st.datetimes(
            # In 2000 in every zone.
            min_value=datetime(2000, 1, 2),  # noqa: DTZ001
            max_value=datetime(9998, 12, 30),  # noqa: DTZ001
            timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
        ),
        pinned=st.booleans(),
    )
)
def test_a_status_message_reads_as_it_was_written(status: StatusMessage) -> None:
    written = status.to_graph()
    message = written["message"]
    assert isinstance(message, dict)
    # As Graph stores it.
    message["content"] = html.escape(message["content"])
    assert StatusMessage.from_graph(written) == status
