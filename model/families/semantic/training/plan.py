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
    momentum: float = Field(default=0.9, ge=0, lt=1, description="momentum of the optimizer sgd")
    weight_decay: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="share of each weight by which an update reduces it, times the learning rate",
    )
    clip_norm: float | None = Field(
        default=1.0, gt=0, description="largest norm of the gradients over all weights; null: no limit"
    )
    loss: Loss = Field(
        default="both",
        description="what training minimises; both is the sum of cross_entropy and dice",
    )
    dice_weight: float = Field(
        default=1.0, gt=0, le=100, description="factor of Dice beside cross-entropy, with loss both"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="share of each pixel's truth that is spread over the classes"
    )
    focal_gamma: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="how much less pixels count that are already right, with loss focal; 0: no less",
    )
    focal_alpha: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="weight of pixels with the class, with loss focal and gives binary or labels; others "
        "have 1 - this; null: no weights",
    )
    class_weights: ClassWeights = Field(
        default="none",
        description="weights of pixels; with balanced, those of rare classes count up to 10 times",
    )
    crop: tuple[int, int] | None = Field(
        default=None,
        description="width and height in pixels of a training picture, a part of what the network sees when "
        "served; null: the size of the config",
    )
    freeze_encoder: bool | int = Field(
        default=False,
        ge=0,
        description="whether the encoder keeps its initial weights; a number: for so many steps",
    )
    augmentation: Augmentation = Field(
        default_factory=Augmentation, description="how pictures are changed at random"
    )

    @model_validator(mode="after")
    def _has_a_crop(self) -> Self:
        if self.crop is not None and min(self.crop) < 1:
            raise ValueError(f"crop {self.crop}: give a width and a height of at least 1")
        return self
