"""With a weight file in Matterport's layout, every stage gives the numbers that were recorded.

There are two sets of records. Matterport's library itself wrote and computed the first, which is too large
for the repository. The second ships: it was recorded with code that passed these tests on the first.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from goldens import DRAWN, MATTERPORT, Arrays, Golden

from model.engines.conversion import convert, save
from model.engines.openvino import OpenVINORunner
from model.engines.tensorflow import TensorFlowRunner
from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.fit import largest_picture, scale_of
from model.families.mask_rcnn.inference import Features, Stages
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.network import detect, runner_of
from model.families.mask_rcnn.proposals import propose
from model.families.mask_rcnn.stages import STAGES, EngineStages
from model.families.mask_rcnn.weights import CLASS_LAYERS, WeightsError, read_weights
from model.mrcnn import MaskRCNN

NEEDS_SHARED = pytest.mark.skipif(
    not MATTERPORT.folder.is_dir(), reason="../shared/golden, what Matterport's library computed, is not here"
)
GOLDENS = [pytest.param(MATTERPORT, id="matterport", marks=NEEDS_SHARED), pytest.param(DRAWN, id="drawn")]
PICTURES = [
    *(pytest.param((MATTERPORT, name), id=name, marks=NEEDS_SHARED) for name in MATTERPORT.pictures),
    *(pytest.param((DRAWN, name), id=name) for name in DRAWN.pictures),
]

Trunk = tuple[Features, np.ndarray, np.ndarray]


@pytest.fixture(scope="module", params=PICTURES)
def golden_picture(request: pytest.FixtureRequest) -> tuple[Golden, str]:
    return request.param


@pytest.fixture(scope="module")
def golden(golden_picture: tuple[Golden, str]) -> Golden:
    return golden_picture[0]


@pytest.fixture(scope="module")
def photo(golden_picture: tuple[Golden, str]) -> Arrays:
    golden, name = golden_picture
    return golden.recorded(name)


@pytest.fixture(scope="module", params=["keras", "openvino"])
def stages(request: pytest.FixtureRequest, golden: Golden) -> Stages:
    """The network itself, and as it is compiled to be served."""
    return golden.network if request.param == "keras" else compiled(golden)


@pytest.fixture(scope="module")
def trunk(photo: Arrays, stages: Stages) -> Trunk:
    return stages.trunk(photo["molded"])


@functools.cache
def compiled(golden: Golden) -> Stages:
    reference = runner_of(golden.network)
    assert isinstance(reference, TensorFlowRunner)
    largest = (1, *largest_picture(golden.config), 3)
    with tempfile.TemporaryDirectory() as folder:
        save(convert(reference), Path(folder), in_16_bits=False)
        return EngineStages(OpenVINORunner.open(Path(folder), STAGES, "f32", largest), golden.config)


def assert_within_share_of_range(ours: np.ndarray, theirs: np.ndarray, share: float = 1e-3) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= share * np.ptp(theirs)


def test_the_molded_picture_is_the_same(photo: Arrays, golden: Golden) -> None:
    image, meta = photo["image"], photo["meta"][0]
    molded = mold(image, golden.config)
    np.testing.assert_allclose(molded.picture, photo["molded"], atol=1e-5)  # whole grey levels less the mean
    np.testing.assert_array_equal(molded.fit.window, photo["window"][0])
    np.testing.assert_array_equal([*image.shape, *molded.picture.shape[1:], *molded.fit.window], meta[1:11])
    assert scale_of(*image.shape[:2], golden.config) == pytest.approx(meta[11], rel=1e-6)


def test_the_pyramid_and_the_rpn_answer_the_same(photo: Arrays, stages: Stages, trunk: Trunk) -> None:
    features, objectness, deltas = trunk
    cells = features.cells.kept() if isinstance(stages, EngineStages) else np.asarray(features.cells)
    p2, p5 = cells[:, : 80 * 80].reshape(1, 80, 80, -1), cells[:, -10 * 10 :].reshape(1, 10, 10, -1)
    assert_within_share_of_range(p2[:, ::4, ::4, ::8], photo["p2"])
    assert_within_share_of_range(p5[..., ::4], photo["p5"])
    assert_within_share_of_range(p5[:, ::2, ::2, ::4], photo["p6"])
    assert_within_share_of_range(1 / (1 + np.exp(-objectness[:, ::7])), photo["rpn_class"][..., 1])
    assert_within_share_of_range(deltas[:, ::7], photo["rpn_bbox"])


def test_the_proposals_are_the_same(photo: Arrays, trunk: Trunk, golden: Golden) -> None:
    _, objectness, deltas = trunk
    anchors = pyramid_anchors(golden.config, *photo["molded"].shape[1:3])
    rois = propose(objectness[0], deltas[0], anchors, golden.config, golden.config.post_nms_rois_inference)
    expected = photo["rpn_rois"][0]
    assert rois.shape == expected.shape
    apart = np.abs(rois[:, None] - expected[None]).max(axis=2).min(axis=0)
    # Where scores or overlaps nearly tie, another neighbour may be kept.
    assert np.mean(apart <= 1e-4) >= 0.99


def test_the_heads_answer_the_same_for_the_same_rois(photo: Arrays, stages: Stages, trunk: Trunk) -> None:
    features, _, _ = trunk
    logits, _ = stages.box_head(features, photo["rpn_rois"][:, :200])
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities, photo["mrcnn_class"], atol=2e-3)

    detections = photo["detections"][:, :8]
    class_ids = detections[..., 4].astype(np.int32)
    masks = stages.mask_head(features, detections[..., :4], class_ids)
    theirs = np.stack([photo["mrcnn_mask"][0, slot, ..., of] for slot, of in enumerate(class_ids[0])])
    np.testing.assert_allclose(masks[0], theirs, atol=2e-3)


def test_detect_finds_the_same_objects(photo: Arrays, stages: Stages, golden: Golden) -> None:
    found = detect(stages, photo["image"], golden.config)
    masks = np.unpackbits(photo["masks"])[: np.prod(photo["masks_shape"])]
    masks = masks.reshape(photo["masks_shape"]).astype(bool)
    assert found["masks"].shape == masks.shape
    assert found["masks"].dtype == bool
    assert found["rois"].dtype == np.int32
    assert len(found["rois"]) == len(photo["rois"])

    ours_of = match_one_to_one(found, photo)
    same = (found["rois"][ours_of] == photo["rois"]).all(axis=1)
    assert np.mean(same) >= 0.9  # the others lie between two pixels
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


@pytest.mark.parametrize("golden", GOLDENS)
def test_own_classes_start_from_the_files_other_layers(golden: Golden, tmp_path: Path) -> None:
    golden.unpack(tmp_path / "mask_rcnn.h5")
    network = MaskRCNN(dataclasses.replace(golden.config, num_classes=2))
    told = rf"{golden.config.num_classes} classes .* the network has 2: set num_classes=\d+ .*exclude="
    with pytest.raises(WeightsError, match=told):
        network.load_weights(tmp_path / "mask_rcnn.h5")
    network.load_weights(tmp_path / "mask_rcnn.h5", exclude=CLASS_LAYERS)
    theirs = {layer.name: layer.get_weights() for layer in golden.network.layers}
    for layer in network.layers:
        if layer.name not in CLASS_LAYERS:
            for ours, expected in zip(layer.get_weights(), theirs[layer.name], strict=True):
                np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("golden", GOLDENS)
def test_every_array_of_the_file_is_used(golden: Golden, tmp_path: Path) -> None:
    golden.unpack(tmp_path / "mask_rcnn.h5")
    layers = read_weights(tmp_path / "mask_rcnn.h5").values()
    stored = sum(array.size for layer in layers for array in layer.values())
    assert stored == sum(layer.count_params() for layer in golden.network.layers)
