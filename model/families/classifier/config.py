"""ClassifierConfig: which network a classifier has, and how a picture is brought to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ConfigDict

from model.storage.problems import made_of

NetworkName = Literal["squeezenet", "mobilenet"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
SIZES = (32, 1024)
"""Pixels: the least and the largest side of the input."""
MOBILENET_BLOCKS = 13


@dataclass(frozen=True)
class ClassifierConfig:
    """The network and its input. Raises ValueError, saying what would be right, for impossible values."""

    __pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    network: NetworkName = "squeezenet"
    """SqueezeNet 1.1 (arXiv:1602.07360), or MobileNet v1 with 3/4 of the channels (arXiv:1704.04861)."""
    size: int = 224
    """Side of the input in pixels, to which pictures of any shape are stretched, 32 to 1024."""
    blocks: int = MOBILENET_BLOCKS
    """How many of MobileNet's 13 blocks there are, 1 to 13; fewer are faster, and see smaller patterns."""
    contrast: bool = False
    """Whether the grey levels of each picture are stretched to the full range first."""
    dropout: float = 0.5
    """Share of features that are left out at random in training, 0 to below 1."""

    def __post_init__(self) -> None:
        if not SIZES[0] <= self.size <= SIZES[1]:
            raise ValueError(f"size {self.size} must be from {SIZES[0]} to {SIZES[1]} pixels, such as 224")
        if not 1 <= self.blocks <= MOBILENET_BLOCKS:
            raise ValueError(f"blocks {self.blocks} must be from 1 to {MOBILENET_BLOCKS}")
        if self.network != "mobilenet" and self.blocks != MOBILENET_BLOCKS:
            raise ValueError(f"blocks {self.blocks}: only mobilenet can have fewer blocks: omit blocks")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout} must be at least 0 and below 1")

    @property
    def picture_shape(self) -> tuple[int, int, int, int]:
        """(1, H, W, C) of the input."""
        return 1, self.size, self.size, 3

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClassifierConfig:
        """The config that `to_json` wrote. Raises ValueError for an unknown name or a wrong type."""
        return made_of(cls, values)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json` can write and `from_json` reads back."""
        return dataclasses.asdict(self)

    def differences(self) -> dict[str, Any]:
        """The values that differ from the defaults, for a manifest."""
        defaults = ClassifierConfig().to_json()
        return {name: value for name, value in self.to_json().items() if value != defaults[name]}
