"""The losses of one fixed batch are the library's formulas, computed by hand with NumPy."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from discs import DiscsConfig, discs

import mrcnn.model as modellib
from mrcnn.learning.batches import dataset_of
from mrcnn.learning.examples import examples

BATCH, ANCHORS, ROIS, CLASSES, SIDE = 2, 40, 9, 3, 28


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def smooth_l1(difference: np.ndarray) -> np.ndarray:
    size = np.abs(difference)
    return np.where(size < 1, 0.5 * size**2, size - 0.5)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def test_rpn_class_loss(rng: np.random.Generator) -> None:
    match = rng.integers(-1, 2, (BATCH, ANCHORS, 1)).astype(np.int32)
    logits = rng.standard_normal((BATCH, ANCHORS, 2)).astype(np.float32)
    used = match[..., 0] != 0
    truth = (match[..., 0] == 1).astype(int)[used]
    by_hand = -np.log(softmax(logits)[used][np.arange(len(truth)), truth]).mean()
    assert float(modellib.rpn_class_loss_graph(match, logits)) == pytest.approx(by_hand, rel=1e-5)


def test_rpn_bbox_loss(rng: np.random.Generator) -> None:
    match = rng.integers(-1, 2, (BATCH, ANCHORS, 1)).astype(np.int32)
    targets = rng.standard_normal((BATCH, ANCHORS, 4)).astype(
        np.float32
    )  # only as many as are positive count
    deltas = rng.standard_normal((BATCH, ANCHORS, 4)).astype(np.float32)
    own, theirs = [], []
    for index in range(BATCH):
        positive = np.flatnonzero(match[index, :, 0] == 1)
        own.append(deltas[index, positive])
        theirs.append(targets[index, : len(positive)])
    by_hand = smooth_l1(np.concatenate(own) - np.concatenate(theirs)).mean()
    ours = modellib.rpn_bbox_loss_graph(DiscsConfig(), targets, match, deltas)
    assert float(ours) == pytest.approx(by_hand, rel=1e-5)


def test_mrcnn_class_loss_counts_regions_taken_for_a_class_that_the_data_set_labels(
    rng: np.random.Generator,
) -> None:
    class_ids = rng.integers(0, CLASSES, (BATCH, ROIS)).astype(np.int32)
    logits = rng.standard_normal((BATCH, ROIS, CLASSES)).astype(np.float32)
    active = np.array([[1, 1, 0], [1, 1, 0]], np.int32)
    loss = -np.log(np.take_along_axis(softmax(logits), class_ids[..., None], axis=-1)[..., 0])
    counts = active[0][logits.argmax(axis=-1)]
    assert 0 < counts.sum() < counts.size
    by_hand = (loss * counts).sum() / counts.sum()
    ours = modellib.mrcnn_class_loss_graph(class_ids, logits, active)
    assert float(ours) == pytest.approx(by_hand, rel=1e-5)


def test_mrcnn_bbox_loss(rng: np.random.Generator) -> None:
    class_ids = rng.integers(0, CLASSES, (BATCH, ROIS)).astype(np.int32)
    targets = rng.standard_normal((BATCH, ROIS, 4)).astype(np.float32)
    deltas = rng.standard_normal((BATCH, ROIS, CLASSES, 4)).astype(np.float32)
    picture, roi = np.nonzero(class_ids > 0)
    own = deltas[picture, roi, class_ids[picture, roi]]
    by_hand = smooth_l1(targets[picture, roi] - own).mean()
    ours = modellib.mrcnn_bbox_loss_graph(targets, class_ids, deltas)
    assert float(ours) == pytest.approx(by_hand, rel=1e-5)


def test_mrcnn_mask_loss(rng: np.random.Generator) -> None:
    class_ids = rng.integers(0, CLASSES, (BATCH, ROIS)).astype(np.int32)
    truth = rng.integers(0, 2, (BATCH, ROIS, SIDE, SIDE)).astype(np.float32)
    masks = rng.uniform(0.01, 0.99, (BATCH, ROIS, SIDE, SIDE, CLASSES)).astype(np.float32)
    picture, roi = np.nonzero(class_ids > 0)
    own, wanted = masks[picture, roi, :, :, class_ids[picture, roi]], truth[picture, roi]
    by_hand = -(wanted * np.log(own) + (1 - wanted) * np.log(1 - own)).mean()
    ours = modellib.mrcnn_mask_loss_graph(truth, class_ids, masks)
    assert float(ours) == pytest.approx(by_hand, rel=1e-4)


def test_the_sum_is_weighted_and_has_the_librarys_regularization(tmp_path: Path) -> None:
    class Weighted(DiscsConfig):
        LOSS_WEIGHTS = {"mrcnn_mask_loss": 3.0}  # noqa: RUF012 - as users write it
        WEIGHT_DECAY = 0.01

    config = Weighted()
    model = modellib.MaskRCNN("training", config, tmp_path)
    model.set_trainable("heads|mrcnn_class.*", verbose=0)
    trainer = model.keras_model
    batch = next(iter(dataset_of(lambda: examples(discs(), config), config)))
    losses = {name: float(value) for name, value in trainer(batch).items()}
    squares = [
        np.square(keras.ops.convert_to_numpy(variable)).mean()
        for layer in model.get_trainable_layers()
        for variable in layer.trainable_weights
        if variable.name not in ("gamma", "beta")
    ]
    assert len(squares) == 6  # kernel and bias of three layers
    by_hand = sum(losses.values()) + 2 * losses["mrcnn_mask_loss"] + 0.01 * sum(squares)
    assert float(trainer.compute_loss(y_pred=trainer(batch))) == pytest.approx(by_hand, rel=1e-4)
