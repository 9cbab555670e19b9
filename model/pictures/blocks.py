"""Blocks: the values of a large picture, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

# A small file can hold a large flat picture, and copies of a whole picture add up. Copies are therefore made
# of a few rows at a time.
_BLOCK = 1 << 20  # pixels


def row_blocks(shape: tuple[int, ...], overlap: int = 0) -> Iterator[slice]:
    """Yield row slices of a picture of (height, width): about `_BLOCK` pixels each, plus `overlap` rows."""
    rows = max(1, _BLOCK // max(1, shape[1]))
    for start in range(0, shape[0], rows):
        yield slice(start, start + rows + overlap)


def native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the values in a form that NumPy is fast with: native byte order, and no 16-bit floats."""
    is_half = values.dtype.kind == "f" and values.dtype.itemsize == 2
    return values.astype(np.float32 if is_half else values.dtype.newbyteorder("="), copy=False)
