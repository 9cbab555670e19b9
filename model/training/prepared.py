"""Prepared: a training run that has been checked, before Keras is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model.training.learner import Learner
from model.training.plan import Plan


@dataclass(frozen=True)
class Prepared:
    """A training run whose options and data have been checked.

    Attributes:
        plan: how to train.
        asked: everything that determines the outcome, as plain values.
        learner: builds the network and fills it with initial weights; prints what was decided.
            Raises ValueError if they do not fit.
    """

    plan: Plan
    asked: Mapping[str, Any]
    learner: Callable[[], Learner]
