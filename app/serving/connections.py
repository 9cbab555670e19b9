"""Connections: what the kernel knows about this machine's TCP connections over IPv4."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# sock_diag(7): a query takes 20 µs if both ends of the connection are given, including our own address, and a
# millisecond or more if all connections must be searched. /proc/net/tcp takes 40 ms with ten thousand.
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST, _DUMP = 0x001, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_QUESTION = struct.Struct("=BBxxI48s")  # family, protocol, states, connection
_ANSWER = struct.Struct("=xBxx48s8xI8x")  # state, connection, unacknowledged bytes
_CONNECTION = struct.Struct("!HH4s12x4s12x4s8s")  # local port, remote port, local, remote, interface, cookie
_ANY_STATE = 0xFFFFFFFF
_ANY_COOKIE = b"\xff" * 8
_PATIENCE_SECONDS = 1.0

# For kernels without sock_diag (gVisor). Columns: number, local address, remote address, state, queues, …
_TABLE = Path("/proc/net/tcp")
_ROW = rb": [0-9A-F]{8}:%b ([0-9A-F]{8}):(%b) ([0-9A-F]{2}) ([0-9A-F]{8}):"
_FRESH_SECONDS = 0.25
_SHARE_OF_TIME = 20  # at most 1/20 of the time goes into reading the table

ESTABLISHED = 1
CLOSE_WAIT = 8  # the client has closed its side


class Connection(NamedTuple):
    """One TCP connection.

    Attributes:
        remote: address and port of the other end.
        state: the kernel's number (ESTABLISHED, …).
        unsent: bytes that the other end has not acknowledged.
        identity: the key to look the connection up again.
    """

    remote: tuple[str, int]
    state: int
    unsent: int
    identity: bytes


_our_addresses: list[bytes] = []  # local addresses of connections found before, the latest first
_MOST_ADDRESSES = 4


def connections(local_port: int, remote_port: int | None = None) -> list[Connection]:
    """The connections of a local port, with any remote port or one; empty if the kernel does not tell."""
    try:
        return _ask(_identity(local_port, remote_port or 0), _DUMP)
    except OSError:
        return _read(local_port, remote_port)


def find(local_port: int, remote: tuple[str, int]) -> Connection | None:
    """The connection between a local port and `remote`; None if the kernel knows of none."""
    try:
        address = socket.inet_aton(remote[0])
    except OSError:  # not IPv4
        return None
    with suppress(OSError):
        for ours in tuple(_our_addresses):
            for connection in _ask(_identity(local_port, remote[1], ours, address)):
                if connection.remote == remote:  # otherwise it is the listening socket
                    return connection
    for connection in connections(local_port, remote[1]):
        if connection.remote == remote:
            _remember(_CONNECTION.unpack(connection.identity)[2])
            return connection
    return None


def _remember(address: bytes) -> None:
    if address not in _our_addresses:
        _our_addresses[:] = [address, *_our_addresses[: _MOST_ADDRESSES - 1]]


def _identity(local_port: int, remote_port: int, local: bytes = b"", remote: bytes = b"") -> bytes:
    return _CONNECTION.pack(local_port, remote_port, local, remote, b"", _ANY_COOKIE)


def look_again(connection: Connection) -> Connection | None:
    """The present state of `connection`; None if it is gone."""
    try:
        return next(iter(_ask(connection.identity)), None)
    except OSError:
        rows = _read(_CONNECTION.unpack(connection.identity)[0], connection.remote[1])
        return next((row for row in rows if row.remote == connection.remote), None)


def _ask(identity: bytes, flags: int = 0) -> list[Connection]:
    """The connections that match `identity`. Raises OSError if the kernel does not answer."""
    question = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, _ANY_STATE, identity)
    header = _HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _REQUEST | flags, 0, 0)
    found: list[Connection] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as asked:
        asked.settimeout(_PATIENCE_SECONDS)
        asked.send(header + question)
        while True:
            message = memoryview(asked.recv(65536))
            while message:
                length, kind, *_ = _HEADER.unpack_from(message)
                if kind == _NLMSG_DONE:
                    return found
                if kind == _NLMSG_ERROR:
                    (error,) = struct.unpack_from("=i", message, _HEADER.size)
                    if -error in (errno.ENOENT, errno.ESTALE):
                        return []
                    raise OSError(-error, os.strerror(-error))
                found.append(_answer(message[_HEADER.size :]))
                message = message[(length + 3) & ~3 :]
            if not flags:
                return found


def _answer(message: memoryview) -> Connection:
    state, identity, unsent = _ANSWER.unpack_from(message)
    _, port, _, address, _, _ = _CONNECTION.unpack(identity)
    return Connection((socket.inet_ntoa(address), port), state, unsent, identity)


_lock = threading.Lock()
_table = b""
_stale_at = 0.0


def _read(local_port: int, remote_port: int | None) -> list[Connection]:
    """The same as `connections`, from the kernel's table."""
    local = b"%04X" % local_port
    remote = b"[0-9A-F]{4}" if remote_port is None else b"%04X" % remote_port
    found = []
    for address, port, state, unsent in re.findall(_ROW % (local, remote), _current_table()):
        other = socket.inet_ntoa(int(address, 16).to_bytes(4, sys.byteorder)), int(port, 16)
        identity = _identity(local_port, other[1])
        found.append(Connection(other, int(state, 16), int(unsent, 16), identity))
    return found


def _current_table() -> bytes:
    global _table, _stale_at
    with _lock:
        begun = time.monotonic()
        if begun >= _stale_at:
            try:
                _table = _TABLE.read_bytes()
            except OSError:  # not Linux
                _table = b""
            ended = time.monotonic()
            _stale_at = ended + max(_FRESH_SECONDS, _SHARE_OF_TIME * (ended - begun))
        return _table
