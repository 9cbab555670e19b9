"""Heads of requests that are odd, long or forged, as the real server hands them on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from server import Server, needs_uwsgi, running

pytestmark = needs_uwsgi

KEY = "k" * 24
GOOD = f"Host: x\r\nX-API-Key: {KEY}\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("heads") / "log"
    with running(log, seconds=0, MASKSERVE_API_KEYS=KEY, MASKSERVE_TRUSTED_PROXIES="1") as server:
        yield server


def answer(server: Server, head: str, body: bytes = b"") -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode("latin-1") + b"\r\n" + body)
        with connection.makefile("rb") as answered:
            return answered.read()


def get(server: Server, headers: str, target: str = "/api/v1/models", protocol: str = "HTTP/1.1") -> bytes:
    return answer(server, f"GET {target} {protocol}\r\n{headers}")


def post(server: Server, picture: bytes, headers: str) -> bytes:
    line = "POST /api/v1/segment?mask_format=none HTTP/1.1\r\n"
    return answer(server, line + headers, picture)


@pytest.mark.parametrize("number", [0, 60, 120, 500, 2000])
def test_no_header_is_lost_behind_many_others(server: Server, png: bytes, number: int) -> None:
    many = "".join(f"A{i}: b\r\n" for i in range(number))
    assert get(server, f"Host: x\r\n{many}X-API-Key: {KEY}\r\n").startswith(b"HTTP/1.1 200 ")
    caller = f"198.51.100.{number % 251}"
    last = f"Content-Type: image/png\r\nContent-Length: {len(png)}\r\nX-Forwarded-For: {caller}\r\n"
    assert post(server, png, GOOD + many + last).startswith(b"HTTP/1.1 200 ")
    entries = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    assert caller in [entry.get("httpRequest", {}).get("remoteIp") for entry in entries]


@pytest.mark.parametrize("protocol", ["HTTP/9.9", "banana", "HTTP/1.1\tx"])
def test_no_answer_repeats_what_a_request_says_of_its_protocol(server: Server, protocol: str) -> None:
    line, _, rest = get(server, GOOD, protocol=protocol).partition(b"\r\n")
    assert line.startswith(b"HTTP/1.1 ")
    assert protocol.encode() not in line + rest


@pytest.mark.parametrize(
    "headers",
    [
        f"X-API-Key: {KEY}\r\n",
        "Host: y\r\n" + GOOD,
        GOOD.replace("x\r\n", "x\n", 1),
        GOOD + "A : b\r\n",
        GOOD + "A: b\r\n c\r\n",
        GOOD + "A: b\0c\r\n",
        GOOD + "Content-Length: -1\r\n",
        GOOD + "Content-Length: 1\r\nContent-Length: 2\r\n",
        GOOD + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    ],
    ids=[
        "no host",
        "two hosts",
        "a line feed",
        "a space",
        "folded",
        "null",
        "negative",
        "two lengths",
        "chunked",
    ],
)
def test_what_http_forbids_is_400(server: Server, headers: str) -> None:
    assert get(server, headers).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("target", ["?x", "?x=//evil", "#a", "*"])
def test_a_target_that_is_no_path_redirects_nowhere(server: Server, target: str) -> None:
    answered = get(server, GOOD.replace("x", "evil.example", 1), target)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"evil" not in answered


@pytest.mark.parametrize(
    "target",
    ["/api/v1/segment?mode\xac=people", "/api/v1/models/\xac", "/livez?%FF", "/static/%00", "/v2/models/\0"],
    ids=["query", "path", "percent-encoded", "an encoded null", "a null"],
)
def test_odd_bytes_in_a_url_are_the_callers_fault(server: Server, target: str) -> None:
    assert get(server, GOOD, target).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))


@pytest.mark.parametrize(
    ("key", "length", "status"),
    [("x", 100, b"401"), (KEY, 10**10, b"413")],
    ids=["a wrong key", "too large"],
)
def test_a_refused_client_that_waits_to_send_its_body_is_told_at_once(
    server: Server, key: str, length: int, status: bytes
) -> None:
    started = time.monotonic()
    headers = f"Host: x\r\nX-API-Key: {key}\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
    answered = post(server, b"", f"{headers}Content-Length: {length}\r\n")
    assert answered.startswith(b"HTTP/1.1 " + status)
    assert time.monotonic() - started < 10  # rather than as long as an upload may take


def test_a_whole_url_is_answered_as_its_path(server: Server) -> None:
    plain = get(server, GOOD).partition(b"\r\n\r\n")[2]
    assert get(server, GOOD, "http://other.example/api/v1/models?a").partition(b"\r\n\r\n")[2] == plain


def test_unfinished_heads_of_one_address_cost_no_other_client_its_upload(server: Server, png: bytes) -> None:
    endless = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 65_000
    large = png + bytes(200_000)
    headers = f"{GOOD}Content-Type: image/png\r\nContent-Length: {len(large)}\r\n"
    with ExitStack() as stack:
        for _ in range(530):  # more than the front holds
            connection = socket.create_connection(
                ("127.0.0.1", server.port), timeout=60, source_address=("127.0.0.66", 0)
            )
            # Closed by a reset, or their ports would be taken from the next server.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            stack.enter_context(connection).sendall(endless)
        for _ in range(3):
            assert post(server, large, headers).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_far_too_large_is_refused_though_it_does_not_come(server: Server) -> None:
    started = time.monotonic()
    headers = f"{GOOD}Content-Type: image/png\r\nContent-Length: {10**18 - 1}\r\n"
    assert post(server, b"abc", headers).startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - started < 5  # rather than as long as an upload may stall
