"""Bodies in chunks, through the front and the real server: read as any other, within the same limits."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from server import Server, needs_uwsgi, running

pytestmark = needs_uwsgi

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("chunks") / "log"
    with running(log, seconds=0, MASKSERVE_MAX_BYTES=str(LIMIT), MASKSERVE_QUEUE="1") as server:
        yield server


def chunked(body: bytes, size: int = 8192) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def connect(
    server: Server, content_type: str, route: str = "/api/v1/segment", headers: str = ""
) -> socket.socket:
    """A connection on which the head of a request in chunks has been sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = (
        f"POST {route} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n{headers}"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def read(connection: socket.socket) -> tuple[int, dict[str, object]]:
    with connection, connection.makefile("rb") as answered:
        head, _, body = answered.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def post(
    server: Server, sent: bytes, content_type: str = "image/png", route: str = "/api/v1/segment", **head: str
) -> tuple[int, dict[str, object]]:
    connection = connect(server, content_type, route, **head)
    connection.sendall(sent)
    return read(connection)


def form(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"; filename="x"\r\n\r\n%b\r\n'
        % (name.encode(), data)
        for name, data in parts
    ) + (b"--b--\r\n")


def in_base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


@pytest.mark.parametrize("size", [1, 1000, 10**9], ids=["a byte each", "small", "one"])
def test_a_picture_in_chunks_of_any_size_is_answered(server: Server, png: bytes, size: int) -> None:
    assert post(server, chunked(png, size))[0] == 200


def test_a_large_picture_in_chunks_arrives_whole(server: Server, png: bytes) -> None:
    padded = png + b"\0" * (LIMIT - len(png))  # what follows a PNG's end is ignored
    assert post(server, chunked(padded, 300_000))[0] == 200


def test_every_route_reads_chunks(server: Server, png: bytes) -> None:
    multipart, as_json = "multipart/form-data; boundary=b", "application/json"
    one = json.dumps({"image": in_base64(png)}).encode()
    instances = json.dumps({"instances": [{"b64": in_base64(png)}]}).encode()
    for route, kind, body in (
        ("/api/v1/segment", multipart, form(("image", png))),
        ("/api/v1/segment", as_json, one),
        ("/api/v1/batch", multipart, form(("image", png), ("image", png))),
        ("/api/v1/batch", as_json, b'{"images": [%b]}' % one),
        ("/predict/upload?output=json", multipart, form(("file", png))),
        ("/v1/models/stub:predict", as_json, instances),
    ):
        status, answer = post(server, chunked(body), kind, route)
        assert status == 200, answer
        assert "error" not in str(answer)


def test_extensions_and_trailers_are_passed_over(server: Server, png: bytes) -> None:
    sent = b"%x;name=value\r\n%b\r\n0;last\r\nDigest: x\r\n\r\n" % (len(png), png)
    assert post(server, sent)[0] == 200


def test_too_many_bytes_are_413_which_the_client_can_read(server: Server, png: bytes) -> None:
    for body in (b"x" * (LIMIT + 1), b"x" * (2 * LIMIT), png + b"\0" * LIMIT):
        status, problem = post(server, chunked(body))
        assert status == 413
        assert f"{LIMIT:,}" in str(problem["detail"])
    assert post(server, chunked(png))[0] == 200


def test_compressed_chunks_are_taken(server: Server, png: bytes) -> None:
    sent = chunked(gzip.compress(png))
    assert post(server, sent, headers="Content-Encoding: gzip\r\n")[0] == 200
    bomb = chunked(gzip.compress(bytes(100 * LIMIT)))
    status, problem = post(server, bomb, headers="Content-Encoding: gzip\r\n")
    assert status == 413
    assert "decompressed" in str(problem["detail"])


@pytest.mark.parametrize(
    "sent",
    [b"hello", b"\r\n", b"x\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"0\r\nno trailer\r\n\r\n"],
    ids=["no size", "an empty size", "no number", "too much", "a bad trailer"],
)
def test_what_is_not_in_chunks_is_400(server: Server, png: bytes, sent: bytes) -> None:
    connection = connect(server, "image/png")
    connection.sendall(sent)
    connection.shutdown(socket.SHUT_WR)
    status, problem = read(connection)
    assert status == 400
    assert re.search("chunk|ended before its body", str(problem["detail"]))
    assert post(server, chunked(png))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ("Content-Length: 5\r\n", 400, "both"),
        ("Transfer-Encoding: gzip\r\n", 501, "Content-Encoding"),
    ],
    ids=["a length too", "compressed on the way"],
)
def test_what_another_server_might_read_otherwise_is_refused(
    server: Server, png: bytes, headers: str, status: int, detail: str
) -> None:
    answered, problem = post(server, chunked(png), headers=headers)
    assert answered == status
    assert detail in str(problem["detail"])


def test_a_request_for_what_takes_no_body_may_have_one(server: Server, png: bytes) -> None:
    for route, status in (("/livez", 405), ("/nowhere", 404)):
        assert post(server, chunked(png * 5), route=route)[0] == status


def test_a_client_that_waits_is_told_to_go_on(server: Server, png: bytes) -> None:
    connection = connect(server, "image/png", headers="Expect: 100-continue\r\n")
    assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(chunked(png))
    assert read(connection)[0] == 200


@pytest.mark.parametrize("piece", [b"", b"1\r\nx\r\n"], ids=["silent", "dripping"])
def test_an_upload_in_chunks_that_stalls_makes_room_for_another(
    server: Server, png: bytes, piece: bytes
) -> None:
    stalled = []
    for _ in range(2):
        stalled.append(connect(server, "image/png"))
        stalled[-1].sendall(b"1\r\nx\r\n")
        server.wait_for("uploads_arriving", len(stalled))
    for _ in range(15):
        time.sleep(0.1)
        for connection in stalled:
            connection.sendall(piece)
    assert server.segment(png)[0] == 200
    statuses = []
    for connection in stalled:
        connection.settimeout(1)
        try:
            statuses.append(read(connection)[0])
        except TimeoutError:
            statuses.append(0)
    assert sorted(statuses) == [0, 408]


def test_a_large_body_in_chunks_leaves_places_to_small_ones(
    tmp_path_factory: pytest.TempPathFactory, png: bytes
) -> None:
    large = b"x" * (5 * 2**20)
    head = f"POST /api/v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: {2**23}\r\n\r\n"
    with (
        running(tmp_path_factory.mktemp("large") / "log", seconds=0, MASKSERVE_QUEUE="1") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as counted,
    ):
        counted.sendall(head.encode() + large)
        server.wait_for("uploads_arriving", 1)
        status, problem = post(server, chunked(large))
        assert status == 503 and "uploads" in str(problem["detail"])
        assert server.segment(png)[0] == 200


def test_an_upload_in_chunks_that_takes_too_long_is_408(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("slow") / "log"
    with running(log, seconds=0, MASKSERVE_UPLOAD_TIMEOUT="1") as server:
        connection = connect(server, "image/png")
        connection.sendall(b"5\r\nhello\r\n")
        assert read(connection)[0] == 408
