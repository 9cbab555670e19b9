"""Servers with models whose objects are known, and a browser in which any error fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from known_models import KNOWN
from server import UWSGI, Server, started, wait_until

DESK: ViewportSize = {"width": 1280, "height": 900}

if TYPE_CHECKING:  # it skips what imports it, and a conftest cannot be skipped
    from chromium import Browse, Browser, Driver, Page
    from playwright.sync_api import ViewportSize


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    from chromium import driving

    with driving() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(driver: Driver) -> Iterator[Browser]:
    from chromium import launched

    with launched(driver) as browser:
        yield browser


@pytest.fixture
def browse(browser: Browser) -> Iterator[Browse]:
    from chromium import Browse

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
    from chromium import MODULES

    desk = browser.new_page(viewport=DESK)
    desk.add_init_script(MODULES)
    return desk


@pytest.fixture
def page(desk: Page, browse: Browse, server: Server) -> Iterator[Page]:
    """The page, just loaded. Tests share its tab, which saves half their time: leave it as it was.

    Its window and media may change. What tests need of another network or device they have of a tab of their
    own: `browse`.
    """
    # What the page before keeps as it goes, it must have kept by now. The address is of the same server, as
    # chromium starts a new process for any other.
    desk.goto(f"{server.address}livez")
    origin = server.address.removesuffix("/")
    storage = desk.context.new_cdp_session(desk)
    storage.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb"})
    storage.detach()
    desk.goto(server.address)
    desk.mouse.move(0, 0)
    browse.watch(desk)
    yield desk
    desk.unroute_all()
    desk.set_viewport_size(DESK)
    desk.emulate_media(color_scheme="light", reduced_motion="no-preference")
