"""SemanticTrainer: a U-Net with its losses, as a Keras model to train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from model.families.semantic.training import losses
from model.families.semantic.training.config import Gives
from model.families.semantic.training.plan import Loss, SemanticPlan
from model.families.semantic.unet import MOBILENET_FEATURES
from model.training.learner import Batch
from model.training.losses_model import LossesModel

DICE = "dice_loss"
LOSS_NAMES: dict[Loss, tuple[str, ...]] = {
    "cross_entropy": ("cross_entropy_loss",),
    "dice": (DICE,),
    "both": ("cross_entropy_loss", DICE),
    "focal": ("focal_loss",),
}
"""The losses that the plan's choice means."""


class SemanticTrainer(LossesModel):
    """A U-Net whose outputs are its losses on a `BatchSource` batch.

    Args:
        network: that gives logits.
        plan: of the training.
        gives: what the network gives.
        class_weights: of the background, then of each class; None: all 1.
    """

    def __init__(
        self,
        network: keras.Model,
        plan: SemanticPlan,
        gives: Gives,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        names = LOSS_NAMES[plan.loss]
        super().__init__(
            {name: plan.dice_weight if name == DICE and len(names) > 1 else 1.0 for name in names}
        )
        self.network = network
        self.plan = plan
        self.gives = gives
        self.class_weights = class_weights
        features = encoder_outputs(network)
        self.encoder = keras.Model(network.inputs, features, name="encoder")
        self.decoder = keras.Model(features, network.outputs, name="decoder")
        if plan.freeze_encoder is True:
            self.encoder.trainable = False
        self.built = True  # its parts are

    def call(self, batch: Batch, training: bool = False) -> dict[str, Any]:
        truth, logits = batch["truth"], self._logits(batch, training)
        return {name: self._loss(name, truth, logits) for name in LOSS_NAMES[self.plan.loss]}

    def _logits(self, batch: Batch, training: bool) -> Any:
        if self.plan.freeze_encoder is True:
            return self.decoder(self.encoder(batch["picture"], training=False), training=training)
        features = self.encoder(batch["picture"], training=training)
        if self.plan.freeze_encoder:
            features = [_learning(one, batch["learning"]) for one in features]
        return self.decoder(features, training=training)

    def _loss(self, name: str, truth: Any, logits: Any) -> Any:
        exclusive, plan = self.gives == "classes", self.plan
        if name == DICE:
            dice = losses.exclusive_dice_loss if exclusive else losses.binary_dice_loss
            return dice(truth, logits)
        options: dict[str, Any] = {"smoothing": plan.label_smoothing, "weights": self.class_weights}
        if name == "focal_loss":
            options["gamma"] = plan.focal_gamma
        if exclusive:
            return losses.exclusive_loss(truth, logits, **options)
        if name == "focal_loss":
            options["alpha"] = plan.focal_alpha
        return losses.binary_loss(truth, logits, **options)


def encoder_outputs(network: keras.Model) -> list[keras.KerasTensor]:
    """The features that the encoder of a U-Net gives to its decoder, the finest first."""
    names = [layer.name for layer in network.layers]
    if MOBILENET_FEATURES[0] in names:
        wanted = list(MOBILENET_FEATURES)
    else:
        wanted = [name for name in names if name.startswith("encoder_") and name.endswith("_relu2")]
        wanted.append("bottleneck_relu2")
    return [network.get_layer(name).output for name in wanted]


def _learning(features: Any, learning: Any) -> Any:
    """The features; no gradient flows back from those of pictures whose `learning` (B,) is 0."""
    share = ops.cast(ops.reshape(learning, (-1, 1, 1, 1)), features.dtype)
    return features * share + ops.stop_gradient(features) * (1 - share)
