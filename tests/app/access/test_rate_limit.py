from __future__ import annotations

import io
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from calls import calls_of
from flask import Flask
from flask.testing import FlaskClient
from free_ports import free_port
from PIL import Image
from redis import Redis
from server import UWSGI, running, wait_until
from stub_segmenter import StubSegmenter

from app import create_app
from app.access import rate_limit
from app.configuration.settings import BadSetting, Settings

ONE, OTHER = "a-key-of-at-least-16-characters", "the-key-of-somebody-else"
PASSWORD = "hunter2hunter2"

needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed")


def limited(**values: object) -> Flask:
    settings = Settings(**{"rate_limit": "2/hour", **values})  # type: ignore[arg-type]
    return create_app({"stub": StubSegmenter()}, settings)


def segment(
    client: FlaskClient, png: bytes, key: str | None = None, address: str = "192.0.2.1", forwarded: str = ""
) -> int:
    headers = ({"X-API-Key": key} if key else {}) | ({"X-Forwarded-For": forwarded} if forwarded else {})
    response = client.post(
        "/api/v1/segment",
        data=png,
        content_type="image/png",
        headers=headers,
        environ_base={"REMOTE_ADDR": address},
    )
    return response.status_code


def plain(width: int, height: int) -> bytes:
    """A picture with many pixels and few bytes."""
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


# --- who is counted


def test_more_than_allowed_is_429_that_says_when_to_come_back(png: bytes) -> None:
    client = limited().test_client()
    assert [segment(client, png) for _ in range(2)] == [200, 200]
    response = client.post(
        "/api/v1/segment", data=png, content_type="image/png", environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )
    assert response.status_code == 429
    assert response.content_type == "application/problem+json"
    assert 3590 <= int(response.headers["Retry-After"]) <= 3600
    assert response.get_json()["type"] == "urn:maskserve:too-many-requests"
    assert "2 per 1 hour" in response.get_json()["detail"]


def test_after_the_wait_it_said_a_caller_may_ask_again(png: bytes) -> None:
    client = limited(rate_limit="1/second").test_client()
    post = {"data": png, "content_type": "image/png"}
    while (response := client.post("/api/v1/segment", **post)).status_code == 200:
        pass
    time.sleep(int(response.headers["Retry-After"]))
    assert client.post("/api/v1/segment", **post).status_code == 200


@pytest.mark.parametrize("limit", ["2/minute", "2/hour"])
@pytest.mark.parametrize("seconds", [-86_400, -3_605, 3_605, 86_400])
def test_a_clock_that_is_set_locks_no_caller_out(
    png: bytes, monkeypatch: pytest.MonkeyPatch, limit: str, seconds: int
) -> None:
    client = limited(rate_limit=limit).test_client()
    assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    assert [segment(client, png) for _ in range(3)] == [200, 200, 429]


def test_a_clock_set_back_by_less_than_the_window_prolongs_it_to_no_more_than_the_window(
    png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = limited(rate_limit="2/hour").test_client()
    real = time.time
    assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    monkeypatch.setattr(time, "time", lambda: real() + 1800)
    assert segment(client, png) == 429
    monkeypatch.setattr(time, "time", lambda: real() + 600)
    response = client.post(
        "/api/v1/segment", data=png, content_type="image/png", environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )
    assert response.status_code == 429 and 2990 <= int(response.headers["Retry-After"]) <= 3000


def test_callers_without_keys_are_counted_by_address(png: bytes) -> None:
    client = limited().test_client()
    assert [segment(client, png, address="192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert segment(client, png, address="192.0.2.2") == 200


def test_a_key_is_counted_wherever_it_comes_from(png: bytes) -> None:
    client = limited(api_keys=(ONE, OTHER)).test_client()
    assert [segment(client, png, ONE, f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]
    assert segment(client, png, OTHER, "192.0.2.1") == 200


def test_wrong_keys_take_nothing_from_right_ones(png: bytes) -> None:
    client = limited(api_keys=(ONE,)).test_client()
    assert [segment(client, png, "wrong") for _ in range(3)] == [401, 401, 429]
    assert segment(client, png, ONE) == 200


def test_keys_are_tried_out_on_no_route(png: bytes) -> None:
    client = limited(api_keys=(ONE,)).test_client()
    guesses = [client.get("/api/v1/models", headers={"X-API-Key": f"guess {n}"}) for n in range(3)]
    assert [response.status_code for response in guesses] == [401, 401, 429]
    assert client.get("/api/v1/models", headers={"X-API-Key": ONE}).status_code == 200
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),  # one household
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),  # IPv4 as IPv6 sockets see it
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("nonsense", "192.0.2.1:4711", True),  # else a port would make a new caller each time
    ],
)
def test_an_address_is_what_one_caller_is_given(png: bytes, first: str, second: str, same: bool) -> None:
    client = limited(rate_limit="1/hour").test_client()
    assert segment(client, png, address=first) == 200
    assert segment(client, png, address=second) == (429 if same else 200)


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        (0, [200, 200, 429]),  # who says 10.0.0.N may be lying
        (1, [200, 200, 429]),  # the balancer's own address, last in the list
        (2, [200, 200, 200]),  # the caller's, which the balancer put before its own
    ],
)
def test_the_address_is_taken_from_trusted_proxies_only(
    png: bytes, trusted: int, expected: list[int]
) -> None:
    client = limited(trusted_proxies=trusted).test_client()
    said = [f"10.0.0.{number}, 203.0.113.9" for number in range(3)]
    assert [segment(client, png, forwarded=addresses) for addresses in said] == expected


def test_what_a_caller_writes_before_the_trusted_addresses_is_not_believed(png: bytes) -> None:
    client = limited(trusted_proxies=2).test_client()
    said = [f"10.0.0.{number}, 198.51.100.7, 203.0.113.9" for number in range(3)]
    assert [segment(client, png, forwarded=addresses) for addresses in said] == [200, 200, 429]


# --- what is counted


def test_every_post_is_counted_and_nothing_else() -> None:
    app = limited(rate_limit="1/hour")
    client = app.test_client()
    for method, path in calls_of(app):
        if method != "POST":
            assert client.open(path, method=method).status_code != 429
    client.post("/api/v1/segment")
    for method, path in calls_of(app):
        assert (client.open(path, method=method).status_code == 429) == (method == "POST"), (method, path)


def test_the_page_says_it_as_a_page(png: bytes) -> None:
    client = limited(rate_limit="1/hour").test_client()
    form = {"data": {"sample": "tissue"}, "content_type": "multipart/form-data"}
    assert client.post("/", **form).status_code == 200
    response = client.post("/", **form)
    assert (response.status_code, response.mimetype) == (429, "text/html")
    assert "Too many requests" in response.text and int(response.headers["Retry-After"]) > 0


def test_the_page_is_counted_by_the_key_in_its_form(png: bytes) -> None:
    client = limited(api_keys=(ONE, OTHER)).test_client()

    def show(key: str, address: str) -> int:
        form = {"api_key": key, "image": (io.BytesIO(png), "a.png")}
        return client.post("/", data=form, environ_base={"REMOTE_ADDR": address}).status_code

    assert segment(client, png, ONE) == 200
    assert [show(ONE, "192.0.2.1"), show(ONE, "192.0.2.2")] == [200, 429]
    assert [show("wrong", "192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert show(OTHER, "192.0.2.1") == 200
    assert segment(client, png, ONE) == 429


@pytest.mark.parametrize(
    ("images", "then"),
    [
        (1, [200, 200, 429]),
        (2, [200, 429, 429]),
        (3, [429, 429, 429]),
        (50, [429, 429, 429]),  # more than is ever allowed: it takes all there is, and passes
    ],
)
def test_a_batch_counts_for_as_many_as_it_has(png: bytes, images: int, then: list[int]) -> None:
    app = limited(rate_limit="3/hour")

    def batch() -> str:
        rate_limit.count_batch(images)
        return "done"

    app.add_url_rule("/test-batch", view_func=batch, methods=["POST"])
    client = app.test_client()
    status = client.post("/test-batch", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code
    assert status == 200
    assert [segment(client, png) for _ in then] == then


@pytest.mark.parametrize(
    ("width", "height", "then"),
    [
        (2000, 2000, [200, 200, 200, 429]),  # four million
        (2001, 2000, [200, 200, 429, 429]),  # begins another four
        (4000, 3000, [200, 429, 429, 429]),
        (8000, 6000, [429, 429, 429, 429]),  # more than is ever allowed: it takes all there is, and passes
    ],
)
def test_a_picture_counts_once_for_every_four_million_pixels_begun(
    png: bytes, width: int, height: int, then: list[int]
) -> None:
    client = limited(rate_limit="4/hour").test_client()
    assert segment(client, plain(width, height)) == 200
    assert [segment(client, png) for _ in then] == then


def test_a_picture_that_makes_much_work_counts_for_that(png: bytes) -> None:
    class ThinTiles(StubSegmenter):
        """Sees of a thin picture as much as of a square one."""

        def work(self, size: tuple[int, int]) -> int:
            return max(size) ** 2

    client = create_app({"stub": ThinTiles()}, Settings(rate_limit="4/hour")).test_client()
    assert segment(client, plain(10, 5000)) == 200  # 25 million pixels in tiles: as one of 10 million
    assert [segment(client, png) for _ in range(2)] == [200, 429]


def test_a_projection_counts_for_the_pixels_of_all_pages(png: bytes) -> None:
    buffer = io.BytesIO()
    page = Image.new("L", (2000, 1000))
    page.save(buffer, "TIFF", compression="tiff_lzw", save_all=True, append_images=[page] * 5)
    stack = buffer.getvalue()
    client = limited(rate_limit="4/hour").test_client()
    response = client.post(
        "/api/v1/segment?projection=max",
        data=stack,
        content_type="image/tiff",
        environ_base={"REMOTE_ADDR": "192.0.2.1"},
    )
    assert response.status_code == 200
    assert [segment(client, png) for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("frame", "then"), [(0, [200, 200, 200, 429]), (5, [200, 429, 429, 429])])
def test_a_frame_counts_for_the_pixels_of_all_frames_that_it_is_drawn_over(
    png: bytes, frame: int, then: list[int]
) -> None:
    buffer = io.BytesIO()
    frames = [Image.new("L", (2000, 1000), shade) for shade in range(0, 80, 10)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    client = limited(rate_limit="4/hour").test_client()
    response = client.post(
        f"/api/v1/segment?page={frame}",
        data=buffer.getvalue(),
        content_type="image/gif",
        environ_base={"REMOTE_ADDR": "192.0.2.1"},
    )
    assert response.status_code == 200
    assert [segment(client, png) for _ in then] == then


def test_a_picture_too_many_is_refused_before_it_is_worked_on(png: bytes) -> None:
    segmenter = StubSegmenter()
    client = create_app({"stub": segmenter}, Settings(rate_limit="3/hour")).test_client()
    assert [segment(client, image) for image in (png, plain(4000, 2100))] == [200, 429]
    assert len(segmenter.calls) == 1


def test_the_pictures_of_a_batch_count_for_their_pixels(png: bytes) -> None:
    client = limited(rate_limit="5/hour").test_client()
    form = {"image": [(io.BytesIO(plain(2000, 2100)), f"{name}.png") for name in "ab"]}
    response = client.post("/api/v1/batch", data=form, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert ["error" in result for result in response.get_json()["results"]] == [False, False]
    assert [segment(client, png) for _ in range(2)] == [200, 429]


def test_without_a_limit_nobody_is_counted(png: bytes) -> None:
    client = limited(rate_limit=None).test_client()
    assert [segment(client, png) for _ in range(10)] == [200] * 10


# --- where it is counted


def test_several_processes_without_redis_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    limited(processes=3)
    assert "each of the 3 processes counts separately" in caplog.text


def test_one_process_is_not_warned_of(caplog: pytest.LogCaptureFixture, png: bytes) -> None:
    client = limited().test_client()
    with caplog.at_level(logging.DEBUG):
        assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    assert "RATE_LIMIT" not in caplog.text
    assert "192.0.2.1" not in caplog.text


@pytest.mark.parametrize(
    "address", ["redis://:hunter2@host:port", "redis://:hunter2@[::1", "redis://:hunter2@host?database=1"]
)
def test_an_address_that_cannot_be_read_is_a_bad_setting_and_not_shown(address: str) -> None:
    with pytest.raises(BadSetting, match="MASKSERVE_RATE_LIMIT_STORAGE must be") as raised:
        limited(rate_limit_storage=address)
    assert "hunter2" not in str(raised.value) and raised.value.__suppress_context__


class RedisServer:
    """A Redis of our own, that can go away and come back."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "requirepass": PASSWORD, "dir": self._folder}
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            ["redis-server", *arguments, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, 60)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def keys(self) -> list[str]:
        with Redis.from_url(self.address, decode_responses=True) as client:
            found: list[str] = client.keys()  # type: ignore[assignment]
        return found

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@needs_redis
def test_redis_counts_for_several_processes_together(png: bytes, redis_server: RedisServer) -> None:
    clients = [limited(rate_limit_storage=redis_server.address, processes=2).test_client() for _ in "ab"]
    assert [segment(clients[number % 2], png) for number in range(3)] == [200, 200, 429]


@needs_redis
def test_a_clock_of_redis_that_is_set_back_locks_no_caller_out(
    png: bytes, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = limited(rate_limit_storage=redis_server.address).test_client()
    assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    (name,) = redis_server.keys()
    with Redis.from_url(redis_server.address) as redis:
        redis.expire(name, 24 * 3600)  # as it is after a day back
    assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 24 * 3600)  # ours says nothing to Redis
    assert segment(client, png) == 429


@needs_redis
def test_redis_is_told_no_key(png: bytes, redis_server: RedisServer) -> None:
    client = limited(rate_limit_storage=redis_server.address, api_keys=(ONE,)).test_client()
    assert segment(client, png, ONE) == 200
    (name,) = redis_server.keys()
    assert "maskserve" in name and ONE not in name


@needs_redis
def test_requests_go_on_while_redis_is_away_and_count_again_when_it_is_back(
    png: bytes, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = limited(rate_limit_storage=redis_server.address, rate_limit="3/hour").test_client()
    with caplog.at_level(logging.DEBUG):
        assert segment(client, png) == 200
        redis_server.stop()
        assert [segment(client, png) for _ in range(4)] == [200, 200, 200, 429]
        assert caplog.text.count("falling back to in-memory storage") == 1
        redis_server.start()
        time.sleep(1.5)  # it is looked for after a second, then less often
        assert [segment(client, png) for _ in range(4)] == [200, 200, 200, 429]
    assert len(redis_server.keys()) == 1
    assert PASSWORD not in caplog.text


def test_a_redis_that_is_away_at_the_start_is_warned_of(png: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"redis://:{PASSWORD}@127.0.0.1:{unused.getsockname()[1]}"
        client = limited(rate_limit_storage=address).test_client()
        assert "the Redis does not answer" in caplog.text
        assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    assert PASSWORD not in caplog.text


@needs_redis
def test_a_wrong_password_is_no_failure_of_requests_and_is_not_logged(
    png: bytes, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = redis_server.address.replace(PASSWORD, "swordfish")
    with caplog.at_level(logging.DEBUG):
        client = limited(rate_limit_storage=address).test_client()
        assert [segment(client, png) for _ in range(3)] == [200, 200, 429]
    assert "swordfish" not in caplog.text


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        connections: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    connections.append(server.accept()[0])
            except OSError:
                return

        taking = threading.Thread(target=take, daemon=True)
        taking.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        taking.join(5)
        for connection in connections:
            connection.close()


@pytest.mark.alone
def test_a_redis_that_says_nothing_holds_nobody_up(png: bytes) -> None:
    with silent_server() as port:
        app = limited(rate_limit_storage=f"redis://127.0.0.1:{port}", rate_limit="100/hour", queue=16)

        def ask(_: int) -> tuple[int, float]:
            start = time.monotonic()
            return segment(app.test_client(), png), time.monotonic() - start

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(ask, range(8)))
        assert [status for status, _ in outcomes] == [200] * 8
        assert max(seconds for _, seconds in outcomes) < 4
        assert ask(0)[1] < 2
        time.sleep(1.1)  # to look for it is due
        start = time.monotonic()
        assert app.test_client().get("/livez").status_code == 200
        assert time.monotonic() - start < 0.2  # a probe never waits for it


@needs_redis
@pytest.mark.skipif(not UWSGI.exists(), reason="uWSGI is not installed")
@pytest.mark.timeout(120)
def test_real_processes_count_together_and_a_large_upload_reads_its_refusal(
    tmp_path: Path, redis_server: RedisServer, png: bytes
) -> None:
    settings = {
        "MASKSERVE_PROCESSES": "2",
        "MASKSERVE_RATE_LIMIT": "6/hour",
        "MASKSERVE_RATE_LIMIT_STORAGE": redis_server.address,
    }
    log = tmp_path / "log"
    with running(log, seconds=0.05, **settings) as server, ThreadPoolExecutor(6) as pool:
        statuses = [answer[0] for answer in pool.map(server.segment, [png] * 12)]
        assert sorted(statuses) == [200] * 6 + [429] * 6
        status, headers, _ = server.segment(b"x" * 8_000_000)
        assert (status, headers["Content-Type"]) == (429, "application/problem+json")
        redis_server.stop()
        assert server.segment(png)[0] == 200
        assert server.request("GET", "/livez")[0] == 200
    assert PASSWORD not in log.read_text()
