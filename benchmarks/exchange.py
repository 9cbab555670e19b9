"""Exchanges with a service: clients that read answers, that do not read, and that finish simultaneously."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Barrier, Event

from benchmarks.kinds import Ask

_CHUNK_BYTES = 1 << 18
_LAST_BYTES = 1000


@dataclass(frozen=True)
class Answer:
    """The result of a request.

    Attributes:
        status: the HTTP status; 0 if there was no answer.
        is_whole: whether the body has the length in its header.
        was_reset: whether the service closed the connection while the client was sending, as for a refused
            request whose client does not stop; the answer may then be lost.
        seconds: the time until the last byte.
    """

    status: int
    is_whole: bool
    was_reset: bool
    seconds: float


def exchange(
    port: int, ask: Ask, caller: str = "127.0.0.1", timeout: float = 300, together: Barrier | None = None
) -> Answer:
    """Send a request and read its answer, even if the answer comes before the whole request is sent.

    Args:
        port: the port of the service on this machine.
        ask: the request.
        caller: the loopback address of the client.
        timeout: seconds without a byte after which the answer counts as lost.
        together: a barrier to wait for before sending the last bytes of the body.
    """
    started = time.perf_counter()
    status, is_whole, was_reset = 0, False, False
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout, (caller, 0)) as connection:
        try:
            _send(connection, ask, together)
        except (BrokenPipeError, ConnectionResetError):
            was_reset = True
        try:
            status, is_whole = _read(connection)
        except ConnectionResetError:
            was_reset = True
    return Answer(status, is_whole, was_reset, time.perf_counter() - started)


def hold_unread(port: int, ask: Ask, until: Event, caller: str = "127.0.0.1") -> None:
    """Send a request and do not read its answer, until the event is set or the connection is closed."""
    with suppress(OSError), socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.bind((caller, 0))
        connection.settimeout(60)
        connection.connect(("127.0.0.1", port))
        _send(connection, ask, None)
        until.wait()


def _send(connection: socket.socket, ask: Ask, together: Barrier | None) -> None:
    of_body = f"Content-Type: {ask.content_type}\r\nContent-Length: {len(ask.body)}\r\n" if ask.body else ""
    connection.sendall(f"{ask.method} {ask.path} HTTP/1.1\r\nHost: x\r\n{of_body}\r\n".encode())
    body = memoryview(ask.body)
    if together is None:
        connection.sendall(body)
        return
    try:
        connection.sendall(body[:-_LAST_BYTES])
    finally:
        together.wait()
    connection.sendall(body[-_LAST_BYTES:])


def _read(connection: socket.socket) -> tuple[int, bool]:
    """The status, and whether the answer is complete; the body is discarded."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(_CHUNK_BYTES)
        if not piece:
            return 0, False
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    received = len(body)
    with suppress(ConnectionResetError):
        while piece := connection.recv(_CHUNK_BYTES):
            received += len(piece)
    return int(head.split()[1]), not lengths or received == int(lengths[0])
