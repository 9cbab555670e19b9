"""TensorFlow Lite files, including MediaPipe's own operation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops
from openvino.frontend import ConversionExtension

from model.engines.core import new_core
from model.families.graphs.source import GraphError, Run, Source, reason

UPSAMPLING = "Convolution2DTransposeBias"


def read_tflite(path: Path) -> Source:
    """The graph of a .tflite file.

    Raises:
        GraphError: it is damaged, or has operations that neither OpenVINO nor this module supports.
    """
    core = new_core()
    core.add_extension(ConversionExtension(UPSAMPLING, _upsampling))
    try:
        model = core.read_model(path)
    except (RuntimeError, ValueError) as error:
        raise GraphError(
            f"{path.name} cannot be read as TensorFlow Lite ({reason(error)}): it is damaged, or has "
            "operations that OpenVINO does not support; in that case export the model as SavedModel or ONNX"
        ) from None
    return Source(path.name, model, layout="NHWC", run=_interpreter(path, model))


def _upsampling(node: Any) -> list[ov.Output]:
    """MediaPipe's transposed convolution with bias: picture NHWC, kernel OHWI of 2 × 2, stride 2."""
    picture, kernel, bias = (node.get_input(index) for index in range(3))
    sides = list(kernel.get_partial_shape())[1:3]
    if [str(side) for side in sides] != ["2", "2"]:  # only MediaPipe's code shows how others are padded
        raise ValueError(f"{UPSAMPLING} is supported only with a kernel of 2 x 2")
    planes = ops.transpose(picture, ops.constant([0, 3, 1, 2]))
    filters = ops.transpose(kernel, ops.constant([3, 0, 1, 2]))
    larger = ops.convolution_backprop_data(
        planes, filters, strides=[2, 2], pads_begin=[0, 0], pads_end=[0, 0], dilations=[1, 1]
    )
    return list(ops.add(ops.transpose(larger, ops.constant([0, 2, 3, 1])), bias).outputs())


def _interpreter(path: Path, model: ov.Model) -> Run | None:
    """Runs the file in TensorFlow's own interpreter; None if that is missing or lacks an operation."""
    if any(dimension.is_dynamic for dimension in list(model.inputs[0].get_partial_shape())[1:]):
        return None
    try:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its future move to another package
            interpreter = tf.lite.Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    except (ImportError, RuntimeError, ValueError):
        return None

    def run(picture: npt.NDArray) -> Mapping[str, npt.NDArray]:
        (taken,) = interpreter.get_input_details()
        interpreter.set_tensor(taken["index"], picture)
        interpreter.invoke()
        given = interpreter.get_output_details()
        return {one["name"]: interpreter.get_tensor(one["index"]) for one in given}

    return run
