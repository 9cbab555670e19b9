"""A loss that is not finite is told with the cause that can be seen, and with what is left of the run."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from model.training.diverging import suspects, why_not_finite

VALUES = {"loss": np.nan, "rpn_bbox_loss": 1.0, "mrcnn_bbox_loss": np.inf}


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"labels": 0}, "No picture so far showed an object .* --data"),
        ({"labels": 0, "suspected": "conv1/kernel"}, "No picture so far showed an object .* --data"),
        ({}, r"learning rate, 0\.02 at this step: .* a tenth of it as --learning-rate"),
        (
            {"suspected": "conv1/kernel (up to 1e+21)"},
            r"unusual values in conv1/kernel \(up to 1e\+21\): .* --weights",
        ),
        (
            {"step": 1},
            "Nothing had been learned yet.* mean_pixel and loss_weights in --config",
        ),  # so no learning rate
        ({"kept": 0}, "There is no checkpoint yet; history.csv has"),
        ({"kept": 2}, "The checkpoint of step 2 is kept; history.csv has"),
    ],
)
def test_the_cause_is_told_with_what_is_kept(seen: dict, told: str) -> None:
    of_run = {"step": 3, "labels": 5, "kept": 0, "suspected": "", **seen}
    step = of_run.pop("step")
    message = why_not_finite(step, VALUES, learning_rate=0.02, **of_run)
    assert message.startswith(f"the loss is nan at step {step} (mrcnn_bbox_loss). ")
    assert re.search(told, message)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("kernel", 3.0, ""),
        ("moving_variance", 5e7, ""),
        ("kernel", -1e21, r"kernel \(up to 1e\+21\)"),
        ("moving_variance", -0.5, r"moving_variance \(a variance of -0\.5\)"),
    ],
)
def test_weights_that_cannot_be_right_are_suspected(name: str, value: float, told: str) -> None:
    assert re.fullmatch(told, suspects([keras.Variable([1.0, value], name=name)]))
