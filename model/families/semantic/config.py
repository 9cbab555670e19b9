"""SemanticConfig: a graph's input and output, including everything that its file does not specify."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from model.families.pixels import (
    LARGEST_SIDE,
    Activation,
    Channels,
    Fit,
    ValueRange,
    channel_count,
    check_normalization,
)
from model.storage.problems import made_of

Gives = Literal["binary", "classes", "labels", "class_ids"]
Normalization = Literal["none", "zero_mean_unit_variance", "percentiles"]
Background = Literal["none", "implied"] | int

MORE_PIXELS = "a larger input would run out of memory"


def most_overlap(size: tuple[int, int]) -> int:
    """The most pixels that tiles of `size` may share: with more, most of the work would be repeated."""
    return min(size) * 7 // 8


@dataclass(frozen=True)
class SemanticConfig:
    """For a graph with input float32 (1, H, W, C) and output (1, H', W', K), or (1, H', W') of class ids.

    Raises ValueError, saying what would be right, for values that do not fit together.

    Attributes:
        gives: "binary" (one channel, for the only class), "classes" (exclusive channels), "labels"
            (channels that may overlap) or "class_ids" (one integer per pixel).
        size: (width, height) of the input; None: any size whose sides are multiples of `divisor`.
        divisor: of both sides, if `size` is None; tiles begin at multiples of it, so that a network halves
            their pixels in the same places as those of the whole picture.
        max_side: the longest side of the input, if `size` is None; larger pictures shrink.
        fit: "scale" (stretched to `size`), "pad" (scaled to fit, then padded) or "tile" (parts of `size`, at
            the picture's own scale).
        tile_overlap: the least number of pixels that neighbouring tiles share.
        halo: pixels along a tile's borders whose answer is not used, except at the picture's own borders.
        channels: the kind of the C channels.
        value_range: the range to which 0…255 is scaled first.
        mean: subtracted per channel, in `value_range` and the order of the channels; empty: nothing.
        std: divides the difference, per channel; empty: nothing.
        normalization: applied after that, with statistics of each picture.
        per_channel: whether `normalization` uses statistics of each channel, not of all channels together.
        percentiles: for "percentiles", the two that become 0 and 1.
        activation: the function still to be applied to the graph's output.
        background: the channel (with "class_ids": the number) that is the background, "implied" (it has no
            channel: pixels where no class reaches the threshold; with "class_ids" it is 0) or "none" (there
            is no background, every pixel has a class).
        mirror: whether to run the mirrored picture too, and use the mean of both.
        look_again: whether to run the part of the picture with objects again, enlarged, and use the mean of
            both; only with "scale".
        refine_edges: whether to align edges with those of the picture at full size (guided filter).
    """

    gives: Gives = "binary"
    size: tuple[int, int] | None = None
    divisor: int = 32
    max_side: int = 1024
    fit: Fit = "pad"
    tile_overlap: int = 64
    halo: int = 0
    channels: Channels = "rgb"
    value_range: ValueRange = "0-1"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    normalization: Normalization = "none"
    per_channel: bool = False
    percentiles: tuple[float, float] = (0.0, 100.0)
    activation: Activation = "none"
    background: Background = "implied"
    mirror: bool = False
    look_again: bool = False
    refine_edges: bool = False

    def __post_init__(self) -> None:
        self._check_size()
        self._check_tiles()
        self._check_values()
        self._check_activation()
        self._check_background()
        self._check_look_again()

    @property
    def channel_count(self) -> int:
        """C, the number of input channels."""
        return channel_count(self.channels)

    def class_ids(self, classes: int) -> tuple[int, ...]:
        """The class id of each output channel, or of each number with "class_ids".

        Args:
            classes: the number of the model's classes, including the background.
        """
        if isinstance(self.background, int):
            background = self.background
            return tuple(0 if i == background else i + (i < background) for i in range(classes))
        if self.gives == "class_ids" and self.background == "implied":
            return tuple(range(classes))
        return tuple(range(1, classes))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SemanticConfig:
        """The config that `to_json` wrote. Raises ValueError for an unknown name or a wrong type."""
        return made_of(cls, values)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json` can write and `from_json` reads back."""
        return dataclasses.asdict(self)

    def _check_size(self) -> None:
        for name in ("divisor", "max_side"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: give at least 1")
            if getattr(self, name) > LARGEST_SIDE:
                raise ValueError(f"{name} {getattr(self, name)}: give at most {LARGEST_SIDE}; {MORE_PIXELS}")
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"size {self.size}: width and height must be at least 1")
        if self.size is not None and max(self.size) > LARGEST_SIDE:
            raise ValueError(
                f"size {self.size}: width and height must be at most {LARGEST_SIDE}; {MORE_PIXELS}"
            )
        if self.size is None and self.fit == "scale":
            raise ValueError('fit "scale" needs the size to stretch pictures to: give size, or use fit "pad"')
        if self.size is None and self.fit == "tile":
            raise ValueError('fit "tile" needs the size of a tile: give size, such as 512 x 512')
        if self.size is None and self.max_side < self.divisor:
            raise ValueError(
                f"max_side {self.max_side} is below divisor {self.divisor}: give max_side {self.divisor} or "
                "more"
            )

    def _check_tiles(self) -> None:
        for name in ("tile_overlap", "halo"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} {getattr(self, name)}: give 0 or more pixels")
        if self.fit != "tile" or self.size is None:
            return
        width, height = self.size
        tile, most = f"a tile of {width} x {height}", most_overlap(self.size)
        if 2 * self.halo > most:
            raise ValueError(
                f'halo {self.halo} on both sides leaves less than an eighth of {tile}: use fit "pad" '
                f"(--fit pad), or a halo of at most {most // 2}"
            )
        if self.tile_overlap > most:
            raise ValueError(
                f"tile_overlap {self.tile_overlap} is more than seven eighths of {tile}: give at most {most}"
            )
        if 2 * self.halo > self.tile_overlap:
            raise ValueError(
                f"halo {self.halo} of each tile needs more than tile_overlap {self.tile_overlap}: give "
                f"tile_overlap {2 * self.halo} or more"
            )

    def _check_values(self) -> None:
        check_normalization(self.channels, self.mean, self.std)
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(
                f"percentiles {self.percentiles}: give a lower and a higher one, both from 0 to 100"
            )

    def _check_activation(self) -> None:
        if self.gives == "class_ids":
            with_scores = {"activation": "none", "mirror": False, "look_again": False, "refine_edges": False}
            for name, off in with_scores.items():
                if getattr(self, name) != off:
                    raise ValueError(
                        f'{name} {getattr(self, name)!r} needs scores, but gives "class_ids" has none: '
                        f"use {off!r}"
                    )
        if self.activation == "softmax" and self.gives == "binary":
            raise ValueError(
                'activation "softmax" makes a single channel 1 everywhere: use "sigmoid", or use gives '
                '"classes" if the graph also has a channel for the background'
            )
        if self.activation == "softmax" and self.gives == "labels":
            raise ValueError(
                'activation "softmax" makes classes exclusive: use "sigmoid", or use gives "classes"'
            )

    def _check_background(self) -> None:
        if isinstance(self.background, int) and self.background < 0:
            raise ValueError(f"background {self.background}: channels are counted from 0")
        if self.gives == "binary" and self.background != "implied":
            raise ValueError(
                f'background {self.background!r} with gives "binary": its only channel is the class, so use '
                '"implied"'
            )
        if self.gives == "labels" and self.background == "none":
            raise ValueError(
                'background "none" with gives "labels": a pixel may have no label, so use "implied"'
            )

    def _check_look_again(self) -> None:
        if not self.look_again:
            return
        if self.fit != "scale":
            raise ValueError(
                f'look_again needs fit "scale", and fit is "{self.fit}": use fit "scale", or omit look_again'
            )
        if self.background == "none":
            raise ValueError(
                'look_again enlarges the part that is not background, and background is "none": omit '
                "look_again"
            )
