"""Pruning: sets the smallest weights of each convolution to 0, more and more of them as training goes on.

The share follows a cubic curve (Zhu and Gupta 2017, arXiv:1710.01878).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from model.families.classifier.training.plan import ClassifyPlan


class Pruning:
    """Which weights of a network are 0; a pruned weight stays 0.

    Attributes:
        masks: variables of 0 and 1, for the checkpoint.
    """

    def __init__(self, layers: Sequence[keras.Layer], plan: ClassifyPlan) -> None:
        """Prune the convolutions among `layers` but the first, which sees the picture, and depthwise ones.

        Those have few weights, and need them.
        """
        self._plan = plan
        convolutions = [layer for layer in layers if type(layer) is keras.layers.Conv2D][1:]
        self._kernels = [layer.kernel for layer in convolutions if layer.trainable] if plan.prune else []
        self.masks = [
            keras.Variable(np.ones(kernel.shape, np.float32), trainable=False, dtype="float32", name="mask")
            for kernel in self._kernels
        ]

    def advance(self, step: int) -> None:
        """Prune as many weights as there should be 0 in this step; `step` counts from 0."""
        if not self.masks:
            return
        share = share_at(step, self._plan)
        for kernel, mask in zip(self._kernels, self.masks, strict=True):
            kept, magnitude = ops.convert_to_numpy(mask), np.abs(ops.convert_to_numpy(kernel))
            zeros = int(share * kept.size)
            if zeros > np.count_nonzero(kept == 0):
                smallest = np.argsort(np.where(kept > 0, magnitude, -1).ravel(), kind="stable")[:zeros]
                kept = kept.copy()
                kept.ravel()[smallest] = 0
                mask.assign(kept)
        self.apply()

    def apply(self) -> None:
        """Set the pruned weights to 0: an optimizer moves them, and a running average remembers them."""
        for kernel, mask in zip(self._kernels, self.masks, strict=True):
            kernel.assign(kernel * mask)


def share_at(step: int, plan: ClassifyPlan) -> float:
    """The share of weights that are 0 in a step."""
    first, last = plan.prune_from * plan.steps, plan.prune_until * plan.steps
    left = 1 - min(1.0, max(0.0, (step - first) / (last - first)))
    return plan.prune * (1 - left**3)
