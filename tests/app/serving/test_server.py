"""The service as it is deployed, in the ordinary course of things."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from server import Server, needs_uwsgi, running, wait_until

pytestmark = needs_uwsgi


class Gated:
    """A server that answers one request, keeps one, and refuses the others while the gate is shut."""

    def __init__(self, server: Server, gate: Path) -> None:
        self.server = server
        self._gate = gate

    def shut(self) -> None:
        self._gate.unlink(missing_ok=True)

    def open(self) -> None:
        self._gate.touch()


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    folder = tmp_path_factory.mktemp("gated")
    gate = folder / "gate"
    with running(folder / "log", seconds=0, STUB_GATE=str(gate), MASKSERVE_QUEUE="1") as server:
        yield Gated(server, gate)


def test_probes_answer_and_the_queue_refuses_while_inferences_run(gated: Gated, png: bytes) -> None:
    server = gated.server
    gated.shut()
    with ThreadPoolExecutor(6) as pool:
        pending = [pool.submit(server.segment, png) for _ in range(6)]
        wait_until(lambda: sum(request.done() for request in pending) == 4, 30)
        assert server.request("GET", "/livez")[0] == 200
        gated.open()
        outcomes = [request.result() for request in pending]
        assert sorted(status for status, _, _ in outcomes) == [200, 200, 503, 503, 503, 503]
        assert all("Retry-After" in headers for status, headers, _ in outcomes if status == 503)
        assert server.segment(png)[0] == 200


def test_whatever_is_wrong_with_a_body_the_client_reads_why(tmp_path: Path, png: bytes) -> None:
    limit = 1_000_000
    with running(tmp_path / "log", seconds=0, MASKSERVE_MAX_BYTES=str(limit)) as server:
        refused = [
            (server.segment(b"x" * (limit + 1)), 413),
            (server.segment(b"x" * (2 * limit)), 413),
            (server.request("POST", "/nowhere", b"x" * limit), 404),
            (server.request("POST", "/livez", b"x" * limit), 405),
            (server.request("POST", "/api/v1/segment", b"x" * limit, "text/plain"), 415),
        ]
        for (status, headers, body), expected in refused:
            assert status == expected
            assert headers["Content-Type"] == "application/problem+json"
            assert json.loads(body)["status"] == expected
        assert server.segment(png)[0] == 200


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(plain_server: Server, png: bytes) -> None:
    body = png + b"\0" * 1_500_000
    head = (
        "POST /api/v1/segment HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", plain_server.port), timeout=30) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(head.encode())
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answer.readline() == b"\r\n"
        connection.sendall(body)
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"


def test_each_answer_closes_its_connection_and_says_so(plain_server: Server, png: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", plain_server.port, timeout=60)
    for _ in range(5):  # the client reads "Connection: close", and connects anew
        connection.request("POST", "/api/v1/segment", png, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        assert answer.headers["Connection"] == "close"
        told = {"width": 64, "height": 48, "pages": 1, "page": 0, "channels": 3}
        assert json.load(answer)["image"] == told
        connection.request("GET", "/readyz")
        assert json.load(connection.getresponse())["status"] == "ready"
    with plain_server.send(png) as raw, raw.makefile("rb") as answered:
        assert answered.read().endswith(b"}")  # to the end: the service closes at once


def test_idle_and_slow_connections_take_no_thread(plain_server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", plain_server.port)) for _ in range(40)]
    for connection in slow:
        connection.sendall(b"POST /api/v1/segment HTTP/1.1\r\nHost: x\r\n")
    assert plain_server.request("GET", "/livez")[0] == 200
    for connection in slow:
        connection.close()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives an upload a second."""
    log = tmp_path_factory.mktemp("impatient") / "log"
    with running(log, seconds=0, MASKSERVE_UPLOAD_TIMEOUT="1") as server:
        yield server


@contextmanager
def unfinished_uploads(server: Server, number: int) -> Iterator[list[socket.socket]]:
    """Connections that each have sent the head of a request and the first byte of its body.

    As many as may have arrived, 17 if MASKSERVE_QUEUE is its default.
    """
    head = b"POST /api/v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"
    with ExitStack() as stack:
        uploads = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            for _ in range(number)
        ]
        for connection in uploads:
            connection.sendall(head + b"x")
        server.wait_for("uploads_arriving", min(number, 17))
        yield uploads


def test_a_dripping_upload_is_408_in_time_and_the_next_request_works(impatient: Server, png: bytes) -> None:
    with unfinished_uploads(impatient, 1) as (upload,):
        upload.settimeout(0.5)
        start = time.monotonic()
        answer = b""
        while not answer:
            assert time.monotonic() - start < 30, "no answer in time"
            try:
                answer = upload.recv(100)
            except TimeoutError:
                upload.sendall(b"x")  # one byte more: the connection is never idle
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert impatient.segment(png)[0] == 200


def test_a_silent_upload_is_408_in_time(impatient: Server) -> None:
    with unfinished_uploads(impatient, 1) as (upload,):
        assert upload.recv(100).startswith(b"HTTP/1.1 408 ")  # or its patience, 30 s, would be over


def test_slow_uploads_keep_no_place_from_whole_ones(gated: Gated, png: bytes) -> None:
    server = gated.server
    gated.shut()
    with unfinished_uploads(server, 1), ThreadPoolExecutor(2) as pool:
        pending = [pool.submit(server.segment, png)]
        server.wait_for("inferences_running", 1)
        pending.append(pool.submit(server.segment, png))
        server.wait_for("queue_depth", 1)
        gated.open()
        assert [request.result()[0] for request in pending] == [200, 200]


@pytest.mark.alone
@pytest.mark.parametrize("number", [17, 80], ids=["as many as may arrive", "far too many"])
def test_slow_uploads_leave_threads_for_probes(tmp_path: Path, number: int) -> None:
    with running(tmp_path / "log", seconds=0) as server, unfinished_uploads(server, number):
        assert server.request("GET", "/livez")[0] == 200
        status, headers, _ = server.segment(b"x")
        assert status == 503
        assert "Retry-After" in headers


def test_the_apps_log_is_on_stdout_and_uwsgis_on_stderr(tmp_path: Path, png: bytes) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, running(err, seconds=0, stdout=stdout) as server:
        assert server.segment(png)[0] == 200
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert [entry["httpRequest"]["status"] for entry in entries if "httpRequest" in entry] == [200]
    assert "spawned uWSGI worker" in err.read_text()
    assert "httpRequest" not in err.read_text()


def test_a_client_that_closes_its_sending_side_is_told_to_keep_it_open(tmp_path: Path, png: bytes) -> None:
    with running(tmp_path / "log", seconds=0.5) as server, server.send(png) as connection:
        connection.shutdown(socket.SHUT_WR)  # as `nc -N` does
        with connection.makefile("rb") as answered:
            answer = answered.read()
    assert answer.startswith(b"HTTP/1.1 499 ")
    assert b"Keep both sides open until the answer has arrived." in answer
