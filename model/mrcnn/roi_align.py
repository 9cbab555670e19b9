"""RoIAlign: a grid of features for each RoI, cut by gathers from the level that fits its size."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

FINEST_LEVEL_STRIDE = 4
CANONICAL_SIZE = 224.0
"""A RoI of this side in pixels reads P4 (FPN, equation 1)."""


class RoIAlign(keras.layers.Layer):
    """Inputs: [P2, P3, P4, P5, rois], rois (B, R, 4) normalised y1 x1 y2 x2. Output: (B, R, size, size, C).

    Level rule, k = 4 + log2(√area / (224 / √image area)), and sampling, one bilinear point a bin with the
    outer points on the RoI's edges, are those of Matterport's `PyramidROIAlign` (crop_and_resize). Plain
    gathers replace crop_and_resize because `keras.ops` has none and because compiled runtimes in bf16
    round its coordinates too.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: list[Any]) -> Any:
        *levels, rois = inputs
        channels = levels[0].shape[-1]
        heights = [ops.shape(level)[1] for level in levels]
        widths = [ops.shape(level)[2] for level in levels]
        cells = [height * width for height, width in zip(heights, widths, strict=True)]
        starts = [sum(cells[:index]) for index in range(len(cells))]
        # All levels and pictures in one table of cells, so that one gather serves every RoI.
        table = ops.concatenate(
            [ops.reshape(level, (-1, count, channels)) for level, count in zip(levels, cells, strict=True)],
            axis=1,
        )
        table = ops.reshape(table, (-1, channels))

        picture_area = heights[0] * widths[0] * FINEST_LEVEL_STRIDE**2
        level = self._level_of(rois, ops.cast(picture_area, "float32"))
        height = ops.take(ops.stack(heights), level)
        width = ops.take(ops.stack(widths), level)
        pictures = ops.expand_dims(ops.arange(ops.shape(rois)[0], dtype="int32"), 1)
        start = ops.take(ops.stack(starts), level) + pictures * sum(cells)

        top, bottom, y_weight = self._sample(rois[..., 0], rois[..., 2], height)
        left, right, x_weight = self._sample(rois[..., 1], rois[..., 3], width)
        y_weight = y_weight[:, :, :, None, None]
        x_weight = x_weight[:, :, None, :, None]

        def cell(row: Any, column: Any) -> Any:
            index = (start[..., None] + row * width[..., None])[..., None] + column[:, :, None, :]
            return ops.take(table, index, axis=0)

        upper = cell(top, left) * (1 - x_weight) + cell(top, right) * x_weight
        lower = cell(bottom, left) * (1 - x_weight) + cell(bottom, right) * x_weight
        return upper * (1 - y_weight) + lower * y_weight

    def _level_of(self, rois: Any, picture_area: Any) -> Any:
        """int32 (B, R): 0 for P2 … 3 for P5."""
        area = (rois[..., 2] - rois[..., 0]) * (rois[..., 3] - rois[..., 1])
        area = ops.maximum(area, 1e-12)  # the zeros that pad a batch have no logarithm
        level = ops.log(ops.sqrt(area) * ops.sqrt(picture_area) / CANONICAL_SIZE) / ops.log(2.0)
        return ops.cast(ops.clip(4 + ops.round(level), 2, 5), "int32") - 2

    def _sample(self, low: Any, high: Any, extent: Any) -> tuple[Any, Any, Any]:
        """For `size` points from low to high: the cells on both sides (B, R, size), the far one's weight."""
        last = ops.cast(extent - 1, "float32")[..., None]
        steps = ops.linspace(0.0, 1.0, self.size)
        position = (low[..., None] + (high - low)[..., None] * steps) * last
        position = ops.clip(position, 0.0, last)
        near = ops.floor(position)
        far = ops.minimum(near + 1, last)
        return ops.cast(near, "int32"), ops.cast(far, "int32"), position - near

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        batch, count = input_shape[-1][:2]
        return (batch, count, self.size, self.size, input_shape[0][-1])
