"""Every setting counts, or says why it cannot."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from discs import DiscsConfig, ToDetect, discs

import mrcnn.model as modellib
from mrcnn.network.building import compute_backbone_shapes
from mrcnn.network.translating import typed


def changed(**settings: object) -> DiscsConfig:
    return type("Changed", (DiscsConfig,), settings)()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"BACKBONE": "vgg16"}, "BACKBONE 'vgg16' is unknown: use one of resnet50"),
        ({"RPN_ANCHOR_SCALES": (8, 16)}, "RPN_ANCHOR_SCALES has 2 values: give 5"),
        ({"RPN_ANCHOR_STRIDE": 2}, "RPN_ANCHOR_STRIDE 2: only 1 is supported"),
        ({"BACKBONE_STRIDES": [4, 8, 16, 32, 32]}, "BACKBONE_STRIDES .*: only"),
        ({"IMAGE_MAX_DIM": 1000, "IMAGE_MIN_DIM": 800}, "use a multiple of 64, such as 1024"),
        ({"IMAGE_CHANNEL_COUNT": 4}, "MEAN_PIXEL has 3 values, but IMAGE_CHANNEL_COUNT is 4"),
        ({"LOSS_WEIGHTS": {"mask_loss": 1}}, "LOSS_WEIGHTS .* for each of rpn_class_loss"),
        ({"MASK_SHAPE": [56, 56]}, r"MASK_SHAPE .* doubles MASK_POOL_SIZE 14, so it must be \(28, 28\)"),
        ({"NAME": None}, "the settings have no NAME"),
    ],
)
def test_an_impossible_setting_is_named_as_in_the_library(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        modellib.MaskRCNN("inference", changed(**settings), "logs")


def test_settings_reach_the_network_in_any_form() -> None:
    config = changed(
        MEAN_PIXEL=np.array([7.0]),
        IMAGE_CHANNEL_COUNT=1,
        RPN_ANCHOR_RATIOS=[0.5, 1],
        BBOX_STD_DEV=np.array([1, 1, 2, 2]),
        TRAIN_BN=False,
        LOSS_WEIGHTS={"mrcnn_mask_loss": 2.0},
    )
    ours = typed(config)
    assert ours.mean_pixel == (7.0,)
    assert ours.rpn_anchor_ratios == (0.5, 1)
    assert ours.bbox_std_dev == (1, 1, 2, 2)
    assert (ours.rpn_width, ours.train_bn) == (16, False)
    assert ours.loss_weights["mrcnn_mask_loss"] == 2.0
    assert ours.loss_weights["rpn_class_loss"] == 1.0


def test_pictures_of_four_channels_are_detected_in(tmp_path: Path) -> None:
    class Four(ToDetect):
        IMAGE_CHANNEL_COUNT = 4
        MEAN_PIXEL = np.array([1.0, 2.0, 3.0, 4.0])

    model = modellib.MaskRCNN("inference", Four(), tmp_path)
    assert model.keras_model.get_layer("conv1").kernel.shape[2] == 4
    image = discs(channels=4).load_image(0)
    molded, _, _ = model.mold_inputs([image])
    np.testing.assert_array_equal(molded[0], image - np.array([1, 2, 3, 4], np.float32))
    assert model.detect([image])[0]["masks"].shape[:2] == (64, 64)


def backbone(input_image: keras.KerasTensor, stage5: bool, train_bn: bool | None) -> list[keras.KerasTensor]:
    """As a user's own: the library's blocks, with few channels."""
    features = keras.layers.Conv2D(4, 3, strides=4, padding="same", name="my_stem")(input_image)
    stages = [features]
    for stage in (2, 3, 4, 5):
        strides = (1, 1) if stage == 2 else (2, 2)
        features = modellib.conv_block(features, 3, [4, 4, 8], stage, "a", strides, train_bn=train_bn)
        features = modellib.identity_block(features, 3, [4, 4, 8], stage, "b", train_bn=train_bn)
        stages.append(features)
    return stages


class OwnBackbone(ToDetect):
    BACKBONE = staticmethod(backbone)

    @staticmethod
    def COMPUTE_BACKBONE_SHAPE(image_shape: tuple[int, ...]) -> np.ndarray:  # noqa: N802 - the library's name
        return np.array([[-(-side // stride) for side in image_shape[:2]] for stride in (4, 8, 16, 32, 64)])


def test_a_backbone_of_ones_own_is_built_saved_and_loaded(tmp_path: Path, image: np.ndarray) -> None:
    first, second = (modellib.MaskRCNN("inference", OwnBackbone(), tmp_path) for _ in range(2))
    first.keras_model.save_weights(tmp_path / "own.h5")
    second.load_weights(tmp_path / "own.h5", by_name=True)
    for name in ("my_stem", "res5b_branch2c", "mrcnn_mask"):
        ours, theirs = (model.keras_model.get_layer(name).get_weights() for model in (first, second))
        np.testing.assert_array_equal(ours[0], theirs[0])
    second.load_weights(tmp_path / "own.h5", exclude=["my_stem"])
    assert set(second.detect([image])[0]) == {"rois", "class_ids", "scores", "masks"}


def test_a_backbone_of_other_strides_is_refused() -> None:
    config = OwnBackbone()
    assert compute_backbone_shapes(config, (64, 128, 3))[0].tolist() == [16, 32]
    config.COMPUTE_BACKBONE_SHAPE = lambda shape: [[1, 1]] * 5  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="only backbones with these strides"):
        compute_backbone_shapes(config, (64, 64, 3))
    config.COMPUTE_BACKBONE_SHAPE = None  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="set COMPUTE_BACKBONE_SHAPE"):
        compute_backbone_shapes(config, (64, 64, 3))


def test_several_gpus_warn_that_the_batch_is_computed_on_one_device() -> None:
    with pytest.warns(UserWarning, match="batch of 4 images is computed on one device"):
        modellib.MaskRCNN("inference", changed(GPU_COUNT=2), "logs")
