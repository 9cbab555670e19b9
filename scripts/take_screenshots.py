"""Take the screenshots of the browser page for docs/page.md: make screenshots"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.service import running

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "page"
CHROMIUM = "/usr/bin/chromium"
DESKTOP, PHONE = (1440, 900), (390, 844)
QUALITY = 88  # WebP quality, 0 to 100


def main() -> None:
    """Start a service with the shipped model, and take the screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with running() as server, sync_playwright() as playwright:
        address = f"http://127.0.0.1:{server.port}"
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        keep("start", opened(browser, address, "light", DESKTOP))
        for name, scheme, sample in (("light", "light", "tissue"), ("dark", "dark", "fluorescence")):
            page = opened(browser, address, scheme, DESKTOP)
            segment(page, sample)
            look_closer(page)
            keep(name, page)
        page = opened(browser, address, "light", PHONE)
        segment(page, "fluorescence")
        keep("phone", page)
        browser.close()


def opened(browser: Browser, address: str, scheme: str, size: tuple[int, int]) -> Page:
    """The page in a new browser window with this colour scheme and size."""
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": size[0], "height": size[1]},
        has_touch=size == PHONE,
        is_mobile=size == PHONE,
    )
    page = context.new_page()
    page.goto(address)
    return page


def segment(page: Page, sample: str) -> None:
    """Click a sample and wait for the result."""
    page.click(f".sample[value={sample}]")
    page.wait_for_selector("#panel:not(.empty)")
    page.wait_for_timeout(500)  # for the thumbnail and the drawing


def look_closer(page: Page) -> None:
    """Zoom in a little, select an object, enter a pixel size."""
    page.fill("#micrometres", "0.5")
    for _ in range(2):
        page.click("#zoom-in")
    page.click("tbody tr:nth-child(8)")
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)


def keep(name: str, page: Page) -> None:
    """Save a screenshot."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(
        FOLDER / f"{name}.webp", quality=QUALITY, method=6
    )


if __name__ == "__main__":
    main()
