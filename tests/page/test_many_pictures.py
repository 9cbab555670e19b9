"""All pictures of a visit in one table: sums that hold, settings for all, and one file of all objects."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from browsing import HEIGHT, WIDTH, as_file, await_answer, choose, file_of, place_picture, slide
from chromium import Browse, Page, expect
from known_models import OBJECTS
from server import Server

from model.data.opening import open_data

PLAIN, FORMULA = file_of(place_picture(), "plain.png"), file_of(place_picture(), "=1+1, two.png")
SHOWN = OBJECTS[:5]  # what passes the model's threshold
ROWS = "#series-dialog tbody tr"


def sized_stack() -> dict[str, object]:
    """Two pages whose pixels are half a micrometre wide."""
    file = io.BytesIO()
    pages = np.tile(np.arange(WIDTH, dtype=np.uint8), (2, HEIGHT, 1))
    sizes = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(file, pages, ome=True, photometric="minisblack", metadata=sizes)
    return as_file(file.getvalue(), "stack.ome.tif")


def opened(page: Page) -> None:
    page.get_by_role("button", name="All pictures…").click()
    expect(page.locator("#series-dialog")).to_be_visible()


def cells(page: Page, row: str, at: int = 0) -> dict[str, str]:
    """What a row shows, by its headings."""
    headings = page.locator("#series-dialog thead th:visible").all_inner_texts()
    shown = page.locator(row).nth(at).locator("th:visible, td:visible").all_inner_texts()
    return dict(zip(headings, map(str.strip, shown), strict=True))


def saved(page: Page, button: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8"), newline="")))


@pytest.fixture
def many(page: Page) -> Page:
    """Three pictures, all done; one has pages and says the size of its pixels. The first one is shown."""
    choose(page, PLAIN)
    await_answer(page, "plain.png")
    expect(page.get_by_role("button", name="All pictures…")).to_be_hidden()  # there is only one
    choose(page, FORMULA, sized_stack())
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(3)
    page.locator("#pictures .open").first.click()
    await_answer(page, "plain.png")
    return page


def test_each_picture_has_a_row_and_sums_add_only_what_has_the_same_unit(many: Page) -> None:
    opened(many)
    expect(many.locator("#series-dialog .done")).to_have_text("3 of 3 done")
    assert cells(many, ROWS, 2) == {
        "Picture": "stack.ome.tif",
        "Page": "1 of 2",
        "Pixel, µm": "0.5",
        "Model": "known 7",
        "Lowest score": "0.50",
        "Objects": "5",
        "Covered": "19 %",
        "Median area": "400 µm²",
        "Total area": "2,025 µm²",
        "State": "done",
    }
    plain, sized = (cells(many, "#series-dialog tfoot tr", at) for at in (0, 1))
    assert [plain[name] for name in ("Picture", "Objects", "Total area")] == [
        *("Sum of 2 pictures", "10", "16,200 px²")
    ]
    assert [sized[name] for name in ("Picture", "Objects", "Total area")] == [
        *("Sum of 1 picture", "5", "2,025 µm²")
    ]
    many.locator(ROWS).nth(2).get_by_text("2,025").click()
    expect(many.locator("#series-dialog")).to_be_hidden()
    await_answer(many, "stack.ome.tif")


def test_sums_leave_out_what_is_cut_off_or_failed(browse: Browse, serve_known: Callable[..., Server]) -> None:
    browse.expect_complaint("status of 415")
    page = browse(serve_known(MASKSERVE_MAX_SEGMENTS="1000"))
    choose(page, PLAIN, as_file(b"hello", "bad.png"), file_of(place_picture()))
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    page.get_by_role("radio", name="crowd").check()
    expect(page.locator("#found")).to_have_text("1,000 of 1,120 objects")
    opened(page)
    expect(page.locator("#series-dialog .done")).to_have_text("2 of 3 done, 1 failed")
    assert cells(page, ROWS, 0)["Objects"] == "≥ 1,000"
    assert cells(page, ROWS, 1)["State"] == "failed: Not an image"
    sums = page.locator("#series-dialog tfoot tr")
    expect(sums).to_have_count(1)
    assert cells(page, "#series-dialog tfoot tr")["Objects"] == "5"
    expect(page.get_by_text("The sums leave out")).to_have_text(
        "The sums leave out 1 picture not done"
        " and 1 picture with ≥, of which only the best objects are known."
    )


def test_settings_go_to_all_pictures_of_the_same_model(many: Page) -> None:
    many.locator("#pictures .open").nth(1).click()
    many.get_by_role("radio", name="leaves").check()
    expect(many.locator("#found")).to_have_text("1 object")
    many.locator("#pictures .open").first.click()
    slide(many, "#threshold", 0.65)
    many.locator(".chip[data-name=fibre]").click()
    many.get_by_label("A pixel is").fill("2")
    opened(many)
    for label in ("Lowest score: 0.65", "Hidden classes: fibre", "Pixel size: 2 µm"):
        many.get_by_label(label).check()
    effect = many.locator("#series-dialog .settings .hint")
    expect(effect).to_contain_text("Sets the lowest score to 0.65 in 1 other picture. Hides fibre")
    expect(effect).to_contain_text("same model (1) keep the lowest score and the classes shown.")
    expect(effect).to_contain_text("Sets the width of a pixel to 2 µm in 2 other pictures")
    many.get_by_role("button", name="Apply to all", exact=True).click()
    expect(many.locator(ROWS).nth(2)).to_contain_text("0.65")
    found = [cells(many, ROWS, at) for at in range(3)]
    assert [row["Objects"] for row in found] == ["3", "1", "3"]
    assert [row["Lowest score"] for row in found] == ["0.65", "0.50", "0.65"]
    assert [row["Pixel, µm"] for row in found] == ["2", "2", "2"]
    expect(many.get_by_role("button", name="Apply to all", exact=True)).to_be_disabled()

    many.get_by_label("Model: ").check()
    expect(effect).to_contain_text("Segments 1 other picture again")
    many.get_by_role("button", name="Apply to all", exact=True).click()
    expect(many.locator(ROWS).nth(1)).to_contain_text("known 7")


def test_pictures_that_are_still_to_be_answered_begin_with_the_same_score_and_classes(page: Page) -> None:
    choose(page, file_of(place_picture(400, 300), "late.png"))  # which takes a while
    page.get_by_role("button", name="Cancel", exact=True).click()
    choose(page, PLAIN)
    await_answer(page, PLAIN["name"])
    slide(page, "#threshold", 0.65)
    page.locator(".chip[data-name=fibre]").click()
    opened(page)
    for label in ("Lowest score: 0.65", "Hidden classes: fibre"):
        page.get_by_label(label).check()
    effect = page.locator("#series-dialog .settings .hint")
    expect(effect).to_contain_text("(1) begin with the lowest score and the classes shown if known answers.")
    page.get_by_role("button", name="Apply to all", exact=True).click()
    expect(page.get_by_role("button", name="Apply to all", exact=True)).to_be_disabled()
    page.keyboard.press("Escape")
    page.locator("#pictures .open").first.click()
    page.get_by_role("button", name="Try again").click()
    await_answer(page, "late.png")
    expect(page.locator("#found")).to_have_text("3 objects")
    expect(page.locator("#threshold-value")).to_have_text("0.65")


def test_one_file_has_the_objects_of_all_pictures_and_another_a_row_for_each(many: Page) -> None:
    opened(many)
    rows = saved(many, "All objects")
    assert [row["file_name"] for row in rows] == [
        name for name in ("plain.png", "'=1+1, two.png", "stack.ome.tif") for _ in SHOWN
    ]
    assert [float(row["area"]) for row in rows] == 3 * [known.area for known in SHOWN]
    sized = [row["area_um2"] for row in rows]
    assert sized[:10] == 10 * [""]
    assert [float(area) for area in sized[10:]] == [known.area / 4 for known in SHOWN]
    origin = [
        rows[-1][name] for name in ("page", "channel", "pixel_size_um", "model", "version", "threshold")
    ]
    assert origin == ["1", "", "0.5", "known", "7", "0.5"]
    expect(many.get_by_text("The objects shown in 3 pictures are saved.")).to_be_visible()

    rows = saved(many, "Summary")
    assert [row["file_name"] for row in rows] == ["plain.png", "'=1+1, two.png", "stack.ome.tif"]
    assert [row["total_area"] for row in rows] == ["8100", "8100", "8100"]
    assert [row["total_area_um2"] for row in rows] == ["", "", "2025"]
    assert [(row["objects"], row["complete"], row["state"]) for row in rows] == 3 * [("5", "true", "done")]


def test_the_file_of_all_objects_has_their_measures_if_wanted(many: Page) -> None:
    opened(many)
    many.get_by_label("Measure the objects, too").check()
    rows = saved(many, "All objects")
    assert {
        row["file_name"]: row["perimeter_um"] or row["perimeter"] for row in rows if row["id"] == "1"
    } == {
        "plain.png": "196",
        "'=1+1, two.png": "196",
        "stack.ome.tif": "98",
    }
    assert float(rows[0]["intensity_mean-0"]) == float(rows[10]["intensity_mean"]) == 49.5


def test_all_pictures_are_one_data_set_to_train_with(many: Page, tmp_path: Path) -> None:
    many.get_by_label("Remove =1+1, two.png").click()
    choose(many, {**PLAIN, "name": "Plain.tiff.png"}, {**PLAIN, "name": "plain.jpg"})
    expect(many.locator("#pictures li[data-state=done]")).to_have_count(4)
    many.locator(".chip[data-name=fibre]").click()  # of the picture that is shown
    opened(many)
    with many.expect_download() as download:
        many.get_by_role("button", name="Training data").click()
    expect(many.get_by_text("The training data of 4 pictures are saved.")).to_be_visible()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[:8:2] == ["plain.png", "stack.ome.png", "Plain.tiff.png", "plain-2.png"]
        assert names[8:] == ["annotations.json", "corrections.json"]
        archive.extractall(tmp_path / "data")
    data = open_data(tmp_path / "data")
    found = [sorted(data.classes[one] for one in sample.class_ids) for sample in data]
    every = sorted(one.name for one in SHOWN)
    assert found == [every, every, [name for name in every if name != "fibre"], every]
    many.locator("#series-dialog").get_by_role("button", name="Close").click()
    choose(many, as_file(Path(download.value.path()).read_bytes(), "pictures-training.zip"))
    expect(many.locator("#pictures li[data-state=done]")).to_have_count(8)
    expect(many.locator("#pictures .state").last).to_have_text("5")
    many.locator("#pictures .open").filter(has_text="stack.ome.png").click()
    expect(many.get_by_label("A pixel is")).to_have_value("0.5")  # as its file had said


def test_a_file_of_all_objects_can_be_cancelled_or_fail_and_be_made_again(many: Page, browse: Browse) -> None:
    browse.expect_complaint("ERR_FAILED")
    opened(many)
    many.route("**/api/v1/render?**", lambda route: None)
    many.get_by_role("button", name="All objects").click()
    expect(many.get_by_text("0 of 3 pictures written")).to_be_visible()
    many.locator("#series-dialog").get_by_role("button", name="Cancel").click()
    expect(many.get_by_text("Cancelled: nothing was saved.")).to_be_visible()
    many.unroute("**/api/v1/render?**")
    many.route("**/api/v1/render?**", lambda route: route.abort())
    many.get_by_role("button", name="All objects").click()
    expect(many.get_by_role("alert").filter(has_text="The service does not answer")).to_be_visible()
    many.unroute("**/api/v1/render?**")
    assert len(saved(many, "All objects")) == 15


def test_a_file_of_all_objects_waits_for_a_busy_service(many: Page, browse: Browse) -> None:
    browse.expect_complaint("status of 503")
    many.route(
        "**/api/v1/render?**",
        lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}, json={"status": 503}),
        times=1,
    )
    opened(many)
    assert len(saved(many, "All objects")) == 15
