"""Take the pictures of the documentation: `python -m tests.browser.pictures docs/images`."""

import asyncio
import io
from pathlib import Path
import sys
import tempfile
from typing import Final, Literal

from PIL import Image
from playwright.async_api import Page, expect

from scripts.live.demo import AVAILABILITY, LAMP, ROBIN, Demo, is_red, running, sign_in, usual_ports
from simulator.tenant import DOMAIN, PUBLIC_CLIENT_ID
from tests.documents import ROOT, snippets

from .frontend import TITLE, Frontend, browser_window

DASHBOARDS: Final = ROOT / "docs/dashboards.md"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


async def take(page: Page, path: Path) -> None:
    """Take a picture when nothing moves any more, in few colours and so in few bytes."""
    await page.evaluate("document.fonts.ready")
    # Dialogs and toggles slide into place, and no event tells when the last one has arrived.
    await page.wait_for_timeout(1500)
    screen = await page.screenshot(animations="disabled", caret="hide")
    with Image.open(io.BytesIO(screen)) as image:
        image.convert("RGB").quantize(256).save(path, optimize=True)


async def take_sign_in(_: Demo, frontend: Frontend, images: Path) -> None:
    """Show the form about the app registration."""
    await frontend.choose_integration()
    await frontend.choose_way("browser")
    await frontend.fill_in(tenant=DOMAIN, client_id=PUBLIC_CLIENT_ID)
    await take(frontend.page, images / "sign-in-form.png")


async def take_home(demo: Demo, frontend: Frontend, images: Path) -> None:
    """Show the dashboard in a call, the device, and the simulated Teams."""
    await sign_in(demo, ROBIN)
    await demo.home.wait_for(AVAILABILITY, "appear", lambda at: at["state"] == "available")
    await demo.microsoft.gesture(ROBIN, "set_status_message", text="Back at three")
    await demo.microsoft.gesture(ROBIN, "join_call")
    await demo.home.wait_for(LAMP, "turn red", is_red)
    await frontend.open()
    await expect(frontend.teams.locator("#robin-state")).to_be_visible()
    await take(frontend.page, images / "dashboard.png")
    await frontend.open_device("Robin Example")
    await expect(frontend.page.get_by_text(TITLE).first).to_be_visible()
    await take(frontend.page, images / "device.png")
    await frontend.page.goto(demo.microsoft.url)
    await take(frontend.page, images / "simulator.png")


async def take_dashboards(demo: Demo, frontend: Frontend, images: Path) -> None:
    """Show the dashboards of the documentation as they are to be pasted, light and dark."""
    await set_the_scene(demo, frontend)
    # The first tab may still be on its way from the last dialog to the integration's page.
    shown = Frontend(await frontend.page.context.new_page(), demo.home)
    await shown.page.set_viewport_size({"width": 800, "height": 470})
    for name, snippet in zip(("view", "board"), snippets(DASHBOARDS), strict=True):
        for scheme in SCHEMES:
            await shown.page.emulate_media(color_scheme=scheme)
            await shown.open_dashboard(f"docs-{name}", snippet.content)
            await expect(shown.page.locator("hui-tile-card").first).to_be_visible()
            await take(shown.page, images / f"{name}-{scheme}.png")


async def set_the_scene(demo: Demo, frontend: Frontend) -> None:
    """Sign Robin in, watch two colleagues, and let everybody do something."""
    home, microsoft = demo.home, demo.microsoft
    for entry in await home.entries():
        await home.remove(entry)
    await microsoft.gesture(ROBIN, "join_call")
    await microsoft.gesture(ROBIN, "set_status_message", text="Back at three")
    await microsoft.gesture(ROBIN, "set_work_location", location="remote")
    await microsoft.gesture("alex", "go_away")
    await microsoft.gesture("kim", "present")
    await frontend.sign_in(ROBIN, colleagues=True)
    await frontend.watch("example", "Alex Example", "Kim Example")
    kim = "sensor.kim_example_availability"
    await home.wait_for(kim, "be read", lambda at: at["state"] == "do_not_disturb")


async def main(images: Path) -> None:
    """Take all pictures with a home of their own."""
    with tempfile.TemporaryDirectory() as directory:
        async with (
            running(Path(directory), usual_ports()) as demo,
            browser_window() as window,
        ):
            for scene in (take_sign_in, take_home, take_dashboards):
                await scene(demo, Frontend(await window.new_page(), demo.home), images)


if __name__ == "__main__":
    destination = Path(sys.argv[1])
    destination.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(destination))
