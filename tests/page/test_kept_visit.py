"""The visit is kept in the browser: leaving the page loses nothing, and what is forgotten is gone."""

from __future__ import annotations

from collections.abc import Callable

from browsing import (
    HEIGHT,
    as_file,
    await_answer,
    choose,
    colour_of,
    correct,
    drawn,
    file_of,
    in_window,
    near,
    place_picture,
    slide,
)
from chromium import Browse, Page, expect
from server import Server

ONE, TWO = file_of(place_picture(), "one.png"), file_of(place_picture(), "two.png")
TIFF = file_of(place_picture(), "pages.tif", "TIFF")
SLOW = file_of(place_picture(320, HEIGHT), "wide.png")


def kept(page: Page) -> None:
    """Wait until the page has written what it has to keep."""
    page.evaluate("() => new Promise((done) => setTimeout(done, 500))")


def segment_requests(page: Page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/segment" in request.url else None)
    return asked


def leave_and_return(page: Page) -> None:
    page.get_by_role("link", name="MaskServe").click()


def reload(page: Page) -> None:
    page.reload()


def test_reloading_leaving_and_the_logo_lose_nothing(browse: Browse, page: Page) -> None:
    browse.expect_complaint("status of 415")
    choose(page, ONE, as_file(b"hello", "broken.png"), TIFF)
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    slide(page, "#threshold", 0.65)
    page.locator(".chip[data-name=fibre]").click()
    page.get_by_label("A pixel is").fill("0.5")
    page.get_by_label("Boxes").check()
    slide(page, "#opacity", 0.9)
    page.locator("#pictures .open").nth(2).click()
    await_answer(page, "pages.tif")
    asked = segment_requests(page)
    ways: tuple[Callable[[Page], None], ...] = (reload, leave_and_return)
    for go in ways:
        kept(page)
        go(page)
        await_answer(page, "pages.tif")
        expect(page.locator("#pictures .state")).to_have_text(["3", "failed", "5"])
        expect(page.locator("#pictures .name")).to_have_text(["one.png", "broken.png", "pages.tif"])
        assert page.locator("#pictures img").evaluate_all("(all) => all.map((one) => one.hidden)")[0] is False
        expect(page.get_by_label("Boxes")).to_be_checked()
        expect(page.locator("#opacity")).to_have_value("0.9")
        slide(page, "#threshold", 1)
        assert near(colour_of(page, (140.5, 110.5)), (140, 110, 128))
        slide(page, "#threshold", 0.5)
        page.locator("#pictures .open").nth(1).click()
        expect(page.locator("#status-title")).to_have_text("Not an image")
        page.locator("#pictures .open").nth(0).click()
        await_answer(page, "one.png")
        expect(page.locator("#threshold")).to_have_value("0.65")
        expect(page.locator(".chip[data-name=fibre]")).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_label("A pixel is")).to_have_value("0.5")
        page.locator("#pictures .open").nth(2).click()
        await_answer(page, "pages.tif")
    assert asked == []


def test_a_picture_that_was_being_worked_on_is_sent_again(page: Page) -> None:
    choose(page, SLOW, ONE)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    page.reload()
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    await_answer(page, "wide.png")


def test_a_correction_is_kept_even_if_the_page_is_left_at_once(page: Page) -> None:
    choose(page, ONE)
    await_answer(page, "one.png")
    kept(page)
    correct(page)
    page.mouse.click(*in_window(page, (50, 40)))
    expect(page.locator("#objects tr.selected")).to_have_count(1)
    page.keyboard.press("Delete")
    expect(page.locator("#found")).to_have_text("4 objects")
    drawn(page)
    page.reload()
    await_answer(page, "one.png")
    expect(page.locator("#found")).to_have_text("4 objects")


def test_what_is_forgotten_does_not_come_back(page: Page) -> None:
    choose(page, ONE, TWO)
    await_answer(page, "one.png")
    expect(page.locator("#kept-words")).to_contain_text("on this device only")
    kept(page)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget them").click()
    expect(page.get_by_role("heading", name="Every object, outlined")).to_be_visible()
    page.reload()
    expect(page.locator("#start")).to_be_visible()
    left = """() => new Promise((done) => {
        const opening = indexedDB.open("maskserve");
        opening.onsuccess = () => {
            const counting = opening.result.transaction("values").objectStore("values").count();
            counting.onsuccess = () => { opening.result.close(); done(counting.result); };
        };
    })"""
    assert page.evaluate(left) == 0


def test_a_removed_picture_can_be_put_back_as_it_was(page: Page) -> None:
    choose(page, ONE, TWO)
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    slide(page, "#threshold", 0.65)
    page.get_by_role("button", name="Remove one.png").click()
    page.get_by_role("button", name="Remove two.png").click()
    expect(page.get_by_role("heading", name="Every object, outlined")).to_be_visible()
    note = page.locator("#undo")
    expect(note).to_contain_text("two.png was removed.")
    note.get_by_role("button", name="Undo").click()
    await_answer(page, "two.png")
    expect(note).to_be_hidden()
    expect(page.locator("#pictures .name")).to_have_text(["two.png"])
    choose(page, {**ONE, "name": "three.png"})
    await_answer(page, "three.png")
    page.get_by_role("button", name="Remove two.png").click()
    kept(page)
    page.reload()
    await_answer(page, "three.png")
    expect(page.locator("#pictures .name")).to_have_text(["three.png"])


def test_one_that_is_removed_while_it_is_worked_on_is_sent_again_when_it_is_put_back(page: Page) -> None:
    choose(page, SLOW)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    page.get_by_role("button", name="Remove wide.png").click()
    page.get_by_role("button", name="Undo").click()
    await_answer(page, "wide.png")


def test_each_tab_has_a_visit_of_its_own_and_a_new_one_takes_up_what_was_left(
    browse: Browse, server: Server
) -> None:
    first = browse(server)
    choose(first, ONE)
    await_answer(first, "one.png")
    kept(first)
    second = first.context.new_page()
    browse.watch(second)
    second.goto(server.address)
    kept(second)
    expect(second.locator("#start")).to_be_visible()
    choose(second, TWO)
    await_answer(second, "two.png")
    kept(second)
    first.close()
    third = second.context.new_page()
    browse.watch(third)
    third.goto(server.address)
    await_answer(third, "one.png")
    expect(third.locator("#pictures li")).to_have_count(1)


def test_where_nothing_can_be_kept_the_page_says_so_and_asks_before_it_is_left(
    browse: Browse, server: Server
) -> None:
    page = browse(server)
    page.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); }")
    page.reload()
    choose(page, ONE)
    await_answer(page, "one.png")
    expect(page.locator("#kept-words")).to_contain_text("they are lost when you leave")
    page.locator("#view").click()  # browsers ask only those who have used the page
    asked: list[str] = []

    def stay_not(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.accept()  # type: ignore[attr-defined]

    page.on("dialog", stay_not)
    page.reload()
    assert asked == ["beforeunload"]
