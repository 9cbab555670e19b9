"""With Matterport's weight file, every stage gives the numbers that Matterport's library gave."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from model.engines.conversion import convert, save
from model.engines.openvino import OpenVINORunner
from model.engines.tensorflow import TensorFlowRunner
from model.families.mask_rcnn.fit import largest_picture
from model.families.mask_rcnn.inference import Stages
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.network import detect, runner_of
from model.families.mask_rcnn.stages import STAGES, EngineStages
from model.families.mask_rcnn.weights import CLASS_LAYERS, WeightsError, read_weights
from model.mrcnn import Config, MaskRCNN

GOLDEN = Path(__file__).resolve().parents[5] / "shared" / "golden"
PHOTOS = [
    "resnet50_2383514521_1fc8d7b0de_z",
    "resnet50_8829708882_48f263491e_z",
    "resnet50_9247489789_132c0d534a_z",
]

pytestmark = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="../shared/golden, what Matterport's library computed, is not here"
)

Arrays = Mapping[str, np.ndarray]


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "matterport_resnet50.h5"
    with lzma.open(GOLDEN / "matterport_resnet50.h5.xz") as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


def config(num_classes: int) -> Config:
    return Config(
        backbone="resnet50",
        num_classes=num_classes,
        image_min_dim=240,
        image_max_dim=320,
        detection_min_confidence=0.0,
    )


@pytest.fixture(scope="session")
def resnet50(weights_file: Path) -> MaskRCNN:
    network = MaskRCNN(config(81))
    network.load_weights(weights_file)
    return network


@pytest.fixture(scope="session", params=PHOTOS)
def photo(request: pytest.FixtureRequest) -> Arrays:
    with np.load(GOLDEN / f"{request.param}.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="session", params=["keras", "openvino"])
def stages(
    request: pytest.FixtureRequest, resnet50: MaskRCNN, tmp_path_factory: pytest.TempPathFactory
) -> Stages:
    """The network itself, and as it is compiled to be served."""
    if request.param == "keras":
        return resnet50
    folder = tmp_path_factory.mktemp("compiled")
    reference = runner_of(resnet50)
    assert isinstance(reference, TensorFlowRunner)
    save(convert(reference), folder, in_16_bits=False)
    largest = (1, *largest_picture(resnet50.config), 3)
    return EngineStages(OpenVINORunner.open(folder, STAGES, "f32", largest), resnet50.config)


def assert_within_share_of_range(ours: np.ndarray, theirs: np.ndarray, share: float = 1e-3) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= share * np.ptp(theirs)


def test_the_molded_picture_is_the_same(photo: Arrays) -> None:
    molded = mold(photo["image"], config(81))
    np.testing.assert_allclose(molded.picture, photo["molded"], atol=1e-5)  # whole grey levels less the mean
    np.testing.assert_array_equal(molded.fit.window, photo["window"][0])


def test_the_pyramid_and_the_rpn_answer_the_same(photo: Arrays, stages: Stages) -> None:
    features, objectness, deltas = stages.trunk(photo["molded"])
    cells = features.cells.kept() if isinstance(stages, EngineStages) else np.asarray(features.cells)
    p2, p5 = cells[:, : 80 * 80].reshape(1, 80, 80, 256), cells[:, -10 * 10 :].reshape(1, 10, 10, 256)
    assert_within_share_of_range(p2[:, ::4, ::4, ::8], photo["p2"])
    assert_within_share_of_range(p5[..., ::4], photo["p5"])
    assert_within_share_of_range(p5[:, ::2, ::2, ::4], photo["p6"])
    assert_within_share_of_range(1 / (1 + np.exp(-objectness[:, ::7])), photo["rpn_class"][..., 1])
    assert_within_share_of_range(deltas[:, ::7], photo["rpn_bbox"])


def test_the_heads_answer_the_same_for_the_same_rois(photo: Arrays, stages: Stages) -> None:
    features, _, _ = stages.trunk(photo["molded"])
    logits, _ = stages.box_head(features, photo["rpn_rois"][:, :200])
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities, photo["mrcnn_class"], atol=2e-3)

    detections = photo["detections"][:, :8]
    class_ids = detections[..., 4].astype(np.int32)
    masks = stages.mask_head(features, detections[..., :4], class_ids)
    theirs = np.stack([photo["mrcnn_mask"][0, slot, ..., of] for slot, of in enumerate(class_ids[0])])
    np.testing.assert_allclose(masks[0], theirs, atol=2e-3)


def test_detect_finds_the_same_objects(photo: Arrays, stages: Stages) -> None:
    found = detect(stages, photo["image"], config(81))
    masks = np.unpackbits(photo["masks"])[: np.prod(photo["masks_shape"])]
    masks = masks.reshape(photo["masks_shape"]).astype(bool)
    assert found["masks"].shape == masks.shape
    assert found["masks"].dtype == bool
    assert found["rois"].dtype == np.int32
    assert len(found["rois"]) == 100

    ours_of = match_one_to_one(found, photo)
    for theirs, ours in enumerate(ours_of):
        mask, expected = found["masks"][..., ours], masks[..., theirs]
        different, either = (mask ^ expected).sum(), (mask | expected).sum()
        if expected.sum() < 100:
            assert different <= 2
        else:
            assert 1 - different / either >= 0.98


def match_one_to_one(found: Arrays, expected: Arrays) -> list[int]:
    """For each expected detection, ours: by box, since scores that nearly tie may swap their order."""
    free = np.ones(len(found["rois"]), bool)
    ours_of = []
    for box, class_id, score in zip(expected["rois"], expected["class_ids"], expected["scores"], strict=True):
        apart = np.abs(found["rois"] - box).max(axis=1)
        alike = free & (found["class_ids"] == class_id) & (np.abs(found["scores"] - score) <= 2e-3)
        assert (alike & (apart <= 1)).any(), f"nothing like class {class_id} at {box}, score {score:.4f}"
        ours = int(np.where(alike, apart, np.inf).argmin())
        free[ours] = False
        ours_of.append(ours)
    return ours_of


def test_own_classes_start_from_the_files_other_layers(weights_file: Path, resnet50: MaskRCNN) -> None:
    network = MaskRCNN(config(2))
    with pytest.raises(WeightsError, match=r"81 classes .* the network 2: set num_classes=81 .*exclude="):
        network.load_weights(weights_file)
    network.load_weights(weights_file, exclude=CLASS_LAYERS)
    theirs = {layer.name: layer.get_weights() for layer in resnet50.layers}
    for layer in network.layers:
        if layer.name not in CLASS_LAYERS:
            for ours, expected in zip(layer.get_weights(), theirs[layer.name], strict=True):
                np.testing.assert_array_equal(ours, expected)


def test_every_array_of_the_file_is_used(weights_file: Path, resnet50: MaskRCNN) -> None:
    stored = sum(array.size for layer in read_weights(weights_file).values() for array in layer.values())
    assert stored == sum(layer.count_params() for layer in resnet50.layers)
