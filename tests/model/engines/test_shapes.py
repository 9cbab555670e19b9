"""An int8 trunk is compiled for the shapes of pictures that come: right in each, few of them kept."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tiny_model import TINY

from model.engines import shapes
from model.engines.openvino import OpenVINORunner
from model.families.mask_rcnn.fit import fit_of
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.stages import STAGES, EngineStages
from model.segmenter import Segmenter, load

Noise = Callable[..., npt.NDArray[np.uint8]]
SIDES = (64, 128, 192)
SHAPES = [(1, height, width, 3) for height in SIDES for width in SIDES]


@pytest.fixture(scope="module")
def opened(exported_model_dir: Path) -> OpenVINORunner:
    folder = exported_model_dir / "tiny" / "openvino" / "int8"
    return OpenVINORunner.open(folder, STAGES, "int8", (1, 128, 128, 3))


@pytest.fixture
def quantized(opened: OpenVINORunner) -> Iterator[OpenVINORunner]:
    """Stages in int8, of which no picture is kept from the test before."""
    opened.start(picture((1, 320, 320, 3)))
    gc.collect()
    yield opened


def picture(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 60, shape).astype(np.float32)


def pools(runner: OpenVINORunner) -> dict[tuple[int, ...], shapes.Pool]:
    first = runner._first
    assert isinstance(first, shapes.FewShapes)
    return first._pools


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (40, 128)])
def test_an_int8_trunk_answers_about_as_the_reference(
    quantized: OpenVINORunner, tiny_segmenter: Segmenter, noise: Noise, size: tuple[int, int]
) -> None:
    # With sizes left open OpenVINO 2026.4 is half the range off here, and answers zeros for ResNet-50.
    molded = mold(noise(*size), TINY, fit_of(size, TINY, few_shapes=True))
    reference = tiny_segmenter.runner.start(molded.picture).outputs
    for ours, theirs in zip(quantized.start(molded.picture).outputs, reference, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 0.1 * np.ptp(theirs)


def test_int8_alone_wants_few_shapes(exported: Path) -> None:
    wants = {
        precision: load("tiny", engine="openvino", precision=precision).runner.few_shapes
        for precision in ("f32", "int8")
    }
    assert wants == {"f32": False, "int8": True}


def test_the_shapes_that_came_last_stay_compiled(quantized: OpenVINORunner) -> None:
    first = SHAPES[: shapes.SHAPES_KEPT]
    for shape in first:
        quantized.start(picture(shape))
    assert list(pools(quantized)) == first
    kept = pools(quantized)[first[0]]
    quantized.start(picture(first[0]))
    quantized.start(picture(SHAPES[-1]))  # another one: that goes which has not come for longest
    assert list(pools(quantized)) == [*first[2:], first[0], SHAPES[-1]]
    assert pools(quantized)[first[0]] is kept


def test_only_the_last_shape_keeps_its_requests(quantized: OpenVINORunner) -> None:
    for shape in [*SHAPES[:3], SHAPES[0]]:
        quantized.start(picture(shape))
        idle = {of: len(pool.idle) for of, pool in pools(quantized).items()}
        assert idle.pop(shape) == 1
        assert not any(idle.values())


def test_features_of_another_shape_stay_until_nobody_needs_them(quantized: OpenVINORunner) -> None:
    rois = np.array([[[0.1, 0.1, 0.6, 0.7]]], np.float32)
    stages = EngineStages(quantized, TINY)
    first, _, _ = stages.trunk(picture(SHAPES[0]))
    before = stages.box_head(first, rois)
    for shape in SHAPES[1:]:  # by now it has long been given up
        quantized.start(picture(shape))
    after = stages.box_head(first, rois)
    for ours, theirs in zip(after, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    late = pools(quantized)[SHAPES[-1]]
    del first
    gc.collect()
    assert len(late.idle) == 1


def test_threads_with_other_shapes_do_not_disturb_each_other(quantized: OpenVINORunner) -> None:
    several = SHAPES[: shapes.SHAPES_KEPT + 2]  # so that each is given up now and then
    pictures = [picture(shape, seed) for seed, shape in enumerate(several)]
    rois = np.array([[[0.1, 0.1, 0.6, 0.7]]], np.float32)
    stages = EngineStages(quantized, TINY)

    def answer(index: int) -> list[Any]:
        features, *rpn = stages.trunk(pictures[index])
        return [*rpn, *stages.box_head(features, rois)]

    alone = [answer(index) for index in range(len(pictures))]
    order = np.random.default_rng(0).integers(0, len(pictures), 18).tolist()
    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(answer, order))
    for index, answers in zip(order, together, strict=True):
        for ours, theirs in zip(answers, alone[index], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert len(pools(quantized)) == shapes.SHAPES_KEPT
    gc.collect()
    assert sum(bool(pool.idle) for pool in pools(quantized).values()) <= 1


def test_a_shape_that_cannot_be_compiled_leaves_the_others(quantized: OpenVINORunner) -> None:
    wanted = quantized.start(picture(SHAPES[0])).outputs[0]
    with pytest.raises(RuntimeError):
        quantized.start(np.zeros((1, 64, 64, 5), np.float32))
    np.testing.assert_array_equal(quantized.start(picture(SHAPES[0])).outputs[0], wanted)
