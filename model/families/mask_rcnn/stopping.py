"""Stopping: SIGINT and SIGTERM end a long piece of work where it is safe to end it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The work has ended because a signal asked for it.

    Attributes:
        signal: SIGINT or SIGTERM.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"stopped by {number.name}")
        self.signal = number


class Stop:
    """Whether a signal has asked for the end.

    Attributes:
        asked: by which; None: go on.
    """

    asked: signal.Signals | None = None

    def check(self) -> None:
        """Raise Stopped if a signal has asked for it."""
        if self.asked:
            raise Stopped(self.asked)

    def ask(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; the second one acts at once."""
        if self.asked:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.asked = signal.Signals(number)
        # Not print: the signal may have come while that was writing.
        os.write(2, f"\n{self.asked.name}: saving a checkpoint after this step, then stopping\n".encode())


@contextmanager
def stoppable() -> Iterator[Stop]:
    """While open, the signals are noted, not acted on; in the main thread, where alone they arrive."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # A shell starts what it puts in the background with SIGINT ignored: Ctrl-C is not meant for it.
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop.ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
