"""Workers: the front's connection to the worker that handles a request."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import termios
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

HELD_BYTES = 64 * 1024
"""How much of what a client or a worker does not read yet is buffered for it."""


class Client(Protocol):
    """The client's end of the exchange, which a worker's connection reports to."""

    def begin(self, worker: Worker) -> None:
        """A worker is connected."""

    def pause_reading(self) -> None:
        """The worker's buffer is full."""

    def continue_reading(self) -> None:
        """The worker has room again."""

    def answer(self, data: bytes) -> None:
        """Pass on a piece of the worker's response."""

    def worker_is_done(self) -> None:
        """The worker has closed its connection."""


class Worker(asyncio.BufferedProtocol):
    """The connection to the worker that handles a request."""

    transport: asyncio.Transport

    def __init__(self, client: Client, buffer: bytearray) -> None:
        """`buffer` is the one that all connections read into."""
        self._client = client
        self._buffer = buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        connection_of(transport).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD_BYTES)
        self._client.begin(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        self._client.answer(bytes(memoryview(self._buffer)[:nbytes]))

    @property
    def is_taken(self) -> bool:
        """Whether the kernel at the worker's end has acknowledged all that was sent."""
        connection = connection_of(self.transport)
        unacknowledged = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        return not self.transport.get_write_buffer_size() and not any(unacknowledged)

    def pause_writing(self) -> None:
        self._client.pause_reading()

    def resume_writing(self) -> None:
        self._client.continue_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:  # the worker closed before it had read everything, perhaps after a response
            for data in self._rest():
                self._client.answer(data)
        self._client.worker_is_done()

    def _rest(self) -> Iterator[bytes]:
        """What the kernel still has from the worker, which asyncio discards when a write fails."""
        with connection_of(self.transport).dup() as connection, suppress(OSError):
            connection.setblocking(False)
            connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_ERROR
            )  # clears the error, which recv would raise before it returns data
            while data := connection.recv(HELD_BYTES):
                yield data


def connection_of(transport: asyncio.Transport) -> socket.socket:
    """The socket under `transport`."""
    connection: socket.socket = transport.get_extra_info("socket")
    return connection
