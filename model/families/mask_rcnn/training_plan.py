"""InstancePlan: the options of training a Mask R-CNN that are not part of a Config."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from model.families.mask_rcnn.augmentation import Augmentation
from model.families.mask_rcnn.config import COARSEST_STRIDE
from model.training.plan import Plan

LAYER_STAGES = {
    "heads": r"mrcnn_.*|rpn_.*|fpn_.*",
    "3+": r"(res3|bn3|res4|bn4|res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "4+": r"(res4|bn4|res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "5+": r"(res5|bn5).*|mrcnn_.*|rpn_.*|fpn_.*",
    "all": r".*",
}
"""Patterns for the names of the layers that learn (Matterport `train(layers=…)`)."""


class InstancePlan(Plan):
    """How to train a Mask R-CNN, apart from its Config, which has the learning rate.

    Raises ValueError, saying what would be right, for impossible values.
    """

    picture_size: int = Field(
        default=384, description=f"pixels a side of a training picture, a multiple of {COARSEST_STRIDE}"
    )
    layers: Literal["heads", "3+", "4+", "5+", "all"] = Field(default="all", description="which layers learn")
    augmentation: Augmentation = Field(
        default_factory=Augmentation, description="how pictures are changed at random"
    )

    @model_validator(mode="after")
    def _halves_often_enough(self) -> Self:
        if self.picture_size < 1 or self.picture_size % COARSEST_STRIDE:
            raise ValueError(
                f"picture_size {self.picture_size} must be a multiple of {COARSEST_STRIDE}, such as 384"
            )
        return self
