"""Automations from the project's blueprints, in a simulated house."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import shutil
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.const import STATE_ON
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.ms_teams_presence.const import DOMAIN
from simulator import Person

BLUEPRINTS = Path(__file__).parents[3] / "blueprints"
FOLDER = "automation/ms_teams_presence"
NAMES = sorted(path.stem for path in (BLUEPRINTS / FOLDER).iterdir())


def read(name: str) -> Blueprint:
    """Load a blueprint with Home Assistant's schema."""
    return Blueprint(
        load_yaml_dict(BLUEPRINTS / FOLDER / f"{name}.yaml"),
        path=f"ms_teams_presence/{name}.yaml",
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )


def install(config_dir: str) -> str:
    """Copy the blueprints into the configuration directory; return it."""
    shutil.copytree(BLUEPRINTS, Path(config_dir, "blueprints"), dirs_exist_ok=True)
    return config_dir


@dataclass
class House:
    """A house with one automation from a blueprint."""

    hass: HomeAssistant
    freezer: FrozenDateTimeFactory
    blueprint: str
    """The name of the file and of the automation."""

    @property
    def automation(self) -> str:
        """Return the entity ID of the automation."""
        return f"automation.{self.blueprint}"

    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation's configuration with inputs."""
        path = f"ms_teams_presence/{self.blueprint}.yaml"
        alias = self.blueprint.replace("_", " ").capitalize()
        return {"alias": alias, "use_blueprint": {"path": path, "input": inputs}}

    async def automate(self, **inputs: object) -> None:
        """Set up the automation with inputs."""
        config = {"automation": [self.config(inputs)]}
        assert await async_setup_component(self.hass, "persistent_notification", {})
        assert await async_setup_component(self.hass, "automation", config)
        await self.settle()
        assert self.state(self.automation).state == STATE_ON

    async def restart(self, **inputs: object) -> None:
        """Set up the automation while Home Assistant starts."""
        self.hass.set_state(CoreState.starting)
        await self.automate(**inputs)
        self.hass.set_state(CoreState.running)
        self.hass.bus.async_fire("homeassistant_started")
        await self.settle()

    async def add_group(self, group: str, *members: str) -> None:
        """Add a group helper."""
        domain, name = group.split(".")
        options = {"group_type": domain, "name": name, "entities": list(members), "all": False}
        entry = MockConfigEntry(domain="group", title=name, options=options)
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.settle()

    @property
    def notifications(self) -> list[str]:
        """Return the messages of persistent notifications."""
        created = self.hass.data.get("persistent_notification", {})
        return [notification["message"] for notification in created.values()]

    async def stop(self, *, after: float = 1) -> None:
        """Run Home Assistant's shutdown jobs."""
        await self.later(after)
        jobs = self.hass._shutdown_jobs  # noqa: SLF001
        runs = [self.hass.async_run_hass_job(job.job, *job.args) for job in jobs]
        await asyncio.gather(*filter(None, runs))
        await self.settle()

    async def reload(self, monkeypatch: pytest.MonkeyPatch, **inputs: object) -> None:
        """Save the automation with inputs after a second."""
        await self.later(1)
        await self.save(monkeypatch, **inputs)

    async def save(self, monkeypatch: pytest.MonkeyPatch, **inputs: object) -> None:
        """Save the automation with inputs."""

        async def changed(_: HomeAssistant) -> dict[str, Any]:
            return {"automation": [self.config(inputs)]}

        monkeypatch.setattr("homeassistant.config.async_hass_config_yaml", changed)
        await self.hass.services.async_call("automation", "reload", blocking=True)
        await self.settle()

    async def shows(self, entity_id: str, state: str, **attributes: object) -> None:
        """Set an entity's state after a second."""
        await self.later(1)
        self.hass.states.async_set(entity_id, state, attributes)
        await self.settle()

    async def act(self, action: str, **data: object) -> None:
        """Perform an action after a second."""
        await self.later(1)
        domain, name = action.split(".")
        await self.hass.services.async_call(domain, name, data, blocking=True)
        await self.settle()

    async def trigger(self) -> None:
        """Run the automation without waiting for its end."""
        target = {"entity_id": self.automation}
        await self.hass.services.async_call("automation", "trigger", target)
        await self.settle()

    async def later(self, seconds: float) -> None:
        """Advance the clock."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.settle()

    async def wait_until(self, local: datetime) -> None:
        """Advance the clock to a local time."""
        await self.later(
            (local.replace(tzinfo=dt_util.get_default_time_zone()) - dt_util.now()).total_seconds()
        )

    async def settle(self) -> None:
        """Run tasks that do not wait for the clock.

        async_block_till_done would also wait for the automation's delay.
        """
        while True:
            for _ in range(50):
                await asyncio.sleep(0)
            # Home Assistant imports platforms in one thread, and reads files in others.
            await self.hass.async_add_import_executor_job(bool)
            pending = self.hass._tasks | self.hass._background_tasks  # noqa: SLF001
            jobs = [future for future in pending if not isinstance(future, asyncio.Task)]
            if not jobs:
                break
            await asyncio.wait(jobs)
        for _ in range(50):
            await asyncio.sleep(0)

    async def leave(self) -> None:
        """Check that no run lasts an hour; turn off."""
        await self.later(3600)
        if automation := self.hass.states.get(self.automation):
            assert automation.attributes["current"] == 0
            await self.act("automation.turn_off", entity_id=self.automation)

    def state(self, entity_id: str) -> State:
        """Return the state of an entity, which must exist."""
        state = self.hass.states.get(entity_id)
        assert state is not None
        return state

    def is_on(self, entity_id: str) -> bool:
        """Return whether an entity is on."""
        return self.state(entity_id).state == STATE_ON


def at(hour: int, minute: int = 0, *, day: int = 3) -> datetime:
    """Return a local time in March 2031 (3: Monday)."""
    return datetime(2031, 3, day, hour, minute, tzinfo=dt_util.get_default_time_zone())


@dataclass
class ConnectedHouse(House):
    """A house with an account; the automation never delays."""

    robin: Person
    """The signed-in person."""

    async def until(self, moment: datetime) -> None:
        """Advance the clock in steps of five minutes."""
        while (left := (moment - dt_util.utcnow()).total_seconds()) > 0:
            await self.later(min(300, left))
        await self.later(1)

    async def poll(self) -> None:
        """Poll once."""
        await self.act("homeassistant.update_entity", entity_id="sensor.robin_example_availability")

    async def unload_account(self) -> None:
        """Unload the account after a second."""
        await self.later(1)
        (entry,) = self.hass.config_entries.async_entries(DOMAIN)
        assert await self.hass.config_entries.async_unload(entry.entry_id)
        await self.settle()

    async def load_account(self) -> None:
        """Load the account after a second, and wait."""
        await self.later(1)
        (entry,) = self.hass.config_entries.async_entries(DOMAIN)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.later(6)

    @override
    async def settle(self) -> None:
        """Run all tasks, including requests."""
        await self.hass.async_block_till_done(wait_background_tasks=True)

    @override
    async def leave(self) -> None:
        """Turn off the automation, which cancels its timers."""
        if self.hass.states.get(self.automation):
            await self.act("automation.turn_off", entity_id=self.automation)
