"""The optimizer of a run and its schedule of learning rates."""

from __future__ import annotations

import keras

from model.training.learner import Learner

LAST_SHARE = 0.01
"""The last learning rate, as a share of the peak."""


def optimizer_of(learner: Learner) -> keras.optimizers.Optimizer:
    """The optimizer that a learner's plan describes, not yet built.

    With `accumulate` N, Keras adds up the gradients of N steps in variables of the optimizer, so a
    checkpoint holds them. The running average moves at every step, also at those that do not change the
    weights.
    """
    plan, values = learner.plan, learner.optimization
    schedule = schedule_of(learner)
    common = {
        "weight_decay": values.weight_decay,
        "global_clipnorm": values.clip_norm,
        "use_ema": plan.average > 0,
        "ema_momentum": plan.average or None,
        "gradient_accumulation_steps": plan.accumulate if plan.accumulate > 1 else None,
    }
    if plan.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(schedule, momentum=values.momentum, **common)
    elif plan.optimizer == "adam":
        optimizer = keras.optimizers.Adam(schedule, **common)
    else:
        optimizer = keras.optimizers.AdamW(schedule, **common)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def schedule_of(learner: Learner) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by the number of steps done before."""
    plan = learner.plan
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=plan.steps - plan.warmup_steps,
        alpha=LAST_SHARE,
        warmup_target=learner.optimization.learning_rate,
        warmup_steps=plan.warmup_steps,
    )
