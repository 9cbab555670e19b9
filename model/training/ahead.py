"""Ahead: prepares the batches of the next steps while the network computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")

BATCHES_AHEAD = 3


def prepared_ahead(draw: Callable[[int], Batch], first: int, last: int) -> Iterator[tuple[int, Batch]]:
    """Yield (step, draw(step)) for first ≤ step < last; a thread draws a few steps ahead."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        waiting = [executor.submit(draw, step) for step in range(first, min(first + BATCHES_AHEAD, last))]
        for step in range(first, last):
            batch = waiting.pop(0).result()
            if step + BATCHES_AHEAD < last:
                waiting.append(executor.submit(draw, step + BATCHES_AHEAD))
            yield step, batch
