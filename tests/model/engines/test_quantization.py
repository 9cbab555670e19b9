"""Of a stage in int8 any layers can be made exact again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import openvino as ov
import pytest
from tiny_model import TINY

from model.data import DataSet
from model.engines.conversion import convert
from model.engines.quantization import Calibration, Int8Stage, quantize
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


@pytest.fixture(scope="module")
def trunk(tiny_segmenter: Segmenter) -> ov.Model:
    assert isinstance(tiny_segmenter.runner, TensorFlowRunner)
    return convert(tiny_segmenter.runner)["trunk"]


@pytest.fixture(scope="module")
def stage(tiny_segmenter: Segmenter, trunk: ov.Model, noise_pictures: DataSet) -> Int8Stage:
    images = [noise_pictures[0].image, noise_pictures[1].image]
    return Int8Stage(STAGES[0], trunk, Calibration(StageInputs(tiny_segmenter.runner, TINY), images))


def answers(trunk: ov.Model) -> list[npt.NDArray]:
    compiled = ov.Core().compile_model(trunk.clone(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    picture = np.random.default_rng(0).uniform(-128, 128, (1, 64, 128, 3)).astype(np.float32)
    return [np.array(output) for output in compiled(picture).values()]


@pytest.mark.timeout(300)
def test_a_layer_that_is_made_exact_stays_so_when_the_rest_becomes_int8(stage: Int8Stage) -> None:
    every = quantized_layers(stage.compressed())
    exact = [set(every) - set(quantized_layers(stage.compressed([layer]))) for layer in range(stage.layers)]
    assert set.union(*exact) == set(every)  # none is left that could not be made exact
    assert max(len(one) for one in exact) < len(every) / 2


def test_with_all_layers_exact_it_is_the_stage_that_it_was_made_from(
    stage: Int8Stage, trunk: ov.Model
) -> None:
    restored = stage.with_exact(range(stage.layers))
    assert quantized_layers(restored) == []
    for ours, theirs in zip(answers(restored), answers(trunk), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_what_is_kept_answers_as_what_was_measured(stage: Int8Stage) -> None:
    for ours, theirs in zip(answers(stage.compressed([1])), answers(stage.with_exact([1])), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())


def test_a_head_that_no_picture_reaches_stays_exact(
    tiny_segmenter: Segmenter, noise_pictures: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(tiny_segmenter.runner, TensorFlowRunner)
    models, mask_head = convert(tiny_segmenter.runner), STAGES[2]

    made = quantize([mask_head], models, Calibration(lambda stage, image: None, [noise_pictures[0].image]))

    assert made == {"mask_head": models["mask_head"]}
    assert (
        "int8 of mask_head: it stays exact, because none of these pictures reach it"
        in capsys.readouterr().err
    )
