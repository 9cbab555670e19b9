"""Decoder: a process that turns image files into pixels, one after the other, within limits that kill."""

from __future__ import annotations

import math
import mmap
import resource
import socket
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from model.pictures.decoding import Decoded, decode_reduced
from model.pictures.isolation.wire import Ended, file_in_memory, receive, send
from model.pictures.limits import Limits, PictureError

_MEBIBYTE = 2**20

_HEADER_SECONDS = 2
"""Of processor time, for what is read before the pixels."""

_HEADER_BYTES = 96 * _MEBIBYTE
"""Beside some copies of the file, for the same."""

_COPIES = 4
"""Of the file, that decoders make."""


def serve(connection: socket.socket) -> None:
    """Decode what comes on `connection` until it is closed.

    Each order is a file with {"page", "channel", "projection", "max_pixels", "max_frames"}. The decoder asks
    with {"size"} to what a JPEG may be reduced, answered with {"least"}, and with {"whole", "needed",
    "pages"}, the picture's size, the bytes that it takes and how many pages of that size, whether it may
    decode the pixels, answered with {"seconds"} of processor time, or with {"stop"}. It ends with {"shape",
    "size", "origin", "is_cut"} and the pixels in a file in memory, or with {"stopped"}, or with {"refused",
    "why"}, or with {"lacks_memory"}: whether the machine has none, rather than the picture taken too much.
    """
    with suppress(Ended):
        while True:
            order, file = receive(connection)
            assert file is not None
            _lift_limits()
            with open(file, "rb") as stream:
                data = stream.read()
            _Order(connection, order, data).answer()


class _Stopped(BaseException):
    """The picture is not wanted any more. No error of its own, which codecs would take for theirs."""


class _Order:
    """One file that is to be decoded."""

    def __init__(self, connection: socket.socket, values: dict[str, Any], data: bytes) -> None:
        self._connection = connection
        self._values = values
        self._data = data
        self._base = _data_bytes()
        self._allowed = 0
        self._allow(_HEADER_BYTES + _COPIES * len(self._data), _HEADER_SECONDS)

    def answer(self) -> None:
        """Decode it and send what came of it. Raises Ended."""
        try:
            decoded = self._decode()
        except _Stopped:
            send(self._connection, {"stopped": True})
            return
        except MemoryError:
            decoded = None
        except PictureError as error:
            # Codecs in C say "corrupt" of what they had no memory for.
            if not isinstance(error.__cause__, MemoryError) and self._is_room_left():
                send(self._connection, {"refused": type(error).__name__, "why": str(error)})
                return
            decoded = None
        if decoded is None:
            send(self._connection, {"lacks_memory": not self._is_room_left()})
            return
        with file_in_memory(decoded.image.data.cast("B")) as pixels:
            told = {"size": decoded.size, "origin": asdict(decoded.origin), "is_cut": decoded.is_cut}
            send(self._connection, {"shape": decoded.image.shape, **told}, pixels)

    def _decode(self) -> Decoded:
        values = self._values
        return decode_reduced(
            self._data,
            self._enough,
            Limits(max_pixels=values["max_pixels"], max_frames=values["max_frames"]),
            page=values["page"],
            channel=values["channel"],
            projection=values["projection"],
            before_pixels=self._before_pixels,
        )

    def _enough(self, size: tuple[int, int]) -> tuple[int, int]:
        width, height = self._ask({"size": size})["least"]
        return width, height

    def _before_pixels(self, size: tuple[int, int], needed: int, pages: int) -> None:
        answer = self._ask({"whole": size, "needed": needed, "pages": pages})
        if "stop" in answer:
            raise _Stopped
        self._allow(needed, answer["seconds"])

    def _ask(self, values: dict[str, Any]) -> dict[str, Any]:
        """What the service says to that; when it has closed the connection, the process ends."""
        try:
            send(self._connection, values)
            return receive(self._connection).values
        except Ended:
            raise SystemExit from None

    def _allow(self, memory: int, seconds: float) -> None:
        """Let the process have so many bytes more than it began with, and so much more processor time."""
        self._allowed = memory
        _limit(resource.RLIMIT_DATA, self._base + memory)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))

    def _is_room_left(self) -> bool:
        """Whether the memory that the picture may take could be had."""
        try:
            length = max(1, self._base + self._allowed - _data_bytes() - _MEBIBYTE)
            mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except OSError:
            return False
        return True


def _lift_limits() -> None:
    """Forget what the last picture was allowed, which says nothing of how large the next file may be."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_CPU):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))


def _limit(kind: int, soft: int) -> None:
    """Set a soft limit, as far as the process may."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _data_bytes() -> int:
    """The private memory that the process has asked for, which is what RLIMIT_DATA bounds."""
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmData:"):
                return int(line.split()[1]) * 1024
    return 0
