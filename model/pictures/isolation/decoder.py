"""Decoder: a process that decodes image files one after the other, within limits that the kernel enforces."""

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
"""Seconds of processor time for reading the header."""

_HEADER_BYTES = 96 * _MEBIBYTE
"""Memory for reading the header, in addition to copies of the file."""

_COPIES = 4
"""How many copies of the file decoders make."""


def serve(connection: socket.socket) -> None:
    """Decode the files that arrive on `connection` until it is closed.

    Each order is a file with {"page", "channel", "projection", "keeps_values", "max_pixels", "max_frames"}.
    The decoder asks two questions. With {"size"}, it asks to what size a JPEG may be reduced; the answer is
    {"least"}. With {"whole", "needed", "pages"} (the size of the picture, the bytes of memory and the number
    of pages of that size), it asks whether it may decode the pixels; the answer is {"seconds"} of processor
    time, or {"stop"}.

    The decoder's last message is {"shape", "size", "origin", "is_cut", "values"} with the pixels in a memory
    file, {"stopped"}, {"refused", "why"}, or {"lacks_memory"}, which is true if the machine has no memory
    left and false if the picture took more than it may. "values" is null, or {"shape", "dtype"} of the
    picture's own values, which then come before the pixels in the file.
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
    """The picture is not wanted any more. Not an Exception, because codecs would handle it as their own."""


class _Order:
    """An order to decode one file."""

    def __init__(self, connection: socket.socket, values: dict[str, Any], data: bytes) -> None:
        self._connection = connection
        self._values = values
        self._data = data
        self._base = _data_bytes()
        self._allowed = 0
        self._allow(_HEADER_BYTES + _COPIES * len(self._data), _HEADER_SECONDS)

    def answer(self) -> None:
        """Decode the file and send the outcome. Raises Ended."""
        try:
            decoded = self._decode()
        except _Stopped:
            send(self._connection, {"stopped": True})
            return
        except MemoryError:
            decoded = None
        except PictureError as error:
            # Codecs in C also report a lack of memory as a corrupt picture.
            if not isinstance(error.__cause__, MemoryError) and self._is_room_left():
                send(self._connection, {"refused": type(error).__name__, "why": str(error)})
                return
            decoded = None
        if decoded is None:
            send(self._connection, {"lacks_memory": not self._is_room_left()})
            return
        values, contents = decoded.values, [decoded.image.data.cast("B")]
        told: dict[str, Any] = {
            "shape": decoded.image.shape,
            "size": decoded.size,
            "origin": asdict(decoded.origin),
            "is_cut": decoded.is_cut,
            "values": None,
        }
        if values is not None:
            contents.insert(0, values.data.cast("B"))  # first, where they are aligned
            told["values"] = {"shape": values.shape, "dtype": values.dtype.str}
        with file_in_memory(*contents) as pixels:
            send(self._connection, told, pixels)

    def _decode(self) -> Decoded:
        values = self._values
        return decode_reduced(
            self._data,
            self._enough,
            Limits(max_pixels=values["max_pixels"], max_frames=values["max_frames"]),
            page=values["page"],
            channel=values["channel"],
            projection=values["projection"],
            keeps_values=values["keeps_values"],
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
        """Send a question and return the service's answer; end the process if the connection is closed."""
        try:
            send(self._connection, values)
            return receive(self._connection).values
        except Ended:
            raise SystemExit from None

    def _allow(self, memory: int, seconds: float) -> None:
        """Limit the process to `memory` bytes more than it began with and `seconds` more processor time."""
        self._allowed = memory
        _limit(resource.RLIMIT_DATA, self._base + memory)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))

    def _is_room_left(self) -> bool:
        """Whether the machine still has the memory that the picture may take."""
        try:
            length = max(1, self._base + self._allowed - _data_bytes() - _MEBIBYTE)
            mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except OSError:
            return False
        return True


def _lift_limits() -> None:
    """Remove the limits of the last picture, which do not apply to the next file."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_CPU):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))


def _limit(kind: int, soft: int) -> None:
    """Set a soft limit, but no higher than the hard limit."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _data_bytes() -> int:
    """Return the bytes of private memory that the process has allocated, which RLIMIT_DATA limits."""
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmData:"):
                return int(line.split()[1]) * 1024
    return 0
