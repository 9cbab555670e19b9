"""Where quantisation harms, the layers that matter are kept exact, and the rest becomes int8."""

from __future__ import annotations

import openvino as ov
import pytest
from tiny_model import TINY

from model.data import DataSet
from model.engines.conversion import convert
from model.engines.quantization import Calibration, quantize_with_control
from model.engines.tensorflow import TensorFlowRunner
from model.families.mask_rcnn.calibration import StageInputs
from model.families.mask_rcnn.stages import STAGES
from model.segmenter import Segmenter


def quantized_layers(trunk: ov.Model) -> list[str]:
    """The names of the convolutions with quantised weights, from the picture on."""
    convolutions = [op for op in trunk.get_ordered_ops() if op.get_type_name() == "Convolution"]
    return [op.get_friendly_name() for op in convolutions if is_quantized(op.input_value(1).get_node())]


def is_quantized(weights: ov.Node) -> bool:
    """While NNCF works they are rounded where they are used; in the end they are kept as int8."""
    if weights.get_type_name() == "Constant":
        return bool(weights.get_element_type() == ov.Type.i8)
    return weights.get_type_name() == "FakeQuantize" or is_quantized(weights.input_value(0).get_node())


@pytest.mark.timeout(300)
def test_a_layer_that_costs_too_much_stays_exact(tiny_segmenter: Segmenter, noise_pictures: DataSet) -> None:
    assert isinstance(tiny_segmenter.runner, TensorFlowRunner)
    trunk = convert(tiny_segmenter.runner)["trunk"]
    images = [noise_pictures[0].image, noise_pictures[1].image]
    calibration = Calibration(StageInputs(tiny_segmenter.runner, TINY), images)
    harmful: list[str] = []

    def score(trunk: ov.Model) -> float:
        now = quantized_layers(trunk)
        if now and not harmful:
            harmful.append(now[2])
        return 0.5 if set(harmful) & set(now) else 1.0

    controlled = quantize_with_control(STAGES[0], trunk, calibration, score, largest_loss=0.1)
    kept = quantized_layers(controlled)
    assert harmful
    assert harmful[0] not in kept
    assert len(kept) > 5
