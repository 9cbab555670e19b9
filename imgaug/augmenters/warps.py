"""Warps: images scaled, moved, rotated, sheared and bent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from imgaug.augmenters.augmenter import Augmenter, Run
from imgaug.choices import ALL, Numbers, OneOfThese
from imgaug.pixels import BORDERS, INTERPOLATIONS, by_channels


class Warp(Augmenter):
    """What warps have in common: how pixels between pixels, and those beyond the edge, get their values."""

    moves_pixels: ClassVar[bool] = True

    def __init__(self, order: Any, cval: Any, mode: Any, **common: Any) -> None:
        super().__init__(**common)
        self._order = OneOfThese("order", order, list(INTERPOLATIONS))
        self._mode = OneOfThese("mode", mode, list(BORDERS))
        self._cval = Numbers("cval", (0, 255) if cval == ALL else cval)

    def _method(self, rng: np.random.Generator, run: Run) -> tuple[int, int, tuple[float, ...]]:
        """OpenCV's interpolation, border, and the value beyond it."""
        order, border, value = self._order.draw(rng), BORDERS[self._mode.draw(rng)], self._cval.draw(rng)
        if run.of_masks:
            order, value = 0, 0
        return INTERPOLATIONS[order], border, (value,) * 4


class Affine(Warp):
    """Scales, shears, rotates and moves an image about its centre, within its size.

    Without any of the first five arguments, it does a little of everything, as in imgaug 0.4.0.

    Args:
        scale: factor; also {"x": …, "y": …}, as for the next two and for `shear`.
        translate_percent: share of width and height by which the image moves to the right and down.
        translate_px: the same in pixels.
        rotate: degrees, clockwise.
        shear: degrees; a number is that along x, a range or list that along both.
        order: 0 nearest, 1 linear, 3 cubic.
        cval: value beyond the edge, with mode "constant".
        mode: "constant", "edge", "symmetric", "reflect" or "wrap".
        fit_output: only False: a training image has to keep its size.
        backend: without effect: it is always OpenCV's.
        common: the arguments of `Augmenter`.
    """

    def __init__(
        self,
        scale: Any = None,
        translate_percent: Any = None,
        translate_px: Any = None,
        rotate: Any = None,
        shear: Any = None,
        order: Any = 1,
        cval: Any = 0,
        mode: Any = "constant",
        fit_output: bool = False,
        backend: str = "auto",
        **common: Any,
    ) -> None:
        super().__init__(order, cval, mode, **common)
        if fit_output:
            raise NotImplementedError("fit_output=True changes the size of the image: use a smaller scale")
        if translate_percent is not None and translate_px is not None:
            raise ValueError("give translate_percent or translate_px, not both")
        if all(given is None for given in (scale, translate_percent, translate_px, rotate, shear)):
            scale, rotate = {"x": (0.9, 1.1), "y": (0.9, 1.1)}, (-15, 15)
            translate_percent = {"x": (-0.1, 0.1), "y": (-0.1, 0.1)}
            shear = {"x": (-10, 10), "y": (-10, 10)}
        self._scale = _PerAxis("scale", 1.0 if scale is None else scale)
        self._percent = _PerAxis("translate_percent", translate_percent or 0)
        self._px = _PerAxis("translate_px", translate_px or 0, whole=True)
        self._rotate = Numbers("rotate", 0 if rotate is None else rotate)
        along_x_alone = shear is None or isinstance(shear, int | float)
        self._shear = _PerAxis("shear", {"x": shear or 0} if along_x_alone else shear)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        height, width = image.shape[:2]
        matrix = self._matrix(height, width, rng)
        method, border, value = self._method(rng, run)

        def warp(part: npt.NDArray) -> npt.NDArray:
            flat = cv2.warpAffine(
                part, matrix, (width, height), flags=method, borderMode=border, borderValue=value
            )
            return np.asarray(flat)

        return by_channels(image, warp)

    def _matrix(self, height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """float64 (2, 3): where in the result each x, y of the image goes."""
        scale_x, scale_y = self._scale.draw(rng)
        share_x, share_y = self._percent.draw(rng)
        pixels_x, pixels_y = self._px.draw(rng)
        angle = np.radians(self._rotate.draw(rng))
        shear_x, shear_y = np.radians(self._shear.draw(rng))
        sheared_y = np.array([[np.cos(shear_y), 0], [np.sin(shear_y), 1]])
        rest = np.array(
            [
                [scale_x * np.cos(angle), -scale_y * np.sin(angle + shear_x)],
                [scale_x * np.sin(angle), scale_y * np.cos(angle + shear_x)],
            ]
        )
        linear = rest @ sheared_y
        centre = np.array([width / 2 - 0.5, height / 2 - 0.5])
        shift = np.array([share_x * width + pixels_x, share_y * height + pixels_y])
        return np.column_stack([linear, centre + shift - linear @ centre])


class PiecewiseAffine(Warp):
    """Bends an image: the points of a grid move at random, and what is between them follows.

    Args:
        scale: standard deviation of the moves, as a share of height and width; up to 0.05 looks natural.
        nb_rows: rows of the grid, at least 2.
        nb_cols: its columns, at least 2.
        order: as for `Affine`.
        cval: as for `Affine`.
        mode: as for `Affine`.
        absolute_scale: whether `scale` is in pixels.
        polygon_recoverer: without effect: there are no polygons here.
        common: the arguments of `Augmenter`.
    """

    def __init__(
        self,
        scale: Any = (0.0, 0.04),
        nb_rows: Any = (2, 4),
        nb_cols: Any = (2, 4),
        order: Any = 1,
        cval: Any = 0,
        mode: Any = "constant",
        absolute_scale: bool = False,
        polygon_recoverer: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(order, cval, mode, **common)
        self._scale = Numbers("scale", scale)
        self._rows, self._columns = Numbers("nb_rows", nb_rows), Numbers("nb_cols", nb_cols)
        self._in_pixels = absolute_scale

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        height, width = image.shape[:2]
        rows, columns = max(2, self._rows.draw_whole(rng)), max(2, self._columns.draw_whole(rng))
        moves = rng.normal(0, abs(self._scale.draw(rng)), (rows, columns, 2))
        if not self._in_pixels:
            moves *= (width, height)
        method, border, value = self._method(rng, run)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        column = x * np.float32((columns - 1) / max(width - 1, 1))
        row = y * np.float32((rows - 1) / max(height - 1, 1))
        shifts = np.asarray(cv2.remap(moves.astype(np.float32), column, row, cv2.INTER_LINEAR))
        source_x = np.clip(x + shifts[..., 0], 0, width - 1)
        source_y = np.clip(y + shifts[..., 1], 0, height - 1)

        def warp(part: npt.NDArray) -> npt.NDArray:
            return np.asarray(
                cv2.remap(part, source_x, source_y, method, borderMode=border, borderValue=value)
            )

        return by_channels(image, warp)


class _PerAxis:
    """A choice for x and y: one for both, or a mapping with one for each; one left out is neutral."""

    def __init__(self, argument: str, given: Any, whole: bool = False) -> None:
        neutral = 1.0 if argument == "scale" else 0
        self._same = not isinstance(given, Mapping)
        each = {"x": given, "y": given} if self._same else {"x": neutral, "y": neutral, **given}
        self._x, self._y = (Numbers(f"{argument}[{axis!r}]", each[axis]) for axis in ("x", "y"))
        self._whole = whole

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        draw_x, draw_y = (axis.draw_whole if self._whole else axis.draw for axis in (self._x, self._y))
        x = draw_x(rng)
        return (x, x) if self._same else (x, draw_y(rng))
