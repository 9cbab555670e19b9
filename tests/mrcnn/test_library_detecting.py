"""Detection under the library's names: batches, threads, forks, engines, wrong calls."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from discs import DiscsConfig, ToDetect, discs

import mrcnn.model as modellib
from model.engines.choice import ChoiceError
from mrcnn.detecting import stages


def assert_same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], pixels: int = 0) -> None:
    assert len(ours["rois"]) == len(theirs["rois"]) > 0
    np.testing.assert_allclose(ours["rois"], theirs["rois"], atol=pixels)
    np.testing.assert_array_equal(ours["class_ids"], theirs["class_ids"])
    np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=1e-3)


def test_a_batch_answers_as_its_images_alone(
    detector: modellib.MaskRCNN, weight_file: Path, image: np.ndarray
) -> None:
    other = cv2.resize(discs().load_image(1), (150, 90))
    both = modellib.MaskRCNN("inference", DiscsConfig(), weight_file.parent)
    both.load_weights(weight_file)
    first, second = both.detect([image, other])
    assert_same(first, detector.detect([image])[0])
    assert_same(second, detector.detect([other])[0])
    assert second["masks"].shape[:2] == (90, 150)


def test_detect_molded_answers_in_pixels_of_the_molded_picture(
    detector: modellib.MaskRCNN, image: np.ndarray
) -> None:
    molded, metas, _ = detector.mold_inputs([image])
    assert_same(detector.detect_molded(molded, metas)[0], detector.detect([image])[0])


def test_threads_share_a_model(detector: modellib.MaskRCNN, image: np.ndarray) -> None:
    detector.keras_model._make_predict_function()  # as scripts of 2018 do
    alone = detector.detect([image])[0]
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: detector.detect([image])[0], range(8)):
            assert_same(found, alone)


def test_a_forked_process_says_so_instead_of_waiting_for_ever(
    detector: modellib.MaskRCNN, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="forked after the model was made"):
        detector.detect([image])


def test_compiled_stages_answer_the_same_and_follow_the_weights(
    weight_file: Path, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = modellib.MaskRCNN("inference", ToDetect(), weight_file.parent)
    model.load_weights(weight_file)
    monkeypatch.setenv("MASKSERVE_ENGINE", "tensorflow")
    reference = model.detect([image])[0]
    monkeypatch.setenv("MASKSERVE_ENGINE", "")
    monkeypatch.setattr(stages, "PICTURES_BEFORE_COMPILING", 1)
    compiled = [model.detect([image])[0] for _ in range(2)][-1]
    assert model._engines._compiled is not None
    assert_same(compiled, reference, pixels=1)
    logits = model.keras_model.get_layer("mrcnn_class_logits")
    for certain in (2, 1):  # the second time, the weights have the same sum in another order
        bias = np.zeros(3, np.float32)
        bias[certain] = 9.0
        logits.set_weights([np.zeros_like(logits.get_weights()[0]), bias])
        assert set(model.detect([image])[0]["class_ids"]) == {certain}


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MASKSERVE_ENGINE", "onnx", "MASKSERVE_ENGINE is 'onnx': set it to one of openvino, tensorflow"),
        ("MASKSERVE_PRECISION", "int8", "for int8, import the weights"),
    ],
)
def test_a_wrong_engine_is_named(
    detector: modellib.MaskRCNN,
    image: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ChoiceError, match=message):
        detector.detect([image])


def test_wrong_images_are_named(detector: modellib.MaskRCNN, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"detect got 2 images, but BATCH_SIZE is 1: .*IMAGES_PER_GPU = 2"):
        detector.detect([image, image])
    with pytest.raises(ValueError, match=r"shape \(64, 64, 4\).*IMAGE_CHANNEL_COUNT is 3"):
        detector.detect([np.zeros((64, 64, 4), np.uint8)])
    with pytest.raises(ValueError, match=r"shape \(64, 64\)"):
        detector.detect([np.zeros((64, 64), np.uint8)])
    with pytest.raises(ValueError, match=r"\[image\] instead of an array \(64, 64, 3\)"):
        detector.detect(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match=r"given as str, but an array .* np\.asarray"):
        detector.detect(["photo.jpg"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"got 0 images, but BATCH_SIZE is 1$"):
        detector.detect([])
    assert detector.detect([image]), "the next call works"


def test_crops_are_for_training(
    detector: modellib.MaskRCNN, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector.config, "IMAGE_RESIZE_MODE", "crop")
    with pytest.raises(ValueError, match='"crop" cuts random parts out'):
        detector.detect([image])


def test_verbose_prints_what_goes_through(
    detector: modellib.MaskRCNN, image: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    detector.detect([image], verbose=1)
    printed = capsys.readouterr().out
    assert "Processing 1 images" in printed
    assert "molded_images            shape: (1, 64, 64, 3)" in printed


def test_a_threshold_changed_afterwards_counts(
    detector: modellib.MaskRCNN, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector.config, "DETECTION_MIN_CONFIDENCE", 1.0)
    assert len(detector.detect([image])[0]["rois"]) == 0
