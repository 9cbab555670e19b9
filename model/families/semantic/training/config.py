"""NetworkConfig: the U-Net that is trained, and how pictures reach it when it is served."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.families.pixels import Fit
from model.families.semantic.config import Normalization, SemanticConfig
from model.families.semantic.unet_config import MOBILENET_DEPTH, Encoder, Norm, UNetConfig, Upsampling

Gives = Literal["binary", "classes", "labels"]
Size = tuple[int, int]

SMALLEST_SIDE = 16
"""Pixels; the least side of a network's input that can be halved often enough to be worth training."""


class NetworkConfig(BaseModel):
    """The values of a recipe's `config` for `--task semantic`.

    Raises ValueError, saying what would be right, for values that do not fit together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: Encoder = Field(
        default="mobilenet",
        description="part that looks at the picture; plain has two convolutions per level, mobilenet can "
        "start from ImageNet",
    )
    depth: int | None = Field(
        default=None,
        ge=1,
        le=8,
        description="times that the picture is halved; default 4, with mobilenet always 5",
    )
    base_width: int | None = Field(
        default=None,
        ge=1,
        le=512,
        description="channels at full resolution, doubled by each halving; default 64, with mobilenet 16, "
        "where it applies to the decoder only",
    )
    norm: Norm = Field(
        default="batch", description="normalisation after each convolution; group suits batches of 1 or 2"
    )
    norm_groups: int = Field(default=8, ge=1, description="groups of channels, with norm group")
    upsampling: Upsampling = Field(
        default="transposed",
        description="how the decoder enlarges; transposed is faster, resize has no checkerboard artefacts",
    )
    gives: Gives | None = Field(
        default=None,
        description="what the network outputs; classes exclude each other, labels may overlap; null: as in "
        "the data",
    )
    size: Size | None = Field(
        default=(320, 320),
        description="width and height of the network's input in pixels; null, with fit pad: any size",
    )
    fit: Fit = Field(
        default="scale",
        description="how a picture reaches that size; scale stretches it, pad scales it to fit, tile cuts it",
    )
    max_side: int = Field(
        default=1024, ge=SMALLEST_SIDE, le=4096, description="without size: longest side of the input"
    )
    tile_overlap: int = Field(default=64, ge=0, description="pixels that tiles share, with fit tile")
    halo: int = Field(
        default=0, ge=0, description="pixels along the borders of tiles whose answer is not used"
    )
    channels: Literal["rgb", "grey"] = Field(default="rgb", description="channels of the network's input")
    normalization: Normalization = Field(
        default="none",
        description="normalisation of each picture's values, after scaling them to 0…1 (mobilenet: -1…1)",
    )
    per_channel: bool = Field(default=False, description="whether each channel is normalised by itself")
    percentiles: tuple[float, float] = Field(
        default=(0.0, 100.0), description="percentiles that become 0 and 1, with normalization percentiles"
    )
    mirror: bool = Field(
        default=False, description="when served: average with the mirrored picture; twice the time"
    )
    look_again: bool = Field(
        default=False, description="when served: a second look at the part with objects, with fit scale"
    )
    refine_edges: bool = Field(
        default=False, description="when served: move edges to those of the whole picture"
    )
    threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="when served: lowest probability of a pixel's class; of exclusive classes, the most "
        "probable one is chosen first",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.encoder == "mobilenet" and self.depth not in (None, MOBILENET_DEPTH):
            raise ValueError(
                f"depth {self.depth}: MobileNet halves the picture {MOBILENET_DEPTH} times; omit depth, or "
                "use the encoder plain"
            )
        if self.encoder == "mobilenet" and self.channels == "grey":
            raise ValueError(
                "channels grey: MobileNet takes three channels; use rgb, which repeats the grey one, or the "
                "encoder plain"
            )
        # Their messages say what would be right. Values that only the data decide do not matter here.
        self.semantic("binary")
        if self.size is not None and min(self.size) < SMALLEST_SIDE:
            raise ValueError(f"size {self.size}: give at least {SMALLEST_SIDE} pixels a side")
        return self

    def unet(self, classes: int, gives: Gives) -> UNetConfig:
        """The network for a number of classes, including the background; it takes pictures of any size."""
        return UNetConfig(
            encoder=self.encoder,
            depth=self.depth,
            base_width=self.base_width,
            norm=self.norm,
            norm_groups=self.norm_groups,
            upsampling=self.upsampling,
            in_channels=1 if self.channels == "grey" else 3,
            out_channels=classes if gives == "classes" else classes - 1,
            output="logits",
        )

    def semantic(self, gives: Gives) -> SemanticConfig:
        """The config of the model that a run becomes."""
        sized = UNetConfig(
            encoder=self.encoder,
            depth=self.depth,
            base_width=self.base_width,
            norm=self.norm,
            norm_groups=self.norm_groups,
            in_channels=1 if self.channels == "grey" else 3,
            size=self.size,
        )
        return SemanticConfig(
            gives=gives,
            size=self.size,
            divisor=sized.divisor,
            max_side=self.max_side,
            fit=self.fit,
            tile_overlap=self.tile_overlap,
            halo=self.halo,
            channels=self.channels,
            value_range=sized.value_range,
            normalization=self.normalization,
            per_channel=self.per_channel,
            percentiles=self.percentiles,
            activation="softmax" if gives == "classes" else "sigmoid",
            background=0 if gives == "classes" else "implied",
            mirror=self.mirror,
            look_again=self.look_again,
            refine_edges=self.refine_edges,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json` can write."""
        return self.model_dump(mode="json")
