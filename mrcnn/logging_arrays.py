"""Logging: the lines in which the library's scripts print arrays."""

from __future__ import annotations

import numpy.typing as npt


def log(text: str, array: npt.NDArray | None = None) -> None:
    """Print a text, and of an array its shape, range and dtype."""
    if array is None:
        print(text)
        return
    least, most = (f"{array.min():10.5f}", f"{array.max():10.5f}") if array.size else (" " * 10, " " * 10)
    print(f"{text:25}shape: {array.shape!s:20}  min: {least}  max: {most}  {array.dtype}")
