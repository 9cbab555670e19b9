"""Plan: the options of training that every family has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.training.recipe import validated

Optimizer = Literal["sgd", "adam", "adamw"]
OPTIMIZERS: tuple[Optimizer, ...] = ("sgd", "adam", "adamw")
Precision = Literal["float32", "mixed_bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16")
LARGEST_SEED = 2**32 - 1
"""The largest seed that NumPy accepts."""


@dataclass(frozen=True)
class Optimization:
    """What an optimizer is set to.

    Attributes:
        learning_rate: the peak, reached after the warm-up.
        momentum: of "sgd" (Nesterov's is not used).
        weight_decay: share of each weight by which an update reduces it, times the learning rate; biases and
            norms are exempt.
        clip_norm: gradients are scaled down if their norm over all weights is larger.
    """

    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float | None = None


class Plan(BaseModel):
    """How to train a network.

    The learning rate rises linearly to its peak over `warmup_steps`, then falls along a cosine to a
    hundredth of it. Raises ValueError, saying what would be right, for impossible values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(ge=1, description="training steps in all, one batch each")
    batch_size: int = Field(default=4, ge=1, description="pictures per step")
    optimizer: Optimizer = Field(default="adamw", description="how gradients change the weights")
    warmup_steps: int = Field(
        default=200, ge=0, description="steps to reach the peak learning rate; fewer than steps"
    )
    average: float = Field(
        default=0.998,
        ge=0,
        lt=1,
        description="share of the running average of weights that each step keeps; 0: none",
    )
    seed: int = Field(
        default=0, ge=0, le=LARGEST_SEED, description="random seed; another seed gives another result"
    )
    precision: Precision = Field(
        default="float32",
        description="of computation; mixed_bfloat16 is up to twice as fast with AMX or on a GPU",
    )
    accumulate: int = Field(
        default=1,
        ge=1,
        description="steps whose mean gradient changes the weights once, as if batches were larger",
    )
    devices: int = Field(
        default=1, ge=1, description="GPUs that share each batch; more than 1 needs KERAS_BACKEND=jax"
    )
    report_every: int = Field(
        default=0, ge=0, description="steps between reports; 0: as often as --checkpoint-seconds says"
    )
    patience: int = Field(
        default=0,
        ge=0,
        description="reports without a better one after which training ends; 0: never; needs report_every",
    )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The Plan with a recipe's or run's values. Raises ValueError for an unknown name or a wrong type."""
        return validated(cls, values)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} must be fewer than steps {self.steps}")
        if self.steps % self.accumulate:
            raise ValueError(
                f"steps {self.steps} must be a multiple of accumulate {self.accumulate}, or the last "
                "gradients are lost"
            )
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size {self.batch_size} must be a multiple of devices {self.devices}")
        if self.patience and not self.report_every:
            raise ValueError(
                f"patience {self.patience} counts reports: give report_every too, such as 100, since "
                "reports by the clock would end a repeated run at another step"
            )
        return self
