"""Projection: combines the pages of a stack by the maximum or the mean at each place, at full depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from model.pictures.blocks import row_blocks
from model.pictures.colours import RawPixels
from model.pictures.limits import PagesDiffer

Projection = Literal["none", "max", "mean"]

PROJECTIONS: tuple[Projection, ...] = get_args(Projection)

_SUM_BYTES = 8  # a sum is a float64


def project(pages: Iterable[RawPixels], how: Projection) -> RawPixels:
    """Combine several pages into one picture, with one page in memory at a time.

    Args:
        pages: at least one page, all of one size; each channel, including opacity, is projected separately.
        how: "max": the brightest value of all pages, which is the lowest for inverted samples. "mean":
            float64, but rounded to the samples' own type if that has 8 bits, which are shown unchanged, or if
            a profile defines what the values mean. Both ignore NaN: the result is NaN only where all pages
            are.

    Raises:
        PagesDiffer: the pages are not of one kind.
    """
    made: _Brightest | _Mean | None = None
    for number, page in enumerate(pages):
        kind = _Kind.of(page)
        if made is None:
            first = kind
            described = dataclasses.replace(page, values=np.empty(0))  # page 0 itself is not kept
            made = _Mean(page, kind) if how == "mean" else _Brightest(page, kind)
        else:
            first.check_alike(kind, number)
            made.add(page)
    assert made is not None
    return dataclasses.replace(described, values=made.values())


def memory_beside(samples: int, item_bytes: int, how: Projection) -> int:
    """Return the bytes held beside a page while it is added; it has `samples` samples of `item_bytes`."""
    # Each sum is accompanied by an item: the rounded mean or, for floats, the count of NaN values.
    return samples * (_SUM_BYTES + item_bytes if how == "mean" else item_bytes)


def check_sizes_alike(number: int, first: tuple[int, int], other: tuple[int, int]) -> None:
    """Raise PagesDiffer unless page `number` has the (width, height) of the first page."""
    if other != first:
        raise PagesDiffer(
            f"a projection needs pages of one size, but page 0 has {first[0]} x {first[1]} pixels and page"
            f" {number} has {other[0]} x {other[1]}; ask for one page by its number"
        )


@dataclass(frozen=True)
class _Kind:
    """What pages must have in common to be projected, apart from their size."""

    channels: int
    dtype: np.dtype
    colour: bool
    alpha: int | None
    inverted: bool

    @classmethod
    def of(cls, page: RawPixels) -> _Kind:
        dtype = page.values.dtype.newbyteorder("=")
        return cls(page.values.shape[2], dtype, page.colour, page.alpha, page.inverted)

    def __str__(self) -> str:
        channels = f"{self.channels} {'channel' if self.channels == 1 else 'channels'} of {self.dtype}"
        return f"{channels} with low values bright" if self.inverted else channels

    def check_alike(self, other: _Kind, number: int) -> None:
        """Raise PagesDiffer unless page `number` is of the same kind."""
        if other != self:
            raise PagesDiffer(
                f"a projection needs pages of one kind, but page 0 has {self} and page {number} has {other};"
                " ask for one page by its number"
            )


class _Brightest:
    """Collects the brightest value at each place."""

    def __init__(self, page: RawPixels, kind: _Kind) -> None:
        self._brightest = page.values.astype(kind.dtype)
        self._brighter = np.fmin if kind.inverted else np.fmax

    def add(self, page: RawPixels) -> None:
        for rows in row_blocks(page.values.shape[:2]):  # NumPy copies values of another byte order
            self._brighter(self._brightest[rows], page.values[rows], out=self._brightest[rows])

    def values(self) -> npt.NDArray:
        return self._brightest


class _Mean:
    """Collects the mean of the values at each place, without NaN."""

    def __init__(self, page: RawPixels, kind: _Kind) -> None:
        self._dtype = kind.dtype
        self._is_rounded = kind.dtype.itemsize == 1 or page.profile is not None
        self._total = np.zeros(page.values.shape)
        self._pages = 0
        self._nan: npt.NDArray[np.uint32] | None = None  # how many pages have NaN at each place, if any has
        self.add(page)

    def add(self, page: RawPixels) -> None:
        self._pages += 1
        for rows in row_blocks(page.values.shape[:2]):
            values: npt.NDArray[Any] = page.values[rows]
            if self._dtype.kind == "f" and (nan := np.isnan(values)).any():
                if self._nan is None:
                    self._nan = np.zeros(self._total.shape, np.uint32)
                self._nan[rows] += nan
                np.add(self._total[rows], values, out=self._total[rows], where=~nan)
            else:
                self._total[rows] += values

    def values(self) -> npt.NDArray:
        mean = self._total
        for rows in row_blocks(mean.shape[:2]):
            if self._nan is None:
                mean[rows] /= self._pages
            else:
                with np.errstate(invalid="ignore"):  # where no page has a number, 0 / 0 is NaN
                    mean[rows] /= self._pages - self._nan[rows]
        self._nan = None
        return _rounded(mean, self._dtype) if self._is_rounded else mean


def _rounded(values: npt.NDArray[np.float64], dtype: np.dtype) -> npt.NDArray:
    if dtype.kind == "f":
        return values.astype(dtype)
    rounded = np.empty(values.shape, dtype.newbyteorder("="))
    for rows in row_blocks(values.shape[:2]):
        rounded[rows] = np.rint(values[rows])
    return rounded
