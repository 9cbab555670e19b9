"""Memory: what a process has, held against what MASKSERVE_WORKER_MEMORY lets it have, and its lack."""

from __future__ import annotations

import logging
import re
import resource
from pathlib import Path

import cv2
from flask import Flask, Response

from app.configuration.settings import BadSetting, Settings

logger = logging.getLogger(__name__)

_STATM = Path("/proc/self/statm")

# What OpenVINO's errors say in the end, whichever part of it got no memory; and Python, which got no stack.
_LACK = re.compile("bad_alloc|Failed to allocate|can't alloc|can't start new thread")


def register(app: Flask, settings: Settings) -> None:
    """Log once that the process of `app` is replaced for its memory, which its server does without a word."""
    limit = settings.worker_memory
    if limit is None:
        return
    is_told = False

    @app.after_request
    def tell(response: Response) -> Response:
        nonlocal is_told
        if not is_told and (size := resident_mebibytes()) >= limit:
            is_told = True
            logger.warning(
                "this process has %d MiB resident, and MASKSERVE_WORKER_MEMORY is %d: it finishes what it has"
                " and is replaced",
                size,
                limit,
            )
        return response


def check_room(settings: Settings) -> None:
    """Call it with the models loaded. Raises BadSetting where they alone are beyond the limit."""
    limit, size = settings.worker_memory, resident_mebibytes()
    if limit is not None and size >= limit:
        raise BadSetting(
            f"MASKSERVE_WORKER_MEMORY is {limit}, but with its models loaded a process has {size} MiB"
            " resident, and would be replaced for ever: set it to twice that, or unset it"
        )


def resident_mebibytes() -> int:
    """The memory that this process has, as its server counts it; 0 where nobody can tell."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:  # not Linux
        return 0
    return pages * resource.getpagesize() // 2**20


def lacks(error: BaseException) -> bool:
    """Whether `error` says that there was not enough memory."""
    if isinstance(error, cv2.error):
        return error.code == cv2.Error.STS_NO_MEM
    if type(error) is RuntimeError:
        return _LACK.search(str(error)) is not None
    return isinstance(error, MemoryError)
