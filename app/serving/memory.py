"""Memory: a process's resident memory against MASKSERVE_WORKER_MEMORY, and errors for lack of memory."""

from __future__ import annotations

import logging
import re

import cv2
from flask import Flask, Response

from app.configuration.settings import BadSetting, Settings
from model import malloc

logger = logging.getLogger(__name__)

# In errors of OpenVINO, whichever part got no memory, and of Python without memory for a thread's stack.
_LACK = re.compile("bad_alloc|Failed to allocate|can't alloc|can't start new thread")


def register(app: Flask, settings: Settings) -> None:
    """Log once that the process of `app` is replaced because of its memory: its server does not log this."""
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
                "this process has %d MiB resident, and MASKSERVE_WORKER_MEMORY is %d: it finishes its"
                " requests and is replaced",
                size,
                limit,
            )
        return response


def check_room(settings: Settings) -> None:
    """Raise BadSetting if the loaded models alone exceed MASKSERVE_WORKER_MEMORY. Call it after loading."""
    limit, size = settings.worker_memory, resident_mebibytes()
    if limit is not None and size >= limit:
        raise BadSetting(
            f"MASKSERVE_WORKER_MEMORY is {limit}, but with its models loaded a process has {size} MiB"
            " resident, and would be replaced again and again: set it to twice that, or unset it"
        )


def resident_mebibytes() -> int:
    """The resident memory of this process, counted as its server does; 0 if it is not known."""
    return malloc.resident() // 2**20


def lacks(error: BaseException) -> bool:
    """Whether `error` means that there was not enough memory."""
    if isinstance(error, cv2.error):
        return error.code == cv2.Error.STS_NO_MEM
    if type(error) is RuntimeError:
        return _LACK.search(str(error)) is not None
    return isinstance(error, MemoryError)
