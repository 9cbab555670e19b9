"""Diverging: what can be seen of why a training's loss is not finite, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from model.families.mask_rcnn.weight_files import some

USUAL_AT_MOST = 1e6
"""Larger weights, or larger deviations in a batch norm, come of a training that was about to diverge."""


def suspects(variables: Sequence[keras.Variable]) -> str:
    """The names of weights that are finite and still cannot be right, with what is wrong; else empty."""
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
    objects: int,
    learning_rate: float,
    kept: int,
    suspected: str,
) -> str:
    """What can be seen of why a loss is not finite, and what to do; the weights to start from were.

    Args:
        step: at which it came.
        values: "loss" and the losses that it is the sum of.
        objects: how many the pictures so far showed.
        learning_rate: at this step.
        kept: the step of the last checkpoint; 0: there is none.
        suspected: of the weights to start from, as of `suspects`.
    """
    names = ", ".join(name for name, value in values.items() if name != "loss" and not np.isfinite(value))
    checkpoint = f"The checkpoint of step {kept} is kept" if kept else "There is no checkpoint yet"
    told = (
        f"the loss is {values['loss']} at step {step} ({names or 'their sum'}). {checkpoint}; history.csv "
        "has the losses so far. "
    )
    if not objects:
        return told + "No picture so far showed an object to learn: look at the labels of --data"
    if suspected:
        return told + f"The weights to start from are odd in {suspected}: start from other --weights"
    if step == 1:
        return told + (
            "Nothing had been learned yet, the weights were finite and the pictures showed objects: look at "
            "mean_pixel and loss_weights in --recipe"
        )
    return told + (
        "The weights were finite at the start and the pictures showed objects, so that the learning rate, "
        f"{learning_rate:.2g} here, is the likely cause: start anew, in another --out, with a tenth of it as "
        "--learning-rate"
    )
