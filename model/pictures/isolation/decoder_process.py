"""DecoderProcess: a process that decodes pictures, as the service sees it."""

from __future__ import annotations

import fcntl
import logging
import math
import mmap
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from model.pictures.decoding import Decoded
from model.pictures.isolation.forking import Nursery
from model.pictures.isolation.wire import (
    LACKS_MEMORY,
    Ended,
    Message,
    file_in_memory,
    receive,
    send,
)
from model.pictures.limits import (
    BrokenPicture,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PagesDiffer,
    PictureError,
    PictureTooLarge,
    TooManyFrames,
)
from model.pictures.origin import Axes, Origin
from model.pictures.wanted import BeforePixels, Enough

LOG = logging.getLogger(__name__)

_LOOK_MILLISECONDS = 500

# The processor time that decoding may take, by the memory that it takes: several times the measured time.
_SECONDS, _BYTES_A_SECOND = 1.0, 100e6

# Processor time for each further page of a projection, which takes no more memory than one page.
_PAGE_SECONDS, _PIXELS_A_SECOND = 0.005, 10e6

_LONGEST_SECONDS = 60.0  # to wait for a decoder: several times the processor time that it may take

_PICTURES_EACH = 500  # then a decoder is replaced, because codecs leak memory
_LARGE_BYTES = 192 * 2**20  # after a picture that took more, its decoder is ended to free the memory

_KINDS: dict[str, type[PictureError]] = {
    kind.__name__: kind
    for kind in (
        BrokenPicture,
        NoSuchChannel,
        NoSuchPage,
        NotAPicture,
        PagesDiffer,
        PictureTooLarge,
        TooManyFrames,
    )
}


class DecoderProcess:
    """One decoder process.

    Attributes:
        is_spent: whether it must not decode anything more.
    """

    def __init__(self, nursery: Nursery) -> None:
        """Fork the process. Raises Ended, or MemoryError."""
        self._nursery = nursery
        self._connection, process = nursery.fork()
        self._process: int | None = process
        self._orders = 0
        self.is_spent = False

    def decode(
        self,
        order: dict[str, Any],
        data: bytes,
        enough: Enough,
        before_pixels: BeforePixels,
        check: Callable[[], object],
    ) -> Decoded:
        """Decode one picture. Raises as `Decoders.decode` does, or Ended if another decoder should try."""
        self.is_spent = True  # until all has gone well
        self._orders += 1
        is_large = was_heard = False
        try:
            with file_in_memory(memoryview(data)) as file:
                send(self._connection, order, file)
            while True:
                answer = self._answer(check)
                was_heard = True
                match answer.values:
                    case {"whole": [width, height], "needed": needed, "pages": pages}:
                        is_large = needed > _LARGE_BYTES
                        try:
                            before_pixels((width, height), needed, pages)
                        except BaseException:
                            self._stop()
                            raise
                        a_page = _PAGE_SECONDS + width * height / _PIXELS_A_SECOND
                        seconds = _SECONDS + needed / _BYTES_A_SECOND + (pages - 1) * a_page
                        send(self._connection, {"seconds": seconds})
                    case {"shape": _}:
                        decoded = _received(answer)
                        self.is_spent = is_large or self._orders >= _PICTURES_EACH
                        return decoded
                    case {"size": [width, height]}:
                        send(self._connection, {"least": enough((width, height))})
                    case _:
                        break
        except Ended:
            status = self.end()
            # It ended with its nursery, or was dead before it got the file.
            if status is None or (self._orders > 1 and not was_heard):
                raise
            LOG.warning("a decoder ended with status %s while decoding a file of %d bytes", status, len(data))
            raise _error_for(status) from None
        except TimeoutError:
            raise PictureTooLarge("the picture takes too long to decode") from None
        if "refused" in answer.values:
            self.is_spent = is_large or self._orders >= _PICTURES_EACH
            raise _KINDS[answer.values["refused"]](answer.values["why"])
        if answer.values["lacks_memory"]:
            raise MemoryError("there is not enough memory to decode the picture")
        raise PictureTooLarge("the picture takes more memory to decode than is allowed for its size")

    def _stop(self) -> None:
        """Stop before the pixels are decoded, so that the process can be used again."""
        with suppress(Ended, TimeoutError):
            send(self._connection, {"stop": True})
            self.is_spent = "stopped" not in receive(self._connection).values

    def end(self) -> int | None:
        """End the process; return its exit status, or minus the signal that killed it; None if unknown."""
        self.is_spent = True
        process, self._process = self._process, None
        self._connection.close()
        if process is None:
            return None
        with suppress(Ended):
            return self._nursery.end(process)
        return None

    def _answer(self, check: Callable[[], object]) -> Message:
        """Return the decoder's next message. Raises Ended, TimeoutError, or whatever `check` raises."""
        ready = select.poll()
        ready.register(self._connection, select.POLLIN)
        gives_up_at = time.monotonic() + _LONGEST_SECONDS
        while not ready.poll(_LOOK_MILLISECONDS):
            check()
            if time.monotonic() > gives_up_at:  # it is stopped, or the machine is overloaded
                raise TimeoutError
        return receive(self._connection)


def _received(answer: Message) -> Decoded:
    """Return the picture in the file that came with the message. Raises Ended if the file is not valid."""
    if answer.descriptor is None:
        raise Ended
    try:
        height, width, channels = answer.values["shape"]
        values_shape, dtype = _kind_of_values(answer.values["values"])
        values_bytes = math.prod(values_shape) * dtype.itemsize
        length = values_bytes + height * width * channels
        # Sealed against shrinking: reading beyond the end of a mapped file would kill the service.
        fcntl.fcntl(answer.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        if channels != 3 or os.fstat(answer.descriptor).st_size < length:
            raise Ended
        try:
            pixels = mmap.mmap(answer.descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ)
        except OSError as error:
            raise MemoryError("there is not enough memory for the picture") from error
    finally:
        os.close(answer.descriptor)
    width_of_whole, height_of_whole = answer.values["size"]
    image = np.frombuffer(pixels, np.uint8, height * width * channels, values_bytes)
    values = np.frombuffer(pixels, dtype, math.prod(values_shape)).reshape(values_shape)
    return Decoded(
        image.reshape(height, width, channels),
        (width_of_whole, height_of_whole),
        _origin(answer.values["origin"]),
        bool(answer.values["is_cut"]),
        values if values_bytes else None,
    )


def _kind_of_values(told: dict[str, Any] | None) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and dtype of the picture's own values; (0,) if there are none.

    Raises Ended if they are not numbers.
    """
    if told is None:
        return (0,), np.dtype(np.uint8)
    height, width, channels = map(int, told["shape"])
    dtype = np.dtype(told["dtype"])
    if dtype.kind not in "iuf" or min(height, width, channels) < 1:
        raise Ended
    return (height, width, channels), dtype


def _origin(told: dict[str, Any]) -> Origin:
    """Return the Origin that `dataclasses.asdict` converted to `told`."""
    pixel_size = told["pixel_size"] and (float(told["pixel_size"][0]), float(told["pixel_size"][1]))
    axes = Axes(
        tuple((str(axis), int(length)) for axis, length in told["axes"]["of_pages"]),
        tuple(map(str, told["axes"]["channel_names"])),
    )
    return Origin(**{**told, "pixel_size": pixel_size, "axes": axes})


def _error_for(status: int) -> Exception:
    """Return the error for a picture whose decoder ended with this exit status, or minus the signal."""
    if status == -signal.SIGXCPU:
        return PictureTooLarge("the picture takes too long to decode")
    # The kernel sends SIGKILL when memory runs out, and SIGBUS when it has no memory for a page.
    if status in (-signal.SIGKILL, -signal.SIGBUS, LACKS_MEMORY):
        return MemoryError("there is not enough memory to decode the picture")
    return BrokenPicture("the picture is corrupt: it makes the decoder crash")
