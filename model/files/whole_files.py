"""Files that appear whole: written beside their place, which they take in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(place: Path) -> Iterator[Path]:
    """A file to write, which then takes its `place`; if anything is raised meanwhile, it is deleted.

    What stood there before stands there unchanged or has been replaced. An OSError is one of `place`, as
    where a disk is full, which half a file would keep full.
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
