"""Installation from a tagged tree with Home Assistant's Marketplace."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
import importlib
import json
from pathlib import Path
import re
import sys
from typing import Any
from urllib.parse import unquote

from awesomeversion import AwesomeVersion
from homeassistant.config_entries import HANDLERS, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ms_teams_presence.const import DOMAIN
from custom_components.ms_teams_presence.graph.clouds import Cloud
from tests.documents import ROOT
from tests.home.account import Account
from tests.home.github import REPOSITORY, REPOSITORY_ID, GitHub, Tagged
from tests.home.states import state

profiles = pytest.importorskip(
    "homeassistant.components.marketplace.profiles",
    reason="the Marketplace is part of Home Assistant since 2026.11",
)

PACKAGE = "custom_components"

type Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> Iterator[str]:
    """Return an empty configuration directory without the integration."""
    ours = {name: sys.modules.pop(name) for name in [*sys.modules] if name.startswith(PACKAGE)}
    flows = {**HANDLERS}
    path = [*sys.path]
    sys.path[:] = [place for place in path if not (Path(place) / PACKAGE).is_dir()]
    config = tmp_path / "config"
    config.mkdir()
    yield str(config)
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]
    sys.modules.update(ours)
    # The import registered its config flow in Home Assistant.
    HANDLERS.pop(DOMAIN, None)
    HANDLERS.update(flows)


@pytest.fixture
async def github(
    tmp_path: Path, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GitHub]:
    """Point the Marketplace to a GitHub server on the loopback."""
    async with GitHub(Tagged.of(ROOT, tmp_path)) as github:
        github.release("1.0.0")
        endpoints = {host: github.url(host) for host in ("api", "github", "raw", "catalog")}
        monkeypatch.setitem(
            profiles.PROFILES, profiles.DEFAULT_PROFILE, replace(profiles.GITHUB, **endpoints)
        )
        yield github


@pytest.fixture
def listed(github: GitHub) -> None:
    """List the repository in the catalog."""
    github.catalog = True


@pytest.fixture
async def ask(hass: HomeAssistant, github: GitHub, hass_ws_client: WebSocketGenerator) -> Ask:
    """Return a function that sends the Marketplace's WebSocket commands."""
    assert await async_setup_component(hass, "marketplace", {})
    await hass.async_block_till_done(wait_background_tasks=True)
    client = await hass_ws_client()

    async def ask(command: str, **fields: Any) -> Any:
        await client.send_json_auto_id({"type": f"marketplace/{command}", **fields})
        response = await client.receive_json()
        assert response["success"], response
        await hass.async_block_till_done(wait_background_tasks=True)
        return response["result"]

    await ask("warning/accept")
    return ask


def installed(hass: HomeAssistant) -> dict[str, bytes]:
    """Return the installed files by their path."""
    config = Path(hass.config.config_dir)
    found = (config / PACKAGE).rglob("*")
    return {
        path.relative_to(config).as_posix(): path.read_bytes()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


def integration(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return a repository's files for the configuration directory."""
    return {path: content for path, content in files.items() if path.startswith(PACKAGE)}


def add_cloud(hass: HomeAssistant, cloud: Cloud) -> None:
    """Add the simulator to the installed integration's cloud table."""
    clouds = importlib.import_module(f"{PACKAGE}.{DOMAIN}.graph.clouds")
    assert Path(clouds.__file__ or "").is_relative_to(hass.config.config_dir)
    clouds.CLOUDS[cloud.key] = replace(
        clouds.CLOUDS["global"],
        key=cloud.key,
        login=cloud.login,
        graph=cloud.graph,
        portal=cloud.portal,
    )


async def connect(hass: HomeAssistant) -> None:
    """Create the entry that connecting to GitHub would create."""
    (marketplace,) = hass.config_entries.async_entries("marketplace")
    hass.config_entries.async_update_entry(marketplace, data={**marketplace.data, "token": "token"})
    assert await hass.config_entries.async_reload(marketplace.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_installed_as_a_custom_repository_it_signs_in(
    hass: HomeAssistant, ask: Ask, github: GitHub, account: Account, cloud: Cloud
) -> None:
    await connect(hass)
    assert await ask("repositories/detect", repository=REPOSITORY) == {
        "categories": ["integration"]
    }
    await ask("repositories/add", repository=REPOSITORY, category="integration")
    (listed,) = await ask("repositories/list")
    assert listed["name"] == "Microsoft Teams Presence"

    await ask("repository/install", repository=listed["id"])

    assert installed(hass) == integration(github.files("1.0.0"))
    add_cloud(hass, cloud)
    entry = await account.async_sign_in()
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, "sensor.robin_example_availability") == "available"
    assert (await async_get_integration(hass, DOMAIN)).version == "1.0.0"


async def test_as_a_custom_repository_it_needs_a_connection_to_github(
    hass: HomeAssistant, ask: Ask, github: GitHub
) -> None:
    with pytest.raises(AssertionError, match="github_not_connected"):
        await ask("repositories/add", repository=REPOSITORY, category="integration")

    assert not [path for path in github.requests if path.startswith("/api")]


async def test_an_update_replaces_everything(hass: HomeAssistant, ask: Ask, github: GitHub) -> None:
    await connect(hass)
    await ask("repositories/add", repository=REPOSITORY, category="integration")
    await ask("repository/install", repository=str(REPOSITORY_ID))
    (update,) = hass.states.async_entity_ids("update")
    assert state(hass, update) == "off"
    (gone,) = github.tagged.work_tree.glob(f"{PACKAGE}/{DOMAIN}/translations/fi.json")
    gone.unlink()
    github.release("1.1.0")
    await ask("repository/refresh", repository=str(REPOSITORY_ID))
    assert state(hass, update) == "on"

    await hass.services.async_call("update", "install", {"entity_id": update}, blocking=True)

    assert state(hass, update) == "off"
    assert installed(hass) == integration(github.files("1.1.0"))
    manifest = json.loads(installed(hass)[f"{PACKAGE}/{DOMAIN}/manifest.json"])
    assert manifest["version"] == "1.1.0"


async def test_from_the_catalog_it_installs_without_asking_githubs_api(
    hass: HomeAssistant, listed: None, ask: Ask, github: GitHub
) -> None:
    await ask("repository/install", repository=str(REPOSITORY_ID))

    assert installed(hass) == integration(github.files("1.0.0"))
    assert not [path for path in github.requests if path.startswith("/api")]


async def test_uninstalled_it_leaves_nothing(
    hass: HomeAssistant, listed: None, ask: Ask, account: Account, cloud: Cloud
) -> None:
    await ask("repository/install", repository=str(REPOSITORY_ID))
    add_cloud(hass, cloud)
    entry = await account.async_sign_in()
    await hass.config_entries.async_remove(entry.entry_id)

    await ask("repository/uninstall", repository=str(REPOSITORY_ID))

    assert installed(hass) == {}


async def test_an_older_home_assistant_is_rejected(
    hass: HomeAssistant,
    listed: None,
    ask: Ask,
    github: GitHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (marketplace,) = hass.config_entries.async_entries("marketplace")
    monkeypatch.setattr(marketplace.runtime_data, "version", AwesomeVersion("2026.9.4"))

    with pytest.raises(AssertionError, match=r"2026\.10\.0"):
        await ask("repository/install", repository=str(REPOSITORY_ID))

    assert installed(hass) == {}


async def test_the_blueprint_is_imported_from_the_tagged_tree(
    hass: HomeAssistant, github: GitHub, hass_ws_client: WebSocketGenerator
) -> None:
    button = re.search(r"blueprint_url=([^)]+)\)", (ROOT / "README.md").read_text())
    assert button
    # The URL on GitHub itself is not available offline.
    _, _, path = unquote(button[1]).partition(f"https://github.com/{REPOSITORY}/blob/main/")
    assert await async_setup_component(hass, "automation", {})
    client = await hass_ws_client()

    await client.send_json_auto_id(
        {"type": "blueprint/import", "url": f"{github.url('raw')}/{REPOSITORY}/v1.0.0/{path}"}
    )
    response = await client.receive_json()

    assert response["success"], response
    assert response["result"]["validation_errors"] is None
    assert response["result"]["raw_data"].encode() == github.files("1.0.0")[path]
