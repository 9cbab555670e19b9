"""UNetConfig: the options of a U-Net. Does not import Keras, so that options can be checked quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model.families.pixels import ValueRange

Encoder = Literal["plain", "mobilenet"]
Norm = Literal["batch", "group", "none"]
Upsampling = Literal["transposed", "resize"]
Output = Literal["logits", "sigmoid", "softmax"]

ENCODERS: tuple[Encoder, ...] = ("plain", "mobilenet")
NORMS: tuple[Norm, ...] = ("batch", "group", "none")
UPSAMPLINGS: tuple[Upsampling, ...] = ("transposed", "resize")
OUTPUTS: tuple[Output, ...] = ("logits", "sigmoid", "softmax")

MOBILENET_DEPTH = 5
"""MobileNet halves the picture five times: stride 32."""
MOBILENET_CHANNELS = 3
DEFAULT_DEPTH = {"plain": 4, "mobilenet": MOBILENET_DEPTH}
DEFAULT_BASE_WIDTH = {"plain": 64, "mobilenet": 16}


@dataclass(frozen=True)
class UNetConfig:
    """The defaults are those of Ronneberger et al. 2015 (arXiv:1505.04597), with batch norm and for RGB.

    Attributes:
        encoder: "plain" (two 3 × 3 convolutions per level) or "mobilenet" (MobileNet v1, alpha 0.75, whose
            ImageNet weights can be loaded).
        depth: the number of times that the picture is halved. Default: 4; with MobileNet always 5.
        base_width: channels at full resolution; each halving doubles them. Default: 64; with MobileNet, where
            it applies to the decoder only, 16.
        norm: after each convolution. "batch" (the default) costs nothing once exported, since it is folded
            into the convolutions. "group" is for training with one or two pictures per step; it uses
            statistics of the whole input, so answers change with padding and from tile to tile. "none" is as
            in the paper. MobileNet's own layers always have batch norm.
        norm_groups: for "group", the number of groups into which the channels are split.
        upsampling: "transposed" (a 2 × 2 transposed convolution, as in the paper) or "resize" (each cell
            repeated four times, then a 3 × 3 convolution: slower, but without checkerboard artefacts).
        in_channels: of the picture.
        out_channels: of the output, one per class.
        output: "logits" (to train with `from_logits=True`), "sigmoid" or "softmax".
        size: (width, height) of the picture in pixels, multiples of `divisor`. None: any such size.

    Raises:
        ValueError: values that do not fit together; says what would be right.
    """

    encoder: Encoder = "plain"
    depth: int | None = None
    base_width: int | None = None
    norm: Norm = "batch"
    norm_groups: int = 8
    upsampling: Upsampling = "transposed"
    in_channels: int = 3
    out_channels: int = 1
    output: Output = "logits"
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _one_of("encoder", self.encoder, ENCODERS)
        _one_of("norm", self.norm, NORMS)
        _one_of("upsampling", self.upsampling, UPSAMPLINGS)
        _one_of("output", self.output, OUTPUTS)
        for name in ("levels", "width", "norm_groups", "in_channels", "out_channels"):
            if getattr(self, name) < 1:
                option = {"levels": "depth", "width": "base_width"}.get(name, name)
                raise ValueError(f"{option} is {getattr(self, name)}: use at least 1")
        self._check_mobilenet()
        if self.norm == "group" and self.width % self.norm_groups:
            raise ValueError(
                f"norm_groups {self.norm_groups} does not divide base_width {self.width}: "
                f"make base_width a multiple of norm_groups"
            )
        if self.output == "softmax" and self.out_channels == 1:
            raise ValueError(
                "softmax over one channel is always 1: use output='sigmoid' or more out_channels"
            )
        self._check_size()

    @property
    def levels(self) -> int:
        """`depth`, or its default."""
        return DEFAULT_DEPTH[self.encoder] if self.depth is None else self.depth

    @property
    def width(self) -> int:
        """`base_width`, or its default."""
        return DEFAULT_BASE_WIDTH[self.encoder] if self.base_width is None else self.base_width

    @property
    def divisor(self) -> int:
        """2 to the power of `depth`; both sides of a picture must be multiples of it."""
        return 2**self.levels

    @property
    def value_range(self) -> ValueRange:
        """The range of the input values; for MobileNet, the one that its ImageNet weights expect."""
        return "-1-1" if self.encoder == "mobilenet" else "0-1"

    def _check_mobilenet(self) -> None:
        if self.encoder != "mobilenet":
            return
        if self.levels != MOBILENET_DEPTH:
            raise ValueError(
                f"depth is {self.levels}: the MobileNet encoder halves the picture {MOBILENET_DEPTH} times; "
                "omit depth or use encoder='plain'"
            )
        if self.in_channels != MOBILENET_CHANNELS:
            raise ValueError(
                f"in_channels is {self.in_channels}: the MobileNet encoder takes RGB, {MOBILENET_CHANNELS} "
                "channels; repeat a grey channel three times or use encoder='plain'"
            )

    def _check_size(self) -> None:
        if self.size is None:
            return
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(
                f"size {self.size}: use (width, height) in pixels, or none (null in YAML) for any size"
            )
        if any(side % self.divisor for side in self.size):
            fitting = tuple(-(-side // self.divisor) * self.divisor for side in self.size)
            raise ValueError(
                f"size {self.size}: both sides must be multiples of {self.divisor}, since the picture is "
                f"halved {self.levels} times; use {fitting}"
            )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} {value!r} is unknown: use one of {', '.join(allowed)}")
