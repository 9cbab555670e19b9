"""Endings: what a graph's last operations show about its output, and its first ones about its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import openvino as ov

EndsIn = Literal["logits", "sigmoid", "softmax", "class_ids"]

PASSED = {
    "Result",
    "Transpose",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Convert",
    "Interpolate",
    "StridedSlice",
    "Slice",
    "Gather",
    "Split",
    "VariadicSplit",
    "Round",
    "Identity",
    "FakeQuantize",
}
"""Operations that move or round values; a probability is still a probability after them."""
COMPARISONS = {"Greater", "GreaterEqual", "Less", "LessEqual", "LogicalNot", "LogicalAnd", "LogicalOr"}
LARGEST_FACTOR = 1 / 100
"""A graph that begins by multiplying by less (1/255, 1/127.5) takes values up to 255."""


@dataclass(frozen=True)
class Ending:
    """The kind of a graph's last operation.

    Attributes:
        kind: "logits" unless an operation shows that it is something else.
        channels: the number of channels that a softmax or a choice of class ids has as input, if known.
    """

    kind: EndsIn
    channels: int | None = None


def ending_of(output: ov.Output) -> Ending:
    """The kind of the values of `output`, found by going back to the last operation that computes them."""
    node = output.get_node()
    kind = node.get_type_name()
    if kind == "Sigmoid" or kind == "HardSigmoid" or (kind == "Clamp" and _is_share(node)):
        return Ending("sigmoid")
    if kind == "SoftMax" or kind == "Softmax":
        return Ending("softmax", _length(node.input_value(0), node.get_attributes().get("axis", 1)))
    if kind == "Divide" and _is_softmax(node):
        return Ending("softmax")
    if kind == "TopK" and output.get_index() == 1:
        return Ending("class_ids", _length(node.input_value(0), node.get_attributes().get("axis", 1)))
    if kind in COMPARISONS:
        return Ending("class_ids", 2)
    if kind == "Concat":
        endings = {ending_of(value) for value in node.input_values()}
        kinds = {ending.kind for ending in endings}
        return Ending(kinds.pop()) if len(kinds) == 1 else Ending("logits")
    if kind in PASSED:
        return ending_of(node.input_value(0))
    return Ending("logits")


def is_quantized(output: ov.Output) -> bool:
    """Whether the whole numbers of `output` are quantized values, whose scale is not in the output."""
    node = output.get_node()
    kind = node.get_type_name()
    return kind == "FakeQuantize" or (kind in PASSED and is_quantized(node.input_value(0)))


def scales_down(parameter: ov.Node) -> bool:
    """Whether a graph begins by dividing its input by about 255, so that it takes values from 0 to 255."""
    value = parameter.output(0)
    for _ in range(8):  # conversions, transpositions and a subtraction may come first
        users = list(value.get_target_inputs())
        if len(users) != 1:
            return False
        node = users[0].get_node()
        kind = node.get_type_name()
        if kind in ("Multiply", "Divide"):
            factor = _constant(node.input_value(1 - users[0].get_index()))
            if factor is None:
                return False
            size = float(np.abs(factor).max())
            return size <= LARGEST_FACTOR if kind == "Multiply" else size >= 1 / LARGEST_FACTOR
        if kind not in PASSED and kind not in ("Add", "Subtract"):
            return False
        value = node.output(0)
    return False


def _is_share(clamp: ov.Node) -> bool:
    limits = clamp.get_attributes()
    return float(limits.get("min", -1)) >= 0 and float(limits.get("max", 2)) <= 1


def _is_softmax(divide: ov.Node) -> bool:
    """Whether the node divides exponentials by their sum, as some exporters write a softmax."""
    above, below = divide.input_value(0), divide.input_value(1).get_node()
    if above.get_node().get_type_name() != "Exp" or below.get_type_name() != "ReduceSum":
        return False
    return bool(below.input_value(0) == above)


def _length(value: ov.Output, axis: int) -> int | None:
    shape = value.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    dimension = list(shape)[int(axis)]
    return dimension.get_length() if dimension.is_static else None


def _constant(value: ov.Output) -> np.ndarray | None:
    node = value.get_node()
    while node.get_type_name() in ("Convert", "Unsqueeze", "Reshape"):
        node = node.input_value(0).get_node()
    return np.asarray(node.get_data()) if node.get_type_name() == "Constant" else None
