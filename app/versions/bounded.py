"""Bounded: does something that may hang in a thread of its own, and gives up waiting for it after a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class TookTooLong(Exception):
    """It has not ended in time."""


def bounded(work: Callable[[], T], seconds: float, too_late: Callable[[T], object]) -> T:
    """Return what `work` returns, or raise what it raises.

    If it takes longer than `seconds`, its thread is left to itself, and `too_late` gets what it returns after
    all.

    Raises:
        TookTooLong: it takes longer.
    """
    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    # A daemon, so that it does not delay the process's end.
    threading.Thread(target=do, name="loading", daemon=True).start()
    if not wait([future], seconds).done:

        def give_away(done: Future[T]) -> None:
            if done.exception() is None:
                too_late(done.result())

        future.add_done_callback(give_away)
        raise TookTooLong
    return future.result()
