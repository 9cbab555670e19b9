"""Plan: how a network is trained, beyond its Config."""

from __future__ import annotations

from dataclasses import dataclass, field

from model.mrcnn.augmentation import Augmentation

LAYER_STAGES = {
    "heads": r"mrcnn_.*|rpn_.*|fpn_.*",
    "3+": r"(res3|bn3|res4|bn4|res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "4+": r"(res4|bn4|res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "5+": r"(res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "all": r".*",
}
"""Which layers learn, by name (Matterport `train(layers=…)`)."""

OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class Plan:
    """How to train: everything beyond its network's Config.

    The learning rate climbs in a line to the config's over `warmup_steps`, then falls along a cosine to a
    hundredth.
    """

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
        if self.picture_size % 64:
            raise ValueError(f"picture_size {self.picture_size} must be a multiple of 64, such as 384")
        if not 0 <= self.warmup_steps < self.steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} must be fewer than steps {self.steps}")
