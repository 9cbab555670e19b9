"""What `mrcnn.utils` does with tensors."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mrcnn import utils


def test_a_function_of_one_example_runs_on_a_batch() -> None:
    boxes = keras.ops.convert_to_tensor(np.arange(12.0).reshape(3, 4))
    weights = keras.ops.convert_to_tensor(np.array([1.0, 2.0, 3.0]))
    doubled = utils.batch_slice(boxes, lambda one: 2 * one, 2, names=["doubled"])
    assert np.array_equal(doubled, 2 * np.arange(8.0).reshape(2, 4))
    first, total = utils.batch_slice([boxes, weights], lambda one, weight: (one[0], weight * 10), 3)
    assert np.array_equal(first, [0, 4, 8])
    assert np.array_equal(total, [10, 20, 30])


def test_the_refinement_of_tensors_is_that_of_arrays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 8]], np.float32)
    targets = np.array([[20, 20, 30, 40], [1, 2, 8, 9]], np.float32)
    deltas = np.asarray(utils.box_refinement_graph(boxes, targets))
    assert deltas == pytest.approx(utils.box_refinement(boxes, targets), abs=1e-6)
