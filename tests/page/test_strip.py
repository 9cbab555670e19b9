from __future__ import annotations

from browsing import HEIGHT, await_answer, choose, colour_of, file_of, near, place_picture, slide
from chromium import Page, expect

ONE = file_of(place_picture(), "one.png")
TWO = file_of(place_picture().transpose(0), "two.png")  # left and right change places
SLOW = file_of(place_picture(320, HEIGHT), "wide.png")
CORNER = (2.5, 2.5)


def test_each_picture_has_its_thumbnail_name_and_count(page: Page) -> None:
    choose(page, ONE, TWO)
    expect(page.locator("#pictures .name")).to_have_text(["one.png", "two.png"])
    expect(page.locator("#pictures .state")).to_have_text(["5", "5"])
    for image in page.locator("#pictures img").all():
        expect(image).to_be_visible()
        assert image.evaluate("(it) => it.decode().then(() => [it.naturalWidth, it.naturalHeight])") == [
            160,
            120,
        ]


def test_the_strip_fades_only_where_there_is_more(page: Page) -> None:
    strip = page.locator("#pictures")
    choose(page, ONE, TWO)
    expect(page.locator("#pictures .state")).to_have_text(["5", "5"])
    expect(strip).not_to_contain_class("more-after")
    page.set_viewport_size({"width": 480, "height": 800})
    choose(page, *({**ONE, "name": f"{number}.png"} for number in range(6)))
    expect(strip).to_contain_class("more-after")
    expect(strip).not_to_contain_class("more-before")
    strip.evaluate("(it) => it.scrollTo(40, 0)")
    expect(strip).to_contain_class("more-before more-after")
    strip.evaluate("(it) => it.scrollTo(1e6, 0)")
    expect(strip).not_to_contain_class("more-after")
    expect(strip).to_contain_class("more-before")


def test_each_picture_keeps_its_own_filter(page: Page) -> None:
    choose(page, ONE, TWO)
    await_answer(page, "one.png")
    slide(page, "#threshold", 0.65)
    page.locator(".chip[data-name=fibre]").click()
    page.locator("#pictures .open").nth(1).click()
    await_answer(page, "two.png")
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#threshold")).to_have_value("0.5")
    assert near(colour_of(page, CORNER), (237, 2, 128))
    page.locator("#pictures .open").nth(0).click()
    await_answer(page, "one.png")
    expect(page.locator("#found")).to_have_text("3 objects")
    expect(page.locator("#threshold")).to_have_value("0.65")
    expect(page.locator(".chip[data-name=fibre]")).to_have_attribute("aria-pressed", "false")
    assert near(colour_of(page, CORNER), (2, 2, 128))
    expect(page.locator("#pictures .state")).to_have_text(["3", "5"])


def test_a_picture_that_is_removed_makes_room_for_the_one_beside_it(page: Page) -> None:
    choose(page, ONE, TWO)
    await_answer(page, "one.png")
    page.get_by_role("button", name="Remove one.png").click()
    await_answer(page, "two.png")
    expect(page.locator("#pictures .name")).to_have_text(["two.png"])
    assert near(colour_of(page, CORNER), (237, 2, 128))


def test_with_the_last_picture_gone_the_start_is_back_and_works(page: Page) -> None:
    choose(page, ONE)
    await_answer(page, "one.png")
    page.get_by_role("button", name="Remove one.png").click()
    expect(page.get_by_role("heading", name="Every object, outlined")).to_be_visible()
    expect(page.locator("#visit")).to_be_hidden()
    expect(page.locator("#image")).to_be_focused()
    expect(page).to_have_title("MaskServe")
    choose(page, TWO)
    await_answer(page, "two.png")


def test_one_that_is_being_worked_on_can_be_removed_and_the_next_goes_on(page: Page) -> None:
    choose(page, SLOW, ONE)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Remove wide.png").click()
    await_answer(page, "one.png")


def test_another_picture_can_be_looked_at_while_one_is_worked_on(page: Page) -> None:
    choose(page, ONE)
    await_answer(page, "one.png")
    choose(page, SLOW)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    page.locator("#pictures .open").nth(0).click()
    await_answer(page, "one.png")
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#pictures li").nth(1)).to_have_attribute("data-state", "working")
    expect(page.locator("#pictures li").nth(1)).to_have_attribute("data-state", "done")


def test_a_files_name_is_text_and_nothing_else(page: Page) -> None:
    name = "<img src=x onerror=alert(1)><b>.png"
    choose(page, {**ONE, "name": name})
    await_answer(page, name)
    expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    expect(page).to_have_title(f"5 objects in {name} – MaskServe")
