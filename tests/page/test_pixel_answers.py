"""What a semantic model answers is shown as shares of the picture; which model answered, and why."""

from __future__ import annotations

import io

import numpy as np
import pytest
from browsing import await_answer, choose, file_of, place_picture
from chromium import Browse, Page, expect
from known_models import SHARES
from PIL import Image
from server import Server


@pytest.fixture
def ground(page: Page) -> Page:
    """A picture answered by the semantic model."""
    choose(page, file_of(place_picture()))
    await_answer(page)
    page.get_by_role("radio", name="ground").check()
    expect(page.locator("#model-facts")).to_contain_text("ground version 7")
    return page


def test_each_class_is_told_with_its_share_of_the_picture(ground: Page) -> None:
    expect(ground.locator("#found")).to_have_text("2 classes: 51 % of the picture")
    chips = ground.locator("#classes .chip")
    expect(chips).to_have_text([f"{name} {share}" for name, share in SHARES.items()])
    ground.locator("#classes .chip[data-name=path]").click()
    expect(ground.locator("#found")).to_have_text("Grass: 50 % of the picture")


def test_nothing_pretends_that_a_class_is_an_object(ground: Page) -> None:
    for selector in ("#objects", "#histograms", "#typical", "#total", "#by-class", "#threshold"):
        expect(ground.locator(selector)).to_be_hidden()
    ground.get_by_role("radio", name="known").check()
    expect(ground.locator("#found")).to_have_text("5 objects")
    for selector in ("#objects", "#histograms", "#typical", "#threshold"):
        expect(ground.locator(selector)).to_be_visible()


def test_what_only_such_a_model_gives_can_be_taken_away(ground: Page) -> None:
    ground.locator("#classes .chip[data-name=path]").click()  # grass is left
    with ground.expect_download() as download:
        ground.get_by_role("button", name="Probability").click()
    pixels = np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())))
    assert pixels.shape == (180, 240)
    assert (pixels[90:] == 255).all()
    ground.get_by_role("radio", name="known").check()
    expect(ground.get_by_role("button", name="Probability")).to_be_hidden()


def test_it_says_which_model_was_chosen_and_why_with_the_others_a_click_away(page: Page) -> None:
    choose(page, file_of(place_picture()))
    await_answer(page)
    expect(page.get_by_role("radio", name="Automatic")).to_be_checked()
    expect(page.locator("#chosen")).to_contain_text("Chosen automatically: known, which found “cell”.")
    page.get_by_role("button", name="Use leaves").click()
    expect(page.locator("#model-facts")).to_contain_text("leaves version 7")
    expect(page.locator("#chosen")).to_be_hidden()  # the person chose
    expect(page.get_by_role("radio", name="leaves")).to_be_checked()


def test_without_javascript_the_model_is_chosen_too(browse: Browse, server: Server) -> None:
    plain = browse(server, java_script_enabled=False)
    plain.get_by_label("Your picture").set_input_files([file_of(place_picture())])
    plain.get_by_role("button", name="Find objects").click()
    expect(plain.get_by_text("Chosen automatically: known, which found “cell”.")).to_be_visible()
