"""Stopping: SIGINT and SIGTERM end long-running work at the next point where that is safe."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The work has ended because of a signal.

    Attributes:
        signal: SIGINT or SIGTERM.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"stopped by {number.name}")
        self.signal = number


class Stop:
    """Records whether a signal has asked the work to stop.

    Attributes:
        asked: the signal; None: continue.
    """

    asked: signal.Signals | None = None

    def check(self) -> None:
        """Raise Stopped if a signal was received."""
        if self.asked:
            raise Stopped(self.asked)

    def ask(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; a second one takes effect immediately."""
        if self.asked:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.asked = signal.Signals(number)
        # Not print: the signal may have interrupted another print.
        os.write(2, f"\n{self.asked.name}: saving a checkpoint after this step, then stopping\n".encode())


@contextmanager
def stoppable() -> Iterator[Stop]:
    """While open, signals are only recorded. Has an effect only in the main thread, which receives them."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # A shell starts background processes with SIGINT ignored: Ctrl-C is not meant for them.
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop.ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
