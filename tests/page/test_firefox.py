"""The page in Debian's Firefox, driven through WebDriver BiDi: what browsers are known to do differently."""

from __future__ import annotations

import shutil

import pytest
from browsing import await_answer, choose, file_of, place_picture, slide
from chromium import Driver, expect
from server import Server

FIREFOX = shutil.which("firefox-esr")
# Playwright sets these by default, which Firefox's BiDi does not know.
AS_THEY_ARE = {"color_scheme": "null", "reduced_motion": "null", "forced_colors": "null", "contrast": "null"}


@pytest.mark.skipif(not FIREFOX, reason="firefox is not installed (Debian: firefox-esr)")
def test_firefox_shows_measures_and_keeps_a_picture(driver: Driver, server: Server) -> None:
    firefox = driver.firefox.launch(channel="moz-firefox", executable_path=FIREFOX)
    try:
        page = firefox.new_context(viewport={"width": 1280, "height": 900}, **AS_THEY_ARE).new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.address)
        choose(page, file_of(place_picture()))
        await_answer(page)
        expect(page.locator("#found")).to_have_text("5 objects")

        page.get_by_label("A pixel is").fill("0,325")
        expect(page.locator("#total")).to_have_text("856 µm²")
        slide(page, "#threshold", 0.65)
        slide(page, "#opacity", 0.9)
        page.get_by_label("Boxes").check()
        page.get_by_label("Compare").check()
        page.wait_for_timeout(500)  # for what is kept

        page.reload()  # Firefox restores controls by itself, and must not restore them wrongly
        await_answer(page)
        expect(page.locator("#found")).to_have_text("4 objects")
        expect(page.locator("#threshold")).to_have_value("0.65")
        expect(page.locator("#opacity")).to_have_value("0.9")
        expect(page.get_by_label("A pixel is")).to_have_value("0.325")
        expect(page.get_by_label("Boxes")).to_be_checked()
        expect(page.get_by_label("Compare")).to_be_checked()
        with page.expect_download() as download:
            page.get_by_role("button", name="Table").click()
        assert download.value.suggested_filename == "places.csv"
        assert errors == []
    finally:
        firefox.close()
