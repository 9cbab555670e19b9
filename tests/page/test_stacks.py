"""Files with many pages: which page is seen, what it stands for, and the way to the next one."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import tifffile
from browsing import HEIGHT, WIDTH, as_file, await_answer, choose, file_of, place_picture
from chromium import Page, expect


def named_stack() -> dict[str, Any]:
    """Two channels of three slices each, as a microscope writes them."""
    file = io.BytesIO()
    pages = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1) * np.ones((HEIGHT, WIDTH), np.uint8)
    names = {"axes": "CZYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(file, pages, ome=True, photometric="minisblack", metadata=names)
    return as_file(file.getvalue(), "stack.ome.tif")


@pytest.fixture
def stack(page: Page) -> Page:
    choose(page, named_stack())
    await_answer(page, "stack.ome.tif")
    return page


def test_a_page_says_its_number_and_what_it_stands_for(stack: Page) -> None:
    page, name = stack.get_by_label("Page", exact=True), stack.locator("#page-name")
    expect(page).to_have_value("1")
    expect(stack.locator("#page-count")).to_have_text("of 6")
    expect(name).to_have_text("slice 1 of 3, DAPI")
    expect(stack.get_by_role("button", name="Previous page")).to_be_disabled()
    asked: list[str] = []
    stack.on("request", lambda request: asked.append(request.url))
    for _ in range(4):
        stack.get_by_role("button", name="Next page").click()
    expect(name).to_have_text("slice 2 of 3, GFP")
    expect(page).to_have_value("5")
    assert [parse_qs(urlsplit(url).query)["page"] for url in asked if "segment" in url][-1] == ["4"]
    stack.locator("#view").press(",")
    expect(name).to_have_text("slice 1 of 3, GFP")
    stack.locator("#view").press(".")
    expect(name).to_have_text("slice 2 of 3, GFP")


def test_the_pages_of_the_channel_that_is_seen_are_combined_or_all(stack: Page) -> None:
    field, place = stack.get_by_label("Page", exact=True), stack.locator("#page-name")
    field.fill("5")
    field.blur()
    expect(place).to_have_text("slice 2 of 3, GFP")
    show, channel = (stack.get_by_role("combobox", name=name) for name in ("Show", "Channel"))
    expect(channel).to_be_hidden()
    with stack.expect_request("**/segment?*") as asked:
        show.select_option("max")
    assert parse_qs(urlsplit(asked.value.url).query)["channel"] == ["1"]
    expect(place).to_have_text("GFP")
    expect(channel).to_have_value("1")
    expect(channel.locator("option")).to_have_text(["all", "1: DAPI", "2: GFP"])
    for control in ("Previous page", "Next page"):
        expect(stack.get_by_role("button", name=control)).to_be_disabled()
    channel.select_option("all")
    expect(place).to_have_text("All channels are combined, too.")
    show.select_option("")
    expect(place).to_have_text("slice 1 of 3, DAPI")
    expect(channel).to_be_hidden()


def test_a_page_beyond_the_last_is_not_asked_for(stack: Page) -> None:
    field = stack.get_by_label("Page", exact=True)
    for nonsense in ("7", "0", ""):
        field.fill(nonsense)
        field.blur()
        expect(field).to_have_value("1")


def test_only_files_with_pages_and_channels_have_such_controls(page: Page) -> None:
    grey = file_of(place_picture().convert("L"), "grey.png")
    colour = file_of(place_picture(), "colour.png")
    photo = file_of(place_picture(), "photo.jpg", "JPEG")
    choose(page, grey, colour, photo)
    await_answer(page, "grey.png")
    expect(page.locator("#layers")).to_be_hidden()
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(3)
    page.locator("#pictures .open").nth(1).click()
    expect(page.get_by_role("combobox", name="Channel")).to_be_visible()
    expect(page.get_by_label("Page", exact=True)).to_be_hidden()
    page.locator("#pictures .open").nth(2).click()
    expect(page.locator("#layers")).to_be_hidden()
