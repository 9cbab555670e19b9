"""Training under the library's names: layers, epochs, files, curves, callbacks."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Trained
from discs import Discs, DiscsConfig, discs

import mrcnn.model as modellib
from imgaug import augmenters
from mrcnn.learning.fitting import Diverged, EndOnNonsense

LOSSES = {"rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"}


def test_the_log_folder_has_the_name_the_minute_and_a_file_for_each_epoch(trained: Trained) -> None:
    folder = Path(trained.model.log_dir)
    assert re.fullmatch(r"discs\d{8}T\d{4}", folder.name)
    assert {path.name for path in folder.glob("*.h5")} == {
        "mask_rcnn_discs_0001.h5",
        "mask_rcnn_discs_0002.h5",
    }
    assert trained.model.find_last() == str(folder / "mask_rcnn_discs_0002.h5")
    assert trained.model.epoch == 2


def test_callbacks_see_each_epochs_losses_and_those_on_validation_data(trained: Trained) -> None:
    names = {"loss", *LOSSES}
    assert set(trained.watch.epochs) == {0, 1}
    assert set(trained.watch.epochs[0]) == {*names, *(f"val_{name}" for name in names)}
    assert trained.watch.model is trained.model.keras_model


def test_tensorboard_can_read_the_losses(trained: Trained) -> None:
    (events,) = Path(trained.model.log_dir).glob("events.*")
    scalars = [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)), value.metadata.plugin_data.plugin_name)
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    ]
    loss = trained.watch.epochs[1]["val_loss"]
    assert (1, "val_loss", pytest.approx(loss, rel=1e-5), "scalars") in scalars


def test_only_the_chosen_layers_learn(trained: Trained) -> None:
    assert (trained.kernel("mrcnn_mask") != trained.before["mrcnn_mask"]).any()
    np.testing.assert_array_equal(trained.kernel("res4a_branch2a"), trained.before["res4a_branch2a"])


def test_a_weight_file_goes_on_with_its_folder_and_epoch(
    trained: Trained, weight_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = modellib.MaskRCNN("training", DiscsConfig(), trained.model.model_dir)
    model.load_weights(str(weight_file), by_name=True)
    assert (model.epoch, model.log_dir) == (2, trained.model.log_dir)
    assert model.checkpoint_path.format(epoch=3).endswith("mask_rcnn_discs_0003.h5")
    assert "Re-starting from epoch 2" in capsys.readouterr().out
    before = np.array(model.keras_model.get_layer("mrcnn_mask").kernel)
    model.train(discs(), discs(), 0.001, 2, "heads")  # two epochs in all are done
    assert "nothing to do" in capsys.readouterr().out
    np.testing.assert_array_equal(model.keras_model.get_layer("mrcnn_mask").kernel, before)


def test_old_paths_of_windows_are_understood_too(trained: Trained) -> None:
    model = modellib.MaskRCNN("training", DiscsConfig(), "logs")
    model.set_log_dir(r"C:\logs\discs20181029T2315\mask_rcnn_discs_0007.h5")
    assert (model.epoch, Path(model.log_dir)) == (7, Path("logs/discs20181029T2315"))


def test_whole_masks_pictures_of_any_size_and_augmentation_train(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class AnySize(DiscsConfig):
        IMAGES_PER_GPU = 1
        IMAGE_RESIZE_MODE = "pad64"
        USE_MINI_MASK = False
        IMAGE_CHANNEL_COUNT = 4
        MEAN_PIXEL = np.array([120.0, 120.0, 120.0, 0.0])

    class TwoSizes(Discs):
        def draw(self, count: int) -> None:
            self.add_class("discs", 1, "bright")
            self.add_class("discs", 2, "dark")
            self.add_image("discs", 0, path=None, shape=(64, 64), channels=4)
            self.add_image("discs", 1, path=None, shape=(70, 120), channels=4)
            self.prepare()

    dataset = TwoSizes()
    dataset.draw(2)
    model = modellib.MaskRCNN("training", AnySize(), tmp_path)
    before = np.array(model.keras_model.get_layer("res4a_branch2a").kernel)
    flips = augmenters.Sequential([augmenters.Fliplr(0.5), augmenters.Multiply((0.8, 1.2))])
    model.train(dataset, None, 0.001, 1, "4+", augmentation=flips)
    assert (np.array(model.keras_model.get_layer("res4a_branch2a").kernel) != before).any()
    assert Path(model.find_last()).name == "mask_rcnn_discs_0001.h5"
    assert not caplog.records, "no image was skipped"


def test_a_loss_that_is_not_finite_ends_training_before_the_file_is_written() -> None:
    with pytest.raises(Diverged, match="lower learning_rate"):
        EndOnNonsense().on_train_batch_end(3, {"loss": float("nan")})


@pytest.mark.parametrize(
    ("settings", "layers", "message"),
    [
        ({"USE_RPN_ROIS": False}, "all", "USE_RPN_ROIS is False"),
        ({}, "haeds", "no layer's name matches 'haeds': give one of heads"),
        ({}, "(mrcnn", "is no regular expression"),
    ],
)
def test_what_cannot_be_trained_says_so(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, settings: dict, layers: str, message: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setattr(trained.model.config, name, value)
    with pytest.raises(ValueError, match=message):
        trained.model.train(discs(), discs(), 0.001, 9, layers)


def test_a_model_to_detect_does_not_train_and_the_other_way_round(
    trained: Trained, detector: modellib.MaskRCNN, image: np.ndarray
) -> None:
    with pytest.raises(RuntimeError, match='train needs a model made with mode="training"'):
        detector.train(discs(), discs(), 0.001, 1, "all")
    with pytest.raises(RuntimeError, match='detect needs a model made with mode="inference"'):
        trained.model.detect([image, image])
    with pytest.raises(ValueError, match="mode 'infer' is unknown: use one of training, inference"):
        modellib.MaskRCNN("infer", DiscsConfig(), "logs")


def test_the_optimizer_is_the_librarys(trained: Trained) -> None:
    optimizer = trained.model.keras_model.optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert (optimizer.momentum, optimizer.global_clipnorm) == (0.9, 5.0)
    assert float(optimizer.learning_rate) == pytest.approx(0.001)
