"""Numbers that somebody may write down: of a list that was cut off, and in micrometres."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from browsing import (
    HEIGHT,
    WIDTH,
    as_file,
    await_answer,
    choose,
    file_of,
    open_downloads,
    place_picture,
    slide,
)
from chromium import Browse, Page, expect
from server import Server

GREY = np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1))
ONE, TWO = file_of(place_picture(), "one.png"), file_of(place_picture(), "two.png")


def sized_tiff(name: str, x: float, y: float) -> dict[str, Any]:
    """A picture whose file says how wide and high a pixel is, in micrometres."""
    file = io.BytesIO()
    sizes = {"axes": "YX", "PhysicalSizeX": x, "PhysicalSizeY": y}
    tifffile.imwrite(file, GREY, ome=True, photometric="minisblack", metadata=sizes)
    return as_file(file.getvalue(), name)


@pytest.fixture
def shown(page: Page) -> Page:
    choose(page, ONE)
    await_answer(page, "one.png")
    return page


def test_a_pixels_width_may_have_a_comma_or_a_point(shown: Page) -> None:
    field = shown.get_by_label("A pixel is")
    for written, total in (
        ("0,325", "856 µm²"),
        ("1,000.5", "8,100 px²"),  # a thousand, or one?
        ("0.325", "856 µm²"),
        ("half", "8,100 px²"),
        (",5", "2,025 µm²"),
    ):
        field.clear()
        field.press_sequentially(written)
        expect(shown.locator("#total")).to_have_text(total)
        refused = total.endswith("px²")
        expect(field).to_have_attribute("aria-invalid", str(refused).lower())
        expect(shown.locator("#micrometres-source")).to_contain_text(
            "0.325 or 0,325" if refused else "As entered"
        )


def test_each_picture_has_its_own_pixel_size_until_one_is_applied_to_all(page: Page) -> None:
    choose(page, sized_tiff("fine.tif", 0.5, 0.5), sized_tiff("oblong.tif", 0.5, 2), ONE)
    field, source, total = page.get_by_label("A pixel is"), page.locator("#micrometres-source"), "#total"
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(3)
    await_answer(page, "fine.tif")
    expect(field).to_have_value("0.5")
    expect(source).to_have_text("As the file says.")
    expect(page.locator(total)).to_have_text("2,025 µm²")
    page.locator("#pictures .open").nth(1).click()
    expect(field).to_have_value("1")
    expect(source).to_contain_text("0.5 × 2 µm")
    expect(page.locator(total)).to_have_text("8,100 µm²")
    expect(page.locator("#objects td").nth(4)).to_have_text("30 × 80")  # 60 pixels across and 40 down
    page.locator("#pictures .open").nth(2).click()
    expect(field).to_have_value("")
    expect(page.locator(total)).to_have_text("8,100 px²")

    field.fill("2")
    page.locator("#pictures .open").nth(0).click()
    expect(page.locator(total)).to_have_text("2,025 µm²")  # it was entered for another one
    page.locator("#pictures .open").nth(2).click()
    page.get_by_role("button", name="Apply to all pictures").click()
    expect(page.get_by_role("button", name="Apply to all pictures")).to_be_hidden()
    page.locator("#pictures .open").nth(0).click()
    expect(field).to_have_value("2")
    open_downloads(page)
    with page.expect_request("**/render?*output=csv*") as request:
        page.get_by_role("button", name="Table").click()
    assert "pixel_size=2" in request.value.url
    page.get_by_role("button", name="Use the file’s 0.5").click()
    expect(page.locator(total)).to_have_text("2,025 µm²")


def test_sums_over_a_list_that_was_cut_off_say_so(browse: Browse, serve_known: Callable[..., Server]) -> None:
    page = browse(serve_known(MASKSERVE_MAX_SEGMENTS="1000"))
    choose(page, ONE)
    await_answer(page, "one.png")
    expect(page.locator("#partly")).to_be_hidden()
    page.get_by_role("radio", name="crowd").check()
    expect(page.locator("#total")).to_have_text("≥ 16,000 px²")
    expect(page.locator("#covered")).to_have_text("≥ 37.0 %")
    expect(page.locator(".strip .state")).to_have_text("1,000+")
    expect(page.locator("#partly")).to_have_text(
        "These are of the best 1,000 objects only: there are more."
        " From a score of 0.91 on, they are complete."
    )
    slide(page, "#threshold", 0.91)
    expect(page.locator("#partly")).to_be_hidden()
    expect(page.locator("#total")).to_have_text("–")


def test_pixels_that_are_not_square_are_measured_as_the_file_says(page: Page) -> None:
    choose(page, sized_tiff("oblong.tif", 0.5, 2))
    await_answer(page, "oblong.tif")
    page.get_by_role("button", name="Measure…").click()
    expect(page.locator(".measures .choices label")).not_to_have_count(0)
    open_downloads(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table").click()
    first = next(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    # The first object is 60 pixels wide, 40 high, and begins at 20, 20: 30 µm by 80 µm.
    assert float(first["centroid_x_um"]) == pytest.approx(0.5 * 49.5, abs=0.3)
    assert float(first["axis_major_length_um"]) == pytest.approx(80 * 4 / 12**0.5, rel=0.01)
    assert first["perimeter_um"] == ""
    page.get_by_text("Columns of the table").click()
    page.get_by_label("Axis major length", exact=True).check()
    shown = page.locator("#objects tr").first.locator("td").last
    expect(shown).to_have_text(re.compile("^92"))
    page.get_by_label("A pixel is").fill("1")
    expect(shown).to_have_text(re.compile("^69"))  # 60 pixels of 1 µm
