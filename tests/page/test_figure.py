"""Figures show what the page shows, with a scale bar, numbers and a legend, in each file format alike."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

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
from chromium import Page, expect
from known_models import OBJECTS
from PIL import Image

pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed")

SVG = "{http://www.w3.org/2000/svg}"
BARE = (140, 110)  # a pixel of the picture where no object is
SCALE = 2  # pixels of a PNG for each point, and points for each pixel of a picture as small as this


@pytest.fixture
def shown(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    return page


def opened(page: Page, *choices: str) -> None:
    """Open the dialogue, and choose these of its controls by their labels."""
    page.get_by_role("button", name="Figure…").click()
    for choice in choices:
        page.locator("#figure-dialog").get_by_label(choice, exact=True).check()


def saved(page: Page, kind: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {kind}").click()
    assert download.value.suggested_filename == f"places-figure.{kind.lower()}"
    return Path(download.value.path()).read_bytes()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def of_pdf(data: bytes) -> np.ndarray:
    """The page of a PDF, as large as the PNG of the same figure."""
    document = pdfium.PdfDocument(data)
    assert len(document) == 1
    return np.asarray(document[0].render(scale=SCALE).to_pil().convert("RGB")).astype(int)


def test_a_png_shows_the_whole_picture_at_twice_its_size(shown: Page) -> None:
    opened(shown)
    image = pixels(saved(shown, "PNG"))
    assert image.shape == (SCALE * HEIGHT, SCALE * WIDTH, 3)
    x, y = BARE
    assert near(tuple(image[SCALE * y, SCALE * x]), (x, y, 128))
    inside = (OBJECTS[0].box[0] + 6, OBJECTS[0].box[1] + 6)  # away from its number, which only the page shows
    seen = colour_of(shown, (inside[0] + 0.5, inside[1] + 0.5))
    assert near(tuple(image[SCALE * inside[1], SCALE * inside[0]]), seen)


def test_a_pdf_and_an_svg_show_the_same_as_the_png(shown: Page) -> None:
    slide(shown, "#micrometres", 0.5)
    opened(shown, "Numbers", "Class", "Scale bar", "Legend")
    png, pdf, svg = (saved(shown, kind) for kind in ("PNG", "PDF", "SVG"))
    wanted, found = pixels(png), of_pdf(pdf)
    assert wanted.shape == found.shape
    assert np.abs(wanted - found).mean() < 4  # letters and lines are smoothed in another way
    assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    shown.goto("about:blank")  # what this browser makes of the file
    shown.set_content(f'<body style="margin: 0">{svg.decode()}</body>')
    shown.locator("svg").evaluate(
        """(svg) => {
            for (const side of ["width", "height"]) svg.setAttribute(side, 2 * svg.viewBox.baseVal[side]);
        }"""
    )
    screen = pixels(shown.locator("svg").screenshot())
    rows, columns = (min(a, b) for a, b in zip(screen.shape[:2], wanted.shape[:2], strict=True))
    assert np.abs(wanted[:rows, :columns] - screen[:rows, :columns]).mean() < 4


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_objects_have_their_numbers_or_classes_and_the_legend_their_counts(shown: Page) -> None:
    opened(shown, "Numbers", "Legend", "Class")
    assert texts(saved(shown, "SVG")) == ["1", "2", "3", "4", "5", "cell: 2", "fibre: 2", "debris: 1"]
    shown.get_by_label("Classes", exact=True).check()
    shown.get_by_label("Legend", exact=True).uncheck()
    assert texts(saved(shown, "SVG")) == [known.name for known in OBJECTS[:5]]


def test_classes_that_no_model_has_are_told_apart_in_every_format(shown: Page) -> None:
    names = ["root", "stem", "leaf"]
    boxes = ([20, 20, 60, 40], [100, 20, 100, 20], [100, 60, 30, 30])
    coco = {
        "images": [{"id": 1, "width": WIDTH, "height": HEIGHT, "file_name": "places.png"}],
        "categories": [{"id": at, "name": name} for at, name in enumerate(names, 1)],
        "annotations": [
            {
                "id": at,
                "image_id": 1,
                "category_id": at,
                "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
            }
            for at, (x, y, w, h) in enumerate(boxes, 1)
        ],
    }
    shown.once("dialog", lambda dialog: dialog.accept())  # they replace the model's
    choose(shown, as_file(json.dumps(coco).encode(), "own.json"))
    expect(shown.locator("#found")).to_have_text("3 objects")
    opened(shown, "Class", "Legend")
    svg = saved(shown, "SVG")
    assert "undefined" not in svg.decode()
    assert texts(svg) == ["root: 1", "stem: 1", "leaf: 1"]
    assert of_pdf(saved(shown, "PDF")).shape == pixels(saved(shown, "PNG")).shape


def test_a_scale_bar_has_a_round_length_that_is_right(shown: Page) -> None:
    slide(shown, "#micrometres", 0.5)  # the picture is 120 µm wide, and a fifth of it 24
    opened(shown, "Scale bar")
    svg = saved(shown, "SVG")
    assert texts(svg) == ["20 µm"]
    width = float(ElementTree.fromstring(svg).get("viewBox", "").split()[2])
    bar = list(ElementTree.fromstring(svg).iter(f"{SVG}path"))[-1].get("d", "")
    corners = [tuple(map(float, point.split())) for point in bar.strip("MZ").split("L")]
    assert corners[1][0] - corners[0][0] == pytest.approx(width * 20 / 120, rel=0.01)


def test_without_the_width_of_a_pixel_there_is_no_scale_bar(shown: Page) -> None:
    opened(shown)
    expect(shown.get_by_label("Scale bar")).to_be_disabled()


def test_the_part_in_view_can_be_shown_alone(shown: Page) -> None:
    for _ in range(4):
        shown.get_by_role("button", name="Zoom in").click()
    opened(shown, "What is in view", "Legend")
    legend = texts(saved(shown, "SVG"))
    assert legend and sum(int(text.split(": ")[1]) for text in legend) < 5  # of those in view alone
    shown.get_by_label("Legend", exact=True).uncheck()
    part = pixels(saved(shown, "PNG"))
    red = part[..., 0][part[..., 2] == 128]  # where no object is; red is x
    assert 20 < red.min() < WIDTH / 2 < red.max() < WIDTH - 20
    assert red.min() + red.max() == pytest.approx(WIDTH, abs=6)  # the middle stays in the middle


def test_brightness_changes_what_is_seen_and_nothing_that_is_measured(shown: Page) -> None:
    before = shown.locator("#objects").inner_text()
    shown.get_by_title("Brightness and contrast").click()
    slide(shown, "#brightness", 1.5)
    place = (BARE[0] + 0.5, BARE[1] + 0.5)
    brighter = (210, 165, 192)
    assert near(colour_of(shown, place), brighter)
    opened(shown)
    assert near(tuple(pixels(saved(shown, "PNG"))[SCALE * BARE[1], SCALE * BARE[0]]), brighter)
    shown.get_by_role("button", name="Close").click()
    assert shown.locator("#objects").inner_text() == before
    shown.get_by_title("Brightness and contrast").click()
    shown.get_by_role("button", name="Reset").click()
    assert near(colour_of(shown, place), (*BARE, 128))


def test_what_has_not_been_answered_has_no_figure_and_no_comparison(page: Page) -> None:
    choose(page, file_of(place_picture(320, 180), "wide.png"))
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    for name in ("Figure…", "Side by side…"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    await_answer(page, "wide.png")
    for name in ("Figure…", "Side by side…"):
        expect(page.get_by_role("button", name=name)).to_be_enabled()


def test_the_preview_is_as_large_as_the_window_allows(shown: Page) -> None:
    preview = shown.get_by_role("img", name="Preview of the figure")
    for width, height, wide in ((2560, 1440, 936), (1280, 900, 585)):
        shown.set_viewport_size({"width": width, "height": height})
        opened(shown)
        expect(preview).to_have_js_property("clientWidth", wide)
        shown.get_by_role("button", name="Close", exact=True).click()
