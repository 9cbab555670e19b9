"""Leading: work that only one of the service's processes should do, as long as it lives."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class Lead:
    """One piece of work, which belongs to the first process that takes it; the next may when that one ends.

    Attributes:
        is_held: whether it belongs to this process.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        """`folder`: which the processes share; None: there is only this process. `name`: of a file in it."""
        self.is_held = folder is None
        self._folder = folder
        self._name = name
        self._lock: IO[str] | None = None  # the kernel releases it when the process ends

    def take(self) -> bool:
        """Take the work unless another process has it; returns `is_held`. Raises OSError."""
        if self._folder is None or self._lock is not None:
            return True
        lock = (self._folder / self._name).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        self.is_held = True
        return True
