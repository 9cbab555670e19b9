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


def test_the_models_that_could_be_added_are_named(shown: Page) -> None:
    expect(shown.locator("#panel")).to_contain_text("coco is not loaded here")
    expect(shown.locator("#panel")).to_contain_text(
        "MASKSERVE_MODELS=known,leaves,crowd,ground,coco make run"
    )


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
