"""Two answers side by side: moved together, with what only one of them has counted and in colour."""

from __future__ import annotations

import pytest
from browsing import WIDTH, await_answer, choose, drawn, file_of, place_picture
from chromium import Page, expect


@pytest.fixture
def compared(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    page.get_by_role("button", name="Side by side…").click()
    return page


def sides(page: Page) -> list[str]:
    expect(page.locator("#compare-dialog .in-both")).not_to_be_empty()
    return [text.strip() for text in page.locator("#compare-dialog section .hint").all_inner_texts()]


def test_two_models_are_compared_object_by_object(compared: Page) -> None:
    compared.locator("#compare-with").select_option(label="leaves")
    expect(compared.locator("#compare-dialog .in-both")).to_have_text("0 objects in both")
    assert sides(compared) == ["5 objects, 5 only here", "1 object, 1 only here"]
    headings = compared.locator("#compare-dialog h3").all_inner_texts()
    assert headings == ["places.png, known version 7", "leaves"]


def test_two_pictures_are_compared_and_their_common_objects_are_matched(page: Page) -> None:
    choose(page, file_of(place_picture(), "before.png"), file_of(place_picture(), "after.png"))
    await_answer(page, "before.png")
    expect(page.locator("#pictures li").nth(1)).to_have_attribute("data-state", "done")
    page.locator("#classes .chip[data-name=fibre]").click()  # of this picture, the two fibres are hidden
    expect(page.locator("#found")).to_have_text("3 objects")
    page.get_by_role("button", name="Side by side…").click()
    page.locator("#compare-with").select_option(label="after.png")
    expect(page.locator("#compare-dialog .in-both")).to_have_text(
        "3 objects in both, overlapping by 100 % on average (IoU)"
    )
    assert sides(page) == ["3 objects, 0 only here", "5 objects, 2 only here"]
    assert page.locator("#compare-dialog h3").all_inner_texts() == [
        "before.png, known version 7",
        "after.png",
    ]
    page.get_by_role("button", name="Next difference").click()
    expect(page.get_by_role("button", name="Next difference")).to_be_enabled()


def test_both_sides_are_seen_whole_when_the_window_has_changed(compared: Page) -> None:
    sides(compared)
    for width in (1280, 800):
        compared.set_viewport_size({"width": width, "height": 900})
        drawn(compared)
        reds = compared.locator("#compare-dialog canvas").evaluate_all(
            """(canvases) => canvases.map((canvas) => {
                const [x, y] = [0.98 * canvas.width, 0.5 * canvas.height].map(Math.floor);
                return canvas.getContext("2d").getImageData(x, y, 1, 1).data[0];
            })"""
        )
        assert reds == pytest.approx([0.98 * WIDTH] * 2, abs=4)  # the place picture's red tells x


def colours(page: Page, pane: int) -> list[int]:
    """The colours in the middle of a pane: the place picture's red tells x, and green tells y."""
    return (
        page.locator("#compare-dialog canvas")
        .nth(pane)
        .evaluate(
            """(canvas) => {
            const [x, y] = [0.5 * canvas.width, 0.75 * canvas.height].map(Math.floor);
            return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
        }"""
        )
    )


def test_both_sides_show_the_same_place_however_they_are_moved(page: Page) -> None:
    files = [file_of(place_picture(), name) for name in ("one.png", "two.png")]
    choose(page, *files)
    expect(page.locator("#pictures li").nth(1)).to_have_attribute("data-state", "done")
    page.get_by_role("button", name="Side by side…").click()
    page.locator("#compare-with").select_option(label="two.png")
    sides(page)
    before = colours(page, 0)
    box = page.locator("#compare-dialog canvas").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.wheel(0, -400)
    page.mouse.move(0, 0)
    drawn(page)
    assert colours(page, 0) == colours(page, 1) != before
