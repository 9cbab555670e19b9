"""SemanticConfig: what a graph takes and what it gives, all that its file does not say included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gives = Literal["binary", "classes", "labels", "class_ids"]
Fit = Literal["scale", "pad", "tile"]
Channels = Literal["rgb", "bgr", "grey"]
ValueRange = Literal["0-1", "0-255", "-1-1"]
Normalization = Literal["none", "zero_mean_unit_variance", "percentiles"]
Activation = Literal["none", "sigmoid", "softmax"]
Background = Literal["none", "implied"] | int


@dataclass(frozen=True)
class SemanticConfig:
    """Of a graph that takes float32 (1, H, W, C) and gives (1, H', W', K) or, with "class_ids", (1, H', W').

    Attributes:
        gives: "binary" (one channel, of the one class), "classes" (exclusive channels), "labels" (channels
            that may overlap) or "class_ids" (an integer a pixel, as the model's classes are numbered).
        size: (width, height) that the graph sees; None: any whose sides are multiples of `divisor`.
        divisor: of both sides, where `size` is None.
        max_side: the longest side that the graph sees, where `size` is None; larger pictures shrink.
        fit: "scale" (stretched to `size`), "pad" (scaled to fit, then padded) or "tile" (parts of `size`, at
            the picture's own scale).
        tile_overlap: pixels that neighbouring tiles share.
        halo: pixels along a tile's borders whose answer is not used, where the picture goes on.
        channels: what the C channels are.
        value_range: to which 0…255 is brought first.
        mean: subtracted a channel, in `value_range`; empty: nothing.
        std: by which the rest is divided a channel; empty: nothing.
        normalization: of each picture by itself, after that.
        percentiles: of "percentiles", those that become 0 and 1.
        activation: what is still to be applied to what the graph gives.
        background: the channel that is the background, "implied" (it has none: a pixel in which no class
            reaches the threshold) or "none" (there is no background).
        mirror: whether the mirrored picture goes through too, and the mean of both counts.
        refine_edges: whether edges are fitted to those of the whole picture (guided filter).
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
    percentiles: tuple[float, float] = (0.0, 100.0)
    activation: Activation = "none"
    background: Background = "implied"
    mirror: bool = False
    refine_edges: bool = False
