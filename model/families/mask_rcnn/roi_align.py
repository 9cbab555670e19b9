"""RoIAlign: a grid of features for each RoI, gathered from the pyramid's cells."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class RoIAlign(keras.layers.Layer):
    """[cells (B, cells, C), *SamplingPoints of B × R RoIs] → features (B, R, size, size, C).

    Plain gathers, because `keras.ops` has no crop_and_resize.
    """

    def call(self, inputs: list[Any]) -> Any:
        cells, corners, weights = inputs
        first_cells = ops.arange(ops.shape(cells)[0], dtype="int32") * ops.shape(cells)[1]
        corners = corners + ops.reshape(first_cells, (-1, 1, 1, 1, 1))
        cells = ops.reshape(cells, (-1, cells.shape[-1]))  # of all pictures
        return sum(
            ops.take(cells, corners[..., corner], axis=0) * weights[..., corner, None] for corner in range(4)
        )

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        cells, corners, _ = input_shape
        return (*corners[:-1], cells[-1])


def cells_of(pyramid: list[Any]) -> Any:
    """P2…P5, each (B, H, W, C), as one table (B, cells, C), level by level and row by row."""
    rows = keras.layers.Reshape((-1, pyramid[0].shape[-1]))
    return ops.concatenate([rows(level) for level in pyramid], axis=1)
