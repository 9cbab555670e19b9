"""Images that requests name by URL: when they are fetched, and what those cost that do not come."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asking import assert_problem, post
from flask import Flask
from stub_internet import HOST, Serve
from stub_origin import Answer, ok
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.errors import Busy

Make = Callable[..., Flask]


def url(path: str) -> dict[str, str]:
    return {"url": f"http://{HOST}/{path}"}


def sent(png: bytes) -> dict[str, str]:
    return {"image": base64.b64encode(png).decode()}


def ask(app: Flask, *images: dict[str, str]) -> list[dict[str, Any]]:
    response = app.test_client().post("/api/v1/batch", json={"images": images})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.get_json()["results"]
    return found


def statuses(results: list[dict[str, Any]]) -> list[int]:
    return [result["error"]["status"] if "error" in result else 200 for result in results]


@pytest.fixture
def asked() -> threading.Event:
    """Set once an image is asked for that does not come."""
    return threading.Event()


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Once set, images that did not come never will: their connections are closed."""
    over = threading.Event()
    yield over
    over.set()


@pytest.fixture
def make(
    serve: Serve,
    png: bytes,
    asked: threading.Event,
    over: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    """Makes a service that may fetch: /there has `png`, /silent nothing, /dripping a byte now and then."""

    def silent(_: socket.socket) -> None:
        asked.set()
        over.wait(60)

    def dripping(line: socket.socket) -> None:
        asked.set()
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 90000\r\n\r\n")
        while not over.wait(0.1):
            line.sendall(b"x")

    answers: dict[str, Answer] = {"/there": ok(png), "/silent": silent, "/dripping": dripping}
    internet = serve(answers)
    monkeypatch.setattr("app.requests.sources.Fetcher", internet.fetcher)

    def start(**settings: Any) -> Flask:
        allowed = Settings(url_schemes=("https", "http"), **settings)
        return create_app({"stub": StubSegmenter()}, allowed)

    return start


def test_a_batch_takes_no_place_before_its_images_are_here(
    make: Make, asked: threading.Event, over: threading.Event, png: bytes
) -> None:
    app = make(queue=1, url_timeout=60)
    with ThreadPoolExecutor(1) as pool, app.extensions["maskserve"].admission.admit("somebody"):
        batch = pool.submit(ask, app, url("silent"))
        assert asked.wait(60)
        assert post(app.test_client(), png).status_code == 200
        assert not batch.done()
        over.set()


@pytest.mark.parametrize("path", ["silent", "dripping"])
def test_an_image_that_does_not_come_makes_room_for_an_upload(
    make: Make, asked: threading.Event, png: bytes, path: str
) -> None:
    app = make(queue=0)
    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(app.test_client().post, "/predict/url", json=url(path))
        assert asked.wait(60)
        _wait_until(lambda: post(app.test_client(), png).status_code == 200)
        problem = assert_problem(one.result(60), 504)
        assert "needed its place" in problem["detail"]


def test_an_image_that_makes_room_costs_the_others_of_its_batch_nothing(
    make: Make, asked: threading.Event, png: bytes
) -> None:
    app = make(queue=0)
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(ask, app, url("there"), url("silent"), sent(png))
        assert asked.wait(60)
        # An upload and no more: while another picture is segmented, there would be no place for the batch.
        _wait_until(lambda: _can_be_uploaded(app))
        assert statuses(batch.result(60)) == [200, 504, 200]


def test_without_others_an_image_has_all_its_time(make: Make) -> None:
    started = time.monotonic()
    response = make(queue=0, url_timeout=1.5).test_client().post("/predict/url", json=url("silent"))
    assert "within 1.5 seconds" in assert_problem(response, 504)["detail"]
    assert time.monotonic() - started >= 1.5


def test_the_images_of_a_batch_share_the_time_of_an_upload(make: Make, png: bytes) -> None:
    app = make(upload_timeout=0.5, url_timeout=0.3)
    results = ask(app, *[url("silent")] * 10, sent(png))
    assert statuses(results) == [504] * 10 + [200]
    assert "took all the time" in results[9]["error"]["detail"]


def test_the_images_of_a_batch_share_the_bytes_of_a_batch(make: Make, png: bytes) -> None:
    app = make(max_bytes=len(png) + 10, max_batch_bytes=2 * len(png) + 10)
    results = ask(app, *[url("there")] * 3, url("nowhere"), sent(b"x"))
    assert statuses(results) == [200, 200, 413, 502, 415]
    assert f"{2 * len(png) + 10:,} bytes" in results[2]["error"]["detail"]


def _can_be_uploaded(app: Flask) -> bool:
    try:
        with app.extensions["maskserve"].admission.upload("another"):
            return True
    except Busy:
        return False


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
