"""Losses of semantic training, in float32: cross-entropy, focal loss and Dice, without unknown pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from model.families.semantic.training.truth import IGNORED

SMOOTH = 1.0
"""Pixels added to both parts of Dice, which is 1 then for a class that is absent and not found."""


def binary_loss(
    truth: Any,
    logits: Any,
    *,
    smoothing: float = 0.0,
    gamma: float = 0.0,
    alpha: float | None = None,
    weights: Sequence[float] | None = None,
) -> Any:
    """The mean cross-entropy of labels that may overlap, or of a single class; focal if `gamma` is above 0.

    Args:
        truth: int (B, H, W, K) of 0, 1 and IGNORED.
        logits: float (B, H, W, K).
        smoothing: share of the truth that is moved to one half.
        gamma: of the focal loss, (1 - p)^gamma · cross-entropy (Lin et al. 2017, arXiv:1708.02002).
        alpha: of the focal loss: weight of pixels with the label; that of others is 1 - alpha.
        weights: of the background, then of each label's pixels; the background's is that of pixels without
            the label.
    """
    known, target, logits = _binary(truth, logits)
    smooth = target * (1 - smoothing) + smoothing / 2
    # max(x, 0) - x·t + log(1 + exp(-|x|)): exact for logits of any size
    entropy = ops.maximum(logits, 0) - logits * smooth + ops.log1p(ops.exp(-ops.abs(logits)))
    counted = known
    if gamma:
        right = ops.sigmoid(ops.where(target > 0, logits, -logits))
        entropy = entropy * (1 - right) ** gamma
    if alpha is not None:
        entropy = entropy * ops.where(target > 0, alpha, 1 - alpha)
    if weights is not None:
        rest, *of_labels = (float(weight) for weight in weights)
        counted = counted * ops.where(target > 0, ops.convert_to_tensor(of_labels, "float32"), rest)
    return _mean(entropy, counted)


def exclusive_loss(
    truth: Any,
    logits: Any,
    *,
    smoothing: float = 0.0,
    gamma: float = 0.0,
    weights: Sequence[float] | None = None,
) -> Any:
    """The mean cross-entropy of classes that exclude each other; focal if `gamma` is above 0.

    Args:
        truth: int (B, H, W) of channels and IGNORED.
        logits: float (B, H, W, K).
        smoothing: share of the truth that is spread over all classes.
        gamma: as in `binary_loss`.
        weights: of each class.
    """
    known, target, logits = _exclusive(truth, logits)
    logs = ops.log_softmax(logits, axis=-1)
    smooth = target * (1 - smoothing) + smoothing / logits.shape[-1]
    entropy = -ops.sum(smooth * logs, axis=-1)
    if gamma:
        entropy = entropy * (1 - ops.exp(ops.sum(target * logs, axis=-1))) ** gamma
    if weights is not None:
        known = known * ops.sum(target * ops.convert_to_tensor(list(weights), "float32"), axis=-1)
    return _mean(entropy, known)


def binary_dice_loss(truth: Any, logits: Any) -> Any:
    """1 - Dice of each label over the whole batch, averaged; arguments as in `binary_loss`."""
    known, target, logits = _binary(truth, logits)
    return _dice_loss(target, ops.sigmoid(logits), known)


def exclusive_dice_loss(truth: Any, logits: Any) -> Any:
    """1 - Dice of each class over the whole batch, averaged; arguments as in `exclusive_loss`."""
    known, target, logits = _exclusive(truth, logits)
    return _dice_loss(target, ops.softmax(logits, axis=-1), known[..., None])


def _binary(truth: Any, logits: Any) -> tuple[Any, Any, Any]:
    """float32 (B, H, W, K) each: 1 where the truth is known, the truth, and the logits."""
    known = ops.cast(ops.not_equal(truth, IGNORED), "float32")
    return known, ops.cast(ops.equal(truth, 1), "float32"), ops.cast(logits, "float32")


def _exclusive(truth: Any, logits: Any) -> tuple[Any, Any, Any]:
    """float32: (B, H, W), 1 where the truth is known; (B, H, W, K), the truth; and the logits."""
    known = ops.cast(ops.not_equal(truth, IGNORED), "float32")
    target = ops.one_hot(ops.maximum(truth, 0), logits.shape[-1], dtype="float32")
    return known, target, ops.cast(logits, "float32")


def _dice_loss(target: Any, probabilities: Any, known: Any) -> Any:
    """Milletari et al. 2016 (arXiv:1606.04797), without their squares; all (B, H, W, K) or wider."""
    axes = (0, 1, 2)
    both = ops.sum(target * probabilities * known, axis=axes)
    each = ops.sum((target + probabilities) * known, axis=axes)
    return ops.mean(1 - (2 * both + SMOOTH) / (each + SMOOTH))


def _mean(values: Any, weights: Any) -> Any:
    """The weighted mean; 0 if nothing has a weight."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1e-6)
