"""One real Home Assistant: its configuration directory, its process, and a signed-in way to talk to it."""

import base64
from collections.abc import Callable, Mapping
import json
from pathlib import Path
import re
import secrets
import shutil
import sys
from typing import Any, Final, NotRequired, Required, Self, TypedDict, override
from urllib.parse import urlencode

import aiohttp
import bcrypt

from .processes import ROOT, Child, LiveError, until

DOMAIN: Final = "ms_teams_presence"
INTEGRATION: Final = ROOT / "custom_components" / DOMAIN
# The automations of the demo home are made from the project's blueprints.
BLUEPRINT_AUTOMATION: Final = "components.automation."
LAUNCHER: Final = Path(__file__).with_name("launcher.py")

# What the modules in STAND_INS stand in for.
STAND_INS: Final = Path(__file__).with_name("stand_ins")
NOT_INSTALLED: Final = ("pymicro-vad", "pyspeex-noise")
USERNAME: Final = "robin"
# Long, because a first start on a slow machine installs packages and compiles modules.
START_SECONDS: Final = 240
CHANGE_SECONDS: Final = 30

type Json = dict[str, Any]


class State(TypedDict):
    """An entity's state as the REST API tells it."""

    entity_id: str
    state: str
    attributes: Json


class FlowStep(TypedDict, total=False):
    """Where a config flow is: what Home Assistant's frontend would show."""

    flow_id: Required[str]
    type: Required[str]
    step_id: str
    url: str
    reason: str
    title: str
    errors: dict[str, str] | None
    description_placeholders: NotRequired[dict[str, str] | None]


class LogRecord(TypedDict):
    """One record of Home Assistant's log, with the traceback that follows it."""

    level: str
    text: str


def write_store(directory: Path, key: str, version: int, data: Json) -> None:
    """Put something where Home Assistant keeps what its user interface has set."""
    file = directory / ".storage" / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    content = {"version": version, "minor_version": 1, "key": key, "data": data}
    file.write_text(json.dumps(content, indent=2))


class Home:
    """A Home Assistant of this machine, reached on the loopback only.

    Used as a context manager it is started on entry and stopped on exit. Its configuration
    directory has to have a `configuration.yaml` by then.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        environment: Mapping[str, str],
        clouds: list[str] | None,
    ) -> None:
        """Describe a home; nothing happens yet.

        `clouds` are the launcher's arguments; without them Home Assistant is started as anybody
        would start it, and the integration knows Microsoft's own clouds only.
        """
        self.directory = directory
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.password = ""
        self.log = directory.parent / f"{directory.name}.log"
        self._environment = environment
        self._clouds = clouds
        self._child: Child | None = None
        self._session: aiohttp.ClientSession | None = None
        self._token = ""

    async def __aenter__(self) -> Self:
        """Start, with a log of its own."""
        self.log.unlink(missing_ok=True)
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def install(self, *, copy: bool = False) -> None:
        """Put the integration where Home Assistant looks for it: a link, or a copy of its own."""
        place = self.directory / "custom_components" / DOMAIN
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place)
        if copy:
            shutil.copytree(INTEGRATION, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place.symlink_to(INTEGRATION, target_is_directory=True)

    async def start(self) -> None:
        """Start the process and sign in."""
        # As a store of the previous version, which Home Assistant completes. A port in YAML would
        # be on trial for five minutes and then be given up.
        write_store(
            self.directory, "http", 1, {"server_host": ["127.0.0.1"], "server_port": self.port}
        )
        # Onboarding would let the first comer choose the password.
        done = ["user", "core_config", "analytics", "integration"]
        write_store(self.directory, "onboarding", 4, {"done": done})
        self._set_password()
        await self._start_process()
        await self._sign_in()
        await until("Home Assistant did not finish starting", self._running, seconds=START_SECONDS)

    async def stop(self) -> None:
        """Stop the process, which then writes what it still has to."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def kill(self) -> None:
        """End the process as a power cut does; `start` brings it back."""
        if self._child is not None:
            await self._child.kill()
        await self.stop()

    async def restart(self) -> None:
        """Let Home Assistant restart itself, as from its menu; the log goes on."""
        # What was signed in at the start is good for half an hour only.
        await self._sign_in()
        await self.act("homeassistant.restart")

        async def gone() -> bool:
            return not await self._answers()

        await until("Home Assistant did not stop", gone, seconds=CHANGE_SECONDS)
        await until("Home Assistant did not answer", self._answers, seconds=START_SECONDS)
        await until("Home Assistant did not finish starting", self._running, seconds=START_SECONDS)

    async def wait(self) -> None:
        """Wait until the process ends by itself, and say so."""
        if self._child is not None:
            await self._child.wait()
            self._child.check()

    async def _start_process(self) -> None:
        arguments = ["--config", str(self.directory), "--log-no-color"]
        arguments += ["--skip-pip-packages", ",".join(NOT_INSTALLED)]
        if self._clouds is None:
            command: list[str | Path] = [sys.executable, "-m", "homeassistant", *arguments]
        else:
            command = [sys.executable, LAUNCHER, *self._clouds, *arguments]
        self._session = aiohttp.ClientSession(base_url=self.url)
        self._child = await Child.start(
            "Home Assistant",
            *command,
            log=self.log,
            # Not where this project is, so that the integration is found in the configuration.
            directory=self.directory,
            environment={**self._environment, "PYTHONPATH": str(STAND_INS)},
        )
        await until("Home Assistant did not answer", self._answers, seconds=START_SECONDS)

    async def _answers(self) -> bool:
        if self._child is not None:
            self._child.check()
        try:
            async with self.session.get("/api/onboarding") as answer:
                return answer.status in {200, 401, 404}
        except aiohttp.ClientError:
            return False

    async def _running(self) -> bool:
        config = await self.rest("GET", "/api/config")
        return bool(config["state"] == "RUNNING")

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session with this home, without authorization."""
        if self._session is None:
            raise LiveError("Home Assistant is not running")
        return self._session

    def _set_password(self) -> None:
        """Choose a new password; other users keep theirs."""
        self.password = secrets.token_urlsafe(16)
        # Not with Home Assistant's own command, whose arguments everyone on this machine can read.
        key = "auth_provider.homeassistant"
        file = self.directory / ".storage" / key
        users: list[Json] = json.loads(file.read_text())["data"]["users"] if file.exists() else []
        password = base64.b64encode(bcrypt.hashpw(self.password.encode(), bcrypt.gensalt()))
        users = [user for user in users if user["username"] != USERNAME]
        users.append({"username": USERNAME, "password": password.decode()})
        write_store(self.directory, key, 1, {"users": users})

    async def _authorize(self) -> str:
        """Return an authorization code, as the login page gets one."""
        flow = {
            "client_id": f"{self.url}/",
            "handler": ["homeassistant", None],
            "redirect_uri": f"{self.url}/",
        }
        async with self.session.post("/auth/login_flow", json=flow) as answer:
            form: Json = await answer.json()
        login = {
            "client_id": f"{self.url}/",
            "username": USERNAME,
            "password": self.password,
        }
        async with self.session.post(f"/auth/login_flow/{form['flow_id']}", json=login) as answer:
            step: Json = await answer.json()
        if step.get("type") != "create_entry":
            raise LiveError(f"Home Assistant rejected the password of {USERNAME}: {step}")
        return str(step["result"])

    async def _sign_in(self) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": await self._authorize(),
            "client_id": f"{self.url}/",
        }
        async with self.session.post("/auth/token", data=form) as answer:
            tokens: Json = await answer.json()
        self._token = tokens["access_token"]

    async def sign_in_link(self) -> str:
        """Return an address that signs one browser in, within ten minutes."""
        # The frontend comes back from the login page in the same way.
        state = json.dumps({"hassUrl": self.url, "clientId": f"{self.url}/"})
        query = {
            "auth_callback": 1,
            "storeToken": "true",
            "code": await self._authorize(),
            "state": base64.b64encode(state.encode()).decode(),
        }
        return f"{self.url}/?{urlencode(query)}"

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            # What the frontend sends: where a browser is to come back to from Microsoft.
            "HA-Frontend-Base": self.url,
        }

    async def _find(self, path: str) -> Any:
        """Read something that may not be there."""
        async with self.session.get(path, headers=self._headers) as answer:
            return None if answer.status == 404 else await answer.json()

    async def rest(self, method: str, path: str, body: object = None) -> Any:
        """Call the REST API and return what it answers."""
        async with self.session.request(method, path, json=body, headers=self._headers) as answer:
            if answer.status >= 400:
                raise LiveError(
                    f"Home Assistant answered {method} {path} with {answer.status}: "
                    f"{(await answer.text()).strip()}"
                )
            return await answer.json()

    async def command(self, kind: str, **fields: object) -> Any:
        """Send one WebSocket command and return its result."""
        async with self.session.ws_connect("/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": kind, **fields})
            answer: Json = await socket.receive_json()
        if not answer.get("success"):
            raise LiveError(f"Home Assistant refused {kind}: {answer}")
        return answer["result"]

    async def states(self) -> list[State]:
        """Return the states of the integration's entities."""
        states: list[State] = await self.rest("GET", "/api/states")
        entries: list[Json] = await self.command("config/entity_registry/list")
        ours = {entry["entity_id"] for entry in entries if entry["platform"] == DOMAIN}
        return [state for state in states if state["entity_id"] in ours]

    async def state(self, entity_id: str) -> State | None:
        """Return the state of one entity, if there is such an entity."""
        state: State | None = await self._find(f"/api/states/{entity_id}")
        return state

    async def wait_for(
        self,
        entity_id: str,
        what: str,
        is_so: Callable[[State], bool],
        *,
        seconds: float = CHANGE_SECONDS,
    ) -> State:
        """Wait until an entity is as wanted; `what` says how, as in "be red"."""
        last: State | None = None

        async def look() -> State | None:
            nonlocal last
            last = await self.state(entity_id)
            return last if last is not None and is_so(last) else None

        try:
            return await until(f"{entity_id} did not {what}", look, seconds=seconds)
        except LiveError as err:
            raise LiveError(f"{err}; it is {last}") from err

    async def act(self, action: str, **data: object) -> Any:
        """Run an action, such as `light.turn_on`."""
        domain, _, service = action.partition(".")
        return await self.rest("POST", f"/api/services/{domain}/{service}", data)

    async def start_flow(self, handler: str = DOMAIN) -> FlowStep:
        """Choose an integration under "Add integration"."""
        step: FlowStep = await self.rest(
            "POST", "/api/config/config_entries/flow", {"handler": handler}
        )
        return step

    async def continue_flow(self, step: FlowStep, **answers: object) -> FlowStep:
        """Submit a step of a config flow."""
        following: FlowStep = await self.rest(
            "POST", f"/api/config/config_entries/flow/{step['flow_id']}", answers
        )
        return following

    async def look_at_flow(self, step: FlowStep) -> FlowStep | None:
        """Ask where a config flow is now; None once it has ended."""
        now: FlowStep | None = await self._find(
            f"/api/config/config_entries/flow/{step['flow_id']}"
        )
        return now

    async def entries(self) -> list[Json]:
        """Return the integration's config entries."""
        found: list[Json] = await self.rest("GET", "/api/config/config_entries/entry")
        return [entry for entry in found if entry["domain"] == DOMAIN]

    async def set_options(self, entry: Json, **options: object) -> None:
        """Submit the options form of a config entry."""
        step: FlowStep = await self.rest(
            "POST", "/api/config/config_entries/options/flow", {"handler": entry["entry_id"]}
        )
        path = f"/api/config/config_entries/options/flow/{step['flow_id']}"
        following: FlowStep = await self.rest("POST", path, options)
        if following["type"] != "create_entry":
            raise LiveError(f"the options were refused: {following.get('errors') or following}")

    async def reload(self, entry: Json) -> None:
        """Reload a config entry."""
        await self.rest("POST", f"/api/config/config_entries/entry/{entry['entry_id']}/reload")

    async def device(self, name: str) -> Json | None:
        """Return the device of a name, if there is such a device."""
        devices: list[Json] = await self.command("config/device_registry/list")
        return next((device for device in devices if device["name"] == name), None)

    async def remove(self, entry: Json) -> None:
        """Remove a config entry."""
        await self.rest("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}")

    def records(self) -> list[LogRecord]:
        """Return Home Assistant's log so far."""
        return read_log(self.log.read_text(errors="replace"))

    def complaints(self) -> list[str]:
        """Return what the log holds against the integration."""
        return [record["text"] for record in self.records() if is_complaint(record)]

    @override
    def __repr__(self) -> str:
        return f"<Home {self.url} in {self.directory}>"


_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \S+ (?P<level>[A-Z]+) \(")


def read_log(text: str) -> list[LogRecord]:
    """Split a log of Home Assistant into its records."""
    records: list[LogRecord] = []
    for line in text.splitlines():
        if match := _RECORD.match(line):
            records.append(LogRecord(level=match["level"], text=line))
        elif records:
            records[-1]["text"] += f"\n{line}"
        else:
            records.append(LogRecord(level="INFO", text=line))
    return records


def is_complaint(record: LogRecord) -> bool:
    """Tell whether a log record is something the integration must not cause."""
    text = record["text"]
    if "Detected blocking call" in text:
        return True
    if "We found a custom integration" in text:
        # Said of every custom integration at every start.
        return False
    ours = DOMAIN in text or BLUEPRINT_AUTOMATION in text
    return record["level"] in {"WARNING", "ERROR", "CRITICAL"} and ours
