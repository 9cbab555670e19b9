"""Quiet: whether no caller's request is being worked on, which is when shadows may compute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Disturbed(Exception):
    """Callers' requests were being worked on all the time."""


class Quiet:
    """Counts the requests being worked on, and tells a listener when the first begins and the last ends."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests = 0
        self._listeners: list[tuple[Callable[[], object], Callable[[], object]]] = []

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Work on a caller's request in the `with` block."""
        with self._changed:
            self._requests += 1
            if self._requests == 1:
                for pause, _ in self._listeners:
                    pause()
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                if not self._requests:
                    for _, resume in self._listeners:
                        resume()
                    self._changed.notify_all()

    @contextmanager
    def used(
        self, pause: Callable[[], object], resume: Callable[[], object], at_most: float
    ) -> Iterator[None]:
        """Work in the `with` block, which begins when it is quiet.

        `pause` is called whenever it no longer is, before the request is worked on, and `resume` when it is
        again, and at first. Both must be quick.

        Raises:
            Disturbed: it was not quiet within `at_most` seconds.
        """
        listener = pause, resume
        with self._changed:
            if not self._changed.wait_for(lambda: not self._requests, at_most):
                raise Disturbed
            resume()  # it may have been paused at the very end of its last work
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._changed:
                self._listeners.remove(listener)
