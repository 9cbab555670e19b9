"""Pictures that a browser shows otherwise than the service sees them, or not at all."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
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
from chromium import Page, expect
from PIL import Image
from PIL.PngImagePlugin import PngInfo
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


def test_sixteen_bits_are_shown_as_the_service_scaled_them(page: Page, server: Server) -> None:
    for name, data in {"deep.tif": tiff_of(DARK[:, :, np.newaxis]), "deep.png": deep_png()}.items():
        choose(page, as_file(data, name))
        await_answer(page, name)
        expect(page.locator("#pictures [aria-current] img")).to_be_visible()
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


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png_with_raw_exif(orientation: int) -> bytes:
    """As ImageMagick wrote it."""
    lines = "\n".join(re.findall("..{0,70}", exif_of(orientation).tobytes().hex()))
    texts = PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(lines)}\n{lines}", zip=True)
    return file_of(place_picture(), kind="PNG", pnginfo=texts)["buffer"]


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
LEFT, RIGHT = Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270
LIKE_PHOTOS = {"quality": 100, "subsampling": 0}
TURNED: dict[str, Callable[[], bytes]] = {
    "6.webp": lambda: file_of(place_picture().transpose(LEFT), kind="WEBP", exif=exif_of(6), lossless=True)[
        "buffer"
    ],
    "3.webp": lambda: file_of(place_picture(), kind="WEBP", exif=exif_of(3), lossless=True)["buffer"],
    "6.png": lambda: file_of(place_picture().transpose(LEFT), kind="PNG", exif=exif_of(6))["buffer"],
    "raw 3.png": lambda: png_with_raw_exif(3),
    "3.avif": lambda: file_of(place_picture(), kind="AVIF", exif=exif_of(3), quality=100)["buffer"],
    "8.jpg": lambda: file_of(place_picture().transpose(RIGHT), kind="JPEG", exif=exif_of(8), **LIKE_PHOTOS)[
        "buffer"
    ],
    "xmp 6.jpg": lambda: file_of(place_picture(), kind="JPEG", xmp=XMP, **LIKE_PHOTOS)["buffer"],
    "xmp 6.webp": lambda: file_of(place_picture(), kind="WEBP", xmp=XMP, lossless=True)["buffer"],
    "cut.jpg": lambda: file_of(place_picture(), kind="JPEG", **LIKE_PHOTOS)["buffer"][:-2],
}


def test_the_page_shows_which_way_up_the_service_has_seen_it(page: Page, server: Server) -> None:
    for name, draw in TURNED.items():
        data = draw()
        choose(page, as_file(data, name))
        await_answer(page, name)
        seen = as_seen_by(server, data)
        expect(page.locator("#found-hint")).to_contain_text(f"{seen.shape[1]} × {seen.shape[0]} pixels")
        slide(page, "#threshold", 1)
        for x, y in ((2.5, 2.5), (70.5, 110.5), (150.5, 40.5)):
            red, green, blue = seen[int(y), int(x)].tolist()
            assert near(colour_of(page, (x, y)), (red, green, blue), by=6), name


def two_pages() -> dict[str, Any]:
    pages = [place_picture(), Image.new("RGB", (WIDTH, HEIGHT), (200, 30, 60))]
    return file_of(pages[0], "pages.tif", "TIFF", save_all=True, append_images=pages[1:])


def test_another_page_or_channel_of_a_file_can_be_looked_at(page: Page) -> None:
    choose(page, two_pages())
    await_answer(page, "pages.tif")
    x, y = POINTS[1]
    assert near(colour_of(page, (x, y)), (int(x), int(y), 128))
    with page.expect_response(lambda response: "page=1" in response.url):
        page.get_by_role("button", name="Next page").click()
    await_answer(page, "pages.tif")
    assert near(colour_of(page, (x, y)), (200, 30, 60))
    with page.expect_response(lambda response: "channel=1" in response.url):
        page.get_by_role("combobox", name="Channel").select_option("2")
    await_answer(page, "pages.tif")
    red, green, blue = colour_of(page, (x, y))
    assert red == green == blue
    assert "page=1&channel=1" in page.locator("#snippet").text_content()
