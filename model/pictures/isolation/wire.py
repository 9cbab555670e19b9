"""Wire: messages between the service and its decoder processes, over a Unix socket.

Messages are plain JSON, never pickle: a decoder that a hostile file has taken over must not be able to run
code here. Large data, such as a picture's file or its pixels, is passed as a memory file.
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
"""The exit status of a decoder that had too little memory even to report it."""

_HEAD = struct.Struct("!I")  # the length of the JSON in bytes
_MOST_BYTES = 1 << 20
_TALK_SECONDS = 10.0  # for a message, which is always short; a process that takes longer counts as dead


class Ended(Exception):
    """The process at the other end is gone."""


def limit_talk(connection: socket.socket) -> None:
    """Make `send` and `receive` over `connection` raise TimeoutError if the other end does not respond."""
    connection.settimeout(_TALK_SECONDS)


class Message(NamedTuple):
    """A received message: a JSON object and, if one came with it, a file that the receiver must close."""

    values: dict[str, Any]
    descriptor: int | None


def send(connection: socket.socket, values: Mapping[str, Any], descriptor: int | None = None) -> None:
    """Send one message. Raises Ended, or TimeoutError if `connection` has a time limit."""
    text = json.dumps(values).encode()
    descriptors = [] if descriptor is None else [descriptor]
    try:
        socket.send_fds(connection, [_HEAD.pack(len(text)) + text], descriptors)
    except TimeoutError:
        raise
    except OSError as error:  # the other end, or another thread, has closed it
        raise Ended from error


def receive(connection: socket.socket) -> Message:
    """Receive the next message.

    Raises:
        Ended: the connection ended before a whole message arrived.
        TimeoutError: no message arrived in time, if `connection` has a time limit.
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
def file_in_memory(*contents: memoryview) -> Iterator[int]:
    """Yield the descriptor of a memory file with these bytes, which is open during the `with` block."""
    descriptor = os.memfd_create("maskserve", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # Three times as fast as a mapping, which faults on each page.
        for content in contents:
            while content:
                content = content[os.write(descriptor, content) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
