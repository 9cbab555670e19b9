"""TensorFlow operations that image networks use and that OpenVINO's reader lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from openvino.frontend.tensorflow import ConversionExtension


def extensions() -> list[ConversionExtension]:
    """Extensions for OpenVINO's reader of TensorFlow graphs."""
    return [ConversionExtension("Bitcast", _sign_of)]


def _sign_of(node: Any) -> list[ov.Output]:
    """Bitcast from float32 to int32, replaced by a number with the same sign.

    `keras.ops.argmax` uses it only to read the sign bit, to distinguish -0 from 0. A network that used other
    bits would give different answers than in TensorFlow, which the import would notice.
    """
    value = node.get_input(0)
    if value.get_element_type() != ov.Type.f32 or node.get_attribute("type") != ov.Type.i32:
        raise ValueError("Bitcast is supported only from float32 to int32")
    return list(ops.convert(ops.sign(value), np.int32).outputs())
