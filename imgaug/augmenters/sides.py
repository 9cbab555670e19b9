"""Sides: images cropped and padded at their four sides."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from imgaug.augmenters.augmenter import Augmenter, Run
from imgaug.choices import ALL, Numbers, OneOfThese
from imgaug.pixels import resized

SIDES = ("top", "right", "bottom", "left")
MOVING = ("edge", "reflect", "symmetric", "wrap")
"""Modes of padding that repeat what is in the image, so that its masks have to follow."""
MODES = ("constant", *MOVING, "linear_ramp", "maximum", "mean", "median", "minimum")


class CropAndPad(Augmenter):
    """Removes pixels from the sides of an image, or adds some.

    Args:
        px: pixels to add to each side, negative to remove: a number for all sides, a tuple (lowest, highest)
            or a list to choose from, or a tuple of four of these for top, right, bottom and left.
        percent: the same as a share of height and width, above -1.
        pad_mode: a mode of `numpy.pad`, or a list of them.
        pad_cval: value of what is added, with the modes "constant" and "linear_ramp".
        keep_size: whether the result is resized to the image's size.
        sample_independently: whether a range is drawn from once a side rather than once for all.
        common: the arguments of `Augmenter`.
    """

    moves_pixels: ClassVar[bool] = True
    _sign = 1

    def __init__(
        self,
        px: Any = None,
        percent: Any = None,
        pad_mode: Any = "constant",
        pad_cval: Any = 0,
        keep_size: bool = True,
        sample_independently: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if px is not None and percent is not None:
            raise ValueError("give px or percent, not both")
        self._in_pixels = px is not None
        argument, given = ("px", px) if self._in_pixels else ("percent", percent)
        if given is None:
            given = self._default
        self._each = isinstance(given, tuple) and len(given) == len(SIDES)
        by_side = given if self._each else [given] * len(SIDES)
        self._amounts = [
            Numbers(f"{argument} ({side})", one) for side, one in zip(SIDES, by_side, strict=True)
        ]
        self._independently = sample_independently or self._each
        self._mode = OneOfThese("pad_mode", pad_mode, MODES)
        self._cval = Numbers("pad_cval", (0, 255) if pad_cval == ALL else pad_cval)
        self.keep_size = keep_size

    @property
    def _default(self) -> Any:
        return (-0.1, 0.1)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        height, width = image.shape[:2]
        amounts = [self._amount(one, rng) for one in self._amounts]
        if not self._independently:
            amounts = [amounts[0]] * len(SIDES)
        if not self._in_pixels:
            amounts = [amount * side for amount, side in zip(amounts, (height, width) * 2, strict=True)]
        top, right, bottom, left = (round(self._sign * amount) for amount in amounts)
        mode, cval = self._mode.draw(rng), self._cval.draw(rng)
        if run.of_masks:
            mode, cval = (mode if mode in MOVING else "constant"), 0
        rows, columns = _left_something(top, bottom, height), _left_something(left, right, width)
        changed = _padded(_cropped(image, rows, columns), rows, columns, mode, cval)
        if self.keep_size and changed.shape != image.shape:
            return resized(changed, height, width, nearest=run.of_masks)
        return changed

    def _amount(self, numbers: Numbers, rng: np.random.Generator) -> float:
        return numbers.draw_whole(rng) if self._in_pixels else numbers.draw(rng)


class Pad(CropAndPad):
    """Adds pixels to the sides of an image: `CropAndPad` with amounts of 0 and more."""

    @property
    def _default(self) -> Any:
        return (0.0, 0.1)


class Crop(CropAndPad):
    """Removes pixels from the sides of an image: `CropAndPad` with amounts to remove, of 0 and more."""

    _sign = -1

    def __init__(
        self,
        px: Any = None,
        percent: Any = None,
        keep_size: bool = True,
        sample_independently: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(
            px, percent, keep_size=keep_size, sample_independently=sample_independently, **common
        )

    @property
    def _default(self) -> Any:
        return (0.0, 0.1)


def _left_something(before: int, after: int, length: int) -> tuple[int, int]:
    """The amounts at both ends of an axis, cropping less if no pixel would be left."""
    missing = max(0, 1 - (length + min(before, 0) + min(after, 0)))
    eased = min(missing, max(-before, 0))
    return before + eased, after + missing - eased


def _cropped(image: npt.NDArray, rows: tuple[int, int], columns: tuple[int, int]) -> npt.NDArray:
    height, width = image.shape[:2]
    return image[
        max(-rows[0], 0) : height - max(-rows[1], 0), max(-columns[0], 0) : width - max(-columns[1], 0)
    ]


def _padded(
    image: npt.NDArray, rows: tuple[int, int], columns: tuple[int, int], mode: str, cval: float
) -> npt.NDArray:
    widths = [(max(before, 0), max(after, 0)) for before, after in (rows, columns)]
    widths += [(0, 0)] * (image.ndim - 2)
    value = round(cval) if np.issubdtype(image.dtype, np.integer) else cval
    values = {"constant": {"constant_values": value}, "linear_ramp": {"end_values": value}}.get(mode, {})
    return np.pad(image, widths, mode=mode, **values)  # type: ignore[call-overload]
