"""Wire: messages between the service and its decoder processes, over a Unix socket.

Plain JSON, never pickle: a decoder that a hostile file has taken over must not be able to run code here. What
is large, a picture's file or its pixels, comes along as a file in memory.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

LACKS_MEMORY = errno.ENOMEM
"""The exit status of a decoder that had too little memory even to say so."""

_HEAD = struct.Struct("!I")  # bytes of JSON
_MOST_BYTES = 1 << 20


class Ended(Exception):
    """The process at the other end is gone."""


class Message(NamedTuple):
    """What came: a JSON object, and a file that is now the receiver's to close, if one came along."""

    values: dict[str, Any]
    descriptor: int | None


def send(connection: socket.socket, values: Mapping[str, Any], descriptor: int | None = None) -> None:
    """Send one message. Raises Ended, and TimeoutError where `connection` has a time limit."""
    text = json.dumps(values).encode()
    descriptors = [] if descriptor is None else [descriptor]
    try:
        socket.send_fds(connection, [_HEAD.pack(len(text)) + text], descriptors)
    except TimeoutError:
        raise
    except OSError as error:  # the other end, or another thread, has closed it
        raise Ended from error


def receive(connection: socket.socket) -> Message:
    """The next message.

    Raises:
        Ended: there is none, or no whole one.
        TimeoutError: where `connection` has a time limit.
    """
    descriptors: list[int] = []
    try:
        head, descriptors, _, _ = socket.recv_fds(connection, _HEAD.size, 1, socket.MSG_WAITALL)
        if len(head) < _HEAD.size:
            raise Ended
        (length,) = _HEAD.unpack(head)
        text = connection.recv(min(length, _MOST_BYTES), socket.MSG_WAITALL)
        if len(text) < length:
            raise Ended
        return Message(json.loads(text), descriptors[0] if descriptors else None)
    except BaseException as error:
        for descriptor in descriptors:
            with suppress(OSError):
                os.close(descriptor)
        if isinstance(error, OSError | ValueError) and not isinstance(error, TimeoutError):
            raise Ended from error
        raise


@contextmanager
def file_in_memory(content: memoryview) -> Iterator[int]:
    """A file in memory with these bytes, open for the length of the `with` block."""
    descriptor = os.memfd_create("maskserve", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # Three times as fast as a mapping, of which each page has to be asked for.
        while content:
            content = content[os.write(descriptor, content) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
