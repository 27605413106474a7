"""Take the documentation's screenshots; run by `scripts/screenshots`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
import io
from pathlib import Path
import sys
import tempfile
from typing import Final, Literal

from PIL import Image
from playwright.async_api import Page, expect

from scripts.live.demo import AVAILABILITY, LAMP, ROBIN, Demo, default_ports, is_red, running
from scripts.live.processes import LiveError
from simulator.tenant import DOMAIN, PUBLIC_CLIENT_ID
from tests.documents import ROOT, snippets

from .frontend import TITLE, WINDOW, Frontend, add_calendar, browser_window

IMAGES: Final = ROOT / "docs/images"
DASHBOARDS: Final = ROOT / "docs/dashboards.md"
FORM: Final = 800, 1180
PAGE: Final = 1280, 1000
PASTED: Final = 800, 470
BLUEPRINT: Final = 640, 800

type Show = Callable[[Demo, Frontend], Awaitable[None]]


@dataclass(frozen=True)
class Picture:
    """A screenshot: its content, size and color scheme."""

    show: Show
    size: tuple[int, int] = WINDOW
    scheme: Literal["light", "dark"] = "light"
    signed_in: bool = True


async def show_sign_in(_: Demo, frontend: Frontend) -> None:
    """Show the app registration form."""
    await frontend.choose_integration()
    await frontend.choose_sign_in_method("browser")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)


async def show_dashboard(_: Demo, frontend: Frontend) -> None:
    """Show the demo's dashboard during a call."""
    await frontend.open()
    await expect(frontend.teams.locator("#robin-state")).to_be_visible()


async def show_device(_: Demo, frontend: Frontend) -> None:
    """Show a person's device."""
    await frontend.open_device("Robin Example")
    await expect(frontend.page.get_by_text(TITLE).first).to_be_visible()


async def show_simulator(demo: Demo, frontend: Frontend) -> None:
    """Show the simulated Teams."""
    await frontend.page.goto(demo.microsoft.url)


async def show_pasted(number: int, _: Demo, frontend: Frontend) -> None:
    """Show a dashboard from the documentation."""
    config = snippets(DASHBOARDS)[number].content
    await frontend.open_dashboard(f"docs-{number}", config)
    await expect(frontend.page.locator("hui-tile-card").first).to_be_visible()


async def show_blueprint(name: str, _: Demo, frontend: Frontend) -> None:
    """Show the form of a blueprint, filled in."""
    inputs = await frontend.open_blueprint(name)
    await frontend.fill_in_blueprint(inputs, name)


async def show_voice(_: Demo, frontend: Frontend) -> None:
    """Show the form of the voice blueprint, filled in."""
    inputs = await frontend.open_blueprint("voice")
    for key in ("people", "me"):
        await frontend.choose_device(inputs[key]["name"], "Robin Example")


PICTURES: Final[dict[str, Picture]] = {
    "sign-in-form": Picture(show_sign_in, FORM, signed_in=False),
    "dashboard": Picture(show_dashboard),
    "device": Picture(show_device, PAGE),
    "simulator": Picture(show_simulator, PAGE),
    "view-light": Picture(partial(show_pasted, 0), PASTED),
    "view-dark": Picture(partial(show_pasted, 0), PASTED, "dark"),
    "board-light": Picture(partial(show_pasted, 1), PASTED),
    "board-dark": Picture(partial(show_pasted, 1), PASTED, "dark"),
    "any-call": Picture(partial(show_blueprint, "any_call"), BLUEPRINT),
    "quiet-knock": Picture(partial(show_blueprint, "quiet_knock"), BLUEPRINT),
    "meeting-soon": Picture(partial(show_blueprint, "meeting_soon"), BLUEPRINT),
    "back-at": Picture(partial(show_blueprint, "back_at"), BLUEPRINT),
    "voice": Picture(show_voice, BLUEPRINT),
}


async def prepare(demo: Demo, frontend: Frontend) -> None:
    """Sign Robin in, add two colleagues, and change their presences."""
    home, microsoft = demo.home, demo.microsoft
    await microsoft.gesture(ROBIN, "set_status_message", text="Back at three")
    await microsoft.gesture(ROBIN, "set_work_location", location="remote")
    await microsoft.gesture("alex", "go_away")
    await microsoft.gesture("kim", "present")
    await frontend.sign_in(ROBIN, colleagues=True)
    await frontend.add_people("example", "Alex Example", "Kim Example")
    await home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] == "available")
    await microsoft.gesture(ROBIN, "join_call")
    await home.wait_for(LAMP, "turn red", is_red)
    kim = "sensor.kim_example_availability"
    await home.wait_for(kim, "be do_not_disturb", lambda at: at["state"] == "do_not_disturb")
    await add_calendar(home)


async def take_screenshot(page: Page, path: Path) -> None:
    """Take a screenshot and reduce its colors and size."""
    await page.evaluate("document.fonts.ready")
    # Wait for transitions of dialogs and toggles; no event reports their end.
    await page.wait_for_timeout(1500)
    screen = await page.screenshot(animations="disabled", caret="hide")
    with Image.open(io.BytesIO(screen)) as image:
        # The default method merges the colors of small icons.
        colors = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        colors.save(path, optimize=True)


async def take_all(names: list[str]) -> None:
    """Take screenshots, those without an account first."""
    pictures = sorted((PICTURES[name].signed_in, name) for name in names)
    with tempfile.TemporaryDirectory() as directory:
        async with (
            running(Path(directory), default_ports()) as demo,
            browser_window(demo.home) as window,
        ):
            is_prepared = False
            for signed_in, name in pictures:
                if signed_in and not is_prepared:
                    await prepare(demo, Frontend(await window.new_page(), demo.home))
                    is_prepared = True
                picture = PICTURES[name]
                # Use a new tab, as the last one may still be navigating.
                page = await window.new_page()
                width, height = picture.size
                await page.set_viewport_size({"width": width, "height": height})
                await page.emulate_media(color_scheme=picture.scheme)
                await picture.show(demo, Frontend(page, demo.home))
                await take_screenshot(page, IMAGES / f"{name}.png")
                await page.close()


def main() -> str | None:
    """Run the command line and return the error, if any."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument(
        "name", nargs="*", choices=PICTURES, default=[*PICTURES], help="default: all"
    )
    try:
        asyncio.run(take_all(parser.parse_args().name))
    except LiveError as err:
        return f"screenshots: {err}"
    return None


if __name__ == "__main__":
    sys.exit(main())
