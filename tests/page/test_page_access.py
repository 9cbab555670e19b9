"""Whoever looks, and with whatever: a keyboard, a reader's eyes and ears, a small screen or a huge one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import as_file, await_answer, choose, drawn, file_of, place_picture, slide
from chromium import Browse, Browser, Page, expect
from server import Server

PNG = file_of(place_picture())


def start(browse: Browse, page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def visit(browse: Browse, page: Page) -> None:
    choose(page, PNG, {**PNG, "name": "a second picture with quite a long name.png"})
    await_answer(page)
    expect(page.locator("#pictures li[data-state=done]")).to_have_count(2)
    page.locator("#compare").check()
    page.locator("#objects tr").first.click()


def classes(browse: Browse, page: Page) -> None:
    """The answer of a semantic model."""
    choose(page, PNG)
    await_answer(page)
    page.get_by_role("button", name="Use ground").click()
    expect(page.locator("#found")).to_have_text("2 classes: 51 % of the picture")


def problem(browse: Browse, page: Page) -> None:
    browse.expect_complaint("status of 415")
    choose(page, as_file(b"hello", "bad.png"))
    expect(page.locator("#status-title")).to_have_text("Not an image")


def result(browse: Browse, page: Page) -> None:
    """The answer to the form, as it is without the page's script; a script must be there to look around."""
    page.locator(".sample").first.evaluate("(button) => button.form.requestSubmit(button)")
    expect(page.get_by_role("img", name="The picture with 5 objects outlined")).to_be_visible()


@pytest.fixture(scope="module", params=[start, visit, classes, problem, result])
def staged(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    """The page at one of its stages, reached in a small window; tests only look, in windows of their size."""
    browse = Browse(browser)
    window = {"width": 320, "height": 640}
    page = browse(server, viewport=window, reduced_motion="reduce")  # the colours change at once
    request.param(browse, page)
    yield page
    browse.close()


def test_axe_finds_nothing_serious_by_day_or_night(staged: Page) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    staged.set_viewport_size({"width": 1280, "height": 900})
    for scheme in ("dark", "light"):
        staged.emulate_media(color_scheme=scheme)
        violations = axe.run(staged).response["violations"]
        assert [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in violations
            if violation["impact"] in ("serious", "critical")
        ] == [], scheme


def test_every_control_has_a_name_for_the_ear(staged: Page) -> None:
    """As chromium works it out: axe takes any label around a control for its own."""
    staged.set_viewport_size({"width": 1280, "height": 900})
    tree = staged.context.new_cdp_session(staged).send("Accessibility.getFullAXTree")
    controls = [
        node
        for node in tree["nodes"]
        if any(property["name"] == "focusable" for property in node.get("properties", []))
        and node["role"]["value"] not in ("RootWebArea", "generic")
    ]
    assert len(controls) > 5
    assert [node["role"]["value"] for node in controls if not node["name"]["value"].strip()] == []


# Elements that stick out of the window, but for those that scroll in a part of the page of their own.
STICKING_OUT = """() => [...document.querySelectorAll("body *")].filter((element) => {
    const { left, right, width, height } = element.getBoundingClientRect();
    const seen = width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
    const scrolls = element.closest(".scroller, .strip ul");
    return seen && (left < -0.5 || right > innerWidth + 0.5) && (!scrolls || scrolls === element);
}).map((element) => element.outerHTML.slice(0, 100))"""

# Elements whose text does not fit into them. A long file name ends in an ellipsis; its picture says more.
CUT = """() => [...document.querySelectorAll("body *")].filter((element) => {
    const style = getComputedStyle(element);
    const cuts = style.overflowX !== "visible" && style.textOverflow !== "ellipsis";
    const scrolls = element.matches(".scroller, .strip ul, .visually-hidden");
    const seen = element.checkVisibility({ visibilityProperty: true }) && element.clientWidth > 1;
    return seen && cuts && !scrolls && element.scrollWidth > element.clientWidth + 1;
}).map((element) => element.outerHTML.slice(0, 100))"""


def test_nothing_sticks_out_or_is_cut_in_a_window_of_any_size(staged: Page) -> None:
    for width, height in ((320, 640), (800, 640), (3840, 2160)):
        staged.set_viewport_size({"width": width, "height": height})
        drawn(staged)
        assert staged.evaluate("document.documentElement.scrollWidth") <= width
        assert staged.evaluate(STICKING_OUT) == [], width
        assert staged.evaluate(CUT) == [], width


def test_the_picture_uses_a_huge_screen(browse: Browse, server: Server) -> None:
    page = browse(server, viewport={"width": 3840, "height": 2160})
    visit(browse, page)
    width, height = page.locator("#view").evaluate("(it) => [it.clientWidth, it.clientHeight]")
    assert width > 1200 and height > 1200


def test_keys_alone_lead_from_the_start_to_a_download(page: Page) -> None:
    def tab_to(selector: str, key: str = "Tab") -> None:
        for _ in range(60):
            page.keyboard.press(key)
            on, ringed = page.evaluate(
                """(selector) => {
                    const { activeElement: at } = document;
                    const ring = (element) => element && getComputedStyle(element).outlineStyle !== "none";
                    const label = at.id && document.querySelector(`label[for="${at.id}"]`);
                    return [at.matches(selector), ring(at) || ring(label) ? "" : at.outerHTML];
                }""",
                selector,
            )
            assert ringed == "", "nobody sees where the focus is"
            if on:
                return
        raise AssertionError(f"Tab does not come to {selector}")

    tab_to("#image")
    tab_to(".sample")
    page.keyboard.press("Enter")
    await_answer(page, "fluorescence.png")
    expect(page.locator("#view")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("#objects tr").first).to_contain_class("selected")
    tab_to("#threshold")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#threshold-value")).to_have_text("0.49")
    tab_to(".chip[data-name=fibre]")
    page.keyboard.press("Space")
    expect(page.locator("#found")).to_have_text("3 objects")
    tab_to("#downloads summary", "Shift+Tab")
    page.keyboard.press("Enter")
    tab_to("[data-output=csv]")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert len(Path(download.value.path()).read_text().splitlines()) == 1 + 3
    page.keyboard.press("Escape")
    tab_to("#objects button")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#objects tr:not([hidden])").nth(1)).to_contain_class("selected")


def test_the_page_says_aloud_what_happens(page: Page) -> None:
    aloud = page.locator("#aloud")
    choose(page, file_of(place_picture(320, 180), "wide.png"))
    expect(aloud).to_have_text("Looking for objects. ")
    expect(aloud).to_have_text("5 objects in wide.png. Chosen automatically: known, which found “cell”.")
    slide(page, "#threshold", 0.65)
    expect(aloud).to_have_text("4 objects in wide.png")


def test_nothing_moves_where_that_is_not_wanted(browse: Browse, server: Server) -> None:
    page = browse(server, reduced_motion="reduce")
    visit(browse, page)
    moving = """() => [...document.querySelectorAll("*")].filter((element) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
        return transitionDuration !== "0s" || animationName !== "none" || scrollBehavior === "smooth";
    }).map((element) => element.outerHTML.slice(0, 100))"""
    assert page.evaluate(moving) == []


SHIFTS = """() => new Promise((done) => {
    let sum = 0;
    const add = (list) => list.getEntries().forEach((shift) => (sum += shift.value));
    new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 100);
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_jumps_while_the_page_loads_nor_when_the_answer_comes(
    browse: Browse, server: Server, width: int
) -> None:
    page = browse(server, viewport={"width": width, "height": 800})
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SHIFTS) < 0.02
    page.locator(".sample").first.click()
    expect(page.locator("#visit")).to_be_visible()
    before = page.evaluate(SHIFTS)
    await_answer(page, "fluorescence.png")
    assert page.evaluate(SHIFTS) - before < 0.02


def test_the_first_load_is_small(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    sizes = page.evaluate(
        """() => Object.fromEntries(
            [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
                .map((entry) => [entry.name, entry.transferSize]))"""
    )
    assert len(sizes) > 20 and any(name.endswith("/hero.svg") for name in sizes)
    assert sum(sizes.values()) < 150_000
