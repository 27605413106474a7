"""Page object for Home Assistant's frontend."""

from collections.abc import AsyncIterator
import contextlib
import json
import os
import re
import shutil
from typing import Final

from homeassistant.util.yaml import load_yaml_dict
from playwright.async_api import (
    BrowserContext,
    FrameLocator,
    Locator,
    Page,
    async_playwright,
    expect,
)

from scripts.live.demo import BLUEPRINTS
from scripts.live.home import INTEGRATION, Home, Json
from scripts.live.processes import LiveError
from simulator.tenant import DOMAIN, PUBLIC_CLIENT_ID

TITLE: Final = "Microsoft Teams Presence"
LABELS: Final = "ui.panel.config.integrations."
# A foreign host name that resolves to the loopback, as in DNS rebinding.
REBOUND: Final = "rebound.example"
# Enough for two busy cores.
MILLISECONDS: Final = 20_000
WINDOW: Final = 1280, 800

# The names to click for a blueprint's inputs. The demo home's automations have their entities.
BLUEPRINT_FIELDS: Final = {
    "any_call": {"activity_sensor": "Activity Robin", "calls": "Phone call"},
    "back_at": {"activity_sensor": "Activity Robin", "memory": "Message memory", "buttons": "Out"},
    "meeting_soon": {
        "activity_sensor": "Activity Robin",
        "calendars": "Work",
        "lights": "Desk lamp",
    },
    "quiet_knock": {
        "activity_sensor": "Activity Robin",
        "buttons": "Knock at Robin's door",
        "sign": "Sign at Robin's door",
    },
}

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
)


def chromium() -> str | None:
    """Return the installed Chromium, or None for Playwright's own."""
    configured = os.environ.get("CHROMIUM")
    return configured or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None
    )


@contextlib.asynccontextmanager
async def browser_window(home: Home) -> AsyncIterator[BrowserContext]:
    """Open a logged-in browser; raise LiveError without Chromium."""
    async with async_playwright() as playwright:
        executable = chromium() or playwright.chromium.executable_path
        if shutil.which(executable) is None:
            raise LiveError("Chromium not found; install it, or set CHROMIUM to its path")
        browser = await playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        async with browser:
            width, height = WINDOW
            context = await browser.new_context(viewport={"width": width, "height": height})
            context.set_default_timeout(MILLISECONDS)
            expect.set_options(timeout=MILLISECONDS)
            page = await context.new_page()
            await page.goto(await home.sign_in_link())
            await expect(page.locator("home-assistant-main")).to_be_visible()
            await page.close()
            yield context


async def add_calendar(home: Home) -> None:
    """Add an empty calendar named Work, which the demo home lacks."""
    # A group, because Home Assistant's other calendars need packages.
    step = await home.start_flow("group")
    step = await home.continue_flow(step, next_step_id="calendar")
    step = await home.continue_flow(step, name="Work", entities=[], hide_members=False)
    assert step["type"] == "create_entry"


def texts_in(language: str) -> Json:
    """Return the integration's translations."""
    texts: Json = json.loads((INTEGRATION / f"translations/{language}.json").read_text())
    return texts


TEXTS: Final = texts_in("en")


def labels_in(language: str) -> dict[str, str]:
    """Return Home Assistant's translations for integrations."""
    # Not installed with the older Home Assistant, which imports this module, too.
    import hass_frontend  # noqa: PLC0415

    directory = hass_frontend.where() / "static/translations/config"
    (file,) = directory.glob(f"{language}-{'?' * 32}.json")
    labels: dict[str, str] = json.loads(file.read_text())
    return {key.removeprefix(LABELS): label for key, label in labels.items()}


def error_text(key: str) -> re.Pattern[str]:
    """Return a pattern for an error text with any placeholders."""
    parts = re.split(r"\{\w+\}", TEXTS["config"]["error"][key])
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


class Frontend:
    """A tab with Home Assistant."""

    def __init__(self, page: Page, home: Home, language: str = "en") -> None:
        """Initialize; the language is the user's."""
        self.page = page
        self.home = home
        self.texts = texts_in(language)
        self.labels = labels_in(language)

    async def open(self, path: str = "/") -> None:
        """Open a path."""
        await self.page.goto(f"{self.home.url}{path}")

    @property
    def dialog(self) -> Locator:
        """Return the dialog of the config flow."""
        return self.page.locator("dialog-data-entry-flow")

    async def choose_integration(self) -> None:
        """Start the config flow from Settings."""
        await self.open("/config/integrations/dashboard")
        await self.page.get_by_role("button", name=self.labels["add_integration"]).click()
        search = self.page.get_by_placeholder(self.labels["search_brand"])
        await search.fill("microsoft teams")
        await self.page.locator("dialog-add-integration").get_by_text(TITLE).click()
        await expect(self.dialog).to_contain_text(self.texts["config"]["step"]["user"]["title"])

    async def choose_sign_in_method(self, method: str) -> None:
        """Choose the sign-in method: `browser` or `device_code`."""
        steps = self.texts["config"]["step"]
        await self.dialog.get_by_text(steps["user"]["menu_options"][method]).click()
        await expect(self.dialog).to_contain_text(steps[method]["title"])

    async def fill_in(self, *, tenant: str, client_id: str) -> None:
        """Fill in tenant and client ID."""
        await self.dialog.locator("input[name=tenant]").fill(tenant)
        await self.dialog.locator("input[name=client_id]").fill(client_id)

    async def choose_simulator(self) -> None:
        """Open the form's section and select the simulator's cloud."""
        section = self.texts["config"]["step"]["browser"]["sections"]["advanced"]
        await self.dialog.get_by_text(section["name"], exact=True).click()
        await self.dialog.get_by_label(section["data"]["cloud"]).click()
        await self.page.get_by_role("menuitem", name="simulator").click()

    async def include_colleagues(self) -> None:
        """Turn on the form's only switch."""
        await self.dialog.locator("ha-switch").click()

    async def submit(self) -> None:
        """Submit the form."""
        await self.dialog.get_by_role("button", name=self.labels["config_flow.submit"]).click()

    async def submit_and_open_microsoft(self) -> Page:
        """Submit the form and return Microsoft's tab."""
        async with self.page.context.expect_page() as tab:
            await self.submit()
        return await tab.value

    async def sign_in(self, account: str, *, colleagues: bool = False) -> None:
        """Add an account with the browser method."""
        await self.choose_integration()
        await self.choose_sign_in_method("browser")
        await self.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
        await self.choose_simulator()
        if colleagues:
            await self.include_colleagues()
        microsoft = await self.submit_and_open_microsoft()
        await microsoft.locator(f"#account-{account}").click()
        await microsoft.locator("#accept").click()
        await self.finish()

    async def finish(self) -> None:
        """Finish a successful flow and close its dialog."""
        names = [re.escape(self.labels[f"config_flow.{key}"]) for key in ("finish", "finish_skip")]
        button = self.dialog.get_by_role("button", name=re.compile("|".join(names)))
        await button.click()
        await expect(self.dialog).to_be_hidden()
        # Closing a dialog goes back in the history, which would cancel a navigation.
        await self.page.wait_for_function("() => !history.state?.dialog")

    async def open_integration(self) -> None:
        """Open the integration's page."""
        await self.open(f"/config/integrations/integration/{INTEGRATION.name}")

    async def add_colleagues(self) -> None:
        """Click "Add colleagues" of the only account."""
        await self.open_integration()
        label = TEXTS["config_subentries"]["person"]["initiate_flow"]["user"]
        await self.page.get_by_role("button", name=label).click()

    async def search(self, text: str) -> None:
        """Search for people and wait for the results."""
        texts = TEXTS["config_subentries"]["person"]["step"]
        await expect(self.dialog).to_contain_text(texts["user"]["title"])
        await self.dialog.locator("input").fill(text)
        await self.submit()
        await expect(self.dialog).to_contain_text(texts["choose"]["title"])

    async def add_people(self, text: str, *names: str) -> None:
        """Search for people and add some of them."""
        await self.add_colleagues()
        await self.search(text)
        for name in names:
            await self.dialog.get_by_text(name).click()
        await self.submit()
        await self.finish()

    async def choose_entity(self, field: str, name: str, *, search: bool = False) -> None:
        """Select an entity in a field of a blueprint."""
        # Find the row by name, because fields appear in no particular order.
        row = self.page.locator("ha-settings-row", has=self.page.get_by_text(field, exact=True))
        await row.locator("ha-entity-picker").click()
        # A long list has only some of its items in the page.
        if search:
            await self.page.get_by_placeholder("Search", exact=True).fill(name)
        await self._choose(name)

    async def _choose(self, name: str) -> None:
        """Click the picker's item that has all words."""
        items = self.page.locator("ha-picker-combo-box ha-combo-box-item")
        for word in name.split():
            items = items.filter(has_text=word)
        await items.click()

    async def open_blueprint(self, name: str) -> Json:
        """Open the form of a blueprint and return the blueprint's inputs."""
        file = BLUEPRINTS / f"automation/ms_teams_presence/{name}.yaml"
        described = load_yaml_dict(file)["blueprint"]
        await self.open("/config/blueprint/dashboard")
        await self.page.get_by_text(described["name"], exact=True).first.click()
        inputs: Json = described["input"]
        return inputs

    async def fill_in_blueprint(self, inputs: Json, name: str) -> None:
        """Select the entities of a blueprint's inputs."""
        for key, label in BLUEPRINT_FIELDS[name].items():
            await self.choose_entity(inputs[key]["name"], label, search=True)

    async def choose_device(self, field: str, name: str) -> None:
        """Select a device in a field of a blueprint."""
        row = self.page.locator("ha-settings-row", has=self.page.get_by_text(field, exact=True))
        await row.locator("ha-device-picker").click()
        await self._choose(name)

    async def open_dashboard(self, path: str, config: Json) -> None:
        """Save a dashboard and open its first view."""
        paths = [
            dashboard["url_path"]
            for dashboard in await self.home.command("lovelace/dashboards/list")
        ]
        if path not in paths:
            await self.home.command(
                "lovelace/dashboards/create",
                url_path=path,
                title=path,
                mode="storage",
                show_in_sidebar=False,
            )
        await self.home.command("lovelace/config/save", url_path=path, config=config)
        await self.open(f"/{path}/{config['views'][0]['path']}")

    async def remove_colleague(self, name: str) -> None:
        """Delete a colleague from the integration's page."""
        await self.open_integration()
        row = self.page.locator("ha-config-sub-entry-row", has_text=name)
        # The first menu is the colleague's, the second their device's.
        await row.get_by_role("button", name="Menu").first.click()
        items = self.page.get_by_role("menuitem", name="Delete")
        await items.locator("visible=true").click()
        confirmation = self.page.locator("dialog-box")
        await confirmation.get_by_role("button", name="Delete").click()
        await expect(row).to_be_hidden()

    async def open_device(self, name: str) -> None:
        """Open the page of a device."""
        found = await self.home.device(name)
        if found is None:
            raise LiveError(f"device {name} not found")
        await self.open(f"/config/devices/device/{found['id']}")

    @property
    def teams(self) -> FrameLocator:
        """Return the simulated Teams on the demo's dashboard."""
        return self.page.frame_locator("iframe")
