"""ForeignConfig: the input and the scores of a graph that another tool has made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from model.families.pixels import (
    LARGEST_SIDE,
    Activation,
    Channels,
    ValueRange,
    channel_count,
    check_normalization,
)
from model.storage.problems import made_of

FOREIGN: Literal["foreign"] = "foreign"


@dataclass(frozen=True)
class ForeignConfig:
    """For a graph with input float32 (1, H, W, C) and output (1, K), K scores.

    Raises ValueError, saying what would be right, for values that do not fit together.

    Attributes:
        network: "foreign", which tells it from the networks that this project trains.
        size: (width, height) of the input, to which pictures of any shape are stretched.
        channels: the kind of the C channels.
        value_range: the range to which 0…255 is scaled first.
        mean: subtracted per channel, in `value_range` and the order of the channels; empty: nothing.
        std: divides the difference, per channel; empty: nothing.
        activation: the function still to be applied to the scores.
    """

    network: Literal["foreign"]
    size: tuple[int, int]
    channels: Channels = "rgb"
    value_range: ValueRange = "0-1"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    activation: Activation = "none"

    def __post_init__(self) -> None:
        if not 1 <= min(self.size) <= max(self.size) <= LARGEST_SIDE:
            raise ValueError(f"size {self.size}: width and height must be from 1 to {LARGEST_SIDE}")
        check_normalization(self.channels, self.mean, self.std)

    @property
    def picture_shape(self) -> tuple[int, int, int, int]:
        """(1, H, W, C) of the input."""
        return 1, self.size[1], self.size[0], channel_count(self.channels)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ForeignConfig:
        """The config that `differences` wrote. Raises ValueError for an unknown name or a wrong type."""
        return made_of(cls, values)

    def differences(self) -> dict[str, Any]:
        """The values that differ from the defaults, for a manifest."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
