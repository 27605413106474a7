"""A Home Assistant process and its authenticated API client."""

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
# The demo home's automations are created from the project's blueprints.
BLUEPRINT_AUTOMATION: Final = "components.automation."
LAUNCHER: Final = Path(__file__).with_name("launcher.py")

# Packages that the modules in STUBS replace.
STUBS: Final = Path(__file__).with_name("stubs")
STUBBED_PACKAGES: Final = ("pymicro-vad", "pyspeex-noise")
USERNAME: Final = "robin"
# The first start installs packages and compiles modules.
START_SECONDS: Final = 240
CHANGE_SECONDS: Final = 30

type Json = dict[str, Any]


class State(TypedDict):
    """An entity's state from the REST API."""

    entity_id: str
    state: str
    attributes: Json
    last_changed: str


class FlowStep(TypedDict, total=False):
    """The current step of a config flow."""

    flow_id: Required[str]
    type: Required[str]
    step_id: str
    url: str
    reason: str
    title: str
    errors: dict[str, str] | None
    description_placeholders: NotRequired[dict[str, str] | None]


class LogRecord(TypedDict):
    """A log record with its traceback."""

    level: str
    text: str


def write_store(directory: Path, key: str, version: int, data: Json) -> None:
    """Write a file to Home Assistant's `.storage`."""
    file = directory / ".storage" / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    content = {"version": version, "minor_version": 1, "key": key, "data": data}
    file.write_text(json.dumps(content, indent=2))


class Home:
    """A Home Assistant process on the loopback.

    Entering the context starts it, leaving stops it. The configuration directory must have a
    `configuration.yaml`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        environment: Mapping[str, str],
        clouds: list[str] | None,
    ) -> None:
        """Initialize.

        `clouds` are the launcher's arguments. Without them Home Assistant is started directly and
        has only Microsoft's clouds.
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
        """Start with an empty log."""
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
        """Install the integration as a symlink or a copy."""
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
        """Start the process and log in."""
        # In the format of an older version, which Home Assistant migrates. It would revert a port
        # from YAML after five minutes.
        write_store(
            self.directory, "http", 1, {"server_host": ["127.0.0.1"], "server_port": self.port}
        )
        # Otherwise, the first visitor could choose the password.
        done = ["user", "core_config", "analytics", "integration"]
        write_store(self.directory, "onboarding", 4, {"done": done})
        self._set_password()
        await self._start_process()
        await self._sign_in()
        await until(
            "Home Assistant did not finish starting", self._is_running, seconds=START_SECONDS
        )

    async def stop(self) -> None:
        """Stop the process gracefully."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def kill(self) -> None:
        """Kill the process, as a power failure would."""
        if self._child is not None:
            await self._child.kill()
        await self.stop()

    async def restart(self) -> None:
        """Restart Home Assistant from within; the log continues."""
        # The access token expires after half an hour.
        await self._sign_in()
        await self.act("homeassistant.restart")

        async def has_stopped() -> bool:
            return not await self._is_responding()

        await until("Home Assistant did not stop", has_stopped, seconds=CHANGE_SECONDS)
        await until("Home Assistant did not respond", self._is_responding, seconds=START_SECONDS)
        await until(
            "Home Assistant did not finish starting", self._is_running, seconds=START_SECONDS
        )

    async def wait(self) -> None:
        """Wait until the process ends, then raise LiveError."""
        if self._child is not None:
            await self._child.wait()
            self._child.check()

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process so far; Linux only."""
        if self._child is None:
            raise LiveError("Home Assistant is not running")
        return self._child.cpu_seconds()

    async def _start_process(self) -> None:
        arguments = ["--config", str(self.directory), "--log-no-color"]
        arguments += ["--skip-pip-packages", ",".join(STUBBED_PACKAGES)]
        if self._clouds is None:
            command: list[str | Path] = [sys.executable, "-m", "homeassistant", *arguments]
        else:
            command = [sys.executable, LAUNCHER, *self._clouds, *arguments]
        self._session = aiohttp.ClientSession(base_url=self.url)
        self._child = await Child.start(
            "Home Assistant",
            *command,
            log=self.log,
            # The project's directory would shadow the installed integration.
            directory=self.directory,
            environment={**self._environment, "PYTHONPATH": str(STUBS)},
        )
        await until("Home Assistant did not respond", self._is_responding, seconds=START_SECONDS)

    async def _is_responding(self) -> bool:
        if self._child is not None:
            self._child.check()
        try:
            async with self.session.get("/api/onboarding") as response:
                return response.status in {200, 401, 404}
        except aiohttp.ClientError:
            return False

    async def _is_running(self) -> bool:
        config = await self.rest("GET", "/api/config")
        return bool(config["state"] == "RUNNING")

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the HTTP session, which sends no credentials."""
        if self._session is None:
            raise LiveError("Home Assistant is not running")
        return self._session

    def _set_password(self) -> None:
        """Set a new password; other users are unchanged."""
        self.password = secrets.token_urlsafe(16)
        # Not with Home Assistant's command: its arguments are visible to all users.
        key = "auth_provider.homeassistant"
        file = self.directory / ".storage" / key
        users: list[Json] = json.loads(file.read_text())["data"]["users"] if file.exists() else []
        password = base64.b64encode(bcrypt.hashpw(self.password.encode(), bcrypt.gensalt()))
        users = [user for user in users if user["username"] != USERNAME]
        users.append({"username": USERNAME, "password": password.decode()})
        write_store(self.directory, key, 1, {"users": users})

    async def _authorize(self) -> str:
        """Return an authorization code from the login flow."""
        flow = {
            "client_id": f"{self.url}/",
            "handler": ["homeassistant", None],
            "redirect_uri": f"{self.url}/",
        }
        async with self.session.post("/auth/login_flow", json=flow) as response:
            form: Json = await response.json()
        login = {
            "client_id": f"{self.url}/",
            "username": USERNAME,
            "password": self.password,
        }
        async with self.session.post(f"/auth/login_flow/{form['flow_id']}", json=login) as response:
            step: Json = await response.json()
        if step.get("type") != "create_entry":
            raise LiveError(f"Home Assistant rejected the password of {USERNAME}: {step}")
        return str(step["result"])

    async def _sign_in(self) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": await self._authorize(),
            "client_id": f"{self.url}/",
        }
        async with self.session.post("/auth/token", data=form) as response:
            tokens: Json = await response.json()
        self._token = tokens["access_token"]

    async def sign_in_link(self) -> str:
        """Return a single-use login link; it expires after ten minutes."""
        # The same parameters as the login page's redirect to the frontend.
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
            # As the frontend sends it; Microsoft redirects the browser there.
            "HA-Frontend-Base": self.url,
        }

    async def _get_or_none(self, path: str) -> Any:
        """Read a resource; None if it doesn't exist."""
        async with self.session.get(path, headers=self._headers) as response:
            return None if response.status == 404 else await response.json()

    async def rest(self, method: str, path: str, body: object = None) -> Any:
        """Call the REST API and return the response."""
        async with self.session.request(method, path, json=body, headers=self._headers) as response:
            if response.status >= 400:
                raise LiveError(
                    f"Home Assistant responded to {method} {path} with {response.status}: "
                    f"{(await response.text()).strip()}"
                )
            return await response.json()

    async def command(self, kind: str, **fields: object) -> Any:
        """Send a WebSocket command and return its result."""
        async with self.session.ws_connect("/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": kind, **fields})
            response: Json = await socket.receive_json()
        if not response.get("success"):
            raise LiveError(f"Home Assistant rejected {kind}: {response}")
        return response["result"]

    async def states(self) -> list[State]:
        """Return the states of the integration's entities."""
        states: list[State] = await self.rest("GET", "/api/states")
        entries: list[Json] = await self.command("config/entity_registry/list")
        ours = {entry["entity_id"] for entry in entries if entry["platform"] == DOMAIN}
        return [state for state in states if state["entity_id"] in ours]

    async def state(self, entity_id: str) -> State | None:
        """Return an entity's state, or None."""
        state: State | None = await self._get_or_none(f"/api/states/{entity_id}")
        return state

    async def wait_for(
        self,
        entity_id: str,
        outcome: str,
        predicate: Callable[[State], bool],
        *,
        seconds: float = CHANGE_SECONDS,
    ) -> State:
        """Wait for a state; errors report "did not" and `outcome`."""
        last: State | None = None

        async def look() -> State | None:
            nonlocal last
            last = await self.state(entity_id)
            return last if last is not None and predicate(last) else None

        try:
            return await until(f"{entity_id} did not {outcome}", look, seconds=seconds)
        except LiveError as err:
            raise LiveError(f"{err}; it is {last}") from err

    async def act(self, action: str, **data: object) -> Any:
        """Perform an action, such as `light.turn_on`."""
        domain, _, service = action.partition(".")
        return await self.rest("POST", f"/api/services/{domain}/{service}", data)

    async def start_flow(self, handler: str = DOMAIN) -> FlowStep:
        """Start the config flow of an integration."""
        step: FlowStep = await self.rest(
            "POST", "/api/config/config_entries/flow", {"handler": handler}
        )
        return step

    async def continue_flow(self, step: FlowStep, **user_input: object) -> FlowStep:
        """Submit a step of a config flow."""
        following: FlowStep = await self.rest(
            "POST", f"/api/config/config_entries/flow/{step['flow_id']}", user_input
        )
        return following

    async def get_flow(self, step: FlowStep) -> FlowStep | None:
        """Return the current step of a flow; None if finished."""
        now: FlowStep | None = await self._get_or_none(
            f"/api/config/config_entries/flow/{step['flow_id']}"
        )
        return now

    async def entries(self) -> list[Json]:
        """Return the integration's config entries."""
        found: list[Json] = await self.rest("GET", "/api/config/config_entries/entry")
        return [entry for entry in found if entry["domain"] == DOMAIN]

    async def set_options(self, entry: Json, **options: object) -> None:
        """Submit the options flow of a config entry."""
        step: FlowStep = await self.rest(
            "POST", "/api/config/config_entries/options/flow", {"handler": entry["entry_id"]}
        )
        path = f"/api/config/config_entries/options/flow/{step['flow_id']}"
        following: FlowStep = await self.rest("POST", path, options)
        if following["type"] != "create_entry":
            raise LiveError(f"the options were rejected: {following.get('errors') or following}")

    async def set_disabled(self, entry: Json, *, disabled: bool) -> None:
        """Disable or enable a config entry."""
        await self.command(
            "config_entries/disable",
            entry_id=entry["entry_id"],
            disabled_by="user" if disabled else None,
        )

    async def reload(self, entry: Json) -> None:
        """Reload a config entry."""
        await self.rest("POST", f"/api/config/config_entries/entry/{entry['entry_id']}/reload")

    async def device(self, name: str) -> Json | None:
        """Return a device by name, or None."""
        devices: list[Json] = await self.command("config/device_registry/list")
        return next((device for device in devices if device["name"] == name), None)

    async def remove(self, entry: Json) -> None:
        """Remove a config entry."""
        await self.rest("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}")

    def records(self) -> list[LogRecord]:
        """Return the log records so far."""
        return parse_log(self.log.read_text(errors="replace"))

    def complaints(self) -> list[str]:
        """Return log records that the integration must not cause."""
        return [record["text"] for record in self.records() if is_complaint(record)]

    @override
    def __repr__(self) -> str:
        return f"<Home {self.url} in {self.directory}>"


_RECORD_PATTERN = re.compile(r"^\d{4}-\d\d-\d\d \S+ (?P<level>[A-Z]+) \(")


def parse_log(text: str) -> list[LogRecord]:
    """Parse a Home Assistant log into records."""
    records: list[LogRecord] = []
    for line in text.splitlines():
        if match := _RECORD_PATTERN.match(line):
            records.append(LogRecord(level=match["level"], text=line))
        elif records:
            records[-1]["text"] += f"\n{line}"
        else:
            records.append(LogRecord(level="INFO", text=line))
    return records


def is_complaint(record: LogRecord) -> bool:
    """Return whether the integration must not cause a record."""
    text = record["text"]
    if "Detected blocking call" in text:
        return True
    if "We found a custom integration" in text:
        # Logged for every custom integration.
        return False
    ours = DOMAIN in text or BLUEPRINT_AUTOMATION in text
    return record["level"] in {"WARNING", "ERROR", "CRITICAL"} and ours
