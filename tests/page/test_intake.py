from __future__ import annotations

import re
from typing import Any

import pytest
from browsing import HEIGHT, as_file, await_answer, choose, file_of, place_picture
from chromium import Browse, Page, expect
from server import Server

PNG = file_of(place_picture())
SLOW = file_of(place_picture(320, HEIGHT), "wide.png")  # the model takes its time for wide ones
UPLOAD = "/api/v1/segment"

# A DataTransfer as a browser makes it of a file that is dragged or copied.
CARRIED = """(bytes) => {
    const carried = new DataTransfer();
    carried.items.add(new File([new Uint8Array(bytes)], "carried.png", { type: "image/png" }));
    return carried;
}"""


def test_a_chosen_picture_is_answered_without_a_button(page: Page) -> None:
    page.locator("#image").set_input_files([PNG])
    await_answer(page)
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page).to_have_title("5 objects in places.png – MaskServe")


def test_the_button_opens_the_dialogue(page: Page) -> None:
    with page.expect_file_chooser() as opened:
        page.get_by_role("button", name="Choose pictures").click()
    opened.value.set_files([PNG])
    await_answer(page)


@pytest.mark.parametrize("place", ["footer", ".bar", ".upload"])
def test_a_picture_can_be_dropped_anywhere(page: Page, place: str) -> None:
    carried = page.evaluate_handle(CARRIED, list(PNG["buffer"]))
    page.dispatch_event(place, "dragenter", {"dataTransfer": carried})
    expect(page.get_by_text("Drop to find the objects")).to_be_visible()
    page.dispatch_event(place, "drop", {"dataTransfer": carried})
    expect(page.locator("#drop")).to_be_hidden()
    await_answer(page, "carried.png")


def test_a_picture_can_be_dropped_beside_one_that_is_looked_at(page: Page) -> None:
    choose(page, PNG)
    await_answer(page)
    carried = page.evaluate_handle(CARRIED, list(PNG["buffer"]))
    page.dispatch_event("#panel", "drop", {"dataTransfer": carried})
    await_answer(page, "carried.png")
    expect(page.locator("#pictures li")).to_have_count(2)


def test_a_drag_that_leaves_the_window_takes_its_hint_along(page: Page) -> None:
    carried = page.evaluate_handle(CARRIED, list(PNG["buffer"]))
    for place in ("main", ".upload"):  # one in the other
        page.dispatch_event(place, "dragenter", {"dataTransfer": carried})
    page.dispatch_event("main", "dragleave", {"dataTransfer": carried})
    expect(page.locator("#drop")).to_be_visible()
    page.dispatch_event(".upload", "dragleave", {"dataTransfer": carried})
    expect(page.locator("#drop")).to_be_hidden()


def test_a_picture_can_be_pasted(page: Page) -> None:
    carried = page.evaluate_handle(CARRIED, list(PNG["buffer"]))
    page.evaluate(
        """(clipboardData) => document.body.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))""",
        carried,
    )
    await_answer(page, "carried.png")


def test_a_phone_offers_its_camera_and_a_desk_does_not(browse: Browse, server: Server) -> None:
    phone = browse(server, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    expect(phone.locator(".upload").get_by_text("Take a photo")).to_be_visible()
    expect(phone.locator("#camera")).to_have_attribute("capture", "environment")
    phone.locator("#camera").set_input_files([PNG])
    await_answer(phone)
    expect(browse(server).locator(".upload").get_by_text("Take a photo")).to_be_hidden()


@pytest.mark.parametrize("name", ["fluorescence", "tissue"])
def test_a_sample_is_one_click(page: Page, name: str) -> None:
    page.locator(f".sample[value={name}]").click()
    await_answer(page, f"{name}.png")


def test_several_pictures_are_worked_through_in_order_and_one_by_one(page: Page) -> None:
    widths = {"one.png": 240, "two.png": 250, "three.png": 260}
    begun: list[Any] = []
    steps: list[str] = []

    def note(request: Any, step: str) -> None:
        if UPLOAD in request.url:
            steps.append(step)
            if step == "begins":
                begun.append(request)

    page.on("request", lambda request: note(request, "begins"))
    page.on("requestfinished", lambda request: note(request, "ends"))
    choose(page, *(file_of(place_picture(width), name) for name, width in widths.items()))
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(3)
    assert steps == ["begins", "ends"] * 3
    assert [request.response().json()["image"]["width"] for request in begun] == [*widths.values()]
    expect(page.locator("#pictures .name")).to_have_text([*widths])
    await_answer(page, "one.png")  # it is looked at from the start


def test_the_same_file_can_be_chosen_again(page: Page) -> None:
    for count in (1, 2):
        choose(page, PNG)
        expect(page.locator("#pictures li[data-state=done]")).to_have_count(count)


def test_an_upload_shows_how_far_it_is(browse: Browse, server: Server) -> None:
    page = browse(server)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000},
    )
    choose(page, as_file(PNG["buffer"] + bytes(600_000), "large.png"))
    expect(page.locator("#status-title")).to_have_text("Sending")
    expect(page.locator("#pictures .state")).to_have_text(re.compile(r"^[1-9]\d? % sent$"))
    assert 0 < page.locator("#status-progress").evaluate("(bar) => bar.value") < 1
    await_answer(page, "large.png")


def test_work_shows_a_clock_that_runs(page: Page) -> None:
    page.evaluate(
        """() => {
            const clock = document.getElementById("status-clock");
            window.shown = new Set();
            new MutationObserver(() => window.shown.add(clock.innerText)).observe(clock, {childList: true});
        }"""
    )
    choose(page, SLOW)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    expect(page.locator("#status-progress")).to_be_hidden()
    await_answer(page, "wide.png")
    shown = [text for text in page.evaluate("[...window.shown]") if text]
    assert len(shown) > 1
    assert all(re.fullmatch(r"\d+\.\d s", text) for text in shown)


def test_a_cancelled_picture_can_be_tried_again(page: Page) -> None:
    choose(page, SLOW)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    with page.expect_event("requestfailed", lambda request: UPLOAD in request.url):
        page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status-title")).to_have_text("Cancelled")
    expect(page.locator("#panel")).to_be_hidden()
    page.get_by_role("button", name="Try again").click()
    await_answer(page, "wide.png")
    expect(page.locator("#found")).to_have_text("5 objects")


def test_cancelling_one_picture_lets_the_next_go_on(page: Page) -> None:
    choose(page, SLOW, PNG)
    expect(page.locator("#status-title")).to_have_text("Looking for objects")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#pictures li").nth(1)).to_have_attribute("data-state", "done")
    expect(page.locator("#pictures li").nth(0)).to_have_attribute("data-state", "cancelled")


def test_one_that_is_cancelled_while_the_browser_reads_it_stays_cancelled(
    browse: Browse, server: Server
) -> None:
    page = browse(server)
    page.evaluate(
        """() => {
            const read = createImageBitmap;
            const held = new Promise((release) => (window.release = release));
            window.createImageBitmap = async (file) => held.then(() => read(file));
        }"""
    )
    choose(page, PNG)
    page.get_by_role("button", name="Cancel").click()
    page.evaluate("release()")
    expect(page.locator("#pictures img")).to_be_visible()
    expect(page.locator("#status-title")).to_have_text("Cancelled")
    page.get_by_role("button", name="Try again").click()
    await_answer(page)


def test_a_sample_that_cannot_be_loaded_is_told_and_the_next_try_works(
    browse: Browse, server: Server
) -> None:
    browse.expect_complaint("ERR_INTERNET_DISCONNECTED")
    browse.expect_complaint("Failed to fetch")
    page = browse(server)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    with page.expect_event("dialog") as told:
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator(".sample").first.click()
    assert "The sample could not be loaded" in told.value.message
    page.context.set_offline(False)
    page.locator(".sample").first.click()
    await_answer(page, "fluorescence.png")


def test_the_whole_drop_zone_opens_the_file_dialogue(page: Page) -> None:
    sample = page.get_by_role("img", name="Stained tissue; to the right")
    sample.evaluate("image => image.decode()")  # until then it moves what is around it
    # Chromium drops clicks on what it has not painted yet.
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    field, box = page.locator("#image").bounding_box(), sample.bounding_box()
    assert field and box
    middle = {
        "x": box["x"] + box["width"] / 2 - field["x"],
        "y": box["y"] + box["height"] / 2 - field["y"],
    }
    with page.expect_file_chooser() as chooser:
        page.locator("#image").click(position=middle)
    chooser.value.set_files([PNG])
    await_answer(page)


def test_after_a_file_that_is_no_picture_another_can_be_chosen_at_once(browse: Browse, page: Page) -> None:
    browse.expect_complaint("status of 415")
    choose(page, as_file(b"hello", "bad.png"))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose another file").click()
    chooser.value.set_files([PNG])
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(1)
