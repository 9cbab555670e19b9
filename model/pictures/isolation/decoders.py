"""Decoders: decodes pictures in processes of their own, a few of which are kept warm."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable

from model.pictures.decoding import Decoded
from model.pictures.isolation.decoder_process import DecoderProcess
from model.pictures.isolation.forking import Nursery
from model.pictures.isolation.wire import Ended
from model.pictures.limits import DEFAULT_LIMITS, Limits
from model.pictures.projection import Projection
from model.pictures.wanted import BeforePixels, Enough, not_told

_ATTEMPTS = 3
_MOST_WARM = 2


def _nothing() -> None:
    pass


class Decoders:
    """Decodes image files in separate processes, a few of which are kept warm.

    Any number of threads may decode at once; limiting them is up to the caller.
    """

    def __init__(self) -> None:
        self._nursery: Nursery | None = None
        self._idle: list[DecoderProcess] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process that forks decoders, so that the first picture does not have to wait for it."""
        with self._lock:
            self._nursery = self._nursery or Nursery()

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
        keeps_values: bool = False,
        before_pixels: BeforePixels = not_told,
        check: Callable[[], object] = _nothing,
    ) -> Decoded:
        """Do the same as `model.pictures.decode_reduced`, in another process.

        Args:
            data, enough, limits, page, channel, projection, keeps_values: as in `decode_reduced`.
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
            "keeps_values": keeps_values,
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

    def _take(self) -> DecoderProcess:
        for _ in range(_ATTEMPTS):
            with self._lock:
                if self._idle:
                    return self._idle.pop()
                nursery = self._nursery = self._nursery or Nursery()
            try:
                return DecoderProcess(nursery)
            except Ended:  # the nursery was killed or stopped
                with self._lock:
                    if self._nursery is nursery:
                        self._nursery = None
                nursery.close()
        raise MemoryError("no process to decode pictures can be started")

    def _keep(self, decoder: DecoderProcess) -> None:
        with self._lock:
            if not decoder.is_spent and len(self._idle) < _MOST_WARM:
                self._idle.append(decoder)
                return
        decoder.end()


@functools.cache
def decoders_of_this_process() -> Decoders:
    """Return the decoders that this whole process shares: one nursery is enough."""
    return Decoders()
