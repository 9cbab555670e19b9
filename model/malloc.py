"""malloc: glibc, and oneDNN beneath OpenVINO, keep less freed memory; nuclei would take 790 MB otherwise."""

from __future__ import annotations

import contextlib
import ctypes
import os

M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 4_000_000  # bytes
M_TRIM_THRESHOLD, FREE_AT_THE_END = -1, 16_000_000
M_ARENA_MAX, ARENAS = -8, 1
"""Of glibc's `mallopt`."""


def tune() -> None:
    """Set glibc's `mallopt`, and switch oneDNN's cache off. Call it before the first model is compiled.

    Where the C library is not glibc, only the cache is switched off.
    """
    # oneDNN, which reads this when it first compiles, would keep the code of all shapes a second time.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "0")
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # glibc would raise this limit with each large array that is freed, and then cut its heap to pieces.
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        # With that limit set, this one would be so low that each picture asks for its memory anew.
        mallopt(M_TRIM_THRESHOLD, FREE_AT_THE_END)
        # And it would give each thread that serves requests an arena (a heap) of its own.
        mallopt(M_ARENA_MAX, ARENAS)


def trim() -> None:
    """Return free memory to the system (glibc's `malloc_trim`); getting it again takes some milliseconds."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
