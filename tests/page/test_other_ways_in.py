"""Pictures from the web and from a webcam, and links that choose a model."""

from __future__ import annotations

import json

from browsing import await_answer, choose, file_of, open_downloads, place_picture
from chromium import Browse, Page, Route, expect
from server import Server

PNG = file_of(place_picture())


def ask_for(page: Page, url: str) -> None:
    page.get_by_role("button", name="Web address…").locator("visible=true").click()
    dialog = page.get_by_role("dialog", name="From a web address")
    dialog.get_by_label("Web address of a picture").fill(url)
    dialog.get_by_role("button", name="Find objects").click()


def test_a_picture_from_the_web_is_fetched_by_the_service_and_shown(page: Page) -> None:
    url = "https://images.example/cells/plate%201.png?size=full"
    asked: list[str] = []

    def fetch_for_it(route: Route) -> None:
        """Answer as the service does when it has fetched the picture."""
        asked.append(json.loads(route.request.post_data or "")["url"])
        headers = {**route.request.headers, "content-type": "application/octet-stream"}
        route.fulfill(response=route.fetch(post_data=PNG["buffer"], headers=headers))

    page.route("**/segment?*", fetch_for_it)
    ask_for(page, url)
    await_answer(page, "plate%201.png")
    expect(page.locator("#found")).to_have_text("5 objects")
    expect(page.locator("#pictures img")).to_be_visible()
    expect(page.locator("#snippet")).to_contain_text(f"""-d '{{"url":"{url}"}}'""")
    open_downloads(page)
    with page.expect_download():
        page.get_by_role("button", name="Table").click()
    page.get_by_role("button", name="Side by side…").click()
    page.locator("#compare-dialog select").first.select_option("leaves")
    expect(page.locator("#compare-dialog")).to_contain_text("1 object")
    assert asked == [url] * len(asked) and len(asked) >= 2


def test_a_url_that_the_service_does_not_fetch_is_told_and_the_next_picture_works(
    browse: Browse, page: Page
) -> None:
    browse.expect_complaint("status of 403")
    choose(page, PNG)
    await_answer(page)
    ask_for(page, "http://127.0.0.1:8080/private.png")
    expect(page.locator("#status")).to_have_attribute("data-state", "failed")
    expect(page.locator(".strip [aria-current] .name")).to_have_text("private.png")
    choose(page, {**PNG, "name": "next.png"})
    await_answer(page, "next.png")


def test_the_webcam_takes_a_picture_and_is_off_again(page: Page) -> None:
    page.evaluate(
        """() => {
            const devices = navigator.mediaDevices;
            const open = devices.getUserMedia.bind(devices);
            devices.getUserMedia = async (wishes) => (window.stream = await open(wishes));
        }"""
    )
    page.get_by_role("button", name="Webcam").locator("visible=true").click()
    dialog = page.get_by_role("dialog", name="Webcam")
    dialog.get_by_role("button", name="Take the picture").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".strip [aria-current] .name")).to_have_text("webcam-1.png")
    expect(page.locator("#pictures li")).to_have_attribute("data-state", "done")
    assert page.evaluate("stream.getTracks().map((track) => track.readyState)") == ["ended"]


def test_a_link_opens_the_page_with_a_model_chosen(page: Page, server: Server) -> None:
    page.goto(f"{server.address}?model=leaves")
    expect(page.get_by_text("With the model leaves")).to_be_visible()
    choose(page, PNG)
    await_answer(page)
    expect(page.locator("#model-facts")).to_contain_text("leaves version 7")
    expect(page.get_by_role("radio", name="leaves")).to_be_checked()


def test_a_link_to_a_model_that_is_not_there_says_so(page: Page, server: Server) -> None:
    page.goto(f"{server.address}?model=<b>gone")
    expect(page.get_by_role("note")).to_contain_text(
        "There is no model “<b>gone” here. There are: known, leaves, crowd, ground."
    )
    choose(page, PNG)
    await_answer(page)
    expect(page.locator("#model-facts")).to_contain_text("known version 7")


def test_such_a_link_works_without_javascript(browse: Browse, server: Server) -> None:
    plain = browse(server, java_script_enabled=False)
    plain.goto(f"{server.address}?model=leaves")
    plain.get_by_label("Your picture").set_input_files([PNG])
    plain.get_by_role("button", name="Find objects").click()
    expect(plain.get_by_text("Model leaves version 7")).to_be_visible()
