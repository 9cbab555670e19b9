"""Fit: how a picture of a given size is scaled, padded and cut into tiles for the network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from model.families.family import Size
from model.families.mask_rcnn.config import COARSEST_STRIDE, Config
from model.pictures.tiles import Tile, cut
from model.results.result import UnsuitablePicture

COARSE_STRIDE = 256
"""Sides are multiples of it if an engine wants few shapes: three lengths up to 1024 instead of seven."""
MOST_TILES = 64
"""Approximate limit: pictures that need more (such as 1 x 5,000 pixels) shrink; else they take minutes."""


@dataclass(frozen=True)
class Fit:
    """How one picture or tile is placed in the network's input.

    Attributes:
        size: (width, height) of the picture in its own pixels.
        shape: (height, width) to which it is scaled.
        padding: (rows above, rows below), (columns left, columns right).
    """

    size: Size
    shape: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @property
    def scale(self) -> float:
        """The factor by which it is enlarged."""
        return self.shape[1] / self.size[0]

    @property
    def padded_shape(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        (top, bottom), (left, right) = self.padding
        return top + self.shape[0] + bottom, left + self.shape[1] + right

    @property
    def window(self) -> tuple[int, int, int, int]:
        """y1 x1 y2 x2 of the scaled picture inside its padding."""
        (top, _), (left, _) = self.padding
        return top, left, top + self.shape[0], left + self.shape[1]


@dataclass(frozen=True)
class Tiling:
    """How a whole picture goes through the network.

    Attributes:
        tiles: parts of the picture, all of one size; a single tile if the picture is not cut.
        fit: of each tile.
        enough: (width, height) to which the picture may be reduced without a loss to the network.
    """

    tiles: Sequence[Tile]
    fit: Fit
    enough: Size

    @property
    def work(self) -> int:
        """The number of pixels that the network processes."""
        height, width = self.fit.padded_shape
        return len(self.tiles) * height * width


def fit_of(size: Size, config: Config, few_shapes: bool = False) -> Fit:
    """How a picture of `size` (width, height) is scaled and padded (Matterport `resize_image`).

    With `few_shapes`, "fit64" pads more: to a multiple of `COARSE_STRIDE`, or to the config's least or
    largest side if that is nearer.

    Raises:
        UnsuitablePicture: the config's resize mode does not accept a picture of that size.
    """
    width, height = size
    scale = scale_of(height, width, config)
    shape = max(1, round(height * scale)), max(1, round(width * scale))  # at least 1, even for 5,000 x 2
    return Fit(size, shape, _padding(*shape, config, few_shapes))


def tiling_of(size: Size, config: Config, tile_overlap: int | None, few_shapes: bool = False) -> Tiling:
    """How a picture of `size` (width, height) goes through the network.

    Args:
        size: of the picture.
        config: the network's.
        tile_overlap: pixels that tiles share; None: a large picture shrinks instead.
        few_shapes: see `fit_of`.
    """
    tiles = _tiles(size, config, tile_overlap)
    fit = fit_of(tiles[0].size, config, few_shapes)
    height, width = fit.shape
    shrinks = len(tiles) == 1 and scale_of(size[1], size[0], config) < 1
    # Matterport's modes promise exactly Matterport's numbers, and a range of grey levels must be that of
    # the picture's own pixels.
    reducible = config.image_resize_mode == "fit64" and config.image_normalization != "contrast"
    return Tiling(tiles, fit, (width, height) if shrinks and reducible else size)


def closer_tiling_of(
    size: Size, config: Config, tile_overlap: int | None, few_shapes: bool = False
) -> Tiling | None:
    """How a picture goes through the network if `tiling_of` shows its objects too small.

    None if the picture cannot be shown larger: without tiles, without a `closer_scale`, or if `tiling_of`
    already shows it as large.
    """
    scale = config.closer_scale
    if tile_overlap is None or not scale:
        return None
    closer = dataclasses.replace(config, image_min_scale=max(scale, config.image_min_scale))
    tiles = _tiles(size, closer, round(tile_overlap / scale))
    fit = fit_of(tiles[0].size, closer, few_shapes)
    tiling = tiling_of(size, config, tile_overlap, few_shapes)
    return Tiling(tiles, fit, size) if fit.scale > tiling.fit.scale else None


def scale_of(height: int, width: int, config: Config) -> float:
    """The factor by which an image of that size in pixels is enlarged before the network sees it."""
    scale = _full_scale_of(height, width, config)
    longest = max(height, width)
    if config.image_resize_mode in ("square", "fit64") and round(longest * scale) > config.image_max_dim:
        return config.image_max_dim / longest
    return scale


def largest_picture(config: Config) -> tuple[int, int]:
    """(height, width) that no molded picture exceeds.

    Raises:
        ValueError: the resize mode has no limit.
    """
    if config.image_resize_mode not in ("square", "fit64"):
        raise ValueError(
            f'image_resize_mode "{config.image_resize_mode}" has no largest picture, which compiled stages '
            'need: use "fit64" or "square"'
        )
    side = _multiple(config.image_max_dim, COARSEST_STRIDE)
    return side, side


def _full_scale_of(height: int, width: int, config: Config) -> float:
    """As `scale_of`, but without `image_max_dim`: the scale at which objects are found best."""
    if config.image_resize_mode == "none":
        return 1.0
    scale = config.image_min_dim / min(height, width)
    return max(1.0, min(scale, config.image_max_scale or scale), config.image_min_scale)


def _tiles(size: Size, config: Config, overlap: int | None) -> list[Tile]:
    width, height = size
    if overlap is None:
        return [Tile(0, 0, width, height)]
    # A thin picture is enlarged no further than if it were not cut: its objects would become too large.
    scale = max(1.0, config.image_min_scale, scale_of(height, width, config))
    side = max(
        int(config.image_max_dim / scale),
        math.isqrt(width * height // MOST_TILES),
        max(width, height) // MOST_TILES,
    )
    return cut(width, height, side, min(overlap, side // 4))


def _padding(
    height: int, width: int, config: Config, few_shapes: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows above and below, columns left and right."""
    mode = config.image_resize_mode
    if mode == "crop":
        raise UnsuitablePicture(
            'image_resize_mode "crop" is for training; for detection, use "square" or "fit64"'
        )
    if mode == "none" and (height % COARSEST_STRIDE or width % COARSEST_STRIDE):
        raise UnsuitablePicture(
            f"this model takes only pictures whose sides are multiples of {COARSEST_STRIDE}, not "
            f'{width} x {height} pixels: resize the picture, or import the model with the resize mode "fit64"'
        )
    if mode == "square":
        rows, columns = config.image_max_dim - height, config.image_max_dim - width
    elif mode == "fit64" and few_shapes:
        rows, columns = (_coarse_side(side, config) - side for side in (height, width))
    else:
        rows, columns = -height % COARSEST_STRIDE, -width % COARSEST_STRIDE
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def _coarse_side(side: int, config: Config) -> int:
    """The least of a few lengths that fits `side`; one is `image_min_dim`, the most frequent side."""
    ends = (_multiple(end, COARSEST_STRIDE) for end in (config.image_min_dim, config.image_max_dim))
    return min(length for length in (*ends, _multiple(side, COARSE_STRIDE)) if length >= side)


def _multiple(length: int, stride: int) -> int:
    """`length` rounded up to a multiple of `stride`."""
    return -(-length // stride) * stride
