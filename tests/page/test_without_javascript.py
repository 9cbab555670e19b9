from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import as_file, file_of, place_picture
from chromium import Browse, Page, expect
from server import Server

PNG = file_of(place_picture())
KEY = "sesame-0123456789"


@pytest.fixture
def plain(browse: Browse, server: Server) -> Page:
    return browse(server, java_script_enabled=False)


def expect_result(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("5 objects")
    expect(page.get_by_role("img", name="The picture with 5 objects outlined")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(1 + 5)


def test_a_picture_can_be_sent(plain: Page) -> None:
    plain.get_by_label("Your picture").set_input_files([PNG])
    plain.get_by_role("button", name="Find objects").click()
    expect_result(plain)


def test_another_one_can_be_sent_from_the_result(plain: Page) -> None:
    for label in ("Your picture", "Another picture"):
        plain.get_by_label(label).set_input_files([PNG])
        plain.get_by_role("button", name="Find objects").click()
        expect_result(plain)


def test_a_sample_is_one_click(plain: Page) -> None:
    plain.get_by_role("button", name="Stained tissue").click()
    expect_result(plain)


def test_a_key_is_taken_in_the_form_for_pictures_and_samples(
    browse: Browse, serve_known: Callable[..., Server]
) -> None:
    browse.expect_complaint("status of 401")
    server = serve_known(MASKSERVE_API_KEYS=KEY)
    page = browse(server, java_script_enabled=False)
    page.get_by_role("textbox", name="API key").fill("guess")
    page.get_by_role("button", name="Stained tissue").click()
    expect(page.get_by_role("alert")).to_contain_text("not one of this service's")
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.get_by_role("button", name="Stained tissue").click()
    expect_result(page)
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.get_by_label("Another picture").set_input_files([PNG])
    page.get_by_role("button", name="Find objects").click()
    expect_result(page)


def test_what_went_wrong_is_told_with_the_form_to_try_again(browse: Browse, plain: Page) -> None:
    browse.expect_complaint("status of 415")
    plain.get_by_label("Your picture").set_input_files([as_file(b"hello", "bad.png")])
    plain.get_by_role("button", name="Find objects").click()
    expect(plain.get_by_role("alert")).to_contain_text("Not an image")
    plain.get_by_label("Your picture").set_input_files([PNG])
    plain.get_by_role("button", name="Find objects").click()
    expect_result(plain)


def test_nothing_is_offered_that_needs_a_script(plain: Page) -> None:
    for words in ("Take a photo", "Drop pictures anywhere", "Add pictures", "Web address", "Webcam"):
        for offer in plain.get_by_text(words).all():
            expect(offer).to_be_hidden()
