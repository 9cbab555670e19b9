"""Diverging: the likely cause of a training loss that is not finite, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from model.storage.problems import some

USUAL_AT_MOST = 1e6
"""Larger weights, or larger deviations in a batch norm, are signs of a training run about to diverge."""


def suspects(variables: Sequence[keras.Variable]) -> str:
    """The names of weights that are finite but cannot be right, with the reason; empty if there are none."""
    found = []
    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        if values.dtype.kind != "f" or not values.size:
            continue
        if variable.name == "moving_variance":
            if values.min() < 0:
                found.append(f"{variable.path} (a variance of {values.min():.2g})")
                continue
            values = np.sqrt(values)
        if (largest := np.abs(values).max()) > USUAL_AT_MOST:
            found.append(f"{variable.path} (up to {largest:.2g})")
    return some(found)


def why_not_finite(
    step: int,
    values: Mapping[str, float],
    *,
    labels: int,
    learning_rate: float,
    kept: int,
    suspected: str,
) -> str:
    """The likely cause of a loss that is not finite, and what to do; the initial weights must be finite.

    Args:
        step: at which the loss was not finite.
        values: "loss" and the losses that it is the sum of.
        labels: the number of labels in all pictures so far that there is something to learn from.
        learning_rate: at this step.
        kept: the step of the last checkpoint; 0: there is none.
        suspected: the result of `suspects` for the initial weights.
    """
    names = ", ".join(name for name, value in values.items() if name != "loss" and not np.isfinite(value))
    checkpoint = f"The checkpoint of step {kept} is kept" if kept else "There is no checkpoint yet"
    told = (
        f"the loss is {values['loss']} at step {step} ({names or 'the sum of its parts'}). {checkpoint}; "
        "history.csv has the losses so far. "
    )
    if not labels:
        return told + "No picture so far showed an object to learn: check the labels of --data"
    if suspected:
        return told + f"The initial weights have unusual values in {suspected}: start from other --weights"
    if step == 1:
        return told + (
            "Nothing had been learned yet, the weights were finite and the pictures showed objects: check "
            "mean_pixel and loss_weights in --config"
        )
    return told + (
        "The initial weights were finite and the pictures showed objects, so the likely cause is the "
        f"learning rate, {learning_rate:.2g} at this step: start again in another --out, with a tenth of it "
        "as --learning-rate"
    )
