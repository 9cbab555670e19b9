"""Small things that a hand, a finger, a key or an ear trips over."""

from __future__ import annotations

import io

from browsing import await_answer, choose, colour_of, file_of, in_window, near, place_picture, slide
from chromium import Browse, Page, expect
from known_models import OBJECTS
from PIL import Image
from server import Server

ONE, TWO = file_of(place_picture(), "one.png"), file_of(place_picture(), "two.png")
UPRIGHT, CELL = OBJECTS[4], OBJECTS[0]


def answered(page: Page) -> None:
    choose(page, ONE)
    await_answer(page, "one.png")


def test_the_last_column_is_whole_on_a_laptop(page: Page) -> None:
    answered(page)
    page.get_by_label("A pixel is").fill("0.325")
    width, inner = page.locator("#table").evaluate("(it) => [it.scrollWidth, it.clientWidth]")
    assert width <= inner


def test_the_line_between_original_and_result_can_be_dragged_itself(page: Page) -> None:
    answered(page)
    page.get_by_label("Compare").check()
    view = page.locator("#view").bounding_box()
    assert view
    middle, y = view["x"] + view["width"] / 2, view["y"] + 40
    page.mouse.move(middle, y)
    expect(page.locator("#view")).to_contain_class("on-split")
    covered = colour_of(page, UPRIGHT.middle)
    before = page.locator("#zoom").inner_text()
    page.mouse.down()
    page.mouse.move(view["x"] + 0.9 * view["width"], y, steps=3)
    page.mouse.up()
    assert near(colour_of(page, UPRIGHT.middle), (160, 100, 128))
    assert not near(covered, (160, 100, 128), by=20)
    assert abs(float(page.locator("#split").input_value()) - 0.9) < 0.02
    assert page.locator("#zoom").inner_text() == before
    slide(page, "#split", 0.1)
    page.mouse.move(view["x"] + 0.9 * view["width"], y)
    expect(page.locator("#view")).not_to_contain_class("on-split")
    page.get_by_label("Compare").uncheck()


def test_a_row_tapped_on_a_phone_shows_its_object_and_the_camera_stays(
    browse: Browse, server: Server
) -> None:
    phone = browse(server, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    answered(phone)
    expect(phone.locator(".strip").get_by_text("Take a photo")).to_be_visible()
    phone.locator("#objects tr").nth(2).scroll_into_view_if_needed()
    phone.locator("#objects tr").nth(2).tap()
    expect(phone.locator("#view")).to_be_in_viewport(ratio=0.9)
    small = phone.locator("button, input, select, summary, .button, .toggle").evaluate_all(
        """(all) => all.filter((one) => {
            const { width, height } = one.getBoundingClientRect();
            const seen = one.checkVisibility({ visibilityProperty: true });
            const within = one.closest(".toggle, .choice, .visually-hidden") ?? one.closest(".link");
            if (!seen || one.matches(".link, .visually-hidden") || (within && within !== one)) return false;
            return width < 44 || height < 44;
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert small == []
    phone.locator("#camera-add").set_input_files([TWO])
    await_answer(phone, "two.png")


def test_a_score_never_reads_as_more_than_it_is(page: Page) -> None:
    answered(page)
    scores = page.evaluate(
        """async () => {
            const { score } = await viewer("units.js");
            return [0.9999, 1, 0.29, 0.5, 0.0049, 0.5799].map(score);
        }"""
    )
    assert scores == ["0.99", "1.00", "0.29", "0.50", "0.00", "0.57"]


def test_n_and_p_follow_the_tables_order(page: Page) -> None:
    answered(page)
    page.locator("#headings").get_by_role("button", name="Area").click()
    order = page.locator("#objects tr:not([hidden]) td:first-child").all_inner_texts()
    for number in (*order, order[0]):
        page.locator("#view").press("n")
        expect(page.locator("#objects tr.selected td").first).to_have_text(number)
    page.locator("#view").press("p")
    expect(page.locator("#objects tr.selected td").first).to_have_text(order[-1])


def test_the_chosen_row_is_told_to_screen_readers(page: Page) -> None:
    answered(page)
    page.locator("#view").press("n")
    page.locator("#view").press("n")
    current = page.locator("#objects [aria-current=true]")
    expect(current).to_have_count(1)
    expect(current).to_have_text("2")
    page.locator("#view").press("Escape")
    expect(current).to_have_count(0)


def test_keys_lead_from_picture_to_picture(page: Page) -> None:
    choose(page, ONE, TWO)
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    for key, name in (("PageDown", "two"), ("PageDown", "two"), ("PageUp", "one"), ("PageUp", "one")):
        page.locator("#view").press(key)
        await_answer(page, f"{name}.png")


def test_the_ring_is_for_those_who_come_by_keyboard(page: Page) -> None:
    ring = "(it) => getComputedStyle(it).outlineStyle"
    page.locator(".sample").first.click()
    await_answer(page, "fluorescence.png")
    assert page.locator("#view").evaluate(ring) == "none"
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#view")).to_be_focused()
    assert page.locator("#view").evaluate(ring) != "none"


def test_controls_are_called_by_what_is_written_on_them(page: Page) -> None:
    answered(page)
    page.get_by_role("button", name="1:1").click()
    expect(page.locator("#zoom")).to_have_text("100 %")


def test_the_tracks_of_sliders_are_not_white_in_the_dark(page: Page) -> None:
    answered(page)
    page.emulate_media(color_scheme="dark")
    page.mouse.move(0, 0)
    slider = page.locator("#opacity")
    slide(page, "#opacity", 0)
    shot = slider.screenshot()
    pixels = Image.open(io.BytesIO(shot)).convert("L")
    right = pixels.crop((pixels.width // 2, 0, pixels.width, pixels.height))
    assert right.getextrema()[1] < 160


def test_a_point_of_the_picture_is_chosen_as_before_beside_the_line(page: Page) -> None:
    answered(page)
    page.get_by_label("Compare").check()
    page.mouse.click(*in_window(page, CELL.middle))
    expect(page.locator("#objects tr").first).to_contain_class("selected")
    page.get_by_label("Compare").uncheck()
