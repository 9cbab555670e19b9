"""Losses of semantic training, against the same sums in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.families.semantic.training import losses
from model.families.semantic.training.truth import IGNORED

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(0, 3, (2, 4, 5, 3)).astype(np.float32)
LABELS = RNG.integers(0, 2, (2, 4, 5, 3)).astype(np.int32)
CLASSES = RNG.integers(0, 3, (2, 4, 5)).astype(np.int32)
P = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
Q = np.exp(LOGITS.astype(np.float64))
Q /= Q.sum(axis=-1, keepdims=True)
TRUE = np.eye(3)[CLASSES]


def value(loss: Any) -> float:
    return float(np.asarray(loss))


def dice(truth: Any, found: Any) -> float:
    both, each = (truth * found).sum((0, 1, 2)), (truth + found).sum((0, 1, 2))
    return float((1 - (2 * both + 1) / (each + 1)).mean())


def test_cross_entropy_of_labels() -> None:
    expected = -np.where(LABELS == 1, np.log(P), np.log(1 - P)).mean()
    assert value(losses.binary_loss(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_labels() -> None:
    right = np.where(LABELS == 1, P, 1 - P)
    alpha = np.where(LABELS == 1, 0.25, 0.75)
    expected = (-alpha * (1 - right) ** 2 * np.log(right)).mean()
    assert value(losses.binary_loss(LABELS, LOGITS, gamma=2.0, alpha=0.25)) == pytest.approx(
        expected, rel=1e-4
    )


def test_smoothing_moves_labels_to_one_half() -> None:
    smooth = LABELS * 0.8 + 0.1
    expected = -(smooth * np.log(P) + (1 - smooth) * np.log(1 - P)).mean()
    assert value(losses.binary_loss(LABELS, LOGITS, smoothing=0.2)) == pytest.approx(expected, rel=1e-5)


def test_weights_of_labels_are_those_of_pixels_with_the_label() -> None:
    weights = np.where(LABELS == 1, [2.0, 3.0, 4.0], 0.5)
    entropy = -np.where(LABELS == 1, np.log(P), np.log(1 - P))
    loss = losses.binary_loss(LABELS, LOGITS, weights=[0.5, 2, 3, 4])
    assert value(loss) == pytest.approx((entropy * weights).sum() / weights.sum(), rel=1e-5)


def test_cross_entropy_of_classes() -> None:
    expected = -(TRUE * np.log(Q)).sum(-1).mean()
    assert value(losses.exclusive_loss(CLASSES, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_classes() -> None:
    right = (TRUE * Q).sum(-1)
    expected = (-((1 - right) ** 1.5) * np.log(right)).mean()
    assert value(losses.exclusive_loss(CLASSES, LOGITS, gamma=1.5)) == pytest.approx(expected, rel=1e-4)


def test_weights_of_classes() -> None:
    weights = np.array([1.0, 5.0, 0.2])[CLASSES]
    entropy = -(TRUE * np.log(Q)).sum(-1)
    loss = losses.exclusive_loss(CLASSES, LOGITS, weights=[1, 5, 0.2])
    assert value(loss) == pytest.approx((entropy * weights).sum() / weights.sum(), rel=1e-5)


def test_dice_is_over_the_whole_batch() -> None:
    assert value(losses.binary_dice_loss(LABELS, LOGITS)) == pytest.approx(dice(LABELS, P), rel=1e-5)
    assert value(losses.exclusive_dice_loss(CLASSES, LOGITS)) == pytest.approx(dice(TRUE, Q), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "truth"),
    [
        (losses.binary_loss, LABELS),
        (losses.binary_dice_loss, LABELS),
        (losses.exclusive_loss, CLASSES),
        (losses.exclusive_dice_loss, CLASSES),
    ],
)
def test_unknown_pixels_count_for_nothing(loss: Any, truth: Any) -> None:
    unknown = truth.copy()
    unknown[:, :2] = IGNORED
    other = LOGITS.copy()
    other[:, :2] = 50
    assert value(loss(unknown, other)) == pytest.approx(value(loss(truth[:, 2:], LOGITS[:, 2:])), rel=1e-5)


@pytest.mark.parametrize("loss", [losses.binary_loss, losses.binary_dice_loss])
def test_a_batch_without_a_known_pixel_gives_a_finite_loss(loss: Any) -> None:
    assert value(loss(np.full_like(LABELS, IGNORED), LOGITS)) == pytest.approx(0, abs=1e-6)


def test_extreme_logits_give_finite_losses() -> None:
    far = np.where(LABELS == 1, -1e4, 1e4).astype(np.float32)
    assert value(losses.binary_loss(LABELS, far)) == pytest.approx(1e4)
    assert np.isfinite(value(losses.binary_loss(LABELS, -far, gamma=2.0)))


def test_sixteen_bits_are_computed_in_32() -> None:
    import keras

    in_16 = keras.ops.cast(LOGITS, "bfloat16")
    assert keras.backend.standardize_dtype(losses.binary_loss(LABELS, in_16).dtype) == "float32"
    assert keras.backend.standardize_dtype(losses.exclusive_dice_loss(CLASSES, in_16).dtype) == "float32"
