"""Client for the Graph presence API; the only place with Graph's paths."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
import gc
from http import HTTPStatus
import re
from typing import Final
from urllib.parse import quote

from aiohttp import ClientSession, hdrs

from .clouds import Cloud
from .errors import NOT_FOUND, GraphRejectedError, GraphUnavailableError
from .http import GraphHttp, TokenProvider, check_is_no_page, parse_json
from .models import (
    Activity,
    Availability,
    Json,
    Person,
    Presence,
    StatusMessage,
    WorkLocation,
    time_zone_names,
)
from .rejected import RejectedPeople
from .text import GUID
from .time_zones import is_loaded, time_zone

# How many people a search returns.
SEARCH_LIMIT: Final = 25
_USER_MEMBERS: Final = "id,displayName,mail,userPrincipalName"
_NOT_IN_A_TERM: Final = re.compile(r'["\\&#]')

# Availability and activity of each preferred presence.
_PREFERENCES: Final[dict[Availability, tuple[str, str]]] = {
    Availability.AVAILABLE: ("Available", "Available"),
    Availability.BUSY: ("Busy", "Busy"),
    Availability.DO_NOT_DISTURB: ("DoNotDisturb", "DoNotDisturb"),
    Availability.BE_RIGHT_BACK: ("BeRightBack", "BeRightBack"),
    Availability.AWAY: ("Away", "Away"),
    Availability.OFFLINE: ("Offline", "OffWork"),
}

# Availability and activity of each presence session.
_SESSIONS: Final[dict[Activity, tuple[str, str]]] = {
    Activity.AVAILABLE: ("Available", "Available"),
    Activity.IN_A_CALL: ("Busy", "InACall"),
    Activity.IN_A_CONFERENCE_CALL: ("Busy", "InAConferenceCall"),
    Activity.AWAY: ("Away", "Away"),
    Activity.PRESENTING: ("DoNotDisturb", "Presenting"),
}
SESSION_ACTIVITIES: Final = tuple(_SESSIONS)
_WORK_LOCATIONS: Final = {
    WorkLocation.OFFICE: "office",
    WorkLocation.REMOTE: "remote",
    WorkLocation.TIME_OFF: "timeOff",
}


class PresenceClient:
    """Presence of people in one tenant, as one sign-in may read and set it.

    Every method raises a `GraphError`: `GraphAuthError` if Graph rejects a new token, too,
    `GraphPermissionError`, `GraphThrottledError`, `GraphUnavailableError` for what passes by
    itself, `GraphRejectedError` for a request that Graph will never accept.
    """

    def __init__(self, session: ClientSession, cloud: Cloud, token_provider: TokenProvider) -> None:
        """Initialize; the session stays the caller's to close."""
        self._http = GraphHttp(session, f"{cloud.graph}/v1.0", token_provider)
        self._cached_me: tuple[bytes, Presence] | None = None
        self._cached_people: dict[str, Presence] = {}
        self._rejected = RejectedPeople()

    @property
    def response_counts(self) -> dict[str, int]:
        """Return the number of responses by HTTP status; `none` counts requests without one."""
        return dict(self._http.response_counts)

    async def async_get_my_presence(self) -> Presence:
        """Return the presence of the signed-in person, with the times of their status message.

        https://learn.microsoft.com/graph/api/presence-get
        """
        content = await self._http.async_request(hdrs.METH_GET, "/me/presence")
        # Mostly nothing has changed, down to the last byte.
        if self._cached_me is not None and content == self._cached_me[0]:
            return self._cached_me[1]
        data = parse_json(content)
        await _async_load_time_zones(time_zone_names(data))
        if (presence := Presence.from_graph(data)) is None:
            raise GraphUnavailableError(status=HTTPStatus.OK, code="notPresence")
        self._cached_me = content, presence
        return presence

    async def async_get_presences(self, person_ids: Collection[str]) -> dict[str, Presence]:
        """Return the presences of people by object id; ids unknown to Graph are left out.

        Sends one request for every 650 people, all at once. An id that spoils its request is found
        by halving it, and rarely requested again.

        https://learn.microsoft.com/graph/api/cloudcommunications-getpresencesbyuserid
        """
        read = await self._rejected.async_read(person_ids, self._async_get_part)
        wanted = {person_id.lower() for person_id in person_ids}
        self._cached_people = {presence.id: presence for presence in read if presence.id in wanted}
        return dict(self._cached_people)

    async def _async_get_part(self, person_ids: tuple[str, ...]) -> list[Presence]:
        """Return the presences of at most 650 people."""
        body: Json = {"ids": list(person_ids)}
        content = await self._http.async_request(
            hdrs.METH_POST, "/communications/getPresencesByUserId", body
        )
        # Thousands of short-lived objects would start a collection of all of Home Assistant's
        # objects, which takes much longer than parsing them.
        with _gc_paused():
            members = _collection(parse_json(content))
            zones = [name for member in members for name in time_zone_names(member)]
            if all(map(is_loaded, zones)):
                return self._parse_presences(members)
        await _async_load_time_zones(zones)
        return self._parse_presences(members)

    def _parse_presences(self, members: list[object]) -> list[Presence]:
        """Parse presences, reusing unchanged objects."""
        read = (Presence.from_graph(member) for member in members)
        known = self._cached_people
        return [
            old if (old := known.get(presence.id)) == presence and old else presence
            for presence in read
            if presence is not None
        ]

    async def async_find_people(self, text: str) -> list[Person]:
        """Return people of the directory whose name or address contains the words of a text.

        At most 26 are returned, so that a caller who shows 25 can tell that there are more.

        https://learn.microsoft.com/graph/search-query-parameter
        """
        # Quotes and backslashes end or escape the term, and Graph takes & and # for the end of the
        # query even if they are encoded.
        if not (term := _NOT_IN_A_TERM.sub(" ", text).strip()):
            return []
        fields = ("displayName", "mail", "userPrincipalName")
        content = await self._http.async_request(
            hdrs.METH_GET,
            "/users",
            params={
                "$search": " OR ".join(f'"{field}:{term}"' for field in fields),
                "$select": _USER_MEMBERS,
                "$top": str(SEARCH_LIMIT + 1),
            },
            headers={"ConsistencyLevel": "eventual"},
        )
        people = (Person.from_graph(member) for member in _collection(parse_json(content)))
        return [person for person in people if person is not None]

    async def async_get_person(self, id_or_address: str) -> Person | None:
        """Return a person of the directory by object id or address, or None if there is none.

        https://learn.microsoft.com/graph/api/user-get
        """
        is_address = "@" in id_or_address
        # Graph would take a slash for one of a path, even if it is encoded.
        if "/" in id_or_address or not (is_address or GUID.fullmatch(id_or_address)):
            return None
        # A template that cuts a text can leave half a surrogate pair, which is in no address.
        path = f"/users/{quote(id_or_address, safe='', errors='replace')}"
        try:
            content = await self._http.async_request(
                hdrs.METH_GET, path, params={"$select": _USER_MEMBERS}
            )
        except GraphRejectedError as err:
            if err.status not in NOT_FOUND:
                raise
        else:
            if (person := Person.from_graph(parse_json(content))) is None:
                # Of someone who is deleted, Graph says so.
                raise GraphUnavailableError(status=HTTPStatus.OK, code="notPerson")
            return person
        if not is_address:
            return None
        # An e-mail address need not be the user principal name.
        found = await self.async_find_people(id_or_address)
        address = id_or_address.casefold()
        return next((person for person in found if person.address.casefold() == address), None)

    async def async_set_status_message(self, person_id: str, message: StatusMessage) -> None:
        """Set the status message of a person; an empty text clears it.

        https://learn.microsoft.com/graph/api/presence-setstatusmessage
        """
        await self._async_write(
            person_id, "setStatusMessage", {"statusMessage": message.to_graph()}
        )

    async def async_set_preferred_presence(
        self, person_id: str, availability: Availability, duration: timedelta | None = None
    ) -> None:
        """Set the preferred presence of a person, which overrides their sessions.

        Without a duration, in whole seconds, Graph keeps busy and do not disturb for a day and the
        others for a week. It shows only while the person has a presence session.

        https://learn.microsoft.com/graph/api/presence-setuserpreferredpresence
        """
        graph_availability, graph_activity = _PREFERENCES[availability]
        body: Json = {"availability": graph_availability, "activity": graph_activity}
        if duration is not None:
            body["expirationDuration"] = _iso_duration(duration)
        await self._async_write(person_id, "setUserPreferredPresence", body)

    async def async_clear_preferred_presence(self, person_id: str) -> None:
        """Clear the preferred presence of a person.

        https://learn.microsoft.com/graph/api/presence-clearuserpreferredpresence
        """
        await self._async_write(person_id, "clearUserPreferredPresence", {})

    async def async_set_presence(
        self, person_id: str, session_id: str, activity: Activity, duration: timedelta
    ) -> None:
        """Create or renew the app's presence session of a person.

        `session_id` is the client id of the app. Activities: available, in_a_call,
        in_a_conference_call, away, presenting. The duration is between 5 minutes and 4 hours, in
        whole seconds; available expires after 5 minutes regardless.

        https://learn.microsoft.com/graph/api/presence-setpresence
        """
        graph_availability, graph_activity = _SESSIONS[activity]
        await self._async_write(
            person_id,
            "setPresence",
            {
                "sessionId": session_id,
                "availability": graph_availability,
                "activity": graph_activity,
                "expirationDuration": _iso_duration(duration),
            },
        )

    async def async_clear_presence(self, person_id: str, session_id: str) -> None:
        """Clear the app's presence session of a person, if there is one.

        https://learn.microsoft.com/graph/api/presence-clearpresence
        """
        try:
            await self._async_write(person_id, "clearPresence", {"sessionId": session_id})
        except GraphRejectedError as err:
            # There was no session.
            if err.status != HTTPStatus.NOT_FOUND:
                raise

    async def async_set_my_work_location(self, location: WorkLocation) -> None:
        """Set the signed-in person's work location for today.

        https://learn.microsoft.com/graph/api/presence-setmanuallocation
        """
        await self._async_post(
            "/me/presence/setManualLocation", {"workLocationType": _WORK_LOCATIONS[location]}
        )

    async def async_clear_my_work_location(self) -> None:
        """Clear the signed-in person's work location; their schedule applies again.

        https://learn.microsoft.com/graph/api/presence-clearlocation
        """
        await self._async_post("/me/presence/clearLocation")

    async def _async_write(self, person_id: str, action: str, body: Json) -> None:
        """Call one of Graph's actions on the presence of a person."""
        await self._async_post(f"/users/{person_id}/presence/{action}", body)

    async def _async_post(self, path: str, body: Json | None = None) -> None:
        """Call one of Graph's actions, which return nothing."""
        # After a page of a proxy the action has not run.
        check_is_no_page(await self._http.async_request(hdrs.METH_POST, path, body))


async def _async_load_time_zones(names: Iterable[str]) -> None:
    """Load time zones in a thread the first time each is seen."""
    for name in names:
        if not is_loaded(name):
            await asyncio.to_thread(time_zone, name)


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause garbage collection for a few milliseconds; never held over an await."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _collection(data: object) -> list[object]:
    """Return the members of a collection; anything else is not presence."""
    members = data.get("value") if isinstance(data, dict) else None
    if not isinstance(members, list):
        raise GraphUnavailableError(status=HTTPStatus.OK, code="notPresence")
    return members


def _iso_duration(duration: timedelta) -> str:
    """Format a duration of at least a second as ISO 8601 hours, minutes and seconds."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + "".join(f"{number}{unit}" for number, unit in parts if number)
