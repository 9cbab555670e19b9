"""Pacing: selects as many pictures as a time limit allows."""

from __future__ import annotations

import time
from collections.abc import Iterator

FEWEST = 3
"""This many are used even if there is no time: fewer would be meaningless."""
GOLDEN_RATIO = (1 + 5**0.5) / 2
"""The fractional parts of its multiples are evenly distributed, however many there are."""


def spread(count: int) -> list[int]:
    """Return the numbers below `count`, in an order whose first n numbers are evenly spaced, for every n."""
    return sorted(range(count), key=lambda number: number * GOLDEN_RATIO % 1)


def in_time(count: int, seconds: float) -> Iterator[int]:
    """Yield the numbers below `count`, in the order of `spread`, until the next one would take too long.

    Args:
        count: the number of pictures.
        seconds: the time limit, from the first number on, including the caller's work on each. The next
            number is expected to take as long as the mean of those before it; the first `FEWEST` are always
            yielded.
    """
    began = time.monotonic()
    for done, number in enumerate(spread(count)):
        if done >= FEWEST and (time.monotonic() - began) * (done + 1) / done > seconds:
            return
        yield number
