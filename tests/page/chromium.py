"""Debian's chromium: pages in it, in which any error fails the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from server import Server

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
INSTALLED = [path for name in ("-headless-shell", "") if (path := Path(f"/usr/bin/chromium{name}")).exists()]
"""Debian's; the first one has no windows, and takes a quarter less of the processor's time."""
CHROMIUM = Path(os.environ.get("CHROMIUM", INSTALLED[0] if INSTALLED else "/usr/bin/chromium"))
if not CHROMIUM.exists():
    pytest.skip(f"{CHROMIUM} is not installed (Debian: chromium-headless-shell)", allow_module_level=True)

Browser, BrowserContext = playwright.Browser, playwright.BrowserContext
Page, ConsoleMessage, expect = playwright.Page, playwright.ConsoleMessage, playwright.expect
Route, Driver, Dialog = playwright.Route, playwright.Playwright, playwright.Dialog

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
    " --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"  # a camera that sees a test picture
)
# The page's modules for tests to look into, at the addresses at which the page has loaded them.
MODULES = """
    window.viewer = (name) => import(new URL(name, document.querySelector("script[type=module]").src));
"""
_PATIENCE = 20_000  # milliseconds: other tests run at the same time


@contextmanager
def driving() -> Iterator[Driver]:
    """What launches browsers; a thread can have one at a time."""
    expect.set_options(timeout=_PATIENCE)
    with playwright.sync_playwright() as driver:
        yield driver


@contextmanager
def launched(driver: Driver) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS.split())
    yield browser
    browser.close()


class Browse:
    """Opens pages, each in a fresh profile, and notes what their consoles complain of."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._watched: list[Page] = []
        self._expected: list[str] = []
        self._complaints: list[str] = []

    def __call__(self, server: Server, **options: Any) -> Page:
        context = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.add_init_script(MODULES)
        self._contexts.append(context)
        page = context.new_page()
        self.watch(page)
        page.goto(server.address)
        return page

    def watch(self, page: Page) -> None:
        self._watched.append(page)
        page.on("pageerror", self._note_error)
        page.on("console", self._note_line)

    def expect_complaint(self, text: str) -> None:
        """A browser reports each refusal, even one that the page takes well."""
        self._expected.append(text)

    def _note_error(self, error: Exception) -> None:
        self._complaints.append(str(error))

    def _note_line(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self._complaints.append(line.text)

    def close(self) -> None:
        for page in self._watched:
            page.remove_listener("pageerror", self._note_error)
            page.remove_listener("console", self._note_line)
        for context in self._contexts:
            context.close()
        unexpected = [
            text for text in self._complaints if not any(expected in text for expected in self._expected)
        ]
        assert unexpected == [], unexpected
