"""Compiled stages answer as the reference does, for any picture, from any thread, without TensorFlow."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops
import pytest
from tiny_model import TINY

from model import catalog
from model.engines.openvino import OpenVINORunner, _parts, _without_round_trips
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.stages import EngineStages
from model.segmenter import Segmenter, load
from model.storage.manifest import BundleError
from model.storage.writing import update_manifest

REPOSITORY = Path(__file__).parents[3]
Noise = Callable[..., npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def compiled(exported_model_dir: Path) -> Segmenter:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(exported_model_dir))
        return load("tiny", engine="openvino", precision="f32")


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (40, 128)])
def test_it_finds_what_the_reference_finds(
    compiled: Segmenter, tiny_segmenter: Segmenter, noise: Noise, size: tuple[int, int]
) -> None:
    image = noise(*size)
    ours, theirs = compiled.segment(image), tiny_segmenter.segment(image)
    assert len(ours) == len(theirs) == 20
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=2e-3)
    order = np.abs(ours.boxes[:, None] - theirs.boxes).max(axis=2).argmin(axis=1)  # near ties may swap
    assert sorted(order) == list(range(20))
    assert np.abs(ours.boxes - theirs.boxes[order]).max() <= 1
    np.testing.assert_array_equal(ours.class_ids, theirs.class_ids[order])


@pytest.mark.parametrize("count", [1, 8, 33, 75, 300])
def test_any_number_of_rois_is_answered_one_by_one(
    compiled: Segmenter, tiny_segmenter: Segmenter, noise: Noise, count: int
) -> None:
    picture = mold(noise(96, 96), TINY).picture
    corners = np.sort(np.random.default_rng(count).random((1, count, 2, 2), np.float32), axis=2)
    rois = corners.reshape(1, count, 4)
    class_ids = np.arange(count, dtype=np.int32)[None] % 3 + 1
    answers = []
    for runner in (compiled.runner, tiny_segmenter.runner):
        stages = EngineStages(runner, TINY)
        features, _, _ = stages.trunk(picture)
        masks = stages.mask_head(features, rois, class_ids)
        answers.append([*stages.box_head(features, rois), masks])
    for ours, theirs in zip(*answers, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=2e-2)  # of some 10


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, [64]),  # nothing, yet an answer of the right shape
        (1, [64]),
        (64, [64]),
        (65, [128]),
        (256, [256]),
        (257, [256, 64]),
        (1000, [256, 256, 256, 256]),
    ],
)
def test_parts_are_filled_as_far_as_can_be(count: int, sizes: list[int]) -> None:
    parts = list(_parts(count, (256, 192, 128, 64)))
    assert [size for _, size in parts] == sizes
    assert [start for start, _ in parts] == [sum(sizes[:index]) for index in range(len(sizes))]


def test_stages_of_another_version_are_refused_with_what_to_do(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exported, tmp_path / "tiny")
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path))
    trunk, head = (tmp_path / "tiny" / "openvino" / "f32" / f"{name}.xml" for name in ("trunk", "box_head"))
    for part in (".xml", ".bin"):
        shutil.copy(trunk.with_suffix(part), head.with_suffix(part))
    update_manifest(catalog.find("tiny"))
    with pytest.raises(BundleError, match="python -m model export tiny"):
        load("tiny", engine="openvino", precision="f32")


def test_features_stay_while_other_pictures_come(compiled: Segmenter, noise: Noise) -> None:
    stages, config = EngineStages(compiled.runner, TINY), TINY
    rois = np.array([[[0.1, 0.1, 0.6, 0.7]]], np.float32)
    first, _, _ = stages.trunk(mold(noise(96, 96, 1), config).picture)
    before, _ = stages.box_head(first, rois)
    second, _, _ = stages.trunk(mold(noise(96, 96, 2), config).picture)
    other, _ = stages.box_head(second, rois)
    again, _ = stages.box_head(first, rois)
    np.testing.assert_array_equal(before, again)
    assert np.abs(before - other).max() > 1e-4


def test_eight_threads_get_equal_answers(compiled: Segmenter, noise: Noise) -> None:
    images = [noise(80 + 16 * seed, 64, seed) for seed in range(4)]
    alone = [compiled.segment(image) for image in images]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(compiled.segment, images * 6))
    for index, found in enumerate(together):
        np.testing.assert_array_equal(found.boxes, alone[index % 4].boxes)
        np.testing.assert_array_equal(found.scores, alone[index % 4].scores)


def test_threads_that_are_counted_are_not_pinned(exported: Path) -> None:
    # Pinned, the threads of all processes take the same cores.
    runner = load("tiny", engine="openvino", threads=1).runner
    assert isinstance(runner, OpenVINORunner)
    for stage in runner._first.pool_for((1, 64, 64, 3)).compiled.values():
        assert stage.get_property("INFERENCE_NUM_THREADS") == 1
        assert stage.get_property("ENABLE_CPU_PINNING") is False


TENSORFLOW_THREADS = """
from model.commands import lean_keras
lean_keras.import_lean()
import tensorflow as tf
from model.segmenter import load
from model.storage.writing import update_manifest

load("tiny", engine="tensorflow", threads=1, tested=True)
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
load("tiny", engine="tensorflow", threads=2, tested=True)  # too late, and no error
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
"""


def test_tensorflow_keeps_to_the_threads_it_was_first_given(exported: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", TENSORFLOW_THREADS], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


SERVE = """
import io, sys
from PIL import Image
from app import create_app

picture = io.BytesIO()
Image.effect_noise((96, 96), 80).convert("RGB").save(picture, "PNG")
response = create_app().test_client().post(
    "/api/v1/segment", data=picture.getvalue(), content_type="image/png"
)
assert response.status_code == 200, response.text
assert response.json["model"]["engine"] == "openvino", response.json["model"]
assert response.json["segments"]
loaded = {name.partition(".")[0] for name in sys.modules if sys.modules[name] is not None}
print(*sorted(loaded & {"tensorflow", "keras", "jax", "torch", "nncf", "openvino_telemetry", "h5py"}))
"""


def test_a_request_needs_no_tensorflow_and_tells_nobody(exported: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "MASKSERVE_MODELS": "tiny",
        "MASKSERVE_PRECISION": "f32",
        "MASKSERVE_MODEL_DIR": str(exported.parent),
    }
    served = subprocess.run(
        [sys.executable, "-c", SERVE], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert served.returncode == 0, served.stderr
    assert served.stdout.splitlines()[-1] == ""  # behind the log
    assert not any(tmp_path.iterdir()), "something keeps notes about its user in the home folder"


@pytest.mark.parametrize(
    ("there", "back", "left"),
    [
        ([0, 2, 3, 1], [0, 3, 1, 2], 1),  # undone: only the one that is an answer too remains
        ([0, 2, 3, 1], [0, 2, 3, 1], 2),  # not undone
    ],
)
def test_only_a_transposition_that_undoes_another_is_left_out(
    there: list[int], back: list[int], left: int
) -> None:
    picture = ops.parameter([1, 3, -1, -1], np.float32)
    first = ops.transpose(picture, np.array(there))
    model = ov.Model([first, ops.relu(ops.transpose(first, np.array(back)))], [picture], "round_trip")
    before = model.clone()
    shorter = _without_round_trips(model)
    assert sum(op.get_type_name() == "Transpose" for op in shorter.get_ops()) == left
    pixels = np.random.default_rng(0).normal(size=(1, 3, 5, 7)).astype(np.float32)
    answers = [ov.compile_model(each, "CPU")([pixels]) for each in (before, shorter)]
    for index in range(2):
        np.testing.assert_array_equal(answers[1][index], answers[0][index])
