"""The `presence` resource in JSON."""

from datetime import UTC, datetime
from typing import Final

from simulator.engine import StatusMessage
from simulator.tenant import Person
from simulator.wire import Json

NEVER: Final = "9999-12-30T23:00:00.0000000"


def timestamp(moment: datetime, ticks: int = 0) -> str:
    """Format a time in UTC with seven decimals."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}{ticks}"


def message_json(message: StatusMessage, *, own: bool) -> Json:
    """Serialize a status message; only its author sees its dates."""
    body: Json = {"message": {"content": message.content, "contentType": "text"}}
    if own:
        expiry = timestamp(message.expires, message.ticks) if message.expires else NEVER
        body["expiryDateTime"] = {"dateTime": expiry, "timeZone": "UTC"}
        body["publishedDateTime"] = f"{timestamp(message.published)}Z"
    return body


def presence_json(person: Person, *, own: bool, complete: bool) -> Json:
    """Serialize a presence; `own` is how its person reads it."""
    message = person.status_message
    place = person.work_location
    body: Json = {
        "id": person.id,
        "availability": person.availability,
        "activity": person.activity,
        "statusMessage": message_json(message, own=own) if message else None,
    }
    if complete:
        body |= {
            "outOfOfficeSettings": {
                "message": person.out_of_office_message,
                "isOutOfOffice": person.is_out_of_office,
            },
            "sequenceNumber": person.sequence_number,
            "workLocation": place
            and {
                "workLocationType": place.type,
                "placeId": place.place_id,
                "source": place.source,
            },
        }
    return body
