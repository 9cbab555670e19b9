"""Operations of TensorFlow that OpenVINO's reader lacks, and that networks of pictures have."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from openvino.frontend.tensorflow import ConversionExtension


def extensions() -> list[ConversionExtension]:
    """What the reader of TensorFlow's graphs is to know besides."""
    return [ConversionExtension("Bitcast", _sign_of)]


def _sign_of(node: Any) -> list[ov.Output]:
    """Bitcast from float32 to int32, as a number of the same sign.

    `keras.ops.argmax` looks at the sign bit so, to tell -0 from 0, and at nothing else of it. A network that
    looked at more would answer otherwise than in TensorFlow, which the import compares.
    """
    value = node.get_input(0)
    if value.get_element_type() != ov.Type.f32 or node.get_attribute("type") != ov.Type.i32:
        raise ValueError("Bitcast is known from float32 to int32 only")
    return list(ops.convert(ops.sign(value), np.int32).outputs())
