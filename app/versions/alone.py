"""Alone: one change of versions or traffic at a time, in all processes of the service."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import NotAgreed
from app.monitoring.shared_files import try_lock

_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.1


class Alone:
    """A lock for what changes versions or traffic: what one change has checked still holds when it is made.

    The kernel releases it if the process ends.
    """

    def __init__(self, folder: Path | None) -> None:
        """`folder`: shared by the processes; None: there is only this one."""
        self._folder = folder
        self._threads = threading.RLock()
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it in the `with` block; a thread that holds it already may do so again.

        Raises:
            NotAgreed: another change takes too long.
        """
        deadline = time.monotonic() + _WAIT_SECONDS
        if not self._threads.acquire(timeout=_WAIT_SECONDS):
            raise _busy()
        try:
            if self._folder is None or self._depth:
                yield
                return
            with (self._folder / "changing").open("w") as file:
                while not try_lock(file.fileno()):
                    if time.monotonic() > deadline:
                        raise _busy()
                    time.sleep(_LOOK_SECONDS)
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
        finally:
            self._threads.release()


def _busy() -> NotAgreed:
    return NotAgreed("Another change is still being made. Try again when it is done.")
