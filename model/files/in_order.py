"""In order: does a few things at a time, and gives their results in the order of the things."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Outcome = TypeVar("Outcome")


def in_order(
    do: Callable[[Thing], Outcome], things: Iterable[Thing], at_once: int
) -> Iterator[tuple[Thing, Future[Outcome]]]:
    """Each thing and its result, `at_once` at a time; if iteration stops, the rest are not started.

    >>> [(word, length.result()) for word, length in in_order(len, ["a", "bb", "ccc"], 2)]
    [('a', 1), ('bb', 2), ('ccc', 3)]
    """
    pool = ThreadPoolExecutor(at_once)
    begun: deque[tuple[Thing, Future[Outcome]]] = deque()
    try:
        for thing in things:
            if len(begun) == at_once:
                yield begun.popleft()
            begun.append((thing, pool.submit(do, thing)))
        while begun:
            yield begun.popleft()
    finally:
        pool.shutdown(cancel_futures=True)
