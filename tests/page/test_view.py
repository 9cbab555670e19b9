from __future__ import annotations

import pytest
from browsing import (
    HEIGHT,
    WIDTH,
    Place,
    await_answer,
    choose,
    colour_at,
    colour_of,
    drawn,
    file_of,
    in_window,
    near,
    on_screen,
    place_picture,
    settled,
    slide,
)
from chromium import Browse, Page, expect
from known_models import OBJECTS
from server import Server

CELL, FIBRE, RING, DEBRIS, UPRIGHT = OBJECTS[:5]
BARE = (140.5, 110.5)  # a point of the picture where no object is


@pytest.fixture
def shown(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    return page


def percent(page: Page) -> int:
    drawn(page)
    return int(page.locator("#zoom").inner_text().removesuffix(" %"))


def picture_colour(point: Place) -> tuple[int, int, int]:
    return int(point[0]), int(point[1]), 128


def wheel(page: Page, point: Place, by: float) -> None:
    page.mouse.move(*in_window(page, point))
    page.mouse.wheel(0, by)


def test_the_whole_picture_is_seen_at_first(shown: Page) -> None:
    for corner in ((0.5, 0.5), (WIDTH - 0.5, 0.5), (0.5, HEIGHT - 0.5), (WIDTH - 0.5, HEIGHT - 0.5)):
        assert near(colour_of(shown, corner), picture_colour(corner))


def test_the_wheel_zooms_around_the_pointer(shown: Page) -> None:
    shown.get_by_role("button", name="Zoom in").click()  # to have room on both sides
    for by in (-400, 300):
        place, before = on_screen(shown, BARE), percent(shown)
        wheel(shown, BARE, by)
        expect(shown.locator("#zoom")).not_to_have_text(f"{before} %")
        assert (percent(shown) > before) == (by < 0)
        assert near(colour_at(shown, place), picture_colour(BARE), by=2)
        assert shown.evaluate("scrollY") == 0


@pytest.fixture
def phone(browse: Browse, server: Server) -> Page:
    page = browse(server, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    choose(page, file_of(place_picture()))
    await_answer(page)
    return page


def touch(page: Page, *steps: tuple[Place, ...]) -> None:
    """Put fingers down at the first of these places, move them to the others, and lift them."""
    hand = page.context.new_cdp_session(page)
    for number, places in enumerate((*steps, ())):
        kind = "touchEnd" if not places else "touchMove" if number else "touchStart"
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    drawn(page)


def test_two_fingers_zoom_around_their_middle_and_one_moves(phone: Page) -> None:
    before = percent(phone)
    x, y = in_window(phone, BARE)
    touch(phone, *(((x - apart, y), (x + apart, y)) for apart in (20, 30, 40, 60)))
    assert percent(phone) == pytest.approx(3 * before, rel=0.05)
    assert in_window(phone, BARE) == pytest.approx((x, y), abs=3)
    left, top = on_screen(phone, BARE)
    touch(phone, *(((x - far, y + far),) for far in (0, 10, 20, 40)))
    assert near(colour_at(phone, (left - 40, top + 40)), picture_colour(BARE), by=2)
    assert phone.evaluate("scrollY") == 0


def test_a_finger_scrolls_the_page_past_a_picture_that_fits(phone: Page) -> None:
    place = on_screen(phone, BARE)
    x, y = in_window(phone, BARE)
    touch(phone, *(((x, y - far),) for far in range(0, 200, 10)))
    assert phone.evaluate("scrollY") > 100
    assert on_screen(phone, BARE) == place


def test_a_tap_chooses_an_object(phone: Page) -> None:
    phone.touchscreen.tap(*in_window(phone, DEBRIS.middle))
    expect(phone.locator("#objects tr").nth(3)).to_contain_class("selected")


def test_dragging_moves_the_picture_and_chooses_nothing(shown: Page) -> None:
    place = on_screen(shown, CELL.middle)
    bare = on_screen(shown, BARE)
    x, y = in_window(shown, CELL.middle)
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x - 60, y + 50, steps=4)
    shown.mouse.up()
    assert near(colour_at(shown, (bare[0] - 60, bare[1] + 50)), picture_colour(BARE))
    assert on_screen(shown, CELL.middle) == pytest.approx((place[0] - 60, place[1] + 50), abs=0.01)
    expect(shown.locator("#objects tr.selected")).to_have_count(0)


def test_one_to_one_and_fit(shown: Page) -> None:
    fitting = percent(shown)
    view = shown.locator("#view")
    by_button = (lambda: shown.locator("#pixels").click(), lambda: shown.locator("#fit").click())
    by_key = (lambda: view.press("1"), lambda: view.press("0"))
    for one_to_one, fit in (by_button, by_key):
        one_to_one()
        expect(shown.locator("#zoom")).to_have_text("100 %")
        left, right = on_screen(shown, (0, 0)), on_screen(shown, (WIDTH, HEIGHT))
        assert (right[0] - left[0], right[1] - left[1]) == pytest.approx((WIDTH, HEIGHT))
        fit()
        expect(shown.locator("#zoom")).to_have_text(f"{fitting} %")


def test_plus_minus_and_arrows_zoom_and_move(shown: Page) -> None:
    view, fitting = shown.locator("#view"), percent(shown)
    view.press("+")
    assert percent(shown) == pytest.approx(1.25 * fitting, abs=1)
    view.press("-")
    assert percent(shown) == pytest.approx(fitting, abs=1)
    place = on_screen(shown, BARE)
    for key, (x, y) in {"ArrowLeft": (60, 0), "ArrowUp": (0, 60), "ArrowRight": (-60, 0)}.items():
        view.press(key)
        place = place[0] + x, place[1] + y
        assert near(colour_at(shown, place), picture_colour(BARE)), key
    assert shown.evaluate("scrollY") == 0


def test_a_part_of_the_picture_stays_in_view_however_far_it_is_moved(shown: Page) -> None:
    for _ in range(40):
        shown.locator("#view").press("ArrowRight")
    right, _ = on_screen(shown, (WIDTH, 0))
    assert right == pytest.approx(48, abs=1)


def test_a_fitting_picture_fits_again_when_the_window_changes(browse: Browse, server: Server) -> None:
    shown = browse(server)
    choose(shown, file_of(place_picture()))
    await_answer(shown)
    shown.set_viewport_size({"width": 700, "height": 700})
    expect(shown.locator("#zoom")).not_to_have_text("329 %")
    settled(shown)
    for corner in ((0.5, 0.5), (WIDTH - 0.5, HEIGHT - 0.5)):
        assert near(colour_of(shown, corner), picture_colour(corner))


def test_pointing_at_an_object_marks_its_row_and_the_other_way_round(shown: Page) -> None:
    row = shown.locator("#objects tr").nth(3)
    assert colour_of(shown, DEBRIS.middle, "lit-canvas") == (0, 0, 0)
    shown.mouse.move(*in_window(shown, DEBRIS.middle))
    expect(row).to_contain_class("lit")
    assert colour_of(shown, DEBRIS.middle, "lit-canvas") != (0, 0, 0)
    shown.mouse.move(*in_window(shown, BARE))
    expect(row).not_to_contain_class("lit")
    assert colour_of(shown, DEBRIS.middle, "lit-canvas") == (0, 0, 0)
    row.hover()
    assert colour_of(shown, DEBRIS.middle, "lit-canvas") != (0, 0, 0)


def test_choosing_an_object_chooses_its_row_and_the_other_way_round(shown: Page) -> None:
    rows = shown.locator("#objects tr")
    shown.mouse.click(*in_window(shown, FIBRE.middle))
    expect(rows.nth(1)).to_contain_class("selected")
    rows.nth(3).click()
    expect(rows.nth(3)).to_contain_class("selected")
    expect(shown.locator("#objects tr.selected")).to_have_count(1)
    shown.mouse.move(*in_window(shown, BARE))
    assert colour_of(shown, DEBRIS.middle, "lit-canvas") != (0, 0, 0)
    assert colour_of(shown, FIBRE.middle, "lit-canvas") == (0, 0, 0)
    shown.mouse.click(*in_window(shown, BARE))
    expect(shown.locator("#objects tr.selected")).to_have_count(0)


def test_a_hole_is_not_the_object(shown: Page) -> None:
    assert near(colour_of(shown, RING.middle), picture_colour(RING.middle))
    shown.mouse.move(*in_window(shown, RING.middle))
    expect(shown.locator("#objects tr.lit")).to_have_count(0)
    shown.mouse.move(*in_window(shown, (RING.box[0] + 3, RING.box[1] + 12)))
    expect(shown.locator("#objects tr").nth(2)).to_contain_class("lit")


def test_a_chosen_row_brings_its_object_into_view(shown: Page) -> None:
    for _ in range(5):
        shown.locator("#zoom-in").click()
    shown.locator("#objects tr").nth(0).click()
    x, y = on_screen(shown, CELL.middle)
    width, height = shown.locator("#view").evaluate("(view) => [view.clientWidth, view.clientHeight]")
    assert 0 < x < width and 0 < y < height


def test_n_p_and_escape_go_from_object_to_object(shown: Page) -> None:
    view, rows = shown.locator("#view"), shown.locator("#objects tr")
    for key, row in (("n", 0), ("n", 1), ("p", 0), ("p", 4), ("n", 0)):
        view.press(key)
        expect(rows.nth(row)).to_contain_class("selected")
    view.press("Escape")
    expect(shown.locator("#objects tr.selected")).to_have_count(0)


def test_fill_outlines_labels_and_boxes_are_drawn_as_they_are_set(shown: Page) -> None:
    swatch = (
        shown.locator("#objects tr .swatch").nth(3).evaluate("(it) => getComputedStyle(it).backgroundColor")
    )
    colour = tuple(int(part) for part in swatch.removeprefix("rgb(").removesuffix(")").split(","))
    x, y, width, _ = DEBRIS.box
    inside, edge, label = (x + 6, y + 6), (x + width, y + 20), DEBRIS.middle

    def mixed(point: Place, opacity: float) -> tuple[int, int, int]:
        red, green, blue = (
            round(opacity * of + (1 - opacity) * under)
            for of, under in zip(colour, picture_colour(point), strict=True)
        )
        return red, green, blue

    assert near(colour_of(shown, inside), mixed(inside, 0.4))
    slide(shown, "#opacity", 1)
    assert near(colour_of(shown, inside), mixed(inside, 1))
    slide(shown, "#opacity", 0)
    assert near(colour_of(shown, inside), picture_colour(inside))

    assert near(colour_of(shown, edge), mixed(edge, 1), by=60)  # its line, smoothed
    shown.get_by_label("Outlines").uncheck()
    assert near(colour_of(shown, edge), picture_colour(edge))
    shown.get_by_label("Boxes").check()
    assert near(colour_of(shown, edge), mixed(edge, 1), by=60)
    shown.get_by_label("Boxes").uncheck()

    assert not near(colour_of(shown, label), picture_colour(label), by=40)  # its number, white on black
    shown.get_by_label("Labels").uncheck()
    assert near(colour_of(shown, label), picture_colour(label))


def test_compare_shows_the_original_left_of_the_line(shown: Page) -> None:
    covered = colour_of(shown, UPRIGHT.middle)
    shown.get_by_label("Compare").check()
    assert near(colour_of(shown, CELL.middle), picture_colour(CELL.middle))
    assert colour_of(shown, UPRIGHT.middle) == covered
    slide(shown, "#split", 0.9)
    assert near(colour_of(shown, UPRIGHT.middle), picture_colour(UPRIGHT.middle))
    shown.get_by_label("Compare").uncheck()
    assert colour_of(shown, UPRIGHT.middle) == covered
    expect(shown.locator("#split")).to_be_hidden()


def test_a_fine_screen_gets_all_its_pixels(browse: Browse, server: Server) -> None:
    page = browse(server, device_scale_factor=2)
    choose(page, file_of(place_picture()))
    await_answer(page)
    for canvas in ("#picture-canvas", "#lit-canvas"):
        pixels, shown = page.locator(canvas).evaluate(
            "(it) => [[it.width, it.height], [it.clientWidth, it.clientHeight]]"
        )
        assert pixels == [2 * length for length in shown]
    page.locator("#pixels").click()
    expect(page.locator("#zoom")).to_have_text("100 %")
    left, right = on_screen(page, (0, 0)), on_screen(page, (WIDTH, HEIGHT))
    assert (right[0] - left[0], right[1] - left[1]) == pytest.approx((WIDTH / 2, HEIGHT / 2))
    assert near(colour_of(page, BARE), picture_colour(BARE))


def test_the_object_under_the_pointer_tells_its_class_and_score(shown: Page) -> None:
    tip = shown.locator("#tip")
    shown.mouse.move(*in_window(shown, DEBRIS.middle))
    expect(tip).to_have_text("4 · debris 0.70 · 900 px²")
    shown.mouse.move(*in_window(shown, BARE))
    expect(tip).to_be_hidden()
