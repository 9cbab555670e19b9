"""Streams: reads request bodies, reports uploads' progress as the kernel sees it, and can cut them off."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, TypeVar

from app.errors import UploadTooSlow
from app.fetching.progress import Progress

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_Result = TypeVar("_Result")

# Of struct tcp_info (linux/tcp.h): tcpi_last_data_recv, in milliseconds, and tcpi_bytes_received.
_TCP_INFO = struct.Struct("=52xI72xQ")

_STREAM = "app.stream"  # in environ
_HEAD_BYTES = "front.head_bytes"  # in environ: the number of bytes before the body

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def stream_of(environ: WSGIEnvironment) -> Stream:
    """The stream of a request's body; from now on, the body is read through it."""
    if _STREAM not in environ:
        head_bytes = int(environ.get(_HEAD_BYTES, 0))
        environ["wsgi.input"] = environ[_STREAM] = Stream(environ["wsgi.input"], head_bytes)
    stream: Stream = environ[_STREAM]
    return stream


class Stream:
    """The stream that a request's body is read from. Without a connection behind it, its progress is unknown.

    Attributes:
        is_whole: whether the body has been read to its end; set by its reader.
    """

    def __init__(self, stream: IO[bytes], head_bytes: int) -> None:
        """`head_bytes`: the number of bytes before the body."""
        self.is_whole = False
        self._stream = stream
        self._head_bytes = head_bytes
        self._read = 0
        self._waited = 0.0
        self._waits: tuple[int, float] | None = None  # the total bytes that a read waits for, and its start

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end. Raises OSError if the body is incomplete."""
        begun = time.monotonic()
        self._waits = self._read + size, begun
        try:
            data = self._stream.read(size)
        finally:
            self._waits = None
            self._waited += time.monotonic() - begun
        self._read += len(data)
        return data

    def progress(self) -> Progress | None:
        """The upload's progress; None if it is complete or unknown.

        It is taken from the kernel, because a read does not show it: a read waits until all requested bytes
        have arrived, and then perhaps for the interpreter's lock.
        """
        if self.is_whole:
            return None
        now = time.monotonic()
        awaited, begun = self._waits or (0, now)
        info = self._on_socket(
            lambda connection: connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        )
        if info is None or len(info) < _TCP_INFO.size:  # a kernel older than 4.1
            return None
        quiet_milliseconds, all_received = _TCP_INFO.unpack(info)
        received = all_received - self._head_bytes
        if received < 0:  # some kernels count nothing (gVisor)
            return None
        waits_for = now - begun if received < awaited else 0.0
        # Time outside reads does not count: the client may have been unable to send.
        return Progress(received, self._waited + waits_for, min(quiet_milliseconds / 1000, waits_for))

    def fileno(self) -> int:
        """The descriptor of the connection. Raises OSError if there is none."""
        return self._stream.fileno()

    def ask_for(self) -> None:
        """Tell the client to send the body, by answering its Expect: 100-continue."""
        self._on_socket(lambda connection: connection.sendall(_CONTINUE))

    def cut(self) -> None:
        """End a blocked read; the answer can still be sent."""
        self._on_socket(lambda connection: connection.shutdown(socket.SHUT_RD))

    def too_slow(self) -> UploadTooSlow:
        """The error to answer with if the upload was cut for being slow."""
        return UploadTooSlow(
            "The upload was too slow, and another request needed its place. Try again later."
        )

    def _on_socket(self, act: Callable[[socket.socket], _Result]) -> _Result | None:
        try:
            connection = socket.socket(fileno=self._stream.fileno())
        except (AttributeError, OSError):  # no connection
            return None
        try:
            return act(connection)
        except OSError:
            return None
        finally:
            connection.detach()  # it belongs to the server
