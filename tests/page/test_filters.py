from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing import (
    await_answer,
    choose,
    colour_of,
    file_of,
    near,
    open_downloads,
    place_picture,
    shown_of,
    slide,
)
from chromium import Page, expect
from known_models import OBJECTS


@pytest.fixture
def shown(page: Page) -> Iterator[Page]:
    """A page with an answered picture, which must ask the service nothing more."""
    choose(page, file_of(place_picture()))
    await_answer(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    yield page
    assert asked == []


def rows(page: Page) -> list[int]:
    """The numbers of the objects in the table, from above."""
    return [
        int(number) for number in page.locator("#objects tr:not([hidden]) td:first-child").all_inner_texts()
    ]


def chips(page: Page) -> dict[str, int]:
    texts = page.locator("#classes .chip").all_inner_texts()
    return {name: int(count) for name, count in (text.split() for text in texts)}


def test_the_slider_changes_count_table_and_chips_at_once(shown: Page) -> None:
    for threshold in (0.1, 0.3, 0.31, 0.65, 0.9, 0.95):
        slide(shown, "#threshold", threshold)
        kept = shown_of(OBJECTS, threshold)
        count = f"{len(kept)} object" + ("s" if len(kept) != 1 else "")
        expect(shown.locator("#found")).to_have_text(count)
        expect(shown.locator("#threshold-value")).to_have_text(f"{threshold:.2f}")
        assert rows(shown) == list(range(1, len(kept) + 1))
        names = [known.name for known in kept]
        assert chips(shown) == {name: names.count(name) for name in ("cell", "fibre", "debris")}


def test_the_slider_changes_what_is_drawn(shown: Page) -> None:
    fibre = OBJECTS[4].middle
    covered = colour_of(shown, fibre)
    slide(shown, "#threshold", 0.65)
    plain = colour_of(shown, fibre)
    assert near(plain, (160, 100, 128)) and not near(covered, plain, by=30)
    slide(shown, "#threshold", 0.5)
    assert colour_of(shown, fibre) == covered


def test_the_arrow_keys_move_the_slider_by_hundredths(shown: Page) -> None:
    shown.locator("#threshold").focus()
    for _ in range(11):
        shown.keyboard.press("ArrowRight")
    expect(shown.locator("#threshold-value")).to_have_text("0.61")
    expect(shown.locator("#found")).to_have_text("4 objects")


def test_the_slider_begins_where_the_model_does(shown: Page) -> None:
    expect(shown.locator("#threshold")).to_have_value("0.5")
    expect(shown.locator("#found-hint")).to_have_text("240 × 180 pixels, 3 more hidden")


def test_a_chip_hides_its_class_and_shows_it_again(shown: Page) -> None:
    chip = shown.get_by_role("group", name="Classes shown").get_by_role("button", name="cell")
    expect(chip).to_have_attribute("aria-pressed", "true")
    cell = OBJECTS[0].middle
    covered = colour_of(shown, cell)
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    expect(shown.locator("#found")).to_have_text("3 objects")
    assert rows(shown) == [2, 4, 5]
    assert chips(shown)["cell"] == 2  # so many come back
    assert near(colour_of(shown, cell), (50, 40, 128))
    chip.click()
    assert rows(shown) == [1, 2, 3, 4, 5]
    assert colour_of(shown, cell) == covered


def test_an_object_that_is_filtered_away_is_no_longer_chosen(shown: Page) -> None:
    shown.locator("#objects tr").nth(4).click()
    open_downloads(shown)
    one = shown.get_by_role("button", name="Chosen object")
    expect(one).to_be_enabled()
    slide(shown, "#threshold", 0.65)
    open_downloads(shown)
    open_downloads(shown)
    expect(one).to_be_disabled()


def test_with_nothing_left_it_says_what_to_do(shown: Page) -> None:
    slide(shown, "#threshold", 1)
    expect(shown.locator("#found")).to_have_text("No objects")
    expect(shown.locator("#found-hint")).to_contain_text("8 guesses below 1.00: lower the score to see.")
    expect(shown.locator("#table")).to_be_hidden()
    for button in shown.locator("#take .downloads button").all():
        expect(button).to_be_disabled()


def test_what_is_shown_is_said_aloud(shown: Page) -> None:
    slide(shown, "#threshold", 0.65)
    expect(shown.locator("#aloud[role=status]")).to_have_text("4 objects in places.png")
