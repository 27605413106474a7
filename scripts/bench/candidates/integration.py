"""The integration in a Home Assistant of its own, which has nothing else to do.

Home Assistant is started as its own runner would start it, with the integrations it always has, and
with the account as a config entry. A poll is the coordinator's: reading, comparing, looking after
what was set, and, where something has changed, telling the entities.
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
# What every entity writes its state with.
_SET_STATE: Final = "async_set_internal"
_KEPT_OF_ENTRY: Final = ("data", "title", "unique_id", "version", "minor_version")


class _Watch(MetaPathFinder):
    """Sees in which thread MSAL is imported."""

    def __init__(self) -> None:
        """Look at every import from now on."""
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
    """The integration's account."""

    def __init__(self, hass: HomeAssistant, access: Access, watch: _Watch) -> None:
        """Serve what is asked about an account that may not exist yet."""
        super().__init__()
        self.operations |= {
            "grown": self._grown,
            "msal": self._msal,
            "poll_bare": self._poll_bare,
            "poll_people": self._poll_people,
            "set_up": self._set_up,
            "sign_in": self._sign_in,
            "watch": self._watch_people,
        }
        self._hass = hass
        self._access = access
        self._watch = watch
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

    async def async_add(self, kept: Json, people: Iterable[Json] = ()) -> None:
        """Add the account that was signed in before, as if Home Assistant had restarted."""
        entry: ConfigEntry[Any] = ConfigEntry(
            **kept,
            domain=DOMAIN,
            source=SOURCE_USER,
            # No poll of its own shall come between those that are asked for.
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

    async def _msal(self, order: Json) -> Json:
        """Tell whether MSAL is imported, and whether the event loop's thread did it."""
        return {
            "imported": "msal" in sys.modules,
            "in_event_loop": threading.get_ident() in self._watch.threads,
        }

    async def _watch_people(self, order: Json) -> Json:
        """Set up the account with people, and tell for how long that held up the event loop."""
        # What Home Assistant itself would still do after its start is not to be counted.
        await self._hass.async_block_till_done()
        module = import_module(f"custom_components.{DOMAIN}")
        if not order["entities"]:
            vars(module)["PLATFORMS"] = []
        self._memory = Memory()
        with longest_stretch() as longest:
            await self.async_add(order["entry"], order["people"])
        return {
            "longest": longest.seconds,
            "what": longest.what,
            "collecting": longest.collecting,
            "without_collecting": longest.without_collecting,
        }

    async def _poll_people(self, order: Json) -> Json:
        """Poll a number of times, and tell of each what it took and who has written a state."""
        writes: list[str] = []
        registry = entity_registry.async_get(self._hass)
        original: Any = vars(StateMachine)[_SET_STATE]

        def set_state(states: StateMachine, entity_id: str, *arguments: Any, **more: Any) -> None:
            entry = registry.async_get(entity_id)
            if entry is not None and entry.platform == DOMAIN:
                prefix = f"{self._entry.unique_id}_"
                writes.append(entry.unique_id.removeprefix(prefix))
            original(states, entity_id, *arguments, **more)

        setattr(StateMachine, _SET_STATE, set_state)
        polls: list[Json] = []
        try:
            for _ in range(order["times"]):
                writes.clear()
                with longest_stretch() as longest:
                    begin = process_time()
                    await self.poll()
                    cpu = process_time() - begin
                polls.append(
                    {
                        "cpu": cpu,
                        "longest": longest.seconds,
                        "what": longest.what,
                        "collecting": longest.collecting,
                        "without_collecting": longest.without_collecting,
                        "read": sum(
                            len(coordinator.data)
                            for coordinator in self._entry.runtime_data.coordinators
                        ),
                        "writes": list(writes),
                    }
                )
                await asyncio.sleep(order["rest"])
        finally:
            setattr(StateMachine, _SET_STATE, original)
        return {"polls": polls}

    async def _grown(self, order: Json) -> Json:
        """Tell what the process has grown by since people were added, at its peak."""
        return {"added": self._memory.added if self._memory else None}

    async def _poll_bare(self, order: Json) -> Json:
        """Poll as the floor does, in this process."""
        if self._floor is None:
            self._floor = await floor.start(self._access, Memory())
        return await self._floor.measure(order)

    async def _set_up(self, order: Json) -> Json:
        """Set up the account anew, and tell how many seconds that took."""
        entry = self._entry
        manager = self._hass.config_entries
        if entry.state is ConfigEntryState.LOADED:
            await manager.async_unload(entry.entry_id)
        if order["expired"]:
            token = {**entry.data["token"], "expires_at": 0}
            manager.async_update_entry(entry, data={**entry.data, "token": token})
        await self._hass.async_block_till_done()
        begin = perf_counter()
        await manager.async_setup(entry.entry_id)
        wall = perf_counter() - begin
        return {"wall": wall, "loaded": entry.state is ConfigEntryState.LOADED}

    async def _sign_in(self, order: Json) -> Json:
        """Sign in through the config flow, and return the entry."""
        flows = self._hass.config_entries.flow
        step = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
        step = await flows.async_configure(step["flow_id"], {"next_step_id": "device_code"})
        form = {
            "tenant": TENANT_DOMAIN,
            "client_id": PUBLIC_CLIENT_ID,
            "access": "read_write",
            "advanced": {"cloud": "simulator", "colleagues": order.get("colleagues", False)},
        }
        step = await flows.async_configure(step["flow_id"], form)
        code = (step["description_placeholders"] or {})["code"]
        session = async_get_clientsession(self._hass)
        entered = {"user_code": code, "account": "robin"}
        async with session.post(f"{self._access.url}/simulator/device", json=entered) as answer:
            answer.raise_for_status()
        async with asyncio.timeout(60):
            while not self._hass.config_entries.async_loaded_entries(DOMAIN):
                await asyncio.sleep(0.1)
                with contextlib.suppress(UnknownFlow):
                    await flows.async_configure(step["flow_id"])
        return {name: _plain(getattr(self._entry, name)) for name in _KEPT_OF_ENTRY}

    @override
    async def close(self) -> None:
        if self._floor is not None:
            await self._floor.close()
        await self._hass.async_stop(force=True)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, MappingProxyType) else value


async def start(access: Access, memory: Memory) -> Candidate:
    """Start Home Assistant; the account is there if it was signed in before."""
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
    watch = _Watch()

    memory.mark()
    await hass.async_add_import_executor_job(
        lambda: add_cloud(login=access.tls_url, graph=access.tls_url, portal=access.url)
    )
    integration = Integration(hass, access, watch)
    if access.entry is not None:
        await integration.async_add(access.entry)
    return integration
