"""Decoders: starts the decoder processes and gives them work, in the service's own process."""

from __future__ import annotations

import fcntl
import functools
import logging
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from model.pictures.decoding import Decoded
from model.pictures.isolation.wire import LACKS_MEMORY, Ended, Message, file_in_memory, receive, send
from model.pictures.limits import (
    DEFAULT_LIMITS,
    BrokenPicture,
    Limits,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    PagesDiffer,
    PictureError,
    PictureTooLarge,
    TooManyFrames,
)
from model.pictures.origin import Origin
from model.pictures.projection import Projection
from model.pictures.wanted import BeforePixels, Enough, not_told

LOG = logging.getLogger(__name__)

_PYTHON = Path(sys.prefix) / "bin" / "python"  # sys.executable may be a server that embeds Python
_NURSERY = "model.pictures.isolation.nursery"
# The service's own environment is not passed on, because it holds keys. One thread each, because a process in
# which libraries have started threads cannot be forked.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG")

_LOOK_MILLISECONDS = 500
_TALK_SECONDS = 10.0  # for a message, which is always short; a decoder that takes longer counts as dead

# The processor time that decoding may take, by the memory that it takes: several times the measured time.
_SECONDS, _BYTES_A_SECOND = 1.0, 100e6

# Processor time for each further page of a projection, which takes no more memory than one page.
_PAGE_SECONDS, _PIXELS_A_SECOND = 0.005, 10e6

_LONGEST_SECONDS = 60.0  # to wait for a decoder: several times the processor time that it may take

_ATTEMPTS = 3
_MOST_WARM = 2
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


def _nothing() -> None:
    pass


class Decoders:
    """Decodes image files in separate processes, a few of which are kept warm.

    Any number of threads may decode at once; limiting them is up to the caller.
    """

    def __init__(self) -> None:
        self._nursery: _Nursery | None = None
        self._idle: list[_Decoder] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process that forks decoders, so that the first picture does not have to wait for it."""
        with self._lock:
            self._nursery = self._nursery or _Nursery()

    def close(self) -> None:
        """End all idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
            nursery, self._nursery = self._nursery, None
        for decoder in idle:
            decoder.end()
        if nursery:
            nursery.close()

    def decode(
        self,
        data: bytes,
        enough: Enough,
        limits: Limits = DEFAULT_LIMITS,
        *,
        page: int = 0,
        channel: int | None = None,
        projection: Projection = "none",
        before_pixels: BeforePixels = not_told,
        check: Callable[[], object] = _nothing,
    ) -> Decoded:
        """Do the same as `model.pictures.decode_reduced`, in another process.

        Args:
            data, enough, limits, page, channel, projection: as in `decode_reduced`.
            before_pixels: as in `decode_reduced`, but called again for each attempt; it may block, and raise
                any exception.
            check: called twice a second while the decoder works; an exception that it raises ends the
                decoder.

        Raises:
            PictureError: as in `decode_reduced`. If a file kills its decoder: PictureTooLarge if it took too
                much time or memory, else BrokenPicture.
            MemoryError: the machine lacks the memory that such a picture may take, or cannot start a process.
        """
        order = {
            "page": page,
            "channel": channel,
            "projection": projection,
            "max_pixels": limits.max_pixels,
            "max_frames": limits.max_frames,
        }
        for _ in range(_ATTEMPTS):
            decoder = self._take()
            try:
                return decoder.decode(order, data, enough, before_pixels, check)
            except Ended:  # the file may not be the cause
                continue
            finally:
                self._keep(decoder)
        raise MemoryError("the processes that decode pictures have been ended repeatedly")

    def _take(self) -> _Decoder:
        for _ in range(_ATTEMPTS):
            with self._lock:
                if self._idle:
                    return self._idle.pop()
                nursery = self._nursery = self._nursery or _Nursery()
            try:
                return _Decoder(nursery)
            except Ended:  # the nursery was killed or stopped
                with self._lock:
                    if self._nursery is nursery:
                        self._nursery = None
                nursery.close()
        raise MemoryError("no process to decode pictures can be started")

    def _keep(self, decoder: _Decoder) -> None:
        with self._lock:
            if not decoder.is_spent and len(self._idle) < _MOST_WARM:
                self._idle.append(decoder)
                return
        decoder.end()


@functools.cache
def decoders_of_this_process() -> Decoders:
    """Return the decoders that this whole process shares: one nursery is enough."""
    return Decoders()


class _Nursery:
    """The fork server, which forks decoders (`model.pictures.isolation.nursery`)."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        self._orders.settimeout(_TALK_SECONDS)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [_PYTHON, "-m", _NURSERY, str(theirs.fileno())],
                env={
                    **{name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                    **_ENVIRONMENT,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def fork(self) -> tuple[socket.socket, int]:
        """Return the connection to a new decoder and its process id. Raises Ended, or MemoryError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                answer = self._order({"fork": True}, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        if answer["process"] is None:
            ours.close()
            raise MemoryError("no process to decode pictures can be started")
        return ours, answer["process"]

    def end(self, process: int) -> int:
        """Kill a decoder unless it is dead; return its exit status, or minus the signal. Raises Ended."""
        status: int = self._order({"end": process})["status"]
        return status

    def close(self) -> None:
        """End the fork server, and all decoders with it."""
        self._orders.close()
        self._process.kill()
        self._process.wait()

    def _order(self, values: dict[str, Any], descriptor: int | None = None) -> dict[str, Any]:
        with self._lock:
            try:
                send(self._orders, values, descriptor)
                return receive(self._orders).values
            except TimeoutError:  # it is stopped, and would later answer the wrong order
                self._process.kill()
                raise Ended from None


class _Decoder:
    """One decoder process.

    Attributes:
        is_spent: whether it must not decode anything more.
    """

    def __init__(self, nursery: _Nursery) -> None:
        """Fork the process. Raises Ended, or MemoryError."""
        self._nursery = nursery
        self._connection, process = nursery.fork()
        self._process: int | None = process
        self._connection.settimeout(_TALK_SECONDS)
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
        length = height * width * channels
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
    image = np.frombuffer(pixels, np.uint8).reshape(height, width, channels)
    size = (width_of_whole, height_of_whole)
    return Decoded(image, size, _origin(answer.values["origin"]), bool(answer.values["is_cut"]))


def _origin(told: dict[str, Any]) -> Origin:
    """Return the Origin that `dataclasses.asdict` converted to `told`."""
    pixel_size = told["pixel_size"] and (float(told["pixel_size"][0]), float(told["pixel_size"][1]))
    return Origin(**{**told, "pixel_size": pixel_size})


def _error_for(status: int) -> Exception:
    """Return the error for a picture whose decoder ended with this exit status, or minus the signal."""
    if status == -signal.SIGXCPU:
        return PictureTooLarge("the picture takes too long to decode")
    # The kernel sends SIGKILL when memory runs out, and SIGBUS when it has no memory for a page.
    if status in (-signal.SIGKILL, -signal.SIGBUS, LACKS_MEMORY):
        return MemoryError("there is not enough memory to decode the picture")
    return BrokenPicture("the picture is corrupt: it makes the decoder crash")
