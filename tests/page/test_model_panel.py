from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from browsing import await_answer, choose, file_of, place_picture, slide
from chromium import Browse, Page, expect
from known_models import DOUBTS
from server import Server


@pytest.fixture
def shown(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    return page


def test_it_says_which_model_answered_and_how(shown: Page) -> None:
    expect(shown.locator("#model-facts")).to_have_text("known version 7, on stub in f32")
    models = shown.get_by_role("group", name="Segment with")
    expect(models).to_contain_text("3 classes: cell, fibre, debris")
    expect(models).to_contain_text("AP50 0.80 on 10 pictures")


def test_it_says_how_long_each_stage_took(shown: Page) -> None:
    expect(shown.locator("#timings dt")).to_have_text(["decode", "queue", "infer", "masks", "encode"])
    for time in shown.locator("#timings dd").all():
        expect(time).to_have_text(re.compile(r"^[\d,.]+ ms$"))
    expect(shown.locator("#time")).to_have_text(re.compile(r"^[\d,]+ ms in the service$"))


def test_another_model_can_be_asked_and_stays_for_the_next_picture(shown: Page) -> None:
    shown.get_by_role("radio", name="leaves").check()
    expect(shown.locator("#found")).to_have_text("1 object")
    expect(shown.locator("#model-facts")).to_contain_text("leaves version 7")
    expect(shown.locator("#classes .chip")).to_have_text(["leaf 1"])
    choose(shown, file_of(place_picture(), "next.png"))
    await_answer(shown, "next.png")
    expect(shown.locator("#found")).to_have_text("1 object")


def test_each_picture_remembers_which_model_it_was_for(shown: Page) -> None:
    choose(shown, file_of(place_picture(), "next.png"))
    await_answer(shown, "next.png")
    shown.get_by_role("radio", name="leaves").check()
    expect(shown.locator("#found")).to_have_text("1 object")
    shown.locator("#pictures .open").nth(0).click()
    await_answer(shown)
    expect(shown.get_by_role("radio", name="Automatic")).to_be_checked()
    expect(shown.locator("#found")).to_have_text("5 objects")


def test_visitors_are_not_told_to_run_commands(shown: Page) -> None:
    shown.get_by_role("radio", name="leaves").check()
    expect(shown.locator("#advice")).to_contain_text(DOUBTS)
    text = shown.locator("body").inner_text()
    assert "python -m" not in text and "MASKSERVE_" not in text and "make run" not in text


def test_the_header_has_the_model_that_answered(shown: Page) -> None:
    header = shown.locator(".bar .model")
    expect(header).to_have_text("Model known version 7")
    shown.get_by_role("radio", name="leaves").check()
    expect(header).to_have_text("Model leaves version 7")
    shown.get_by_role("button", name="Remove places.png").click()
    expect(header).to_have_text("Models known, leaves, crowd, ground")


def test_another_model_brings_its_own_threshold_and_says_so(shown: Page) -> None:
    hint, value = shown.locator("#threshold-hint"), shown.locator("#threshold-value")
    expect(hint).to_have_text("0.50 is what known is tuned for. ")
    slide(shown, "#threshold", 0.65)
    expect(hint).to_contain_text("Your choice for known.")
    shown.get_by_role("radio", name="leaves").check()
    expect(value).to_have_text("0.50")
    expect(hint).to_have_text("0.50 is what leaves is tuned for. Scores of different models do not compare. ")
    slide(shown, "#threshold", 0.7)
    hint.get_by_role("button", name="Back to its own 0.50").click()
    expect(value).to_have_text("0.50")
    expect(shown.locator("#threshold")).to_have_value("0.5")


def test_the_same_model_keeps_the_threshold_that_was_set(page: Page) -> None:
    pages = [place_picture(), place_picture()]
    choose(page, file_of(pages[0], "pages.tif", "TIFF", save_all=True, append_images=pages[1:]))
    await_answer(page, "pages.tif")
    slide(page, "#threshold", 0.65)
    page.locator(".chip[data-name=fibre]").click()
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#snippet")).to_contain_text("page=1")
    expect(page.locator("#threshold-value")).to_have_text("0.65")
    expect(page.locator("#found")).to_have_text("3 objects")


def test_a_model_can_be_used_for_all_pictures(shown: Page) -> None:
    choose(shown, file_of(place_picture(), "next.png"))
    await_answer(shown, "next.png")
    everywhere = shown.get_by_role("button", name="for all 2 pictures")
    expect(everywhere).to_be_hidden()
    shown.get_by_role("radio", name="leaves").check()
    expect(everywhere).to_have_text("Use leaves for all 2 pictures")
    everywhere.click()
    expect(shown.locator("#pictures .state")).to_have_text(["1", "1"])
    expect(everywhere).to_be_hidden()


def test_a_thousand_objects_and_more_are_all_there(shown: Page) -> None:
    shown.get_by_role("radio", name="crowd").check()
    expect(shown.locator("#found")).to_have_text("1,120 objects")
    expect(shown.locator("#cut")).to_be_hidden()


def test_of_more_objects_than_the_service_answers_the_true_number_is_told(
    browse: Browse, serve_known: Callable[..., Server]
) -> None:
    page = browse(serve_known(MASKSERVE_MAX_SEGMENTS="1000"))
    choose(page, file_of(place_picture()))
    await_answer(page)
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#cut")).to_be_hidden()
    page.get_by_role("radio", name="crowd").check()
    expect(page.locator("#found")).to_have_text("1,000 of 1,120 objects")
    expect(page.locator("#cut")).to_have_text(
        "1,120 were found with a score of 0.1 or more; the best 1,000 are here."
    )
    expect(page.locator("#advice")).to_be_hidden()
    slide(page, "#threshold", 0.95)
    expect(page.locator("#found")).to_have_text("No objects")


def test_what_the_service_warns_of_is_shown(shown: Page) -> None:
    expect(shown.locator("#advice")).to_be_hidden()
    shown.get_by_role("radio", name="leaves").check()
    expect(shown.get_by_role("note")).to_contain_text(DOUBTS)
    shown.get_by_role("radio", name="known").check()
    expect(shown.locator("#advice")).to_be_hidden()


def test_a_model_that_was_not_run_after_all_is_not_used_for_the_next_picture(shown: Page) -> None:
    view = shown.locator("#view")
    for key in ("e", "n", "Delete"):
        view.press(key)
        expect(shown.locator("#edit-bar")).to_be_visible()
    expect(shown.locator("#found")).to_have_text("4 objects")
    shown.once("dialog", lambda dialog: dialog.dismiss())  # which asks whether to discard the correction
    shown.locator("#models input[value=leaves]").click()
    choose(shown, file_of(place_picture(320, 180), "wide.png"))
    await_answer(shown, "wide.png")
    expect(shown.locator("#model-facts")).to_contain_text("known")
    shown.locator("#models input[value=leaves]").click()
    shown.get_by_role("button", name="Cancel").click()  # it takes a second and a half
    expect(shown.locator("#models input:checked")).to_have_value("auto")
    choose(shown, file_of(place_picture(), "next.png"))
    await_answer(shown, "next.png")
    expect(shown.locator("#model-facts")).to_contain_text("known")
