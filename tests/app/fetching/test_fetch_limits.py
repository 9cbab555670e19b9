"""Fetching is held to limits of size and time, and tells strangers nothing of the network."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_internet import HOST, IMAGE, PUBLIC, SETTINGS, Internet, Serve
from stub_origin import Answer, Authority, ok, to

from app.configuration.settings import Settings
from app.errors import FetchFailed, FetchTimedOut, NotAnImage, TooLarge
from app.fetching.fetch import Fetcher

# --- size, type, status


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("kind", ["length", "end", "chunks", "lie"])
def test_an_image_may_have_max_bytes_and_no_more(serve: Serve, kind: str, more: int) -> None:
    body = bytes(SETTINGS.max_bytes + more)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:70_000], body[70_000:]))
    answers = {
        "length": ok(body),
        "end": b"HTTP/1.1 200 OK\r\n\r\n" + body,
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
        "lie": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + body,
    }
    fetcher = serve({"/": answers[kind]}).fetcher()

    if not more:
        assert fetcher.fetch(f"http://{HOST}/") == body
        return
    with pytest.raises(TooLarge, match="more than 100,000 bytes"):
        fetcher.fetch(f"http://{HOST}/")


def test_an_endless_image_is_left_at_the_limit(serve: Serve) -> None:
    sent = itertools.count()

    def endless(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while next(sent) < 10_000:
            line.sendall(bytes(10_000))

    with pytest.raises(TooLarge):
        serve({"/": endless}).fetcher().fetch(f"http://{HOST}/")

    assert next(sent) < 9_000  # what the system's buffers took is more than the limit, but not all


def test_a_length_over_the_limit_is_refused_without_reading(serve: Serve) -> None:
    def slow(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")
        line.recv(1)  # nothing is sent until the client has gone

    with pytest.raises(TooLarge):
        serve({"/": slow}).fetcher().fetch(f"http://{HOST}/")


def test_what_is_compressed_is_refused_and_not_inflated(serve: Serve) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    internet = serve({"/": ok(bomb, "Content-Encoding: gzip", "Content-Type: image/png")})

    with pytest.raises(FetchFailed, match="compressed"):
        internet.fetcher().fetch(f"http://{HOST}/")


@pytest.mark.parametrize("kind", ["text/html", "text/html; charset=utf-8", "application/json", "images/png"])
def test_a_page_is_not_an_image(serve: Serve, kind: str) -> None:
    with pytest.raises(NotAnImage, match="does not lead to an image"):
        serve({"/": ok(b"<html>", f"Content-Type: {kind}")}).fetcher().fetch(f"http://{HOST}/")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ok(b"", status="404 Not Found"), "answered with status 404"),
        (ok(b"secret", status="500 secret"), "answered with status 500"),
        (ok(b"", status="204 No Content"), "answered with status 204"),
        (ok(IMAGE, status="206 Partial Content"), "answered with status 206"),
        (ok(b"", status="302 Found"), "answered with status 302"),
        (ok(b"", status="304 Not Modified"), "answered with status 304"),
        (b"", "broke off"),
        (b"secret\r\n\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsecret", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsecret", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: secret\r\n" * 200 + b"\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"secret" * 20_000 + b"\r\n\r\n", "broke off"),
    ],
)
def test_a_failure_is_told_in_the_services_own_words(serve: Serve, answer: bytes, message: str) -> None:
    internet = serve({"/": answer})

    with pytest.raises(FetchFailed, match=message) as failed:
        internet.fetcher().fetch(f"http://{HOST}/")

    assert "secret" not in failed.value.detail
    assert PUBLIC not in failed.value.detail
    assert "127.0.0.1" not in failed.value.detail


def test_a_host_that_refuses_is_told_without_its_addresses() -> None:
    internet = Internet(None, {HOST: [[PUBLIC, "1.1.1.1"]]})

    with pytest.raises(FetchFailed) as failed:
        internet.fetcher().fetch(f"http://{HOST}/")

    assert failed.value.detail == "The connection to the host of the URL failed."
    assert [address for address, _ in internet.connected] == [PUBLIC, "1.1.1.1"]


def test_a_resolver_that_fails_for_now_is_a_failure_and_no_refusal() -> None:
    def fail(_: str) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(FetchFailed, match="cannot be looked up now"):
        Fetcher(SETTINGS, resolve=fail, connect=Internet(None, {}).connect).fetch(f"http://{HOST}/")


# --- time

IMPATIENT = Settings(url_schemes=("https", "http"), url_timeout=0.4)


def drip(beginning: bytes, drops: bytes) -> Callable[[socket.socket], None]:
    """Sends a drop at a time, each long before a socket's own timeout, for ten seconds at most."""

    def answer(line: socket.socket) -> None:
        line.sendall(beginning)
        for drop in itertools.islice(itertools.cycle(drops), 200):
            line.sendall(bytes([drop]))
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        drip(b"", b"H"),
        drip(b"HTTP/1.1 200 OK\r\n", b"A"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", b"\0"),  # an end that cannot be told from having been shut
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"\0"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n\0\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_server_that_drips_is_left_in_time(
    serve: Serve, authority: Authority, tmp_path: Path, answer: Answer, tls: bool
) -> None:
    internet = serve({"/": answer}, authority.server_for(HOST, tmp_path) if tls else None)
    fetcher = internet.fetcher(IMPATIENT, authority.believed())
    started = time.monotonic()

    with pytest.raises(FetchTimedOut, match=r"within 0\.4 seconds"):
        fetcher.fetch(f"{'https' if tls else 'http'}://{HOST}/")

    assert time.monotonic() - started < 8


def test_redirects_share_one_time(serve: Serve) -> None:
    def late(line: socket.socket) -> None:
        time.sleep(0.15)
        line.sendall(to("/"))

    with pytest.raises(FetchTimedOut):
        serve({"/": late}).fetcher(IMPATIENT).fetch(f"http://{HOST}/")


def test_a_server_that_never_greets_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def connect(_: str, __: int, timeout: float) -> socket.socket:
            return socket.create_connection(silent.getsockname(), timeout)

        for scheme in ("http", "https"):
            started = time.monotonic()
            with pytest.raises(FetchTimedOut):
                Fetcher(IMPATIENT, resolve=lambda _: [PUBLIC], connect=connect).fetch(f"{scheme}://{HOST}/")
            assert time.monotonic() - started < 8


def test_addresses_that_swallow_connections_share_one_time() -> None:
    waits: list[float] = []

    def swallow(_: str, __: int, timeout: float) -> socket.socket:
        waits.append(timeout)
        time.sleep(timeout)
        raise TimeoutError

    with pytest.raises(FetchTimedOut):
        Fetcher(IMPATIENT, resolve=lambda _: [PUBLIC, "1.1.1.1"], connect=swallow).fetch(f"http://{HOST}/")

    assert len(waits) == 2
    assert sum(waits) == pytest.approx(0.4, abs=0.1)


def test_a_resolver_that_hangs_is_left_in_time() -> None:
    released = threading.Event()

    def hang(_: str) -> list[str]:
        released.wait(10)
        return [PUBLIC]

    internet = Internet(None, {})
    started = time.monotonic()
    try:
        with pytest.raises(FetchTimedOut):
            Fetcher(IMPATIENT, resolve=hang, connect=internet.connect).fetch(f"http://{HOST}/")
    finally:
        released.set()

    assert time.monotonic() - started < 8
    assert internet.connected == []
