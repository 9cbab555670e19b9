"""Atomic files: written beside their destination, then moved there in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(place: Path) -> Iterator[Path]:
    """Yield a file to write, which then replaces `place`; if an exception is raised, the file is deleted.

    A previous file at `place` is either replaced or left unchanged. A partial file is never left behind: it
    would keep a full disk full. An OSError names `place`.
    """
    part = place.with_name(f"{place.name}.part")
    try:
        yield part
        os.replace(part, place)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror or str(error), str(place)) from error
        raise
