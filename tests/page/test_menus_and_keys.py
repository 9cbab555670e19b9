"""Keys, menus and fingers: they act on what the user is looking at, and on nothing behind it."""

from __future__ import annotations

from browsing import await_answer, choose, correct, file_of, in_window, open_downloads, place_picture, settled
from chromium import Browse, Page, expect
from known_models import OBJECTS
from server import Server


def answered(page: Page) -> None:
    choose(page, file_of(place_picture()))
    await_answer(page)


def correcting(page: Page) -> None:
    answered(page)
    correct(page)


def test_keys_leave_what_is_behind_a_dialog_alone(page: Page) -> None:
    correcting(page)
    page.mouse.click(*in_window(page, (50, 40)))
    expect(page.locator("#objects tr.selected")).to_have_count(1)
    page.get_by_role("button", name="Figure…").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    for key in ("Delete", "x", "e", "Control+z", "Escape"):
        page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#objects tr.selected")).to_have_count(1)
    expect(page.locator("#edit-bar")).to_be_visible()


def test_letters_are_keys_with_caps_lock_too(page: Page) -> None:
    answered(page)
    view = page.locator("#view")
    view.press("N")
    expect(page.locator("#objects tr.selected td:first-child")).to_contain_text("1")
    view.press("E")
    expect(page.locator("#edit-bar")).to_be_visible()
    view.press("D")
    expect(page.get_by_role("button", name="Outline", exact=True)).to_have_attribute("aria-pressed", "true")
    view.press("Shift+N")  # in addition
    view.press("Delete")
    expect(page.locator("#found")).to_have_text("3 objects")


def test_menus_close_when_the_user_turns_to_something_else(page: Page) -> None:
    answered(page)
    adjust, downloads = page.locator("#adjust"), page.locator("#downloads")
    summary = adjust.locator("summary")
    summary.click()
    page.get_by_label("Brightness").press("Escape")
    expect(adjust).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    page.mouse.click(*in_window(page, (5, 5)))
    expect(adjust).not_to_have_attribute("open", "")
    open_downloads(page)
    with page.expect_download():
        page.locator("[data-output=csv]").click()
    expect(downloads).not_to_have_attribute("open", "")
    expect(downloads.locator("summary")).to_be_focused()
    open_downloads(page)
    page.locator("#micrometres").focus()
    expect(downloads).not_to_have_attribute("open", "")


def test_a_refused_or_cancelled_model_is_not_that_of_the_next_picture(page: Page) -> None:
    correcting(page)
    page.mouse.click(*in_window(page, (50, 40)))
    page.keyboard.press("Delete")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#models input[value=leaves]").click()
    expect(page.locator("#models input[value=leaves]")).not_to_be_checked()
    choose(page, file_of(place_picture(400, 300), "wide.png"))  # which takes a while
    await_answer(page, "wide.png")
    expect(page.locator("#model-facts")).to_contain_text("known")
    page.locator("#models input[value=leaves]").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    choose(page, file_of(place_picture(), "next.png"))
    await_answer(page, "next.png")
    expect(page.locator("#model-facts")).to_contain_text("known")


def test_a_phone_shows_the_picture_and_the_tools_together(browse: Browse, server: Server) -> None:
    phone = browse(server, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    answered(phone)
    phone.locator("#correct").tap()
    expect(phone.locator("#edit-bar")).to_be_visible()
    settled(phone)
    expect(phone.locator("#view")).to_be_in_viewport(ratio=0.99)
    expect(phone.locator("#edit-bar")).to_be_in_viewport(ratio=0.99)
    expect(phone.locator(".edit-message")).to_have_text(
        "Tap an object to choose it, or several with “Several”."
    )
    expect(phone.locator(".keys").first).to_be_hidden()
    phone.get_by_role("button", name="Measure…").tap()
    phone.get_by_text("Columns of the table").tap()
    small = phone.locator(
        ".brand, .visit button.link:visible, .measures summary, .measures .choices label"
    ).evaluate_all(
        "(all) => all.map((it) => [it.textContent, it.offsetHeight]).filter(([, high]) => high < 44)"
    )
    assert small == []


def test_a_small_part_is_split_off_and_what_is_drawn_is_shown_whatever_the_filters(page: Page) -> None:
    correcting(page)
    page.keyboard.press("s")
    corner = OBJECTS[1].box  # of fibre 2, 100 x 20 pixels: 2 columns are less than its crumbs
    x = corner[0] + 1.5
    for point in ((x, 15), (x, 45)):
        page.mouse.click(*in_window(page, point))
    page.keyboard.press("Enter")
    expect(page.locator(".edit-message")).to_contain_text("Split object 2 into 2.")
    page.get_by_role("button", name="Measure…").click()
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("Measure to filter by").select_option("solidity")
    page.get_by_label("At least").fill("2")
    expect(page.locator("#found")).to_have_text("2 objects")  # the two parts
    page.keyboard.press("Escape")
    page.locator("#view").focus()
    page.keyboard.press("d")
    for point in ((205, 60), (225, 60), (225, 90)):
        page.mouse.click(*in_window(page, point))
    page.keyboard.press("Enter")
    expect(page.locator(".edit-message")).to_contain_text("Drew object 10.")
    expect(page.locator("#found")).to_have_text("3 objects")
