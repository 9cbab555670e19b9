"""`mrcnn.model` finds what Matterport's library found, and writes its weight files as it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from goldens import DRAWN, MATTERPORT, Golden
from test_golden import NEEDS_SHARED, match_one_to_one

import mrcnn.model as modellib
from mrcnn.config import Config

SETTINGS: dict[str, Any] = {
    "NAME": "golden",
    "GPU_COUNT": 1,
    "IMAGES_PER_GPU": 1,
    "BACKBONE": "resnet50",
    "IMAGE_MIN_DIM": 240,
    "IMAGE_MAX_DIM": 320,
}


class OfTheLibrary(Config):
    locals().update(SETTINGS, NUM_CLASSES=81, DETECTION_MIN_CONFIDENCE=0.0)


class Narrow(Config):
    locals().update(SETTINGS, NUM_CLASSES=5, TOP_DOWN_PYRAMID_SIZE=16, FPN_CLASSIF_FC_LAYERS_SIZE=32)
    locals().update(RPN_WIDTH=16, MASK_WIDTH=8)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((MATTERPORT, OfTheLibrary), id="matterport", marks=NEEDS_SHARED),
        pytest.param((DRAWN, Narrow), id="drawn"),
    ],
)
def of_golden(request: pytest.FixtureRequest) -> tuple[Golden, type[Config]]:
    return request.param


@pytest.fixture(scope="module")
def golden(of_golden: tuple[Golden, type[Config]]) -> Golden:
    return of_golden[0]


@pytest.fixture(scope="module")
def old_file(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "mask_rcnn_golden.h5"
    golden.unpack(path)
    return path


@pytest.fixture(scope="module")
def model(of_golden: tuple[Golden, type[Config]], old_file: Path) -> modellib.MaskRCNN:
    model = modellib.MaskRCNN("inference", of_golden[1](), old_file.parent)
    model.load_weights(old_file)
    return model


def test_detect_answers_as_the_library(golden: Golden, model: modellib.MaskRCNN) -> None:
    recorded = golden.recorded(golden.pictures[0])
    found = model.detect([recorded["image"]])[0]
    assert len(found["rois"]) == len(recorded["rois"])
    ours_of = match_one_to_one(found, recorded)
    assert np.mean((found["rois"][ours_of] == recorded["rois"]).all(axis=1)) >= 0.9
    masks = np.unpackbits(recorded["masks"])[: np.prod(recorded["masks_shape"])]
    masks = masks.reshape(recorded["masks_shape"]).astype(bool)
    assert found["masks"].dtype == bool
    assert (found["masks"][..., ours_of] != masks).mean() < 1e-3


def test_values_on_the_way_are_the_librarys(golden: Golden, model: modellib.MaskRCNN) -> None:
    recorded = golden.recorded(golden.pictures[0])
    of = model.keras_model.get_layer
    outputs = [
        (name, of(name).output) for name in ("rpn_class", "rpn_bbox", "mrcnn_class", "mrcnn_detection")
    ]
    values = model.run_graph([recorded["image"]], outputs)
    np.testing.assert_allclose(values["rpn_class"][:, ::7], recorded["rpn_class"], atol=1e-3)
    assert np.abs(values["rpn_bbox"][:, ::7] - recorded["rpn_bbox"]).max() <= 1e-3 * np.ptp(
        recorded["rpn_bbox"]
    )
    count = recorded["detections"].shape[1]
    np.testing.assert_allclose(
        values["mrcnn_detection"][0, :count, 5], recorded["detections"][0, :, 5], atol=2e-3
    )


def test_the_molded_picture_and_its_meta_are_the_librarys(golden: Golden, model: modellib.MaskRCNN) -> None:
    recorded = golden.recorded(golden.pictures[0])
    molded, metas, windows = model.mold_inputs([recorded["image"]])
    np.testing.assert_allclose(molded, recorded["molded"], atol=1e-5)
    np.testing.assert_allclose(metas, recorded["meta"], rtol=1e-6)
    np.testing.assert_array_equal(windows, recorded["window"])


def test_a_saved_file_has_the_librarys_layout(
    golden: Golden, model: modellib.MaskRCNN, old_file: Path, tmp_path: Path
) -> None:
    model.keras_model.save_weights(tmp_path / "new.h5")
    with h5py.File(old_file) as old, h5py.File(tmp_path / "new.h5") as new:
        names = [text(name) for name in old.attrs["layer_names"] if len(old[name].attrs["weight_names"])]
        ours = [text(name) for name in new.attrs["layer_names"]]
        assert set(ours) == set(names)
        if golden is MATTERPORT:  # the other file was not written by the library
            assert ours == names
        for layer in names:
            weights = [text(name) for name in old[layer].attrs["weight_names"]]
            assert [text(name) for name in new[layer].attrs["weight_names"]] == weights
            for name in weights:
                np.testing.assert_array_equal(new[layer][name][()], old[layer][name][()])


def text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
