"""Draw the brand pictures from brand.svg, with Chromium: `python docs/images/render_brand.py`.

Run it with an environment's Python (`scripts/setup home-2026-11` prints its path) after a change of
brand.svg. Chromium is the system's own where there is one.
"""

from io import BytesIO
from pathlib import Path
import re
import shutil

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SOURCE = Path(__file__).with_name("brand.svg")
BRAND = Path(__file__).parents[2] / "custom_components/ms_teams_presence/brand"
# The icon's colours stand on white and on black alike; the lettering of the logo does not.
INK_ON_DARK = "#e8f1f1"
# The view box of brand.svg.
LOGO_RATIO = 992 / 256
HEIGHTS = {"": 256, "@2x": 512}


def picture(page: Page, svg: str, width: int, height: int) -> Image.Image:
    """Return the SVG in the given size in pixels, on a transparent background."""
    page.set_viewport_size({"width": width, "height": height})
    page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:100vw}}</style>{svg}")
    return Image.open(BytesIO(page.screenshot(omit_background=True)))


def main() -> None:
    """Write every file of the brand folder."""
    logo = SOURCE.read_text()
    icon = re.sub(r'viewBox="[^"]*"', 'viewBox="0 0 256 256"', logo)
    dark_logo = re.sub(r' color="[^"]*"', f' color="{INK_ON_DARK}"', logo)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        for suffix, height in HEIGHTS.items():
            for name, svg, width in (
                ("icon", icon, height),
                ("logo", logo, round(height * LOGO_RATIO)),
                ("dark_logo", dark_logo, round(height * LOGO_RATIO)),
            ):
                drawn = picture(page, svg, width, height)
                # Flat colours: a palette looks the same at a third of the size.
                drawn = drawn.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
                drawn.save(BRAND / f"{name}{suffix}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
