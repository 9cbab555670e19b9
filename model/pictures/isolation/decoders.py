"""Decoders: the service's end of its decoder processes."""

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
# Not the service's own, which holds keys. Libraries that start threads could not be forked.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG")

_LOOK_MILLISECONDS = 500
_TALK_SECONDS = 10.0  # for a message that is never long; a decoder that takes longer is taken for dead

# The processor time that decoding may take, by the memory it takes: several times what was measured.
_SECONDS, _BYTES_A_SECOND = 1.0, 100e6

# For each further page of a projection, whose memory is that of one.
_PAGE_SECONDS, _PIXELS_A_SECOND = 0.005, 10e6

_LONGEST_SECONDS = 60.0  # of waiting for a decoder: several times what its processor time may be

_ATTEMPTS = 3
_MOST_WARM = 2
_PICTURES_EACH = 500  # then another takes over: codecs leak
_LARGE_BYTES = 192 * 2**20  # what took more memory ends its decoder, and gives all of it back

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
    """Decodes image files in processes of their own, a few of which are kept warm.

    Any number of threads may decode at once: whoever calls says how many.
    """

    def __init__(self) -> None:
        self._nursery: _Nursery | None = None
        self._idle: list[_Decoder] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to start what the first picture would have to wait for."""
        with self._lock:
            self._nursery = self._nursery or _Nursery()

    def close(self) -> None:
        """End all processes that decode nothing now."""
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
        """As `model.pictures.decode_reduced`, in another process.

        Args:
            data, enough, limits, page, channel, projection: as there.
            before_pixels: as there, and once more for each new attempt; it may wait, and raise anything.
            check: called twice a second while the decoder works; what it raises ends the decoder.

        Raises:
            PictureError: as there, and of a file that kills its decoder: PictureTooLarge where it took too
                much time or memory, else BrokenPicture.
            MemoryError: the machine has not what such a picture may take, or no process for it.
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
            except Ended:  # perhaps not of this file
                continue
            finally:
                self._keep(decoder)
        raise MemoryError("the processes that decode pictures are ended again and again")

    def _take(self) -> _Decoder:
        for _ in range(_ATTEMPTS):
            with self._lock:
                if self._idle:
                    return self._idle.pop()
                nursery = self._nursery = self._nursery or _Nursery()
            try:
                return _Decoder(nursery)
            except Ended:  # somebody has killed the nursery, or stopped it
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
    """Those that all share here: one nursery is enough."""
    return Decoders()


class _Nursery:
    """The process that forks decoders (`model.pictures.isolation.nursery`)."""

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
        """The connection to a new decoder, and its process id. Raises Ended, and MemoryError for none."""
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
        """Kill a decoder unless it is dead already; its exit status, or minus the signal. Raises Ended."""
        status: int = self._order({"end": process})["status"]
        return status

    def close(self) -> None:
        """End it, and all decoders with it."""
        self._orders.close()
        self._process.kill()
        self._process.wait()

    def _order(self, values: dict[str, Any], descriptor: int | None = None) -> dict[str, Any]:
        with self._lock:
            try:
                send(self._orders, values, descriptor)
                return receive(self._orders).values
            except TimeoutError:  # it is stopped, and would answer to the wrong question later
                self._process.kill()
                raise Ended from None


class _Decoder:
    """One decoder process.

    Attributes:
        is_spent: it is to decode nothing more.
    """

    def __init__(self, nursery: _Nursery) -> None:
        """Raises Ended."""
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
        """One picture. Raises as `Decoders.decode`, and Ended where another decoder should try."""
        self.is_spent = True  # unless all goes well
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
            # It went with its nursery, or was dead before it had the file.
            if status is None or (self._orders > 1 and not was_heard):
                raise
            LOG.warning("a decoder ended with status %s over a file of %d bytes", status, len(data))
            raise _error_for(status) from None
        except TimeoutError:
            raise PictureTooLarge("the picture takes too long to decode") from None
        if "refused" in answer.values:
            self.is_spent = is_large or self._orders >= _PICTURES_EACH
            raise _KINDS[answer.values["refused"]](answer.values["why"])
        if answer.values["lacks_memory"]:
            raise MemoryError("there is no memory to decode the picture with")
        raise PictureTooLarge("the picture takes more memory to decode than one of its size may")

    def _stop(self) -> None:
        """Have the picture given up before its pixels are decoded, which leaves the process as it was."""
        with suppress(Ended, TimeoutError):
            send(self._connection, {"stop": True})
            self.is_spent = "stopped" not in receive(self._connection).values

    def end(self) -> int | None:
        """End the process; its exit status, or minus the signal that killed it, where that is known."""
        self.is_spent = True
        process, self._process = self._process, None
        self._connection.close()
        if process is None:
            return None
        with suppress(Ended):
            return self._nursery.end(process)
        return None

    def _answer(self, check: Callable[[], object]) -> Message:
        """What the decoder says next. Raises Ended, TimeoutError, or whatever `check` does."""
        ready = select.poll()
        ready.register(self._connection, select.POLLIN)
        gives_up_at = time.monotonic() + _LONGEST_SECONDS
        while not ready.poll(_LOOK_MILLISECONDS):
            check()
            if time.monotonic() > gives_up_at:  # it is stopped, or the machine has no time for it
                raise TimeoutError
        return receive(self._connection)


def _received(answer: Message) -> Decoded:
    """The picture in the file that came along. Raises Ended for one that cannot be."""
    if answer.descriptor is None:
        raise Ended
    try:
        height, width, channels = answer.values["shape"]
        length = height * width * channels
        # Never to become shorter: reading beyond the end of a mapped file would kill the service.
        fcntl.fcntl(answer.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        if channels != 3 or os.fstat(answer.descriptor).st_size < length:
            raise Ended
        try:
            pixels = mmap.mmap(answer.descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ)
        except OSError as error:
            raise MemoryError("there is no memory for the picture") from error
    finally:
        os.close(answer.descriptor)
    width_of_whole, height_of_whole = answer.values["size"]
    image = np.frombuffer(pixels, np.uint8).reshape(height, width, channels)
    size = (width_of_whole, height_of_whole)
    return Decoded(image, size, _origin(answer.values["origin"]), bool(answer.values["is_cut"]))


def _origin(told: dict[str, Any]) -> Origin:
    """What `dataclasses.asdict` made of one."""
    pixel_size = told["pixel_size"] and (float(told["pixel_size"][0]), float(told["pixel_size"][1]))
    return Origin(**{**told, "pixel_size": pixel_size})


def _error_for(status: int) -> Exception:
    """What to raise for a picture whose decoder ended with this exit status, or minus the signal."""
    if status == -signal.SIGXCPU:
        return PictureTooLarge("the picture takes too long to decode")
    # The kernel's way to get memory back, of a process or of a page that there is not.
    if status in (-signal.SIGKILL, -signal.SIGBUS, LACKS_MEMORY):
        return MemoryError("there is no memory to decode the picture with")
    return BrokenPicture("the picture is corrupt in a way that ends its decoder")
