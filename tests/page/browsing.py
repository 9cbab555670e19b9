"""What a person does with the page, and sees of it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from chromium import Page, expect
from known_models import THRESHOLD, Known
from PIL import Image

Colour = tuple[int, int, int]
Place = tuple[float, float]

_NOTHING = (0, 0, 0)

WIDTH, HEIGHT = 240, 180  # of the picture that most tests show


def place_picture(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A picture whose colours tell their own place: red is x, green is y, modulo 256."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([columns % 256, rows % 256, np.full_like(rows, 128)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def file_of(
    picture: Image.Image, name: str = "places.png", kind: str = "PNG", **options: Any
) -> dict[str, Any]:
    """The picture as Playwright hands files to a page."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return as_file(buffer.getvalue(), name)


def as_file(data: bytes, name: str) -> dict[str, Any]:
    return {"name": name, "mimeType": "", "buffer": data}


def choose(page: Page, *files: dict[str, Any]) -> None:
    """Choose files as if in the browser's dialogue, at the start or later on."""
    field = "#add" if page.locator("#visit").is_visible() else "#image"
    page.locator(field).set_input_files(list(files))


def open_downloads(page: Page) -> None:
    """Show what can be downloaded."""
    if page.locator("#downloads:not([open])").count():
        page.locator("#downloads summary").click()


def await_answer(page: Page, name: str = "places.png") -> None:
    """Wait until the picture of this name is looked at, answered and drawn."""
    expect(page.locator(".strip [aria-current] .name")).to_have_text(name)
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("#status")).to_be_hidden()
    expect(page.locator("#view")).not_to_have_attribute("data-zoom", "")
    settled(page)


def shown_of(objects: tuple[Known, ...], threshold: float = THRESHOLD) -> list[Known]:
    return [known for known in objects if known.score >= threshold]


def slide(page: Page, slider: str, value: float) -> None:
    """Move a slider as a hand does: the page hears of it by `input`."""
    page.locator(slider).fill(str(value))


def drawn(page: Page) -> None:
    """Wait until what was asked to be drawn is."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def settled(page: Page) -> None:
    """Wait until the picture stays where it is: a scroll bar that comes moves it once more."""
    page.evaluate(
        """async () => {
            const { viewport } = await viewer("stage.js");
            let before = "";
            for (let same = 0; same < 5; ) {
                await new Promise(requestAnimationFrame);
                const now = [viewport.left, viewport.top, viewport.scale].join();
                same = now === before ? same + 1 : 0;
                before = now;
            }
        }"""
    )


def correct(page: Page) -> None:
    """Start correcting by its key, and wait until the tools, which move the picture, are there."""
    page.locator("#view").press("e")
    expect(page.locator("#edit-bar")).to_be_visible()
    settled(page)


def on_screen(page: Page, point: Place) -> Place:
    """Where a point of the picture is seen, in CSS pixels from the view's corner."""
    left, top, scale = page.evaluate(
        """async () => {
            const { viewport } = await viewer("stage.js");
            return [viewport.left, viewport.top, viewport.scale];
        }"""
    )
    return left + point[0] * scale, top + point[1] * scale


def in_window(page: Page, point: Place) -> Place:
    """Where a point of the picture is seen, in CSS pixels from the window's corner, for mouse and fingers."""
    x, y = on_screen(page, point)
    left, top = page.evaluate(
        """() => {
            const view = document.getElementById("view");
            const { left, top } = view.getBoundingClientRect();
            return [left + view.clientLeft, top + view.clientTop];
        }"""
    )
    return left + x, top + y


def colour_at(page: Page, place: Place, canvas: str = "picture-canvas") -> Colour:
    """The canvas's colour at these CSS pixels from the view's corner."""
    drawn(page)
    red, green, blue, alpha = page.evaluate(
        """([id, x, y]) => {
            const canvas = document.getElementById(id);
            const at = (length) => Math.floor(length * devicePixelRatio);
            return [...canvas.getContext("2d").getImageData(at(x), at(y), 1, 1).data];
        }""",
        [canvas, *place],
    )
    return (red, green, blue) if alpha else _NOTHING


def colour_of(page: Page, point: Place, canvas: str = "picture-canvas") -> Colour:
    """The colour that a point of the picture is seen in."""
    return colour_at(page, on_screen(page, point), canvas)


def near(colour: Colour, expected: Colour, by: int = 3) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, expected, strict=True))
