"""The service under clients that leave, read slowly, or send too much."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from encoded import encode
from server import Server, needs_uwsgi, running, wait_until

pytestmark = needs_uwsgi


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_clients_that_leave_give_their_places_back_uncomputed(
    tmp_path: Path, png: bytes, reset: bool
) -> None:
    gate = tmp_path / "gate"
    with running(tmp_path / "log", seconds=0, STUB_GATE=str(gate), MASKSERVE_QUEUE="3") as server:
        connections = [server.send(png) for _ in range(4)]
        server.wait_for("queue_depth", 3)
        assert server.segment(png)[0] == 503
        for connection in connections:
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        wait_until(lambda: server.log.count(" 499 ") == 3, 30)  # all but the running one
        gate.touch()
        assert server.segment(png)[0] == 200


def test_of_a_crowd_each_is_answered_or_told_503(tmp_path: Path) -> None:
    with running(tmp_path / "log", seconds=0.05) as server, ThreadPoolExecutor(120) as pool:
        for side in (48, 600):
            picture = encode(side, side, "PNG")
            statuses = [answer[0] for answer in pool.map(server.segment, [picture] * 120)]
            assert set(statuses) == {200, 503}
            assert statuses.count(200) >= 17  # as many as may run and wait


def test_clients_that_wait_keep_their_places(tmp_path: Path, png: bytes) -> None:
    with running(tmp_path / "log", seconds=0.8) as server, ThreadPoolExecutor(4) as pool:
        assert [answer[0] for answer in pool.map(server.segment, [png] * 4)] == [200] * 4


def test_what_has_not_begun_when_its_time_is_over_is_told_503(tmp_path: Path, png: bytes) -> None:
    gate = tmp_path / "gate"
    with (
        running(tmp_path / "log", seconds=0, STUB_GATE=str(gate), MASKSERVE_REQUEST_TIMEOUT="1") as server,
        ThreadPoolExecutor(2) as pool,
    ):
        gate.touch()
        wait_until(lambda: server.segment(png)[0] == 200, 30)  # the first picture takes a while to be decoded
        gate.unlink()
        first = pool.submit(server.segment, png)
        server.wait_for("inferences_running", 1)
        status, headers, _ = server.segment(png)
        assert status == 503
        assert "Retry-After" in headers
        gate.touch()
        assert first.result()[0] == 200  # it had begun


def test_a_slow_reader_of_a_large_answer_holds_up_nobody(plain_server: Server, png: bytes) -> None:
    large = encode(2000, 2000, "PNG")
    before = len(plain_server.log)
    slow = [plain_server.send(large, "?output=overlay&image_format=png") for _ in range(2)]
    for connection in slow:  # all is done but to send it
        assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
    assert plain_server.segment(png)[0] == 200
    for connection in slow:
        connection.close()  # with all of the answer unread
    assert plain_server.segment(png)[0] == 200
    assert "rror" not in plain_server.log[before:]


def test_clients_that_read_nothing_hold_no_threads(tmp_path: Path) -> None:
    large = encode(1000, 1000, "PNG")
    query = "?output=overlay&image_format=png"
    with running(tmp_path / "log", seconds=0, MASKSERVE_QUEUE="0") as server:
        silent = []
        for _ in range(12):  # more than it has threads
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(server.head(large, query) + large)
            assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
            silent.append(connection)
        assert server.answers()
        status, headers, body = server.segment(large, query)
        assert (status, len(body)) == (200, int(headers["Content-Length"]))
        with silent[0].makefile("rb") as late:
            assert late.read().endswith(body)
        for connection in silent:
            connection.close()


def test_headers_that_are_too_long_are_431_and_the_next_request_works(tmp_path: Path, png: bytes) -> None:
    with running(tmp_path / "log", seconds=0, MASKSERVE_MAX_HEADER_BYTES="8000") as server:
        assert status_with_header(server, "x" * 7000) == b"HTTP/1.1 200 OK"
        assert status_with_header(server, "x" * 9000) == b"HTTP/1.1 431 REQUEST HEADER FIELDS TOO LARGE"
        assert status_with_header(server, "x" * 60_000).startswith(b"HTTP/1.1 431 ")
        assert status_with_header(server, "x" * 70_000).startswith(b"HTTP/1.1 431 ")
        assert server.segment(png)[0] == 200


def status_with_header(server: Server, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        try:
            connection.sendall(f"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {text}\r\n\r\n".encode())
            return connection.makefile("rb").readline().rstrip()
        except ConnectionError:
            return b""
