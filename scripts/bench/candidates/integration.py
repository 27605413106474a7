"""The integration in a Home Assistant with default integrations.

A poll is a refresh of its coordinators: request, parsing, comparison, presence sessions, and entities if the presence
has changed.
"""

import asyncio
from collections.abc import Iterable, Sequence
import contextlib
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
import sys
import threading
from time import perf_counter, process_time
from types import MappingProxyType, ModuleType
from typing import Any, Final, override

from homeassistant.bootstrap import async_setup_hass
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigSubentryData,
)
from homeassistant.core import HomeAssistant, StateMachine
from homeassistant.data_entry_flow import UnknownFlow
from homeassistant.helpers import entity_registry
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.runner import RuntimeConfig, configure_event_loop

from scripts.bench.candidates import floor
from scripts.bench.imported import home_assistant_modules
from scripts.bench.memory import Memory
from scripts.bench.stretches import longest_stretch
from scripts.bench.worker import Access, Candidate, Json
from scripts.live.home import write_store
from scripts.live.launcher import add_cloud
from scripts.live.processes import free_port
from simulator.tenant import DOMAIN as TENANT_DOMAIN, PUBLIC_CLIENT_ID

DOMAIN: Final = "ms_teams_presence"
AVAILABILITY: Final = "sensor.robin_example_availability"
# Each entity writes its state with it.
_SET_STATE: Final = "async_set_internal"
_ENTRY_ATTRIBUTES: Final = ("data", "title", "unique_id", "version", "minor_version")


class _ImportRecorder(MetaPathFinder):
    """Records the threads that import MSAL."""

    def __init__(self) -> None:
        """Insert it before the other finders."""
        self.threads: list[int] = []
        sys.meta_path.insert(0, self)

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "msal":
            self.threads.append(threading.get_ident())
        return None


class Integration(Candidate):
    """An account of the integration."""

    def __init__(
        self, hass: HomeAssistant, access: Access, import_recorder: _ImportRecorder
    ) -> None:
        """Initialize; the account may not exist yet."""
        super().__init__()
        self.operations |= {
            "people_memory": self._people_memory,
            "msal": self._msal,
            "poll_floor": self._poll_floor,
            "poll_people": self._poll_people,
            "set_up": self._set_up,
            "sign_in": self._sign_in,
            "set_up_people": self._set_up_people,
        }
        self._hass = hass
        self._access = access
        self._import_recorder = import_recorder
        self._memory: Memory | None = None
        self._floor: floor.Floor | None = None

    @property
    def _entry(self) -> ConfigEntry[Any]:
        return self._hass.config_entries.async_entries(DOMAIN)[0]

    @override
    async def poll(self) -> str:
        coordinators = self._entry.runtime_data.coordinators
        for coordinator in coordinators:
            await coordinator.async_refresh()
        state = self._hass.states.get(AVAILABILITY)
        is_up_to_date = all(coordinator.last_update_success for coordinator in coordinators)
        return state.state if state is not None and is_up_to_date else ""

    async def async_add(self, stored: Json, people: Iterable[Json] = ()) -> None:
        """Add the stored config entry, as after a restart."""
        entry: ConfigEntry[Any] = ConfigEntry(
            **stored,
            domain=DOMAIN,
            source=SOURCE_USER,
            # Only the benchmark polls.
            options={},
            pref_disable_polling=True,
            discovery_keys=MappingProxyType({}),
            subentries_data=[
                ConfigSubentryData(
                    data={"object_id": person["id"], "address": person["address"]},
                    subentry_type="person",
                    title=person["name"],
                    unique_id=person["id"],
                )
                for person in people
            ],
        )
        await self._hass.config_entries.async_add(entry)
        await self._hass.async_block_till_done()

    async def _msal(self, arguments: Json) -> Json:
        """Return whether MSAL was imported, and in which thread."""
        return {
            "imported": "msal" in sys.modules,
            "in_event_loop": threading.get_ident() in self._import_recorder.threads,
        }

    async def _set_up_people(self, arguments: Json) -> Json:
        """Set up the account with people and time it."""
        # The rest of Home Assistant's own start is not counted.
        await self._hass.async_block_till_done()
        module = import_module(f"custom_components.{DOMAIN}")
        if not arguments["entities"]:
            vars(module)["PLATFORMS"] = []
        self._memory = Memory()
        with longest_stretch() as longest:
            await self.async_add(arguments["entry"], arguments["people"])
        return {
            "longest": longest.seconds,
            "callback": longest.callback,
            "collecting": longest.collecting,
            "without_collecting": longest.without_collecting,
        }

    async def _poll_people(self, arguments: Json) -> Json:
        """Poll repeatedly; return each poll's cost and state writes."""
        writes: list[str] = []
        registry = entity_registry.async_get(self._hass)
        original: Any = vars(StateMachine)[_SET_STATE]

        def set_state(states: StateMachine, entity_id: str, *args: Any, **kwargs: Any) -> None:
            entry = registry.async_get(entity_id)
            if entry is not None and entry.platform == DOMAIN:
                prefix = f"{self._entry.unique_id}_"
                writes.append(entry.unique_id.removeprefix(prefix))
            original(states, entity_id, *args, **kwargs)

        setattr(StateMachine, _SET_STATE, set_state)
        polls: list[Json] = []
        try:
            for _ in range(arguments["times"]):
                writes.clear()
                with longest_stretch() as longest:
                    start_time = process_time()
                    await self.poll()
                    cpu = process_time() - start_time
                polls.append(
                    {
                        "cpu": cpu,
                        "longest": longest.seconds,
                        "callback": longest.callback,
                        "collecting": longest.collecting,
                        "without_collecting": longest.without_collecting,
                        "read": sum(
                            len(coordinator.data)
                            for coordinator in self._entry.runtime_data.coordinators
                        ),
                        "writes": list(writes),
                    }
                )
                await asyncio.sleep(arguments["rest"])
        finally:
            setattr(StateMachine, _SET_STATE, original)
        return {"polls": polls}

    async def _people_memory(self, arguments: Json) -> Json:
        """Return the peak growth since people were added."""
        return {"added": self._memory.added if self._memory else None}

    async def _poll_floor(self, arguments: Json) -> Json:
        """Poll like the floor, in this process."""
        if self._floor is None:
            self._floor = await floor.start(self._access, Memory())
        return await self._floor.measure(arguments)

    async def _set_up(self, arguments: Json) -> Json:
        """Set up the account again and time it."""
        entry = self._entry
        manager = self._hass.config_entries
        if entry.state is ConfigEntryState.LOADED:
            await manager.async_unload(entry.entry_id)
        if arguments["expired"]:
            token = {**entry.data["token"], "expires_at": 0}
            manager.async_update_entry(entry, data={**entry.data, "token": token})
        await self._hass.async_block_till_done()
        start_time = perf_counter()
        await manager.async_setup(entry.entry_id)
        wall = perf_counter() - start_time
        return {"wall": wall, "loaded": entry.state is ConfigEntryState.LOADED}

    async def _sign_in(self, arguments: Json) -> Json:
        """Sign in through the config flow and return the entry."""
        flows = self._hass.config_entries.flow
        step = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
        step = await flows.async_configure(step["flow_id"], {"next_step_id": "device_code"})
        form = {
            "tenant": TENANT_DOMAIN,
            "client_id": PUBLIC_CLIENT_ID,
            "access": "read_write",
            "advanced": {"cloud": "simulator", "colleagues": arguments.get("colleagues", False)},
        }
        step = await flows.async_configure(step["flow_id"], form)
        code = (step["description_placeholders"] or {})["code"]
        session = async_get_clientsession(self._hass)
        entered = {"user_code": code, "account": "robin"}
        async with session.post(f"{self._access.url}/simulator/device", json=entered) as response:
            response.raise_for_status()
        async with asyncio.timeout(60):
            while not self._hass.config_entries.async_loaded_entries(DOMAIN):
                await asyncio.sleep(0.1)
                with contextlib.suppress(UnknownFlow):
                    await flows.async_configure(step["flow_id"])
        return {name: _to_json_value(getattr(self._entry, name)) for name in _ENTRY_ATTRIBUTES}

    @override
    async def close(self) -> None:
        if self._floor is not None:
            await self._floor.close()
        await self._hass.async_stop(force=True)


def _to_json_value(value: Any) -> Any:
    return dict(value) if isinstance(value, MappingProxyType) else value


async def start(access: Access, memory: Memory) -> Candidate:
    """Start Home Assistant and add any stored account."""
    configure_event_loop(asyncio.get_running_loop())
    modules = home_assistant_modules()
    directory = Path(access.directory)
    (directory / "configuration.yaml").write_text("logger:\n  default: warning\n")
    write_store(directory, "http", 1, {"server_host": ["127.0.0.1"], "server_port": free_port()})
    hass = await async_setup_hass(RuntimeConfig(config_dir=str(directory), skip_pip=True))
    if hass is None:
        raise RuntimeError("Home Assistant did not start")
    await hass.async_start()
    for module in modules:
        await hass.async_add_import_executor_job(import_module, module)
    await hass.async_block_till_done()
    import_recorder = _ImportRecorder()

    memory.mark()
    await hass.async_add_import_executor_job(
        lambda: add_cloud(login=access.tls_url, graph=access.tls_url, portal=access.url)
    )
    integration = Integration(hass, access, import_recorder)
    if access.entry is not None:
        await integration.async_add(access.entry)
    return integration
