"""Decoding: pictures of requests are decoded in other processes, a few at once, within a bound of memory."""

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
"""Small pictures that are decoded, and headers that are read: two a core of a small machine."""

KEPT = 1
"""So many of these for callers who have none: their first picture waits for no other caller's slow ones."""

SMALL_BYTES = 128 * 2**20
"""What decoding a small picture takes at most."""

SLOW_PIXELS = 4_000_000
"""A picture is slow if several pages are decoded for it, with more pixels than these together. Most pictures
of a single page that have more are large."""

SLOW_AT_ONCE = 2
"""Slow pictures that are decoded: one a core of a small machine. The other turns are left to quick ones."""

KEPT_BYTES, SHOWN_BYTES, INCLUDED_BYTES = 6, 18, 36
"""A pixel of a decoded large picture, until it is answered: 3 for the picture, some for what is found in it;
where the answer shows it, what that is drawn on and encoded from (most as WebP); where JSON carries it, the
file itself, which noise makes as large as the picture, and its copies as text."""


class Decoding:
    """Who may decode now, shared equally among callers.

    A small picture needs one of a few turns, and what it takes is as good as nothing once it is decoded. A
    large one, as its header shows, takes turns of their own, which weigh as much as it may take: together no
    more than the largest of all. Until its answer is made it keeps as much as its pixels take.

    A late frame of an animation takes little memory but a long time. Of such slow pictures only two are
    decoded at once, whoever sent them, so that other small pictures do not wait for them.
    """

    def __init__(self, limits: Limits, max_bytes: int, decoders: Decoders | None = None) -> None:
        """`max_bytes`: of the largest file; without `decoders`, those of this process."""
        self._decoders = decoders or decoders_of_this_process()
        self._small = Turns(AT_ONCE, KEPT)
        self._slow = Turns(SLOW_AT_ONCE)
        self._large = Turns(most_memory_needed(limits, max_bytes))

    def start(self) -> None:
        """Begin to start the processes, which the first picture would have to wait for."""
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
        """What decodes the picture of a request of `caller`, of which memory is taken until the block ends.

        `kept_bytes` is how much of it for each pixel, once that is decoded. `before_pixels` is told before
        their (width, height), how many pages of that size there are to decode, and whether this needs the
        memory of a large picture; it may refuse them.

        What it waits is measured as "queue". It raises as `Decoders.decode`, and

            Busy: no turn came within `timeout` seconds each, or within that of `patience`.
            ClientLeft: as `patience` tells.
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
            ) -> Decoded:
                with ExitStack() as running:
                    running.enter_context(small.turn(patience, timeout, waiting))  # for the header

                    is_known = False

                    def header_read(size: tuple[int, int], needed: int, pages: int) -> None:
                        nonlocal is_known
                        if is_known:  # another decoder tries
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
                        before_pixels=header_read,
                        check=patience.check,
                    )
                large.lighten(kept_bytes * math.prod(decoded.size))
                return decoded

            yield decode
