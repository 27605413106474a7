"""The JSON control API, for programs in other processes."""

from dataclasses import asdict, dataclass
import json
from typing import Final, cast

from aiohttp import web

from .entra.consent import Decision
from .entra.errors import SignInError
from .gestures import perform
from .graph.presence import presence_json
from .state import SimulatorState
from .tenant import Person
from .wire import Json

_READS: Final = {"lag": int | float, "message_lingers": int | float, "sanitizes": bool}


def state(simulator: SimulatorState) -> Json:
    """Describe the whole tenant."""
    tenant = simulator.tenant
    return {
        "now": simulator.clock.now().isoformat(),
        "url": simulator.url,
        "tls_url": simulator.tls_url,
        "tenant": {
            "id": tenant.id,
            "domain": tenant.domain,
            "user_consent": tenant.user_consent,
            "admin_consent": tenant.admin_consent,
            "vocabulary": tenant.vocabulary,
        },
        "apps": [
            {"id": app.id, "name": app.name, "redirect_uris": app.redirect_uris}
            for app in tenant.apps.values()
        ],
        "reads": reads_json(simulator),
        "people": {key: _person(person) for key, person in tenant.people.items()},
        "faults": [
            {
                "match": fault.match,
                "times": fault.times,
                "hits": fault.hits,
                "hanging": fault.hanging,
            }
            for fault in simulator.faults
        ],
    }


def reads_json(simulator: SimulatorState) -> Json:
    """Describe delays and changes of reads."""
    reads = simulator.graph.reads
    return {name: getattr(reads, name) for name in _READS}


def _person(person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "address": person.address,
        "teams": person.client is not None,
        "presence": presence_json(person, own=True, complete=True),
    }


@dataclass(frozen=True)
class Control:
    """The endpoints below /simulator."""

    simulator: SimulatorState

    async def read_state(self, request: web.Request) -> web.Response:
        """Describe the tenant."""
        return web.json_response(state(self.simulator))

    async def gesture(self, request: web.Request) -> web.Response:
        """Carry out a gesture."""
        person = self.simulator.tenant.people.get(request.match_info["key"])
        if person is None:
            raise _http_error(404, "There is no such person.")
        arguments = await _arguments(request)
        try:
            perform(person, request.match_info["gesture"], arguments)
        except KeyError as error:
            raise _http_error(404, f"There is no gesture {error}.") from error
        except (TypeError, ValueError) as error:
            raise _http_error(400, str(error)) from error
        return web.json_response(_person(person))

    async def add_people(self, request: web.Request) -> web.Response:
        """Add a person for each of the `keys`."""
        keys = (await _arguments(request)).get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
            raise _http_error(400, "keys must be a list of texts.")
        people = [self.simulator.tenant.add_person(key) for key in keys]
        return web.json_response(
            [
                {
                    "key": person.key,
                    "id": person.id,
                    "name": person.name,
                    "address": person.address,
                }
                for person in people
            ]
        )

    async def advance(self, request: web.Request) -> web.Response:
        """Move the clock."""
        seconds = (await _arguments(request)).get("advance")
        if not isinstance(seconds, int | float):
            raise _http_error(400, "advance must be a number of seconds.")
        self.simulator.advance(seconds)
        return web.json_response({"now": self.simulator.clock.now().isoformat()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Add a fault: `match`, `times` and `faults.Options`."""
        arguments = await _arguments(request)
        try:
            self.simulator.faults.add(**arguments)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise _http_error(400, str(error)) from error
        return web.json_response(state(self.simulator)["faults"])

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Remove all faults and all delays of reads."""
        self.simulator.faults.clear()
        self.simulator.graph.reads.reset()
        return web.json_response([])

    async def read_requests(self, request: web.Request) -> web.Response:
        """Return the log of requests."""
        return web.json_response(
            [asdict(entry) | {"at": entry.at.isoformat()} for entry in self.simulator.requests]
        )

    async def clear_requests(self, request: web.Request) -> web.Response:
        """Clear the log of requests."""
        self.simulator.requests.clear()
        return web.json_response([])

    async def device(self, request: web.Request) -> web.Response:
        """Enter a device code, as on a second device."""
        arguments = await _arguments(request)
        try:
            self.simulator.enter_device_code(
                str(arguments.get("user_code")),
                str(arguments.get("account", "robin")),
                cast("Decision", arguments.get("decision", "accept")),
            )
        except SignInError as error:
            raise _http_error(400, error.text) from error
        return web.json_response({})

    async def revoke(self, request: web.Request) -> web.Response:
        """Revoke a person's refresh tokens."""
        self.simulator.revoke(str((await _arguments(request)).get("person")))
        return web.json_response({})

    async def expire(self, request: web.Request) -> web.Response:
        """Expire all access tokens issued so far."""
        self.simulator.expire_access_tokens()
        return web.json_response({})

    async def tenant(self, request: web.Request) -> web.Response:
        """Change the tenant's policy or vocabulary."""
        allowed: dict[str, tuple[str, ...]] = {
            "user_consent": ("allowed", "blocked"),
            "admin_consent": ("requested", "registered"),
            "vocabulary": ("classic", "modern"),
        }
        arguments = await _arguments(request)
        for name, value in arguments.items():
            if value not in allowed.get(name, ()):
                raise _http_error(400, f"{name} can't be {value}.")
            setattr(self.simulator.tenant, name, value)
        return web.json_response(state(self.simulator)["tenant"])

    async def reads(self, request: web.Request) -> web.Response:
        """Set delays and changes of reads."""
        arguments = await _arguments(request)
        for name, value in arguments.items():
            kind = _READS.get(name)
            if (
                kind is None
                or not isinstance(value, kind)
                or isinstance(value, bool) != (kind is bool)
            ):
                raise _http_error(400, f"{name} can't be {value}.")
        for name, value in arguments.items():
            setattr(self.simulator.graph.reads, name, value)
        return web.json_response(reads_json(self.simulator))


def routes(simulator: SimulatorState) -> list[web.RouteDef]:
    """List the endpoints of the control API."""
    control = Control(simulator)
    return [
        web.get("/simulator/state", control.read_state),
        web.post("/simulator/people", control.add_people),
        web.post("/simulator/people/{key}/{gesture}", control.gesture),
        web.post("/simulator/clock", control.advance),
        web.post("/simulator/faults", control.add_fault),
        web.delete("/simulator/faults", control.clear_faults),
        web.get("/simulator/requests", control.read_requests),
        web.delete("/simulator/requests", control.clear_requests),
        web.post("/simulator/device", control.device),
        web.post("/simulator/revoke", control.revoke),
        web.post("/simulator/expire_access_tokens", control.expire),
        web.post("/simulator/tenant", control.tenant),
        web.post("/simulator/reads", control.reads),
    ]


async def _arguments(request: web.Request) -> Json:
    """Parse a JSON object."""
    body = await request.read()
    if not body:
        return {}
    # Forms of other sites can't have this content type.
    if request.content_type != "application/json":
        raise _http_error(415, "The body must be application/json.")
    try:
        arguments = json.loads(body)
    except ValueError as error:
        raise _http_error(400, str(error)) from error
    if not isinstance(arguments, dict):
        raise _http_error(400, "The body must be an object.")
    return arguments


def _http_error(status: int, message: str) -> web.HTTPException:
    kinds: dict[int, type[web.HTTPException]] = {
        400: web.HTTPBadRequest,
        404: web.HTTPNotFound,
        415: web.HTTPUnsupportedMediaType,
    }
    return kinds[status](text=json.dumps({"error": message}), content_type="application/json")
