"""Wire: messages between the service and its decoder processes, over a Unix socket.

Plain JSON, never pickle: a decoder that a hostile file has taken over must not be able to run code here.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_HEAD = struct.Struct("!IQ")  # bytes of JSON, bytes of payload
_MOST_JSON_BYTES = 1 << 20


class Ended(Exception):
    """The process at the other end is gone."""


@dataclass(frozen=True)
class Message:
    """What came.

    Attributes:
        values: the JSON object.
        payload: the bytes after it.
        descriptor: a file that came along, which is now the receiver's to close; None: none did.
    """

    values: dict[str, Any]
    payload: bytes
    descriptor: int | None


def send(
    connection: socket.socket,
    values: Mapping[str, Any],
    payload: bytes = b"",
    descriptor: int | None = None,
) -> None:
    """Send one message. Raises Ended, and TimeoutError where `connection` has a time limit."""
    text = json.dumps(values).encode()
    descriptors = [] if descriptor is None else [descriptor]
    try:
        socket.send_fds(connection, [_HEAD.pack(len(text), len(payload)) + text], descriptors)
        if payload:
            connection.sendall(payload)
    except ConnectionError as error:
        raise Ended from error


def receive(connection: socket.socket, most_payload: int = 0) -> Message:
    """The next message.

    Raises:
        Ended: there is none, or no whole one, or none within the limits.
        TimeoutError: where `connection` has a time limit.
    """
    descriptors: list[int] = []
    try:
        head, descriptors, _, _ = socket.recv_fds(connection, _HEAD.size, 1, socket.MSG_WAITALL)
        if len(head) < _HEAD.size:
            raise Ended
        text_bytes, payload_bytes = _HEAD.unpack(head)
        if text_bytes > _MOST_JSON_BYTES or payload_bytes > most_payload:
            raise Ended
        values = json.loads(_receive_exactly(connection, text_bytes))
        payload = _receive_exactly(connection, payload_bytes)
    except BaseException as error:
        for descriptor in descriptors:
            with suppress(OSError):
                os.close(descriptor)
        if isinstance(error, ConnectionError | ValueError):
            raise Ended from error
        raise
    return Message(values, payload, descriptors[0] if descriptors else None)


def _receive_exactly(connection: socket.socket, length: int) -> bytes:
    if not length:
        return b""
    data = connection.recv(length, socket.MSG_WAITALL)
    while len(data) < length:  # a signal came in between, or the end
        more = connection.recv(length - len(data), socket.MSG_WAITALL)
        if not more:
            raise Ended
        data += more
    return data
