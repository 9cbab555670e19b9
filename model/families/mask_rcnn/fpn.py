"""The feature pyramid: C2…C5 → P2…P6, of equal channel counts (Lin et al. 2017, arXiv:1612.03144)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import KerasTensor, layers, ops


def build_fpn(stages: list[KerasTensor], width: int) -> list[KerasTensor]:
    """P2…P6 with `width` channels; P6 is every second cell of P5 and is used only by the RPN."""
    merged = layers.Conv2D(width, 1, name="fpn_c5p5")(stages[-1])
    pyramid = [_smooth(merged, width, 5)]
    for level in (4, 3, 2):
        lateral = layers.Conv2D(width, 1, name=f"fpn_c{level}p{level}")(stages[level - 2])
        upsampled = Upsample(name=f"fpn_p{level + 1}upsampled")(merged)
        merged = layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])
        pyramid.insert(0, _smooth(merged, width, level))
    pyramid.append(layers.MaxPooling2D(1, strides=2, name="fpn_p6")(pyramid[-1]))
    return pyramid


class Upsample(keras.layers.Layer):
    """(B, H, W, C) → (B, 2H, 2W, C), each cell repeated four times.

    A transposed convolution with ones: compiled runtimes run it fast, but are slow at the repeats of
    `UpSampling2D`.
    """

    def call(self, cells: Any) -> Any:
        copies = np.tile(np.eye(cells.shape[-1], dtype=np.float32), (2, 2, 1, 1))
        return ops.conv_transpose(cells, ops.convert_to_tensor(copies, cells.dtype), strides=2)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)


def _smooth(merged: KerasTensor, width: int, level: int) -> KerasTensor:
    return layers.Conv2D(width, 3, padding="same", name=f"fpn_p{level}")(merged)
