"""A U-Net that OpenVINO runs, in tiles and in one piece."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest
from networks import clouds, manifest

from model.engines.openvino import OpenVINORunner
from model.families.semantic.family import SemanticFamily
from model.results.result import ClassMap, Wishes
from model.stopwatch import Stopwatch

SIZE = (420, 290)


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a U-Net that halves twice, has random weights and sees 22 pixels around each."""
    rng = np.random.default_rng(1)

    def convolution(inputs: ov.Output, outputs: int) -> ov.Output:
        channels = inputs.get_partial_shape()[1].get_length()
        kernel = rng.normal(0, 1.4 / np.sqrt(9 * channels), (outputs, channels, 3, 3)).astype(np.float32)
        sums = ops.convolution(inputs, ops.constant(kernel), [1, 1], [1, 1], [1, 1], [1, 1])
        return ops.relu(sums).output(0)

    def halved(inputs: ov.Output) -> ov.Output:
        return ops.max_pool(inputs, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)

    def doubled_with(inputs: ov.Output, skipped: ov.Output) -> ov.Output:
        factors, axes = ops.constant(np.array([2, 2], np.float32)), ops.constant([2, 3])
        return ops.concat(
            [ops.interpolate(inputs, factors, "nearest", "scales", axes=axes), skipped], 1
        ).output(0)

    picture = ops.parameter([1, -1, -1, 3], np.float32)
    full = convolution(ops.transpose(picture, ops.constant([0, 3, 1, 2])).output(0), 4)
    half = convolution(halved(full), 6)
    quarter = convolution(halved(half), 8)
    scores = convolution(doubled_with(convolution(doubled_with(quarter, half), 6), full), 3)
    answer = ops.transpose(ops.multiply(scores, ops.constant(np.float32(8))), ops.constant([0, 2, 3, 1]))
    folder = tmp_path_factory.mktemp("unet")
    ov.save_model(ov.Model([answer], [picture]), folder / "trunk.xml")
    return folder


def _class_map(folder: Path, **config: Any) -> ClassMap:
    model = manifest(
        {"gives": "classes", "background": 0, "activation": "softmax", "divisor": 4, **config}, ("a", "b")
    )
    family = SemanticFamily()
    runner = OpenVINORunner.open(
        folder, family.stages(model), "f32", family.largest_picture(model), threads=1
    )
    result = family.predictor(model, runner).predict(
        clouds(*SIZE), Wishes(threshold=0), size=SIZE, stopwatch=Stopwatch(), turn=nullcontext
    )
    assert result.class_map is not None
    return result.class_map


def test_a_unet_in_tiles_answers_as_in_one_piece(unet: Path) -> None:
    whole = _class_map(unet, max_side=512)
    tiled = _class_map(unet, size=(128, 128), fit="tile", tile_overlap=48)
    with_halo = _class_map(unet, size=(128, 128), fit="tile", tile_overlap=48, halo=22)

    assert len(whole.mean_probabilities) == 2
    assert (tiled.labels != whole.labels).mean() < 0.03  # of such small tiles much is near a border
    np.testing.assert_array_equal(with_halo.labels, whole.labels)
    assert with_halo.mean_probabilities == pytest.approx(whole.mean_probabilities, abs=1e-4)
