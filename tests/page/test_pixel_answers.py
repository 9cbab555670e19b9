"""What a semantic model answers is shown as shares of the picture; which model answered, and why."""

from __future__ import annotations

import io

import numpy as np
import pytest
from browsing import await_answer, choose, colour_of, file_of, near, open_downloads, place_picture, slide
from chromium import Browse, Page, expect
from known_models import GROUND, SHARES
from PIL import Image
from server import Server

from model.formats.overlay import class_colour


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
    expect(ground.locator("#aloud")).to_have_text("2 classes: 51 % of the picture in places.png")
    expect(ground.locator(".strip [aria-current] .state")).to_have_text("51 %")
    chips = ground.locator("#classes .chip")
    expect(chips).to_have_text([f"{name} {share}" for name, share in SHARES.items()])
    expect(ground.locator("#by-class tbody tr")).to_have_text(["grass50 %21,600 px²", "path1.0 %432 px²"])


def test_a_chip_hides_its_class(ground: Page) -> None:
    grass = (30.5, 130.5)  # away from the name in its middle
    covered = colour_of(ground, grass)
    ground.locator("#classes .chip[data-name=grass]").click()
    expect(ground.locator("#found")).to_have_text("Path: 1.0 % of the picture")
    expect(ground.locator("#found-hint")).to_have_text("240 × 180 pixels, 1 class hidden")
    expect(ground.locator("#covered")).to_have_text("1.0 %")
    assert not near(colour_of(ground, grass), covered, by=20)


def test_a_class_has_the_colour_that_it_has_in_every_picture_and_in_the_overlay(ground: Page) -> None:
    swatches = ground.locator("#classes .swatch")
    colours = [swatch.evaluate("(it) => getComputedStyle(it).backgroundColor") for swatch in swatches.all()]
    assert colours == [f"rgb{class_colour(class_id)}" for class_id in (1, 2)]
    slide(ground, "#opacity", 1)
    ground.get_by_label("Labels").uncheck()  # the name of the class is in its middle
    assert near(colour_of(ground, GROUND[0].middle), class_colour(1))


def test_nothing_pretends_that_a_class_is_an_object(ground: Page) -> None:
    for selector in ("#objects", "#histograms", "#typical", "#threshold"):
        expect(ground.locator(selector)).to_be_hidden()
    ground.get_by_role("radio", name="known").check()
    expect(ground.locator("#found")).to_have_text("5 objects")
    for selector in ("#objects", "#histograms", "#typical", "#threshold"):
        expect(ground.locator(selector)).to_be_visible()
    expect(ground.get_by_label("Count connected parts")).to_be_hidden()


def test_connected_parts_are_counted_where_that_is_wished(ground: Page) -> None:
    parts = ground.get_by_label("Count connected parts")
    with ground.expect_request("**/segment?*split=parts*"):
        parts.check()
    expect(ground.locator("#found")).to_have_text("2 parts")
    expect(ground.get_by_role("heading", name="Parts", exact=True)).to_be_visible()
    expect(ground.locator("#objects tr")).to_have_count(2)
    expect(ground.locator("#snippet")).to_contain_text("split=parts")
    parts.uncheck()
    expect(ground.locator("#found")).to_have_text("2 classes: 51 % of the picture")
    expect(ground.locator("#snippet")).not_to_contain_text("split")


def test_what_only_such_a_model_gives_can_be_taken_away(ground: Page) -> None:
    ground.locator("#classes .chip[data-name=path]").click()  # grass is left
    open_downloads(ground)
    with ground.expect_download() as download:
        ground.get_by_role("button", name="Probability").click()
    pixels = np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())))
    assert pixels.shape == (180, 240)
    assert (pixels[90:] == 255).all()
    ground.get_by_role("radio", name="known").check()
    open_downloads(ground)
    expect(ground.get_by_role("button", name="Probability")).to_be_hidden()


def test_it_says_which_model_was_chosen_and_why_with_the_others_a_click_away(page: Page) -> None:
    choose(page, file_of(place_picture()))
    await_answer(page)
    chosen, reason = page.locator("#chosen"), "Chosen automatically: known, which found “cell”."
    expect(page.get_by_role("radio", name="Automatic")).to_be_checked()
    expect(chosen).to_contain_text(reason)
    expect(page.locator("#aloud")).to_have_text(f"5 objects in places.png. {reason}")
    page.get_by_role("button", name="Use leaves").press("Enter")
    expect(page.locator("#model-facts")).to_contain_text("leaves version 7")
    expect(page.get_by_role("radio", name="leaves")).to_be_checked()
    expect(chosen).to_contain_text("leaves answered.")
    expect(chosen.get_by_role("button", name="Choose automatically")).to_be_focused()
    page.keyboard.press("Enter")
    expect(chosen).to_contain_text(reason)


def test_a_model_that_is_named_for_one_picture_is_not_for_the_next(page: Page) -> None:
    choose(page, file_of(place_picture()))
    await_answer(page)
    page.get_by_role("button", name="Use ground").click()
    expect(page.locator("#model-facts")).to_contain_text("ground version 7")
    choose(page, file_of(place_picture(), "next.png"))
    await_answer(page, "next.png")
    expect(page.locator("#chosen")).to_contain_text("Chosen automatically: known")


def test_without_javascript_the_model_is_chosen_too(browse: Browse, server: Server) -> None:
    plain = browse(server, java_script_enabled=False)
    plain.get_by_label("Your picture").set_input_files([file_of(place_picture())])
    plain.get_by_role("button", name="Find objects").click()
    expect(plain.get_by_text("Chosen automatically: known, which found “cell”.")).to_be_visible()
