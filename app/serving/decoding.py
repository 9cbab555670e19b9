"""Decoding: decodes requests' pictures in other processes, a few at once, within a memory limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from app.serving.patience import Patience
from app.serving.turns import Turns
from model.families.family import Size
from model.pictures import Decode, Decoded, Enough, Limits, Projection
from model.pictures.isolation.decoders import Decoders, decoders_of_this_process
from model.pictures.limits import most_memory_needed
from model.stopwatch import Stopwatch

AT_ONCE = 4
"""The most small pictures being decoded, or headers being read, at once: two per core of a small machine."""

KEPT = 1
"""The number of these turns reserved for callers that have none, so that a caller's first picture does not
wait for other callers' slow ones."""

SMALL_BYTES = 128 * 2**20
"""The most memory for decoding a small picture."""

SLOW_PIXELS = 4_000_000
"""A picture is slow if several pages are decoded for it, with more pixels than this together. Most pictures
of a single page with more pixels are large."""

SLOW_AT_ONCE = 2
"""The most slow pictures being decoded at once: one per core of a small machine. The other turns are left to
quick ones."""

KEPT_BYTES, SHOWN_BYTES, INCLUDED_BYTES = 6, 18, 36
"""Bytes of memory per pixel of a decoded large picture, until it is answered: 3 for the picture, and some for
its segments. SHOWN_BYTES if the answer shows the picture: also the copy that is drawn on and encoded (WebP
needs the most). INCLUDED_BYTES if JSON includes it: also the file, which is as large as the picture if that
is noisy, and its copies as text."""


class Decoding:
    """Turns for decoding, shared equally among callers.

    A small picture needs one of a few turns, and negligible memory once it is decoded. A large one, according
    to its header, takes a separate kind of turn, whose weight is the memory that decoding may need; all of
    these together weigh no more than the largest allowed picture. Until it is answered, a large picture keeps
    the memory for its pixels.

    A late frame of an animation needs little memory but much time. Only two such slow pictures are decoded at
    once, no matter who sent them, so that other small pictures do not wait for them.
    """

    def __init__(self, limits: Limits, max_bytes: int, decoders: Decoders | None = None) -> None:
        """`max_bytes`: the size of the largest file; `decoders`: default: those of this process."""
        self._decoders = decoders or decoders_of_this_process()
        self._small = Turns(AT_ONCE, KEPT)
        self._slow = Turns(SLOW_AT_ONCE)
        self._large = Turns(most_memory_needed(limits, max_bytes))

    def start(self) -> None:
        """Start the processes in the background, so that the first picture need not wait for them."""
        self._decoders.start()

    @contextmanager
    def of(
        self,
        caller: str,
        stopwatch: Stopwatch,
        patience: Patience,
        timeout: float,
        kept_bytes: int,
        before_pixels: Callable[[Size, int, bool], object],
    ) -> Iterator[Decode]:
        """A function that decodes the picture of a request of `caller`; its memory is reserved until the end.

        `kept_bytes` is the memory per pixel after decoding. `before_pixels` is called before decoding with
        (width, height), the number of pages of that size to decode, and whether the picture is large; it may
        raise an error to refuse the picture.

        The time spent waiting is measured as "queue". The function raises what `Decoders.decode` does, and

            Busy: a turn did not come within `timeout` seconds, or the request's time is over.
            ClientLeft: the client left.
        """
        with (
            ExitStack() as kept,
            self._small.join(caller) as small,
            self._slow.join(caller) as slow,
            self._large.join(caller) as large,
        ):

            def waiting() -> AbstractContextManager[object]:
                return stopwatch.measure("queue")

            def decode(
                data: bytes,
                enough: Enough,
                limits: Limits,
                *,
                page: int = 0,
                channel: int | None = None,
                projection: Projection = "none",
                keeps_values: bool = False,
            ) -> Decoded:
                with ExitStack() as running:
                    running.enter_context(small.turn(patience, timeout, waiting))  # for the header

                    is_known = False

                    def header_read(size: tuple[int, int], needed: int, pages: int) -> None:
                        nonlocal is_known
                        if is_known:  # called again because another decoder tries
                            return
                        is_known = True
                        weight = max(needed, kept_bytes * math.prod(size))
                        is_large = weight > SMALL_BYTES
                        is_slow = pages > 1 and pages * math.prod(size) > SLOW_PIXELS
                        before_pixels(size, pages, is_large)
                        if is_large or is_slow:
                            running.close()
                        if is_slow:
                            running.enter_context(slow.turn(patience, timeout, waiting))
                        if is_large:
                            kept.enter_context(large.turn(patience, timeout, waiting, weight))
                        elif is_slow:
                            running.enter_context(small.turn(patience, timeout, waiting))

                    decoded = self._decoders.decode(
                        data,
                        enough,
                        limits,
                        page=page,
                        channel=channel,
                        projection=projection,
                        keeps_values=keeps_values,
                        before_pixels=header_read,
                        check=patience.check,
                    )
                # An object as large as the picture has a copy of its values.
                of_values = 0 if decoded.values is None else 2 * decoded.values.nbytes
                large.lighten(kept_bytes * math.prod(decoded.size) + of_values)
                return decoded

            yield decode
