"""Blocks: the values of a large picture, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

# A small file can hold a large flat picture, and copies of all of it add up: they are made of some rows.
_BLOCK = 1 << 20  # pixels


def row_blocks(shape: tuple[int, ...], overlap: int = 0) -> Iterator[slice]:
    """Slices of rows of a picture of (height, width), each some `_BLOCK` pixels and `overlap` rows more."""
    rows = max(1, _BLOCK // max(1, shape[1]))
    for start in range(0, shape[0], rows):
        yield slice(start, start + rows + overlap)


def native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values as NumPy is fast with them: in this processor's byte order, and no floats of 16 bits."""
    is_half = values.dtype.kind == "f" and values.dtype.itemsize == 2
    return values.astype(np.float32 if is_half else values.dtype.newbyteorder("="), copy=False)
