"""Plan: the training options that are not part of a Config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from model.families.mask_rcnn.augmentation import Augmentation
from model.families.mask_rcnn.config import COARSEST_STRIDE
from model.storage.problems import problems_in

LAYER_STAGES = {
    "heads": r"mrcnn_.*|rpn_.*|fpn_.*",
    "3+": r"(res3|bn3|res4|bn4|res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "4+": r"(res4|bn4|res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "5+": r"(res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "all": r".*",
}
"""Patterns for the names of the layers that learn (Matterport `train(layers=…)`)."""

OPTIMIZERS = ("sgd", "adamw")
LARGEST_SEED = 2**32 - 1
"""The largest seed that NumPy accepts."""


@dataclass(frozen=True)
class Plan:
    """How to train a network, apart from its Config.

    The learning rate rises linearly to the config's over `warmup_steps`, then falls along a cosine to a
    hundredth of it. Raises ValueError, saying what would be right, for impossible values.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    steps: int
    batch_size: int = 4
    picture_size: int = 384  # pixels a side, a multiple of 64
    layers: str = "all"
    optimizer: str = "adamw"
    warmup_steps: int = 200
    average: float = 0.998  # share of the running average of weights that each step keeps; 0: none
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.layers not in LAYER_STAGES:
            raise ValueError(f"layers {self.layers!r} is unknown: use one of {', '.join(LAYER_STAGES)}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is unknown: use one of {', '.join(OPTIMIZERS)}")
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} must be at least 1")
        if self.picture_size < 1 or self.picture_size % COARSEST_STRIDE:
            raise ValueError(
                f"picture_size {self.picture_size} must be a multiple of {COARSEST_STRIDE}, such as 384"
            )
        if not 0 <= self.average < 1:
            raise ValueError(f"average {self.average} must be from 0 (none) to below 1, such as 0.998")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed {self.seed} must be from 0 to {LARGEST_SEED}")
        if not 0 <= self.warmup_steps < self.steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} must be fewer than steps {self.steps}")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """The Plan with a recipe's or run's values. Raises ValueError for an unknown name or a wrong type."""
        try:
            return TypeAdapter(cls).validate_python(dict(values))
        except ValidationError as error:
            raise ValueError(problems_in(error)) from None
