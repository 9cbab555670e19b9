"""malloc: makes glibc, and oneDNN in OpenVINO, keep less freed memory; otherwise nuclei would take 790 MB."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 4_000_000  # bytes
M_TRIM_THRESHOLD, FREE_AT_THE_END = -1, 16_000_000
M_ARENA_MAX, ARENAS = -8, 1
"""Parameters of glibc's `mallopt`, each with its value."""

GROWTH = 24_000_000
"""Bytes by which `trim_if_grown` lets a process grow. With less, each picture would have to get them back."""

_STATM = Path("/proc/self/statm")
_least = 0
"""The resident bytes after the last `trim`, or fewer since; 0: unknown."""


def tune() -> None:
    """Set the parameters of `mallopt`, and disable oneDNN's cache. Call before compiling the first model.

    If the C library is not glibc, only the cache is disabled.
    """
    # Read by oneDNN when it first compiles: it would keep a second copy of the code of all shapes.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "0")
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # glibc would raise this threshold when large arrays are freed, and then fragment its heap.
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        # With the threshold above set, this one would stay so low that each picture allocates memory anew.
        mallopt(M_TRIM_THRESHOLD, FREE_AT_THE_END)
        # glibc would give each thread that serves requests its own arena (a heap).
        mallopt(M_ARENA_MAX, ARENAS)


def trim() -> None:
    """Return free memory to the system (glibc's `malloc_trim`); getting it back takes some milliseconds."""
    global _least
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    _least = resident()


def trim_if_grown() -> None:
    """Trim if the process has grown by more than GROWTH since it was trimmed.

    A model that was freed leaves gaps between blocks in use, 70 MB for nuclei. The buffers of each picture
    fill others of them, and glibc keeps the memory of all gaps that were ever filled.
    """
    global _least
    size = resident()
    if size > _least + GROWTH:
        trim()
    else:
        _least = min(_least, size)


def resident() -> int:
    """The resident memory of this process in bytes; 0 if it is not known."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:  # not Linux
        return 0
    return pages * resource.getpagesize()
