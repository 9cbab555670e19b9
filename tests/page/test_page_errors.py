from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from browsing import HEIGHT, as_file, await_answer, choose, file_of, place_picture
from chromium import Browse, Page, Route, expect
from free_ports import free_port
from known_models import KNOWN
from server import Server, started, wait_until

PNG = file_of(place_picture())
SLOW = file_of(place_picture(320, HEIGHT), "wide.png")
KEY = "sesame-0123456789"
SMALL = {"MASKSERVE_MAX_BYTES": str(2**20), "MASKSERVE_QUEUE": "0", "STUB_WIDE_SECONDS": "1.5"}


def failed(page: Page, title: str) -> None:
    expect(page.locator("#status-title")).to_have_text(title)
    expect(page.locator("#status")).to_have_attribute("data-state", "failed")


def test_what_is_no_picture_is_told_and_the_next_one_works(browse: Browse, page: Page) -> None:
    for name, data, status, title, detail in (
        ("text.png", b"hello", 415, "Not an image", "accepted format"),
        ("half.png", PNG["buffer"][: len(PNG["buffer"]) // 2], 422, "Broken image", "truncated"),
    ):
        browse.expect_complaint(f"status of {status}")
        choose(page, as_file(data, name))
        failed(page, title)
        expect(page.locator("#status-detail")).to_contain_text(detail)
        expect(page.locator("#aloud")).to_contain_text(detail)
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()  # it would not help
        choose(page, {**PNG, "name": f"after {name}"})
        await_answer(page, f"after {name}")


def test_what_cannot_go_through_is_not_even_sent(browse: Browse, serve_known: Callable[..., Server]) -> None:
    page = browse(serve_known(**SMALL))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    too_large = "It has 2.0 MB; the limit of this service is 1.0 MB."
    for size, name, title, detail in (
        (0, "bad.png", "The file is empty", "Choose another"),
        (2 * 2**20, "large.png", "The picture is too large", too_large),
        (
            2 * 2**20,
            "stack.tif",
            "The picture is too large",
            "If it is a stack, save fewer of its pages in one",
        ),
    ):
        choose(page, as_file(bytes(size), name))
        failed(page, title)
        expect(page.locator("#status-detail")).to_contain_text(detail)
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    assert not any("segment" in url for url in sent)


FAILING_PART = """async () => {
    const { name } = performance.getEntriesByType("resource").find(({ name }) => name.includes("/visit.js"));
    const { on } = await import(name);
    on("pictures current", () => { throw new Error("a part of the page fails"); });
    on("current", () => (window.heard = true));
}"""


def test_a_part_of_the_page_that_fails_is_reported_and_stops_nothing_else(browse: Browse, page: Page) -> None:
    browse.expect_complaint("a part of the page fails")
    page.evaluate(FAILING_PART)
    with page.expect_event("pageerror"):
        choose(page, PNG, {**PNG, "name": "second.png"})
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    assert page.evaluate("window.heard")
    choose(page, {**PNG, "name": "third.png"})
    await_answer(page, "third.png")


def test_a_part_that_cannot_be_loaded_is_told(browse: Browse, page: Page) -> None:
    browse.expect_complaint("ERR_FAILED")
    browse.expect_complaint("Failed to fetch dynamically imported module")
    choose(page, PNG)
    await_answer(page)
    page.route("**/figure/dialog.js", lambda route: route.abort())
    with page.expect_event("dialog", lambda dialog: "could not be loaded" in dialog.message) as told:
        page.get_by_role("button", name="Figure…").click(no_wait_after=True)
    told.value.accept()


def test_a_busy_service_is_asked_again_when_it_says(
    browse: Browse, serve_known: Callable[..., Server]
) -> None:
    browse.expect_complaint("status of 503")
    server = serve_known(**SMALL)
    page = browse(server)
    with server.send(SLOW["buffer"]):  # somebody else's
        choose(page, PNG)
        expect(page.locator("#status-title")).to_have_text("The service is busy")
        expect(page.locator("#status-clock")).to_have_text("1 s")
        await_answer(page)


def test_a_wait_for_a_busy_service_can_be_cancelled(
    browse: Browse, serve_known: Callable[..., Server]
) -> None:
    browse.expect_complaint("status of 503")
    server = serve_known(**SMALL)
    page = browse(server)
    with server.send(SLOW["buffer"]):
        choose(page, PNG)
        expect(page.locator("#status-title")).to_have_text("The service is busy")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#status-title")).to_have_text("Cancelled")


def test_a_missing_or_wrong_key_is_asked_for_and_then_it_goes_on(
    browse: Browse, serve_known: Callable[..., Server]
) -> None:
    browse.expect_complaint("status of 401")
    page = browse(serve_known(MASKSERVE_API_KEYS=KEY))
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    choose(page, PNG, {**PNG, "name": "next.png"})
    field = page.locator("#status").get_by_label("API key")
    expect(page.locator("#pictures li[data-state=failed]")).to_have_count(2)
    field.fill("guess")
    field.press("Enter")
    expect(page.locator("#status-detail")).to_contain_text("not one of this service's")
    expect(page.locator("#pictures li[data-state=failed]")).to_have_count(2)
    field.fill(KEY)
    field.press("Enter")
    await_answer(page)
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    choose(page, {**PNG, "name": "third.png"})
    await_answer(page, "third.png")  # it is remembered
    assert not any(KEY in url for url in urls)


def test_a_key_given_at_the_start_is_sent_along(browse: Browse, serve_known: Callable[..., Server]) -> None:
    page = browse(serve_known(MASKSERVE_API_KEYS=KEY))
    page.locator("#key").fill(KEY)
    page.locator(".sample").first.click()
    await_answer(page, "fluorescence.png")


def test_offline_is_told_and_goes_on_by_itself_when_it_is_over(browse: Browse, server: Server) -> None:
    browse.expect_complaint("ERR_INTERNET_DISCONNECTED")
    page = browse(server)
    page.context.set_offline(True)
    choose(page, PNG)
    failed(page, "You are offline")
    page.context.set_offline(False)
    await_answer(page)


def test_a_server_that_dies_half_way_loses_no_picture(browse: Browse, tmp_path: Path) -> None:
    browse.expect_complaint("net::ERR_")
    port = free_port()
    with ExitStack() as stack:

        def start(name: str) -> Server:
            options = {"module": KNOWN, "port": port, "STUB_WIDE_SECONDS": "1.5"}
            server = stack.enter_context(started(tmp_path / name, **options))  # type: ignore[arg-type]
            wait_until(server.answers, 30)
            return server

        server = start("first")
        page = browse(server)
        choose(page, SLOW, PNG)
        expect(page.locator("#status-title")).to_have_text("Looking for objects")
        os.killpg(server.process.pid, signal.SIGKILL)
        expect(page.locator("#status-title")).to_have_text("The service does not answer")
        expect(page.locator("#pictures .state")).to_have_text(["no answer", "waiting"])
        time.sleep(3)  # longer than a failed batch used to take
        start("second")
        await_answer(page, "wide.png")
        expect(page.locator("#found")).to_have_text("5 objects")
        expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)


def test_one_picture_that_breaks_every_connection_does_not_stop_the_others(
    browse: Browse, page: Page
) -> None:
    browse.expect_complaint("ERR_FAILED")
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        route.abort()

    page.route("**/segment*", lambda route: lose(route) if len(lost) < 3 else route.fallback())
    choose(page, PNG, {**PNG, "name": "second.png"})
    failed(page, "The connection broke off 3 times")
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(1)
    page.unroute("**/segment*")
    page.get_by_role("button", name="Try again").click()
    await_answer(page)


def test_a_proxy_that_has_lost_the_service_is_waited_for(browse: Browse, page: Page) -> None:
    browse.expect_complaint("status of 502")
    gone = {"status": 502, "body": "<html>Bad Gateway"}
    page.route("**/segment*", lambda route: route.fulfill(**gone), times=1)
    page.route("**/livez", lambda route: route.fulfill(**gone), times=1)
    choose(page, PNG)
    expect(page.locator("#status-title")).to_have_text("The service does not answer")
    await_answer(page)


def test_a_page_that_is_opened_too_early_looks_again_by_itself(browse: Browse, tmp_path: Path) -> None:
    browse.expect_complaint("status of 503")
    early = {"module": "stub_server:create_loading_app()", "STUB_LOADING": "2", "MASKSERVE_MODELS": "stub"}
    with started(tmp_path / "log", **early) as server:  # type: ignore[arg-type]
        wait_until(server.answers, 30)
        page = browse(server)
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_role("heading", name="Every object, outlined")).to_be_visible()
        choose(page, PNG)
        await_answer(page)
