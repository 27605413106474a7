"""Parse and check JSON bodies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import re
from typing import Final
from uuid import UUID

from simulator.wire import Json
from simulator.zones import find_zone

from .errors import bad_request

type Check = Callable[[object], object]


@dataclass(frozen=True)
class Property:
    """A property of a body; unless required, it may be missing or null."""

    check: Check
    required: bool = True


def parse_text(value: object) -> str:
    """Require a text of valid Unicode."""
    if not isinstance(value, str):
        raise bad_request("A string is expected.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise bad_request("The string is not valid Unicode.")
    return value


def parse_guid(value: object) -> str:
    """Require a GUID in its plain form."""
    text = parse_text(value)
    try:
        plain = str(UUID(text))
    except ValueError as error:
        raise bad_request(f"'{text}' is not a GUID.") from error
    if plain != text.lower():
        raise bad_request(f"'{text}' is not a GUID in its plain form.")
    return plain


_DURATION: Final = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def parse_duration(value: object) -> timedelta:
    """Parse an ISO 8601 duration."""
    text = parse_text(value)
    match = _DURATION.fullmatch(text)
    if not match or text == "P":
        raise bad_request(f"'{text}' is not an ISO 8601 duration.")
    try:
        return timedelta(**{unit: float(number or 0) for unit, number in match.groupdict().items()})
    except OverflowError as error:
        raise bad_request(f"'{text}' is too long.") from error


def one_of(*allowed: str) -> Check:
    """Require a member of an enumeration, in any case."""
    known = {name.lower(): name for name in allowed}

    def check(value: object) -> str:
        text = parse_text(value)
        if text.lower() not in known:
            raise bad_request(f"'{text}' is not supported. Supported: {', '.join(allowed)}.")
        return known[text.lower()]

    return check


def object_of(properties: Mapping[str, Property]) -> Check:
    """Require an object with these properties."""
    return lambda value: parse_object(value, properties)


_DATE_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7}))?", re.ASCII)


def parse_object(value: object, properties: Mapping[str, Property]) -> Json:
    """Check a JSON object; null counts as missing, the case of names does not count."""
    if not isinstance(value, dict):
        raise bad_request("An object is expected.")
    names = {name.lower(): name for name in properties}
    members: Json = {}
    for written, content in value.items():
        # Clients may send OData's annotations, such as @odata.type.
        if "@odata." in written:
            continue
        name = names.get(written.lower())
        if name is None:
            raise bad_request(f"The property '{written}' does not exist.")
        if name in members:
            raise bad_request(f"The property '{written}' occurs twice.")
        members[name] = content
    found: Json = {}
    for name, known in properties.items():
        if members.get(name) is not None:
            found[name] = known.check(members[name])
        elif known.required:
            raise bad_request(f"The property '{name}' is required.")
    return found


def parse_expiry(date_time: str, time_zone: str) -> tuple[datetime, int]:
    """Parse a dateTimeTimeZone: the time in UTC and the seventh decimal."""
    zone = find_zone(time_zone)
    if zone is None:
        raise bad_request(f"The time zone '{time_zone}' is not known.")
    match = _DATE_TIME.fullmatch(date_time)
    # Python also parses the hour 24.
    if not match or date_time[11:13] == "24":
        raise bad_request(f"'{date_time}' is not a date and time without offset.")
    digits = (match[2] or "").ljust(7, "0")
    try:
        local = datetime.fromisoformat(f"{match[1]}").replace(
            microsecond=int(digits[:6]), tzinfo=zone
        )
        return local.astimezone(UTC), int(digits[6])
    except (ValueError, OverflowError) as error:
        raise bad_request(f"'{date_time}' is not a date and time.") from error
