"""Time zones by the Windows or IANA names that `dateTimeTimeZone` uses.

https://learn.microsoft.com/graph/api/resources/datetimetimezone
https://github.com/unicode-org/cldr/blob/main/common/supplemental/windowsZones.xml
"""

from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

_UTC_NAMES: Final = frozenset(
    {"", "utc", "etc/utc", "etc/gmt", "gmt", "z", "tzone://microsoft/utc"}
)
# No zone has a longer name.
_MAX_NAME: Final = 64
# There are about 750 names; more are not worth remembering.
_MAX_LOADED: Final = 1024

_loaded: dict[str, tzinfo | None] = {}


def is_loaded(name: str) -> bool:
    """Return whether `time_zone` answers from memory, so that the event loop may call it."""
    return name.casefold() in _UTC_NAMES or name in _loaded or len(name) >= _MAX_NAME


def time_zone(name: str) -> tzinfo | None:
    """Return the zone of a Windows or IANA name, or None if there is none.

    Reads files the first time a name is seen: call it in a thread then.
    """
    if name.casefold() in _UTC_NAMES:
        return UTC
    if len(name) >= _MAX_NAME:
        return None
    if name not in _loaded:
        if len(_loaded) >= _MAX_LOADED:
            _loaded.clear()
        try:
            _loaded[name] = ZoneInfo(_windows_zones().get(name, name))
        except ZoneInfoNotFoundError, OSError, ValueError:
            _loaded[name] = None
    return _loaded[name]


@cache
def _windows_zones() -> dict[str, str]:
    """Return the IANA names of Windows time zones, from CLDR."""
    names: dict[str, str] = orjson.loads(
        Path(__file__).with_name("windows_zones.json").read_bytes()
    )
    return names
