"""Counts: the files that metrics are kept in, written only where the disk has given the room.

prometheus_client makes them long and empty. Where the disk is full, a write into such a hole is no error that
could be caught: the kernel ends the process (SIGBUS), then the next one, and so on.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

logger = logging.getLogger(__name__)

KINDS = ("counter", "histogram", "gauge_livesum")
"""How prometheus_client begins the names of the files of a process, of those metrics that there are."""

_BYTES = 256 * 1024  # at first: with the shipped models, all label sets together take 140 kB
_BESIDE_KEY = 4 + 8 + 16  # bytes of an entry: the key's length, filling up to a multiple of 8, two numbers


class CountsFile(MmapedDict):
    """Numbers by key in a file, as prometheus_client keeps them. What finds no room in it is not kept there.

    The metric knows its number all the same; as soon as there is room, that comes here too.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        """The file, made where there is none. Raises OSError where it cannot be."""
        if not read_mode:
            _allocate(filename, _BYTES)
        self._told = False
        super().__init__(filename, read_mode)

    def read_value(self, key: str) -> tuple[float, float]:
        """The number and its time, zeros where there is none yet."""
        return super().read_value(key) if self._may_have(key) else (0.0, 0.0)

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Keep a number and its time."""
        if self._may_have(key):
            super().write_value(key, value, timestamp)

    def make_room(self, keys: Iterable[str]) -> None:
        """Have room for numbers with these keys. Raises OSError where the disk does not give it."""
        new = (key for key in keys if key not in self._positions)
        needed = self._used + sum(len(key.encode()) + _BESIDE_KEY for key in new)
        capacity = self._capacity
        while needed > capacity:
            capacity *= 2
        if capacity > self._capacity:
            _allocate(self._fname, capacity)
            self._capacity = capacity
            self._m = mmap.mmap(self._f.fileno(), capacity)

    def _may_have(self, key: str) -> bool:
        if key in self._positions:
            return True
        try:
            self.make_room([key])
        except OSError as error:
            if not self._told:
                logger.warning("new series of this process are missing from /metrics: %s", error)
                self._told = True
            return False
        return True


def prepare(folder: Path) -> None:
    """Make the files of this process in `folder`, before any metric. Raises OSError where that fails."""
    values.MmapedDict = CountsFile  # type: ignore[attr-defined]  # there is no place to hand it in
    for kind in KINDS:
        _allocate(str(folder / f"{kind}_{os.getpid()}.db"), _BYTES)


def keep_in_memory() -> None:
    """Have metrics, none of which has been made yet, be kept by this process alone."""
    values.ValueClass = values.MutexValue


def _allocate(filename: str, size: int) -> None:
    """Have `size` bytes of the disk for a file. It appears, or grows, at once or not at all."""
    if os.path.exists(filename):
        with open(filename, "r+b") as file:
            if os.fstat(file.fileno()).st_size < size:
                os.posix_fallocate(file.fileno(), 0, size)
        return
    new = f"{filename}.new"
    try:
        with open(new, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        os.rename(new, filename)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
