"""Pacing: as many of some pictures as there is time for."""

from __future__ import annotations

import time
from collections.abc import Iterator

FEWEST = 3
"""So many are taken even when there is no time: fewer would say nothing."""
GOLDEN_RATIO = (1 + 5**0.5) / 2
"""Its multiples, of which only the fraction is kept, spread evenly however many there are."""


def spread(count: int) -> list[int]:
    """The numbers below `count`, in an order in which the first ones, however many, are evenly spaced."""
    return sorted(range(count), key=lambda number: number * GOLDEN_RATIO % 1)


def in_time(count: int, seconds: float) -> Iterator[int]:
    """The numbers below `count`, as `spread` orders them, until the next one would take too long.

    Args:
        count: how many there are.
        seconds: from the first one on, what the caller does with each included. As long as the mean of those
            before it, the next one must fit in; `FEWEST` come in any case.
    """
    began = time.monotonic()
    for done, number in enumerate(spread(count)):
        if done >= FEWEST and (time.monotonic() - began) * (done + 1) / done > seconds:
            return
        yield number
