"""Actions on a presence: their bodies and their effect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from simulator.engine import LOCATION_TYPES, PINNED, UNSPECIFIED, LocationSource
from simulator.entra.tokens import Caller
from simulator.states import PREFERENCES, SESSION_STATES, State
from simulator.tenant import Person
from simulator.wire import Json

from .bodies import (
    Property,
    object_of,
    one_of,
    parse_duration,
    parse_expiry,
    parse_text,
)
from .errors import GraphError, bad_request

MESSAGE_LIMIT: Final = 280
"""The limit in Teams, without the marker of a pinned message; Graph's own is not documented."""


def _content(value: object) -> str:
    text = parse_text(value)
    if len(text.removesuffix(PINNED)) > MESSAGE_LIMIT:
        raise bad_request(f"The content is longer than {MESSAGE_LIMIT} characters.")
    return text


_MESSAGE: Final = {
    "content": Property(_content),
    "contentType": Property(one_of("text"), required=False),
}
_DATE_TIME_ZONE: Final = {"dateTime": Property(parse_text), "timeZone": Property(parse_text)}
_STATUS_MESSAGE: Final = {
    "message": Property(object_of(_MESSAGE), required=False),
    "expiryDateTime": Property(object_of(_DATE_TIME_ZONE), required=False),
}
_PLACE: Final = {
    "workLocationType": Property(one_of(UNSPECIFIED, *LOCATION_TYPES)),
    "placeId": Property(parse_text, required=False),
}
_STATE: Final = {"availability": Property(parse_text), "activity": Property(parse_text)}
_LASTING: Final = _STATE | {"expirationDuration": Property(parse_duration, required=False)}


def _set_presence(caller: Caller, person: Person, body: Json) -> None:
    _check_session(caller, body)
    state = State(str(body["availability"]), str(body["activity"]))
    if state not in SESSION_STATES:
        raise bad_request(f"The combination {'/'.join(state)} is not supported.")
    duration = body.get("expirationDuration", timedelta(minutes=5))
    assert isinstance(duration, timedelta)  # noqa: S101
    if not timedelta(minutes=5) <= duration <= timedelta(hours=4):
        raise _out_of_range()
    person.set_session(caller.app.id, state, duration)


def _out_of_range() -> GraphError:
    # Microsoft's tracker shows this code; the page does not.
    text = "The provided [ExpirationDuration] is out of range."
    return GraphError(400, "InvalidArgument", text)


def _check_session(caller: Caller, body: Json) -> None:
    if body["sessionId"] != caller.app.id:
        raise bad_request("The session id must be the id of the calling application.")


def _clear_presence(caller: Caller, person: Person, body: Json) -> None:
    _check_session(caller, body)
    if not person.clear_session(caller.app.id):
        raise GraphError(404, "NotFound", "The presence session does not exist.")


def _set_preferred(caller: Caller, person: Person, body: Json) -> None:
    del caller
    availability, activity = str(body["availability"]), str(body["activity"])
    if availability not in PREFERENCES or PREFERENCES[availability][0] != activity:
        raise bad_request(f"The combination {availability}/{activity} is not supported.")
    duration = body.get("expirationDuration")
    assert duration is None or isinstance(duration, timedelta)  # noqa: S101
    if duration is not None and duration <= timedelta():
        raise _out_of_range()
    try:
        person.prefer(availability, duration)
    except OverflowError as error:
        raise _out_of_range() from error


def _clear_preferred(caller: Caller, person: Person, body: Json) -> None:
    del caller, body
    person.clear_preference()


def _set_status_message(caller: Caller, person: Person, body: Json) -> None:
    del caller
    status = body.get("statusMessage")
    if not isinstance(status, dict) or "message" not in status:
        person.clear_status_message()
        return
    expiry = status.get("expiryDateTime")
    expires, ticks = parse_expiry(expiry["dateTime"], expiry["timeZone"]) if expiry else (None, 0)
    person.publish(status["message"]["content"], expires, ticks)


def _set_location(source: LocationSource) -> Callable[[Caller, Person, Json], None]:
    def act(caller: Caller, person: Person, body: Json) -> None:
        del caller
        place = body.get("placeId")
        person.set_work_location(
            str(body["workLocationType"]), source, None if place is None else str(place)
        )

    return act


def _clear_location(*sources: LocationSource) -> Callable[[Caller, Person, Json], None]:
    def act(caller: Caller, person: Person, body: Json) -> None:
        del caller, body
        person.clear_work_location(*sources)

    return act


@dataclass(frozen=True)
class Action:
    """A POST below a presence."""

    properties: Mapping[str, Property]
    act: Callable[[Caller, Person, Json], None]
    location: bool = False
    """Whether only delegated callers of the global cloud may set a work location."""


ACTIONS: Final[dict[str, Action]] = {
    "setPresence": Action({"sessionId": Property(parse_text)} | _LASTING, _set_presence),
    "clearPresence": Action({"sessionId": Property(parse_text)}, _clear_presence),
    "setUserPreferredPresence": Action(_LASTING, _set_preferred),
    "clearUserPreferredPresence": Action({}, _clear_preferred),
    "setStatusMessage": Action(
        {"statusMessage": Property(object_of(_STATUS_MESSAGE), required=False)}, _set_status_message
    ),
    "setManualLocation": Action(_PLACE, _set_location("manual"), location=True),
    "setAutomaticLocation": Action(_PLACE, _set_location("automatic"), location=True),
    "clearAutomaticLocation": Action({}, _clear_location("automatic"), location=True),
    "clearLocation": Action({}, _clear_location("manual", "automatic"), location=True),
}
