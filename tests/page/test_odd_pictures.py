"""Pictures that a browser shows otherwise than the service sees them, or not at all."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import cv2
import numpy as np
import pytest
from browsing import (
    HEIGHT,
    WIDTH,
    as_file,
    await_answer,
    choose,
    colour_of,
    file_of,
    near,
    place_picture,
    slide,
)
from chromium import Browse, Page, expect
from PIL import Image
from server import Server

from tests.tiffs import tiff_of

# As a camera of 12 bits fills 16: the upper 8 are all but black.
DARK = (np.arange(WIDTH, dtype=np.uint16) * 17)[np.newaxis].repeat(HEIGHT, axis=0)
POINTS = ((2.5, 2.5), (140.5, 110.5), (237.5, 90.5))


def deep_png() -> bytes:
    return bytes(cv2.imencode(".png", DARK)[1])


def as_seen_by(server: Server, data: bytes, query: str = "") -> np.ndarray:
    """The picture as the service has read it, RGB."""
    _, _, answer = server.segment(data, f"?include=picture&image_format=png{query}")
    encoded = base64.b64decode(json.loads(answer)["picture"])
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def expect_on_canvas(page: Page, pixels: np.ndarray) -> None:
    slide(page, "#threshold", 1)  # nothing over it
    for x, y in POINTS:
        red, green, blue = pixels[int(y), int(x)].tolist()
        assert near(colour_of(page, (x, y)), (red, green, blue))


@pytest.mark.parametrize(
    ("name", "data"), [("deep.tif", tiff_of(DARK[:, :, np.newaxis])), ("deep.png", deep_png())]
)
def test_sixteen_bits_are_shown_as_the_service_scaled_them(
    page: Page, server: Server, name: str, data: bytes
) -> None:
    choose(page, as_file(data, name))
    await_answer(page, name)
    expect(page.locator("#pictures img")).to_be_visible()
    seen = as_seen_by(server, data)
    assert seen.max() > 200 and np.ptp(seen[0].mean(axis=-1)) > 150
    expect_on_canvas(page, seen)


def test_a_photo_that_was_turned_is_upright_with_its_objects_in_place(page: Page) -> None:
    turned = place_picture().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    choose(page, file_of(turned, "turned.jpg", "JPEG", exif=exif, quality=100, subsampling=0))
    await_answer(page, "turned.jpg")
    expect(page.locator("#found-hint")).to_contain_text(f"{WIDTH} × {HEIGHT} pixels")
    slide(page, "#threshold", 1)
    for x, y in POINTS:
        assert near(colour_of(page, (x, y)), (int(x), int(y), 128), by=6)


def two_pages() -> dict[str, Any]:
    pages = [place_picture(), Image.new("RGB", (WIDTH, HEIGHT), (200, 30, 60))]
    return file_of(pages[0], "pages.tif", "TIFF", save_all=True, append_images=pages[1:])


def test_another_page_or_channel_of_a_file_can_be_looked_at(page: Page) -> None:
    choose(page, two_pages())
    await_answer(page, "pages.tif")
    x, y = POINTS[1]
    assert near(colour_of(page, (x, y)), (int(x), int(y), 128))
    page.get_by_text("Another page or channel").click()
    page.get_by_role("spinbutton", name="Page").fill("1")
    with page.expect_response(lambda response: "page=1" in response.url):
        page.get_by_role("button", name="Look there").click()
    await_answer(page, "pages.tif")
    assert near(colour_of(page, (x, y)), (200, 30, 60))
    page.get_by_role("spinbutton", name="Channel").fill("1")
    with page.expect_response(lambda response: "channel=1" in response.url):
        page.get_by_role("button", name="Look there").click()
    await_answer(page, "pages.tif")
    red, green, blue = colour_of(page, (x, y))
    assert red == green == blue
    assert "page=1&channel=1" in page.locator("#curl").inner_text()


def test_a_page_that_a_file_does_not_have_is_told_and_the_next_try_works(browse: Browse, page: Page) -> None:
    browse.expect_complaint("status of 4")
    choose(page, two_pages())
    await_answer(page, "pages.tif")
    page.get_by_text("Another page or channel").click()
    for number in ("7", "1"):
        page.get_by_role("spinbutton", name="Page").fill(number)
        page.get_by_role("button", name="Look there").click()
        if number == "7":
            expect(page.locator("#status")).to_have_attribute("data-state", "failed")
            expect(page.locator("#status-detail")).to_contain_text("2 pages")
    await_answer(page, "pages.tif")
    assert near(colour_of(page, POINTS[1]), (200, 30, 60))
