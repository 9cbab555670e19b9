"""Streams: how an upload is coming along, as the kernel sees it, and its end."""

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

_STREAM = "app.stream"  # of environ
_HEAD_BYTES = "front.head_bytes"  # of environ: what came before the body

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def stream_of(environ: WSGIEnvironment) -> Stream:
    """That of a request, which is read from it from now on."""
    if _STREAM not in environ:
        head_bytes = int(environ.get(_HEAD_BYTES, 0))
        environ["wsgi.input"] = environ[_STREAM] = Stream(environ["wsgi.input"], head_bytes)
    stream: Stream = environ[_STREAM]
    return stream


class Stream:
    """What a request's body is read from. Where there is no connection behind it, nothing is known of it.

    Attributes:
        is_whole: the body has been read to its end; whoever reads it says so.
    """

    def __init__(self, stream: IO[bytes], head_bytes: int) -> None:
        """`head_bytes`: those that came before the body."""
        self.is_whole = False
        self._stream = stream
        self._head_bytes = head_bytes
        self._read = 0
        self._waited = 0.0
        self._waits: tuple[int, float] | None = None  # for so many bytes, since then

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end. Raises OSError where that does not come."""
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
        """How the body comes; None: all of it is there, or it is unknown.

        The kernel is asked because a read tells nothing: it waits until all is there that it asked for, and
        then perhaps for its turn with the interpreter.
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
        # While nothing was read, the client may have been unable to send.
        return Progress(received, self._waited + waits_for, min(quiet_milliseconds / 1000, waits_for))

    def fileno(self) -> int:
        """The connection that it comes from. Raises OSError where there is none."""
        return self._stream.fileno()

    def ask_for(self) -> None:
        """Tell the client, which waits for that, to send the body."""
        self._on_socket(lambda connection: connection.sendall(_CONTINUE))

    def cut(self) -> None:
        """End a read that waits, and leave the way open for the answer."""
        self._on_socket(lambda connection: connection.shutdown(socket.SHUT_RD))

    def too_slow(self) -> UploadTooSlow:
        """What is to be answered when it was cut for being slow."""
        return UploadTooSlow("The upload stalled while another request needed its place.")

    def _on_socket(self, act: Callable[[socket.socket], _Result]) -> _Result | None:
        try:
            connection = socket.socket(fileno=self._stream.fileno())
        except (AttributeError, OSError):  # none there
            return None
        try:
            return act(connection)
        except OSError:
            return None
        finally:
            connection.detach()  # it is the server's
