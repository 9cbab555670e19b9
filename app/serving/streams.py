"""Streams: how an upload is coming along, as the kernel sees it, and its end."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import IO, TypeVar

from app.errors import UploadTooSlow

_Result = TypeVar("_Result")

# Of struct tcp_info (linux/tcp.h): tcpi_last_data_recv, in milliseconds, and tcpi_bytes_received.
_TCP_INFO = struct.Struct("=52xI72xQ")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Stream:
    """What a request's body is read from. Where there is no connection behind it, nothing is known of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def progress(self) -> tuple[int, float] | None:
        """The bytes received so far, and the seconds since the last of them; None: unknown.

        The kernel is asked because a read tells nothing: it waits until all is there that it asked for.
        """
        info = self._on_socket(
            lambda connection: connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        )
        if info is None or len(info) < _TCP_INFO.size:  # a kernel older than 4.1
            return None
        quiet_milliseconds, received = _TCP_INFO.unpack(info)
        return received, quiet_milliseconds / 1000

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
