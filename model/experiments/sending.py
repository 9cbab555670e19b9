"""Sender: does work with a server in the background, so that neither its pace nor its failures matter."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from tqdm import tqdm

from model.experiments.server import ServerAway, in_words

WAIT_SECONDS = 15.0
"""Time between attempts to reach a server that does not answer."""

Work = Callable[[], None]


class Sender:
    """A thread that does pieces of work in order.

    Work that fails since the server does not answer is tried again until it succeeds or the sender is closed;
    other failures are reported, and that piece is left out.

    Args:
        regularly: work to do every `seconds` while there is no other; its failures are ignored.
    """

    def __init__(self, regularly: Work, seconds: float) -> None:
        self._regularly = regularly
        self._seconds = seconds
        self._waiting: deque[Work] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._away = False
        self._thread = threading.Thread(target=self._run, name="experiments", daemon=True)
        self._thread.start()

    def add(self, work: Work) -> None:
        """Do this after what was added before."""
        with self._changed:
            self._waiting.append(work)
            self._changed.notify()

    def close(self) -> bool:
        """Do what is left, once. Returns whether everything was done; False: the server does not answer."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        return not self._waiting

    def _run(self) -> None:
        next_time = time.monotonic() + self._seconds
        while True:
            with self._changed:
                if not self._waiting and not self._closed:
                    self._changed.wait(max(0.0, next_time - time.monotonic()))
                if self._closed and not self._waiting:
                    return
                work = self._waiting[0] if self._waiting else None
            if work is not None:
                if not self._done(work):
                    with self._changed:
                        if self._closed:
                            return
                        self._changed.wait(WAIT_SECONDS)
                    continue
                self._waiting.popleft()
            if time.monotonic() >= next_time:
                next_time = time.monotonic() + self._seconds
                with contextlib.suppress(Exception):
                    self._regularly()

    def _done(self, work: Work) -> bool:
        """Do a piece of work; False: it is to be tried again."""
        try:
            work()
        except Exception as error:
            problem = in_words(error)
            if isinstance(problem, ServerAway):
                if not self._away:
                    warn(f"{problem}. Training goes on; what is missing is logged when it answers again")
                self._away = True
                return False
            warn(str(problem))
        if self._away:
            warn("MLflow answers again")
        self._away = False
        return True


def warn(message: str) -> None:
    """Print a warning, below the progress bar if there is one."""
    tqdm.write(f"warning: {message}", file=sys.stderr)
