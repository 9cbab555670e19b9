"""SemanticPlan: the options of training a semantic model that are not part of its network."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from model.families.semantic.training.augmentation import Augmentation
from model.training.plan import Plan

Loss = Literal["cross_entropy", "dice", "both", "focal"]
LOSSES: tuple[Loss, ...] = ("cross_entropy", "dice", "both", "focal")
ClassWeights = Literal["none", "balanced"]


class SemanticPlan(Plan):
    """How to train a semantic model.

    Raises ValueError, saying what would be right, for impossible values.
    """

    batch_size: int = Field(default=8, ge=1, description="pictures per step")
    learning_rate: float = Field(default=0.001, gt=0, le=10, description="peak learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of the optimizer sgd")
    weight_decay: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="share of each weight that an update takes off, times the learning rate",
    )
    clip_norm: float | None = Field(
        default=1.0, gt=0, description="largest norm of the gradients over all weights; null: no limit"
    )
    loss: Loss = Field(
        default="both", description="cross_entropy, dice, both of them added up, or focal in their place"
    )
    dice_weight: float = Field(
        default=1.0, gt=0, le=100, description="factor of Dice beside cross-entropy, with loss both"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="share of each pixel's truth that is spread over the classes"
    )
    focal_gamma: float = Field(
        default=2.0, ge=0, le=10, description="how much less pixels count that are right, with loss focal"
    )
    focal_alpha: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="weight of a class against that of its absence, 1 - this, with loss focal and "
        "networks that give binary or labels; null: both 1",
    )
    class_weights: ClassWeights = Field(
        default="none", description="balanced: pixels of rare classes count more, at most ten times"
    )
    crop: tuple[int, int] | None = Field(
        default=None,
        description="width and height of a training picture, a part of what the network sees when served; "
        "default: the size of the config",
    )
    freeze_encoder: bool | int = Field(
        default=False, ge=0, description="whether the encoder stays as it starts; a number: for so many steps"
    )
    augmentation: Augmentation = Field(
        default_factory=Augmentation, description="how pictures are changed at random"
    )

    @model_validator(mode="after")
    def _has_a_crop(self) -> Self:
        if self.crop is not None and min(self.crop) < 1:
            raise ValueError(f"crop {self.crop}: give a width and a height of at least 1")
        return self
