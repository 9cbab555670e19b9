"""A picture that is looked at again, with other wishes: what was found stays until there is something new."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import (
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

PAGES = ((200, 30, 30), (30, 200, 30), (30, 30, 200))
POINT = (225.5, 20.5)  # in no object


def of_pages(width: int = WIDTH) -> dict[str, object]:
    first, *others = (Image.new("RGB", (width, 180), colour) for colour in PAGES)
    return file_of(first, "pages.tif", "TIFF", save_all=True, append_images=others)


@pytest.fixture
def paged(page: Page) -> Page:
    """The first page of a file with three, answered."""
    choose(page, of_pages())
    await_answer(page, "pages.tif")
    return page


def look_at_page(page: Page, number: int) -> None:
    """Counted from 1, as people do."""
    page.get_by_label("Page", exact=True).fill(str(number))
    page.get_by_label("Page", exact=True).press("Enter")


def sent_for_a_download(page: Page) -> dict[str, Any]:
    """What the service is told about the picture whose objects it writes."""
    sent: dict[str, Any] = page.evaluate(
        """async () => {
            const { shownObjects } = await viewer("shown-objects.js");
            const { visit } = await viewer("visit.js");
            return shownObjects(visit.current).image;
        }"""
    )
    return sent


def test_another_page_is_shown_and_taken_away(paged: Page) -> None:
    look_at_page(paged, 3)
    expect(paged.locator("#snippet")).to_contain_text("page=2")
    slide(paged, "#threshold", 1)
    assert near(colour_of(paged, POINT), PAGES[2])
    slide(paged, "#threshold", 0.5)
    assert sent_for_a_download(paged)["page"] == 2


def test_all_pages_are_shown_as_one_picture(paged: Page) -> None:
    expect(paged.locator("#advice")).to_contain_text("of which the first was used")
    expect(paged.locator("#page-count")).to_have_text("of 3")
    paged.get_by_role("combobox", name="Show").select_option("max")
    expect(paged.locator("#snippet")).to_contain_text("projection=max")
    expect(paged.locator("#advice")).not_to_contain_text("of which the first was used")
    slide(paged, "#threshold", 1)
    assert near(colour_of(paged, POINT), (200, 200, 200))
    slide(paged, "#threshold", 0.5)
    sent = sent_for_a_download(paged)
    assert sent["projection"] == "max" and not sent.get("page")


def test_a_page_that_cannot_be_read_leaves_the_one_before(browse: Browse, paged: Page) -> None:
    browse.expect_complaint("status of 422")
    problem = {"title": "Broken image", "detail": "It is truncated.", "status": 422}
    paged.route("**/segment?*page=1*", lambda route: route.fulfill(status=422, json=problem))
    look_at_page(paged, 2)
    expect(paged.locator("#status")).to_have_attribute("data-state", "failed")
    assert near(colour_of(paged, POINT), PAGES[0])
    assert sent_for_a_download(paged)["page"] == 0
    paged.get_by_role("button", name="Back to the last result").click()
    expect(paged.locator("#status")).to_be_hidden()
    expect(paged.get_by_label("Page", exact=True)).to_have_value("1")
    expect(paged.locator(".strip [aria-current] .state")).to_have_text("5")
    paged.unroute("**/segment?*page=1*")


def test_a_look_that_is_cancelled_leaves_what_was_found(page: Page) -> None:
    wide = of_pages(320)  # which takes a second
    choose(page, wide)
    await_answer(page, "pages.tif")
    look_at_page(page, 2)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_be_hidden()
    assert near(colour_of(page, POINT), PAGES[0])
    assert sent_for_a_download(page)["page"] == 0


def test_no_object_of_the_answer_before_stays_chosen(paged: Page) -> None:
    paged.locator("#objects button").first.click()
    expect(paged.locator("#take-one")).to_be_enabled()
    look_at_page(paged, 2)
    expect(paged.locator("#snippet")).to_contain_text("page=1")
    expect(paged.locator("#take-one")).to_be_disabled()


def test_going_to_and_fro_between_pictures_draws_the_one_that_is_looked_at(page: Page) -> None:
    large = file_of(place_picture(3000, 2000), "large.png")
    choose(page, file_of(place_picture()), large)
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    page.evaluate(
        """() => {
            const [small, large] = document.querySelectorAll("#pictures .open");
            small.click();
            large.click();
            small.click();
        }"""
    )
    await_answer(page)
    slide(page, "#threshold", 1)
    for point in ((20.5, 20.5), (200.5, 150.5)):
        assert near(colour_of(page, point), (int(point[0]), int(point[1]), 128))


def test_a_file_that_cannot_be_read_spoils_no_other(browse: Browse, page: Page) -> None:
    browse.expect_complaint("status of 415")
    page.evaluate(
        """() => {
            const unreadable = new File(["x"], "folder");
            unreadable.slice = () => { throw new DOMException("no", "NotFoundError"); };
            const transfer = new DataTransfer();
            transfer.items.add(unreadable);
            // What a browser gives of a folder cannot be read either; the list of files itself is its own.
            const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer });
            Object.defineProperty(event, "dataTransfer", {
                value: { types: ["Files"], files: [unreadable] },
            });
            document.body.dispatchEvent(event);
        }"""
    )
    expect(page.locator("#status")).to_have_attribute("data-state", "failed")
    choose(page, file_of(place_picture()))
    await_answer(page)


def test_try_again_takes_up_all_that_failed_for_the_same_reason(browse: Browse, page: Page) -> None:
    browse.expect_complaint("ERR_FAILED")
    page.route("**/api/v1/segment*", lambda route: route.abort())
    choose(page, file_of(place_picture()), file_of(place_picture(), "second.png"), as_file(b"", "empty.png"))
    expect(page.locator("#pictures li[data-state=failed]")).to_have_count(3)
    page.unroute("**/api/v1/segment*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    expect(page.locator("#pictures li[data-state=failed]")).to_have_count(1)
