"""Lettering: draws all text in one thread, since OpenCV unpacks its font, 6 MB, in each thread that does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

# OpenCV's own font for Latin, Greek, Cyrillic, Chinese, Japanese and Korean. Pillow's font has only ASCII,
# and font files may be missing where the service runs.
FONT = "uni"

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")

_THREAD = ThreadPoolExecutor(1, "lettering")


def in_one_thread(draw: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
    """Decorate a function that draws text, so that it runs in the text thread; its caller waits."""

    @wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
        return _THREAD.submit(draw, *args, **kwargs).result()

    return drawn
