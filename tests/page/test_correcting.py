"""Correcting: people change what the model found, with mouse, fingers or keys."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from browsing import await_answer, choose, correct, file_of, in_window, place_picture, settled, slide
from chromium import Browse, Page, expect
from known_models import OBJECTS
from server import Server

from model.results.polygons import to_rings

# Objects of the picture, by number: cell 1 at 20, 20 to 80, 60; fibre 2 at 100, 20 to 200, 40; cell 3 with a
# hole at 20, 80 to 60, 120; debris 4 at 100, 60 to 130, 90; fibre 5 at 150, 60 to 170, 140.


@pytest.fixture
def correcting(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    correct(page)
    expect(page.locator("#correct")).to_have_attribute("aria-pressed", "true")
    return page


def segments(page: Page) -> dict[int, dict[str, Any]]:
    """The current picture's segments by number."""
    every = page.evaluate(
        """async () => {
            const { visit } = await viewer("visit.js");
            return visit.current.segments.map(({ id, score, box, area, mask, edited, ...segment }) => (
                { id, score, box, area, mask, edited: edited ?? false, class: segment.class }));
        }"""
    )
    return {segment["id"]: segment for segment in every}


def click(page: Page, x: float, y: float, **how: Any) -> None:
    left, top = in_window(page, (x, y))
    if how.pop("shift", False):
        page.keyboard.down("Shift")
    page.mouse.click(left, top, **how)
    page.keyboard.up("Shift")


def drag(page: Page, *points: tuple[float, float], shift: bool = False) -> None:
    if shift:
        page.keyboard.down("Shift")
    first, *others = [in_window(page, point) for point in points]
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def says(page: Page, text: str) -> None:
    expect(page.locator(".edit-message")).to_contain_text(text)


def test_outlines_of_pixels_are_the_services_own(page: Page) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for density in (0.05, 0.3, 0.5, 0.7, 0.95, 1):
        for _ in range(25):
            height, width = rng.integers(1, 12, 2)
            mask = (rng.random((height, width)) < density).astype(np.uint8)
            x, y = rng.integers(0, 9, 2).tolist()
            box = np.array([x, y, x + width, y + height], np.int32)
            rings = [ring.ravel().tolist() for ring in to_rings(mask, box)]
            place = [x, y, int(width), int(height)]
            cases.append({"box": place, "data": mask.ravel().tolist(), "rings": rings})
    wrong = page.evaluate(
        """async (cases) => {
            const { fromRings } = await viewer("edit/raster.js");
            const { toRings } = await viewer("edit/rings.js");
            return cases.filter(({ box, data, rings }) => {
                const raster = fromRings(rings, box);
                const own = JSON.stringify(toRings(raster));
                return raster.data.join() !== data.join() || own !== JSON.stringify(rings);
            });
        }""",
        cases,
    )
    assert wrong == []


def test_objects_are_deleted_and_come_back_with_undo(correcting: Page) -> None:
    page = correcting
    click(page, 50, 40)
    click(page, 115, 75, shift=True)
    page.keyboard.press("Delete")
    says(page, "Deleted 2 objects.")
    expect(page.locator("#found")).to_have_text("3 objects")
    expect(page.locator("#objects tr:not([hidden])")).to_have_count(3)
    left = sum(known.area for known in OBJECTS[:5]) - OBJECTS[0].area - OBJECTS[3].area
    expect(page.locator("#total")).to_have_text(f"{left:,} px²")
    page.keyboard.press("Control+z")
    expect(page.locator("#found")).to_have_text("5 objects")
    assert list(segments(page)) == [1, 2, 3, 4, 5, 6, 7, 8]
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#found")).to_have_text("3 objects")


def test_an_outline_of_clicks_becomes_an_object_with_exactly_its_pixels(correcting: Page) -> None:
    page = correcting
    page.keyboard.press("d")
    for x, y in ((205, 60), (225, 60), (225, 90)):
        click(page, x, y)
    click(page, 205, 90, click_count=2)  # which closes it
    says(page, "Drew object 9.")
    drawn = segments(page)[9]
    assert (drawn["score"], drawn["class"], drawn["edited"]) == (1, "cell", True)
    x, y, width, height = drawn["box"]
    # A click is at a pixel of the screen, and the view enlarges the picture.
    assert abs(x - 205) <= 1 and abs(y - 60) <= 1 and abs(width - 20) <= 1 and abs(height - 30) <= 1
    assert drawn["area"] == width * height
    assert drawn["mask"] == [[x, y, x + width, y, x + width, y + height, x, y + height]]
    expect(page.locator("#found")).to_have_text("6 objects")
    assert page.locator("tr.selected .edited").is_visible()


def test_the_brush_begins_extends_and_erases_an_object(correcting: Page) -> None:
    page = correcting
    page.keyboard.press("b")
    drag(page, (210, 70), (230, 70))
    says(page, "Drew object 9.")
    first = segments(page)[9]["area"]
    assert 20 * 9 <= first <= 32 * 9
    drag(page, (230, 70), (230, 100))
    says(page, "Changed the outline of object 9.")
    assert segments(page)[9]["area"] > first + 20 * 9
    page.keyboard.press("]")
    expect(page.locator("#edit-bar output")).to_have_text("11 px")
    page.keyboard.press("x")
    drag(page, (200, 70), (239, 70), (239, 110), (220, 110))
    drag(page, (230, 60), (230, 115))
    says(page, "Deleted object 9.")
    assert 9 not in segments(page)


def test_a_line_splits_objects_and_no_pixel_is_lost(correcting: Page) -> None:
    page = correcting
    page.keyboard.press("s")
    drag(page, (160, 45), (160, 150))
    says(page, "Split object 5 into 2.")
    halves = [segments(page)[number] for number in (5, 9)]
    assert sum(half["area"] for half in halves) == OBJECTS[4].area
    assert {half["class"] for half in halves} == {"fibre"}
    assert [half["score"] for half in halves] == [pytest.approx(0.6, abs=1e-3)] * 2
    drag(page, (112, 70), (118, 72))
    says(page, "Nothing is cut in two")


def test_several_objects_are_merged_and_get_another_class(correcting: Page) -> None:
    page = correcting
    drag(page, (95, 10), (205, 95), shift=True)  # around fibre 2 and debris 4
    page.keyboard.press("m")
    says(page, "Merged 2 objects into object 2.")
    merged = segments(page)[2]
    assert merged["area"] == OBJECTS[1].area + OBJECTS[3].area
    assert merged["box"] == [100, 20, 100, 70] and len(merged["mask"]) == 2
    page.locator("#edit-class").select_option("cell")
    says(page, "Changed the class of object 2 to cell.")
    expect(page.locator("tr.selected td.class")).to_have_text("cell")
    for name, count in (("cell", 3), ("fibre", 1), ("debris", 0)):
        expect(page.locator(f".chip[data-name={name}] strong")).to_have_text(str(count))


def test_corrected_objects_pass_every_threshold(correcting: Page) -> None:
    page = correcting
    click(page, 160, 100)
    page.locator("#edit-class").select_option("debris")
    slide(page, "#threshold", 1)
    expect(page.locator("#found")).to_have_text("1 object")
    slide(page, "#threshold", 0.1)
    expect(page.locator("#found")).to_have_text("8 objects")


def test_everything_is_done_by_keys(correcting: Page) -> None:
    page = correcting
    view = page.locator("#view")
    for key in ("n", "Shift+N"):
        view.press(key)
    view.press("Backspace")
    says(page, "Deleted 2 objects.")
    view.press("d")
    for key in ("Space", *["ArrowRight"] * 3, "Space", *["ArrowDown"] * 2, "Space"):
        view.press(key)
    view.press("Backspace")
    for key in ("Shift+ArrowDown", "Space", "Enter"):
        view.press(key)
    says(page, "Drew object 9.")
    view.press("b")
    for key in ("Space", "ArrowDown", "ArrowDown", "ArrowDown", "Space"):
        view.press(key)
    says(page, "Changed the outline of object 9.")
    view.press("Escape")
    view.press("v")
    for key in ("ArrowUp", "Space"):  # chooses what is under the cursor
        view.press(key)
    expect(page.locator("tr.selected td:first-child")).to_contain_text("9")
    view.press("Control+z")
    says(page, "Undone: changed the outline of object 9.")
    view.press("e")
    expect(page.locator("#edit-bar")).to_be_hidden()


def test_keys_do_nothing_behind_an_open_dialogue(correcting: Page) -> None:
    page = correcting
    click(page, 50, 40)
    page.get_by_role("button", name="Figure").click()
    expect(page.locator("dialog.figure")).to_be_visible()
    for key in ("Delete", "b", "e"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.figure")).to_be_hidden()
    expect(page.locator("#correct")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Choose")).to_have_attribute("aria-pressed", "true")
    assert 1 in segments(page)


def test_fingers_draw_and_two_of_them_zoom(browse: Browse, server: Server) -> None:
    page = browse(server, has_touch=True, viewport={"width": 400, "height": 800})
    choose(page, file_of(place_picture()))
    await_answer(page)
    page.locator("#correct").tap()
    page.get_by_role("button", name="Outline").tap()
    expect(page.locator("#view")).to_have_css("touch-action", "none")
    settled(page)
    touches = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [in_window(page, point) for point in points]
        touching = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touching})

    corners = [(205, 60), (225, 60), (225, 90), (205, 90), (205, 62)]
    path = [
        (x1 + (x2 - x1) * part / 5, y1 + (y2 - y1) * part / 5)
        for (x1, y1), (x2, y2) in pairwise(corners)
        for part in range(5)
    ]
    touch("touchStart", path[0])
    for point in path[1:]:
        touch("touchMove", point)
    touch("touchEnd")
    says(page, "Drew object 9.")
    assert segments(page)[9]["area"] == pytest.approx(600, rel=0.15)
    before = page.locator("#view").get_attribute("data-zoom") or ""
    touch("touchStart", (100, 60))
    touch("touchStart", (100, 60), (140, 60))
    touch("touchMove", (90, 60), (150, 60))
    touch("touchEnd")
    expect(page.locator("#view")).not_to_have_attribute("data-zoom", before)
    assert len(segments(page)) == 9


def test_another_run_asks_before_corrections_are_lost(correcting: Page) -> None:
    page = correcting
    click(page, 50, 40)
    page.keyboard.press("Delete")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.locator("#models input[value=leaves]").click()
    assert "discards the correction" in asked[0]
    expect(page.locator("#found")).to_have_text("4 objects")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#models input[value=leaves]").click()
    expect(page.locator("#found")).to_have_text("1 object")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_corrections_are_kept_when_the_page_is_loaded_again(correcting: Page) -> None:
    click(correcting, 50, 40)
    correcting.keyboard.press("Delete")
    says(correcting, "Deleted")
    numbers = list(segments(correcting))
    correcting.wait_for_timeout(600)  # until the browser has written them
    correcting.reload()
    await_answer(correcting)
    assert list(segments(correcting)) == numbers
    correcting.locator("#correct").click()
    correcting.get_by_role("button", name="Undo").click()
    says(correcting, "Undone")
    assert len(segments(correcting)) == len(numbers) + 1
