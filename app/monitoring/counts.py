"""Counts: the files that hold the metrics, written only where disk space has been allocated.

prometheus_client creates sparse files. If the disk is full, a write into a hole of such a file is not an
error that could be caught: the kernel kills the process (SIGBUS), then its successor, and so on.
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
"""The prefixes of prometheus_client's file names, for the kinds of metrics that the service has."""

_BYTES = 256 * 1024  # initial size: with the shipped models, all label sets together take 140 kB
_BESIDE_KEY = 4 + 8 + 16  # bytes of an entry besides its key: length, padding to a multiple of 8, two numbers


class CountsFile(MmapedDict):
    """Numbers by key in a file, in prometheus_client's format, without those for which there is no space.

    The metric still has such a number in memory; it is written here as soon as there is space.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        """Open the file, or create it if it is missing. Raises OSError if that fails."""
        if not read_mode:
            _allocate(filename, _BYTES)
        self._told = False
        super().__init__(filename, read_mode)

    def read_value(self, key: str) -> tuple[float, float]:
        """The number and its time; zeros if there is none yet."""
        return super().read_value(key) if self._may_have(key) else (0.0, 0.0)

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Keep a number and its time."""
        if self._may_have(key):
            super().write_value(key, value, timestamp)

    def make_room(self, keys: Iterable[str]) -> None:
        """Allocate space for numbers with these keys. Raises OSError if the disk is full."""
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
                logger.warning(
                    "new series of this process are missing from /metrics; free space on the disk of"
                    " PROMETHEUS_MULTIPROC_DIR: %s",
                    error,
                )
                self._told = True
            return False
        return True


def prepare(folder: Path) -> None:
    """Create this process's files in `folder`. Call it before creating metrics. Raises OSError on failure."""
    values.MmapedDict = CountsFile  # type: ignore[attr-defined]  # the library has no option for this
    for kind in KINDS:
        _allocate(str(folder / f"{kind}_{os.getpid()}.db"), _BYTES)


def keep_in_memory() -> None:
    """Keep metrics in this process's memory only. Call it before creating metrics."""
    values.ValueClass = values.MutexValue


def _allocate(filename: str, size: int) -> None:
    """Allocate `size` bytes of disk for a file. The file appears or grows atomically, or not at all."""
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
