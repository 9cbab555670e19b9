"""Uploads that stall, drip or crowd others out, while all places are taken."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from server import Server, needs_uwsgi, running

pytestmark = needs_uwsgi

HEAD = (
    b"POST /api/v1/segment HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 4194304\r\n\r\n"
)
_TICK = 0.1  # seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server at which two uploads may arrive at a time."""
    with running(tmp_path_factory.mktemp("uploads") / "log", seconds=0, MASKSERVE_QUEUE="1") as server:
        yield server


@contextmanager
def uploads(
    server: Server, number: int, piece: bytes, address: str = "127.0.0.1"
) -> Iterator[list[socket.socket]]:
    """So many unfinished uploads from one address, each of which sends `piece` ten times a second."""
    over = threading.Event()
    server.wait_for("uploads_arriving", 0)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=60, source_address=(address, 0))
            )
            for _ in range(number)
        ]
        for connection in connections:
            connection.sendall(HEAD + b"x")
            server.wait_for("uploads_arriving", connections.index(connection) + 1)

        def send() -> None:
            while piece and not over.wait(_TICK):
                for connection in connections:
                    with suppress(OSError):  # refused, and closed
                        connection.sendall(piece)

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(1.5)  # who is slow has been so for long enough
        try:
            yield connections
        finally:
            over.set()
            sender.join()


def status_of(connection: socket.socket) -> bytes:
    """The status that was answered; nothing where no answer has come."""
    connection.settimeout(1)
    try:
        return connection.recv(100).removeprefix(b"HTTP/1.1 ")[:3]
    except TimeoutError:
        return b""


@pytest.mark.parametrize("piece", [b"", b"x", b"x" * 1000], ids=["silent", "dripping", "slow"])
def test_an_upload_that_stalls_makes_room_for_another(server: Server, png: bytes, piece: bytes) -> None:
    with uploads(server, 2, piece) as stalled:
        assert server.segment(png)[0] == 200
        assert sorted(map(status_of, stalled)) == [b"", b"408"]
        assert [server.segment(png)[0] for _ in range(3)] == [200] * 3


def test_uploads_that_go_on_keep_their_places_from_their_own_caller(server: Server, png: bytes) -> None:
    with uploads(server, 2, b"x" * 20_000) as busy:
        status, headers, _ = server.segment(png)
        assert status == 503 and int(headers["Retry-After"]) >= 1
        assert list(map(status_of, busy)) == [b"", b""]


def test_an_upload_that_is_still_decompressed_once_it_has_come_has_not_stalled(
    server: Server, png: bytes
) -> None:
    document = b'{"images": [' + b",".join([b'{"image": "%b"}' % (b"A" * 3_800_000)] * 16) + b"]}"
    headers = "Content-Encoding: gzip\r\n"
    with uploads(server, 1, b"x" * 20_000) as busy:
        body = gzip.compress(document, 1)
        head = (
            server.head(body, headers=headers)
            .replace(b"segment", b"batch")
            .replace(b"image/png", b"text/json")
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as whole:
            whole.sendall(head + body)
            time.sleep(0.7)
            server.segment(png)
            whole.settimeout(30)
            assert whole.recv(100).startswith(b"HTTP/1.1 200")
        assert list(map(status_of, busy)) == [b""]


def test_a_caller_with_all_places_makes_room_for_another_caller(server: Server, png: bytes) -> None:
    with uploads(server, 2, b"x" * 20_000, address="127.0.0.2") as busy:
        assert server.segment(png)[0] == 200
        assert list(map(status_of, busy)) == [b"", b"503"]  # the younger one
