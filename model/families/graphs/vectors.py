"""Vectors: outputs that score a whole picture, one number for each class."""

from __future__ import annotations

from collections.abc import Sequence


def vector_length(shape: Sequence[int]) -> int | None:
    """K of an output of shape (1, K), (1, K, 1, 1) or (1, 1, 1, K); None if it is another one."""
    if len(shape) not in (2, 4) or shape[0] != 1:
        return None
    others = [length for length in shape[1:] if length != 1]
    if len(others) > 1 or (len(shape) == 4 and shape[2] != 1):
        return None
    return others[0] if others else 1
