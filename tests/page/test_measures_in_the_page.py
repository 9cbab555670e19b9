"""Measures in the page: columns, filters and plots, all linked to the picture."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from browsing import (
    await_answer,
    choose,
    correct,
    drawn,
    file_of,
    in_window,
    open_downloads,
    place_picture,
    settled,
    slide,
)
from chromium import Page, expect

# Of the five objects shown, by the definitions in docs/measures.md: 4π · area / perimeter².
CIRCULARITY = ["0.785", "0.451", "0.267", "0.84", "0.523"]
ROWS = "#objects tr:not([hidden])"


@pytest.fixture
def measured(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    page.get_by_role("button", name="Measure…").click()
    expect(page.locator(".measures .choices label")).not_to_have_count(0)
    return page


def numbers(page: Page) -> str:
    return "".join(page.locator(f"{ROWS} td:first-child").all_inner_texts())


def last_column(page: Page) -> list[str]:
    return page.locator(f"{ROWS} td:last-child").all_inner_texts()


def dot(page: Page, number: int) -> tuple[float, float]:
    """Where the dot of the object is in the window: its area across, and its circularity upwards."""
    page.locator(".scatter").scroll_into_view_if_needed()
    drawn(page)
    x, y = page.evaluate(
        """async (number) => {
            const { visit } = await viewer("visit.js");
            const { valueOf } = await viewer("plots/values.js");
            const { segments } = visit.current;
            const canvas = document.querySelector(".scatter");
            const share = (name) => {
                const all = segments.map((one) => valueOf(one, name));
                const own = valueOf(segments.find(({ id }) => id === number), name);
                return (own - Math.min(...all)) / (Math.max(...all) - Math.min(...all));
            };
            const { left, bottom } = canvas.getBoundingClientRect();
            const { clientWidth: width, clientHeight: height, clientLeft } = canvas;
            return [left + clientLeft + 8 + share("area") * (width - 16),
                bottom - 1 - 8 - share("circularity") * (height - 16)];
        }""",
        number,
    )
    return x, y


def test_measures_are_columns_that_sort_and_have_units(measured: Page) -> None:
    page = measured
    assert last_column(page) == CIRCULARITY
    page.get_by_text("Columns of the table").click()
    page.get_by_label("Circularity", exact=True).uncheck()
    page.get_by_label("Perimeter", exact=True).check()
    expect(page.locator("#headings th").last).to_have_text("Perimeter, px")
    assert last_column(page)[0] == "196"
    page.get_by_label("A pixel is").fill("0.5")
    expect(page.locator("#headings th").last).to_have_text("Perimeter, µm")
    assert last_column(page)[0] == "98"
    page.locator("#headings").get_by_role("button", name="Perimeter").click()
    assert numbers(page)[-1] == "4"
    page.get_by_label("Perimeter", exact=True).uncheck()
    page.get_by_role("checkbox", name="Intensity mean, channel 1").check()
    assert last_column(page)[0] == "49.5"  # red tells the place: 20 to 79
    assert numbers(page) == "12345"


def test_a_filter_hides_objects_everywhere_and_from_downloads(measured: Page) -> None:
    page = measured
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("At least").fill("0,6")
    expect(page.locator("#found")).to_have_text("2 objects")
    assert numbers(page) == "14"
    expect(page.get_by_role("img", name="Circularity: 2 shown")).to_be_attached()
    expect(page.locator("#snippet-lacks")).to_have_text(
        "Without filters by measures, which are made in this browser."
    )
    open_downloads(page)
    with page.expect_download() as download:
        page.locator("#take [data-output=csv]").click()
    table = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [f"{float(row['circularity']):.3g}" for row in table] == [CIRCULARITY[0], CIRCULARITY[3]]
    assert float(table[0]["intensity_mean-0"]) == 49.5
    open_downloads(page)
    with page.expect_download() as download:
        page.locator("#take [data-output=json]").click()
    found = json.loads(Path(download.value.path()).read_bytes())
    assert found["measured"] == {"unit": "px"} and found["segments"][0]["measures"]["perimeter"] == 196
    open_downloads(page)
    with page.expect_download() as download:
        page.locator("#take [data-output=coco]").click()
    coco = json.loads(Path(download.value.path()).read_bytes())
    assert coco["annotations"][0]["measures"]["perimeter"] == 196
    page.get_by_label("At most").fill("none")
    expect(page.get_by_label("At most")).to_have_attribute("aria-invalid", "true")
    assert numbers(page) == "14"
    page.get_by_role("button", name="Remove this filter").click()
    expect(page.locator("#found")).to_have_text("5 objects")


def test_a_thousand_is_read_as_one_where_it_can_be_nothing_else_and_else_it_is_said(measured: Page) -> None:
    page = measured
    page.get_by_role("button", name="Add a filter").click()
    measure, least = page.get_by_label("Measure to filter by"), page.get_by_label("At least")
    read = page.locator(".limits [role=status]")
    measure.select_option("area")  # in pixels
    for thousand in ("1,000", "1.000"):
        least.fill(thousand)
        expect(read).to_have_text("Read as 1,000.")
        assert numbers(page) == "1235"
    least.fill("1000")
    expect(read).to_be_hidden()
    assert numbers(page) == "1235"
    page.get_by_label("A pixel is").fill("0.5")
    least.fill("1,000")
    expect(read).to_have_text("Read as 1. For thousands, write 1000.")
    assert numbers(page) == "12345"
    least.fill("1 000")
    expect(read).to_have_text("Not a number: write it like 1000 or 0.5.")
    measure.select_option("solidity")
    expect(read).to_be_hidden()
    page.get_by_label("A pixel is").fill("")


def test_what_touches_the_border_can_be_hidden(page: Page) -> None:
    choose(page, file_of(place_picture(224, 180)))  # where the last object, of a low score, ends
    await_answer(page)
    page.get_by_role("button", name="Measure…").click()
    slide(page, "#threshold", 0.1)
    assert numbers(page) == "12345678"
    page.get_by_label("Hide what touches the border").check()
    expect(page.locator("#found")).to_have_text("7 objects")
    assert numbers(page) == "1234567"
    page.get_by_label("Hide what touches the border").uncheck()
    expect(page.locator("#found")).to_have_text("8 objects")


def test_a_dot_finds_its_object_and_a_rectangle_keeps_some(measured: Page) -> None:
    page = measured
    page.mouse.move(*dot(page, 4))
    expect(page.locator("#objects tr.lit td:first-child")).to_have_text("4")
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#objects tr.selected td:first-child")).to_have_text("4")
    page.mouse.move(*in_window(page, (50, 40)))
    expect(page.locator("#objects tr.lit td:first-child")).to_have_text("1")
    x, y = dot(page, 4)
    page.mouse.move(x - 12, y - 12)
    page.mouse.down()
    page.mouse.move(x + 12, y + 12, steps=4)
    page.mouse.up()
    assert numbers(page) == "4"
    expect(page.locator(".limits li")).to_have_count(2)


def test_only_what_a_correction_changes_is_measured_again(measured: Page) -> None:
    page = measured
    correct(page)
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Split")).to_have_attribute("aria-pressed", "true")
    settled(page)
    with page.expect_response("**/render*") as answered:
        page.mouse.move(*in_window(page, (160, 45)))
        page.mouse.down()
        page.mouse.move(*in_window(page, (160, 150)), steps=4)
        page.mouse.up()
    assert len(answered.value.json()["segments"]) == 2  # the halves; no other object is near
    expect(page.locator(ROWS).last.locator("td:last-child")).not_to_have_text("…")
    page.locator("#view").press("e")


def test_filters_and_measures_outlast_a_reload_and_count_in_all_pictures(measured: Page) -> None:
    page = measured
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("At least").fill("0.6")
    expect(page.locator("#found")).to_have_text("2 objects")
    choose(page, file_of(place_picture(), "other.png"))
    await_answer(page, "other.png")
    page.evaluate("() => new Promise((done) => setTimeout(done, 500))")  # until this is kept
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/v1/" in request.url else None)
    page.reload()
    await_answer(page, "other.png")
    page.get_by_role("button", name="All pictures…").click()
    expect(page.locator("#series-dialog tbody tr").first).to_contain_text("2")
    page.locator("#series-dialog").get_by_role("button", name="Close").click()
    page.locator("#pictures .open").first.click()
    expect(page.locator("#found")).to_have_text("2 objects")
    assert last_column(page) == [CIRCULARITY[0], CIRCULARITY[3]]
    expect(page.get_by_label("At least")).to_have_value("0.6")
    page.get_by_role("button", name="Remove this filter").click()
    expect(page.locator("#found")).to_have_text("5 objects")
    assert asked == []


def test_measures_can_be_closed_and_take_their_filters_with_them(measured: Page) -> None:
    page = measured
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("At least").fill("0.6")
    expect(page.locator("#found")).to_have_text("2 objects")
    page.get_by_role("button", name="Close the measures").click()
    expect(page.locator("#measures")).to_be_hidden()
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#headings th")).to_have_count(6)
    again = page.get_by_role("button", name="Measure…")
    expect(again).to_be_focused()
    again.press("Enter")
    expect(page.locator("#measures")).to_be_visible()
    expect(page.locator(".limits li")).to_have_count(0)
    assert last_column(page) == CIRCULARITY
