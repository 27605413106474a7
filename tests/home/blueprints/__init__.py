"""Automations made from the project's blueprints, and the house they work in."""

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
    """Return a blueprint, read as Home Assistant reads it."""
    return Blueprint(
        load_yaml_dict(BLUEPRINTS / FOLDER / f"{name}.yaml"),
        path=f"ms_teams_presence/{name}.yaml",
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )


def install(config_dir: str) -> str:
    """Put the blueprints into Home Assistant's folder, and return that."""
    shutil.copytree(BLUEPRINTS, Path(config_dir, "blueprints"), dirs_exist_ok=True)
    return config_dir


@dataclass
class House:
    """A house with one automation, made from a blueprint."""

    hass: HomeAssistant
    freezer: FrozenDateTimeFactory
    blueprint: str
    """Its file's name, which the automation has too."""

    @property
    def automation(self) -> str:
        """Return the automation's entity."""
        return f"automation.{self.blueprint}"

    def config(self, inputs: Mapping[str, object]) -> dict[str, Any]:
        """Return the automation as it is kept, with these inputs."""
        path = f"ms_teams_presence/{self.blueprint}.yaml"
        alias = self.blueprint.replace("_", " ").capitalize()
        return {"alias": alias, "use_blueprint": {"path": path, "input": inputs}}

    async def automate(self, **inputs: object) -> None:
        """Set the automation up, from the blueprint and these inputs."""
        config = {"automation": [self.config(inputs)]}
        assert await async_setup_component(self.hass, "persistent_notification", {})
        assert await async_setup_component(self.hass, "automation", config)
        await self.settle()
        assert self.state(self.automation).state == STATE_ON

    async def restart(self, **inputs: object) -> None:
        """Let the automation live through the end of a start of Home Assistant."""
        self.hass.set_state(CoreState.starting)
        await self.automate(**inputs)
        self.hass.set_state(CoreState.running)
        self.hass.bus.async_fire("homeassistant_started")
        await self.settle()

    async def add_group(self, group: str, *members: str) -> None:
        """Add a group, as the helper makes it."""
        domain, name = group.split(".")
        options = {"group_type": domain, "name": name, "entities": list(members), "all": False}
        entry = MockConfigEntry(domain="group", title=name, options=options)
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.settle()

    @property
    def notifications(self) -> list[str]:
        """Return the messages of all notifications."""
        created = self.hass.data.get("persistent_notification", {})
        return [notification["message"] for notification in created.values()]

    async def stop(self, *, after: float = 1) -> None:
        """Let Home Assistant run what it runs first when it stops."""
        await self.later(after)
        jobs = self.hass._shutdown_jobs  # noqa: SLF001
        runs = [self.hass.async_run_hass_job(job.job, *job.args) for job in jobs]
        await asyncio.gather(*filter(None, runs))
        await self.settle()

    async def reload(self, monkeypatch: pytest.MonkeyPatch, **inputs: object) -> None:
        """Save the automation with these inputs, a second later."""
        await self.later(1)
        await self.save(monkeypatch, **inputs)

    async def save(self, monkeypatch: pytest.MonkeyPatch, **inputs: object) -> None:
        """Save the automation with these inputs."""

        async def changed(_: HomeAssistant) -> dict[str, Any]:
            return {"automation": [self.config(inputs)]}

        monkeypatch.setattr("homeassistant.config.async_hass_config_yaml", changed)
        await self.hass.services.async_call("automation", "reload", blocking=True)
        await self.settle()

    async def shows(self, entity_id: str, state: str, **attributes: object) -> None:
        """Let an entity show a state, a second later."""
        await self.later(1)
        self.hass.states.async_set(entity_id, state, attributes)
        await self.settle()

    async def act(self, action: str, **data: object) -> None:
        """Do an action as a person would, a second later."""
        await self.later(1)
        domain, name = action.split(".")
        await self.hass.services.async_call(domain, name, data, blocking=True)
        await self.settle()

    async def run_by_hand(self) -> None:
        """Run the automation, and do not wait for its end."""
        target = {"entity_id": self.automation}
        await self.hass.services.async_call("automation", "trigger", target)
        await self.settle()

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.settle()

    async def wait_until(self, local: datetime) -> None:
        """Let it be that date and time in Home Assistant's time zone."""
        await self.later(
            (local.replace(tzinfo=dt_util.get_default_time_zone()) - dt_util.now()).total_seconds()
        )

    async def settle(self) -> None:
        """Let everything happen that needs no time.

        Home Assistant's own way to wait would also wait for the end of the automation's delay.
        """
        for _ in range(3):
            for _ in range(50):
                await asyncio.sleep(0)
            # The first use of a platform is imported in a thread.
            await self.hass.async_add_import_executor_job(bool)

    async def leave(self) -> None:
        """See to it that nothing keeps running in an hour, and end the automation."""
        await self.later(3600)
        if automation := self.hass.states.get(self.automation):
            assert automation.attributes["current"] == 0
            await self.act("automation.turn_off", entity_id=self.automation)

    def state(self, entity_id: str) -> State:
        """Return what an entity that exists shows."""
        found = self.hass.states.get(entity_id)
        assert found is not None
        return found

    def is_on(self, entity_id: str) -> bool:
        """Tell whether an entity is on."""
        return self.state(entity_id).state == STATE_ON


def at(hour: int, minute: int = 0, *, day: int = 3) -> datetime:
    """Return a time of the home's own in March 2031, whose third is a Monday."""
    return datetime(2031, 3, day, hour, minute, tzinfo=dt_util.get_default_time_zone())


@dataclass
class ConnectedHouse(House):
    """A house with an account in it, whose automation never waits for anything."""

    robin: Person
    """Who is signed in."""

    async def until(self, moment: datetime) -> None:
        """Let time pass in steps in which everything that is due happens."""
        while (left := (moment - dt_util.utcnow()).total_seconds()) > 0:
            await self.later(min(300, left))
        await self.later(1)

    async def read(self) -> None:
        """Let Teams be read once more."""
        await self.act("homeassistant.update_entity", entity_id="sensor.robin_example_availability")

    async def lose(self) -> None:
        """Take the account away, a second later."""
        await self.later(1)
        (entry,) = self.hass.config_entries.async_entries(DOMAIN)
        assert await self.hass.config_entries.async_unload(entry.entry_id)
        await self.settle()

    async def find(self) -> None:
        """Bring the account back, a second later, and wait until automations heed it."""
        await self.later(1)
        (entry,) = self.hass.config_entries.async_entries(DOMAIN)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.later(6)

    @override
    async def settle(self) -> None:
        """Let everything happen that needs no time, what goes over the network too."""
        await self.hass.async_block_till_done(wait_background_tasks=True)

    @override
    async def leave(self) -> None:
        """Switch the automation off, so that it waits for no time any more."""
        if self.hass.states.get(self.automation):
            await self.act("automation.turn_off", entity_id=self.automation)
