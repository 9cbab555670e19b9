"""Projection: one picture of all pages of a stack, the brightest of each place or its mean, at full depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from model.pictures.blocks import row_blocks
from model.pictures.colours import Samples
from model.pictures.limits import PagesDiffer

Projection = Literal["none", "max", "mean"]

PROJECTIONS: tuple[Projection, ...] = get_args(Projection)

_SUM_BYTES = 8  # of a float64


def project(pages: Iterable[Samples], how: Projection) -> Samples:
    """One picture of several, of which one at a time is in memory.

    Args:
        pages: at least one, of one size; a channel is projected by itself, opacity too.
        how: "max": the brightest of all pages, which of inverted samples is the lowest; NaN counts for
            nothing. "mean": float64, but rounded to the samples' own type where that is of 8 bits, which are
            shown as they are, or where a profile says what its values mean.

    Raises:
        PagesDiffer: they are not of one kind.
    """
    total = np.empty(0)
    made: Samples | None = None
    first: _Kind | None = None
    count = 0
    for page in pages:
        kind = _Kind.of(page)
        if first is None:
            first = kind
            total = page.values.astype(np.float64 if how == "mean" else kind.dtype)
            made = dataclasses.replace(page, values=total)
        else:
            first.check_alike(kind, count)
            _add(total, page, how)
        count += 1
    assert first is not None and made is not None
    if how != "mean":
        return made
    total /= count
    if first.dtype.itemsize == 1 or made.profile is not None:
        return dataclasses.replace(made, values=_rounded(total, first.dtype))
    return made


def memory_beside(samples: int, item_bytes: int, how: Projection) -> int:
    """Bytes that are held beside a page while it is added, of so many samples of so many bytes."""
    return samples * (_SUM_BYTES + item_bytes if how == "mean" else item_bytes)


def check_sizes_alike(number: int, first: tuple[int, int], other: tuple[int, int]) -> None:
    """Raise PagesDiffer unless the page of that number has the first one's (width, height)."""
    if other != first:
        raise PagesDiffer(
            f"a projection needs pages of one size: page 0 has {first[0]} x {first[1]} pixels, page {number}"
            f" {other[0]} x {other[1]}; ask for one page by its number"
        )


@dataclass(frozen=True)
class _Kind:
    """What pages have in common that are projected, beside their size."""

    channels: int
    dtype: np.dtype
    colour: bool
    alpha: int | None
    inverted: bool

    @classmethod
    def of(cls, page: Samples) -> _Kind:
        dtype = page.values.dtype.newbyteorder("=")
        return cls(page.values.shape[2], dtype, page.colour, page.alpha, page.inverted)

    def __str__(self) -> str:
        channels = f"{self.channels} {'channel' if self.channels == 1 else 'channels'} of {self.dtype}"
        return f"{channels}, low values bright" if self.inverted else channels

    def check_alike(self, other: _Kind, number: int) -> None:
        """Raise PagesDiffer unless the page of that number is of the same kind."""
        if other != self:
            raise PagesDiffer(
                f"a projection needs pages of one kind: page 0 has {self}, page {number} {other};"
                " ask for one page by its number"
            )


def _add(total: npt.NDArray, page: Samples, how: Projection) -> None:
    # In blocks: of values in the file's byte order NumPy makes native copies.
    brighter = np.fmin if page.inverted else np.fmax
    for rows in row_blocks(total.shape[:2]):
        if how == "mean":
            total[rows] += page.values[rows]
        else:
            brighter(total[rows], page.values[rows], out=total[rows])


def _rounded(values: npt.NDArray[np.float64], dtype: np.dtype) -> npt.NDArray:
    if dtype.kind == "f":
        return values.astype(dtype)
    rounded = np.empty(values.shape, dtype.newbyteorder("="))
    for rows in row_blocks(values.shape[:2]):
        rounded[rows] = np.rint(values[rows])
    return rounded
