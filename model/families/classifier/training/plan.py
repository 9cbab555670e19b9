"""ClassifyPlan: the options of training a classifier that are not part of its config."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from model.families.classifier.training.augmentation import Augmentation
from model.training.plan import Optimization, Plan

MOST_PRUNED = 0.95


class ClassifyPlan(Plan):
    """How to train a classifier. Raises ValueError, saying what would be right, for impossible values."""

    batch_size: int = Field(default=32, ge=1, description="pictures per step")
    warmup_steps: int = Field(
        default=50, ge=0, description="steps to reach the peak learning rate; fewer than steps"
    )
    average: float = Field(
        default=0.99,
        ge=0,
        lt=1,
        description="share of the running average of weights that each step keeps; 0: none",
    )
    learning_rate: float = Field(default=3e-4, gt=0, le=10, description="peak learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of the optimizer sgd")
    weight_decay: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of each weight, times the learning rate, that a step removes",
    )
    clip_norm: float = Field(default=5.0, gt=0, description="longer gradients are scaled down to this norm")
    freeze: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the layers, from the picture on, that keep the weights they start with; 1: "
        "only the last layer learns",
    )
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="share of the truth that is spread over all classes"
    )
    class_weights: Literal["none", "balanced"] | dict[str, float] = Field(
        default="none",
        description='weight of each picture in the loss: "balanced" gives all classes the same sum, or a '
        "number for each class name, above 0",
    )
    prune: float = Field(
        default=0.0,
        ge=0,
        le=MOST_PRUNED,
        description="share of the weights of each convolution, the smallest ones, that become 0; 0: none",
    )
    prune_from: float = Field(default=0.2, ge=0, lt=1, description="share of the steps after which it begins")
    prune_until: float = Field(
        default=0.7, gt=0, le=1, description="share of the steps after which all are pruned; above prune_from"
    )
    augmentation: Augmentation = Field(
        default_factory=Augmentation, description="how pictures are changed at random"
    )

    @property
    def optimization(self) -> Optimization:
        """What the optimizer is set to."""
        return Optimization(self.learning_rate, self.momentum, self.weight_decay, self.clip_norm)

    @model_validator(mode="after")
    def _suits_a_classifier(self) -> Self:
        if self.prune_from >= self.prune_until:
            raise ValueError(f"prune_from {self.prune_from} must be below prune_until {self.prune_until}")
        if isinstance(self.class_weights, dict):
            wrong = [name for name, weight in self.class_weights.items() if not 0 < weight < float("inf")]
            if wrong:
                raise ValueError(f"class_weights of {', '.join(wrong)} must be above 0")
        return self
