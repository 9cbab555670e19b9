"""Servers with models whose objects are known, and a browser in which any error fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from server import UWSGI, Server, started, wait_until

if TYPE_CHECKING:  # it skips what imports it, and a conftest cannot be skipped
    from browsing import Browser, BrowserContext, ConsoleMessage, Page

KNOWN = "tests.page.known_models:create_known_app()"


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
        self._contexts.append(context)
        page = context.new_page()
        self.watch(page)
        page.goto(address(server))
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
        assert unexpected == []


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from browsing import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def browse(browser: Browser) -> Iterator[Browse]:
    browse = Browse(browser)
    yield browse
    browse.close()


@pytest.fixture(scope="session")
def serve_known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """A server of the known models with these settings; one for all tests that want the same."""
    if not UWSGI.exists():
        pytest.skip("uWSGI is not installed")
    with ExitStack() as stack:

        @cache
        def start(module: str = KNOWN, **settings: Any) -> Server:
            log: Path = tmp_path_factory.mktemp("server") / "log"
            server = stack.enter_context(started(log, module=module, **settings))
            wait_until(lambda: server.answers("/readyz"), 60)
            return server

        yield start


@pytest.fixture(scope="session")
def server(serve_known: Callable[..., Server]) -> Server:
    """The known models; a picture more than 300 pixels wide takes them a second and a half."""
    return serve_known(STUB_WIDE_SECONDS="1.5")


@pytest.fixture(scope="session")
def desk(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1280, "height": 900})


@pytest.fixture
def page(desk: Page, browse: Browse, server: Server) -> Page:
    """The page, just loaded. Tests share its tab, which saves half their time: leave it as it was.

    What they need of another network or window they have of a tab of their own: `browse`.
    """
    desk.goto(address(server))
    desk.mouse.move(0, 0)
    browse.watch(desk)
    return desk
