"""Time zone names in every spelling that Graph may use."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from custom_components.ms_teams_presence.graph import time_zones
from custom_components.ms_teams_presence.graph.time_zones import is_loaded, time_zone
from simulator.zones import WINDOWS

WINTER = datetime(2022, 1, 18, 12, tzinfo=UTC)
SUMMER = datetime(2022, 7, 18, 12, tzinfo=UTC)


def offsets(zone: tzinfo) -> list[timedelta | None]:
    """Return a zone's UTC offsets in winter and summer."""
    return [when.astimezone(zone).utcoffset() for when in (WINTER, SUMMER)]


@pytest.fixture(autouse=True)
def _nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the caches, as in a new process."""
    loaded: dict[str, tzinfo | None] = {}
    monkeypatch.setattr(time_zones, "_loaded", loaded)


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [
        ("Pacific Standard Time", -8, -7),
        ("Eastern Standard Time", -5, -4),
        ("UTC-11", -11, -11),
        ("GMT Standard Time", 0, 1),
        ("W. Europe Standard Time", 1, 2),
        ("India Standard Time", 5.5, 5.5),
        ("Nepal Standard Time", 5.75, 5.75),
        ("Tokyo Standard Time", 9, 9),
        ("AUS Eastern Standard Time", 11, 10),
        ("UTC+13", 13, 13),
        ("America/Los_Angeles", -8, -7),
        ("Europe/Berlin", 1, 2),
        ("Etc/GMT+3", -3, -3),
    ],
)
def test_a_windows_or_iana_name_has_the_offsets_of_its_place(
    name: str, winter: float, summer: float
) -> None:
    zone = time_zone(name)
    assert zone is not None
    assert offsets(zone) == [timedelta(hours=winter), timedelta(hours=summer)]


def test_every_windows_name_maps_to_microsofts_place() -> None:
    """Check against the simulator's independent table."""
    zones = {name: (time_zone(name), ZoneInfo(place)) for name, place in WINDOWS.items()}
    wrong = {
        name
        for name, (zone, expected) in zones.items()
        if zone is None or offsets(zone) != offsets(expected)
    }
    assert wrong == set()


@pytest.mark.parametrize(
    "name", ["", "UTC", "utc", "Etc/UTC", "Etc/GMT", "GMT", "Z", "tzone://Microsoft/Utc"]
)
def test_every_name_of_utc_is_resolved_without_reading_the_disk(name: str) -> None:
    assert is_loaded(name)
    assert time_zone(name) is UTC


@pytest.mark.parametrize(
    "name",
    [
        "Nowhere/Land",
        "Nonsense Standard Time",
        " ",
        "Europe",
        "zone.tab",
        "__init__.py",
        "..",
        "../../../etc/passwd",
        "/etc/passwd",
        "\x00",
        "Z" * 5000,
        "Zürich",
    ],
)
def test_an_unknown_name_has_no_zone(name: str) -> None:
    assert time_zone(name) is None


@pytest.mark.parametrize("name", ["Lord Howe Standard Time", "Australia/Lord_Howe", "Nowhere/Land"])
def test_a_name_is_loaded_once_it_was_seen(name: str) -> None:
    before = is_loaded(name)
    time_zone(name)
    assert (before, is_loaded(name)) == (False, True)


@pytest.mark.parametrize("name", ["Lord Howe Standard Time", "Nowhere/Land"])
def test_a_name_is_read_from_the_disk_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def read(key: str) -> ZoneInfo:
        reads.append(key)
        return ZoneInfo(key)

    monkeypatch.setattr(time_zones, "ZoneInfo", read)
    for _ in range(2):
        time_zone(name)
    assert len(reads) == 1


def test_the_cache_is_limited_to_the_number_of_zones() -> None:
    for number in range(5000):
        time_zone(f"Nowhere/Land {number}")

    assert sum(is_loaded(f"Nowhere/Land {number}") for number in range(5000)) <= 1024
    assert is_loaded("Nowhere/Land 4999")


def test_an_invalid_name_is_neither_looked_up_nor_cached() -> None:
    name = "Zone " * 20

    assert is_loaded(name)
    assert time_zone(name) is None
