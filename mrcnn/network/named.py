"""Named values: stands for what the library's graph has by name and this project computes between stages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from mrcnn.network.values import Values

LAYERS: dict[str, Callable[[Values], npt.NDArray]] = {
    "input_image": lambda values: values.pictures,
    "input_image_meta": lambda values: values.metas,
    "input_anchors": lambda values: values.anchors,
    "rpn_class_logits": lambda values: values.rpn_class_logits,
    "rpn_class": lambda values: values.rpn_class,
    "rpn_bbox": lambda values: values.rpn_bbox,
    "ROI": lambda values: values.rois,
    "mrcnn_class": lambda values: values.mrcnn_class,
    "mrcnn_bbox": lambda values: values.mrcnn_bbox,
    "mrcnn_detection": lambda values: values.detections,
    "mrcnn_mask": lambda values: values.mrcnn_mask,
}
"""The library's layers by name, each with the value that is its output."""
NODES: dict[str, Callable[[Values], npt.NDArray]] = {
    "ROI/pre_nms_anchors": lambda values: values.pre_nms_anchors,
    "ROI/refined_anchors": lambda values: values.refined_anchors,
    "ROI/refined_anchors_clipped": lambda values: values.refined_anchors_clipped,
    "ROI/rpn_non_max_suppression": lambda values: values.post_nms_anchor_ix,
}
"""Nodes inside the library's layers, which its notebooks look up with `ancestor`."""
OUTPUTS = ("mrcnn_detection", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask", "ROI", "rpn_class", "rpn_bbox")
"""What the library's model answers for a batch, in that order."""


@dataclass(frozen=True)
class NamedValue:
    """A value that `run_graph` computes: its name, one of LAYERS or NODES, and ":0"."""

    name: str

    def of(self, values: Values) -> npt.NDArray:
        """The value in a batch."""
        return {**LAYERS, **NODES}[self.name.removesuffix(":0")](values)

    def __tf_tensor__(self, dtype: object = None, name: object = None) -> tf.Tensor:
        """Its name, since the library's notebooks pass outputs through `tf.identity`; see `named_by`."""
        return tf.constant(self.name)


def named_by(output: object) -> NamedValue | None:
    """The named value that an output is, or that TensorFlow made a tensor of; None: it is neither."""
    if isinstance(output, tf.Tensor) and output.dtype == tf.string:
        return NamedValue(output.numpy().decode())
    return output if isinstance(output, NamedValue) else None


@dataclass(frozen=True)
class NamedLayer:
    """A layer of the library's that has no weights, and that the network here has no layer for."""

    name: str

    @property
    def output(self) -> NamedValue:
        """For `run_graph`."""
        return NamedValue(f"{self.name}:0")

    @property
    def weights(self) -> list[Any]:
        """None."""
        return []

    def get_weights(self) -> list[npt.NDArray]:
        """None."""
        return []


def ancestor(tensor: object, name: str) -> NamedValue | None:
    """The node of that name among those from which `tensor` is computed; None: there is none.

    Only the nodes in NODES are known, and only as ancestors of the proposals.
    """
    if not isinstance(tensor, NamedValue) or tensor.name != "ROI:0":
        return None
    node = re.sub(r"(/NonMaxSuppressionV\d)?(:\d+)?$", "", name)
    return NamedValue(f"{node}:0") if node in NODES else None
