"""ClassifierNetwork: SqueezeNet or MobileNet with one dense layer for the classes, in Keras."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import KerasTensor, layers

from model.engines.tensorflow import TensorFlowRunner
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.squeezenet import squeezenet_features
from model.families.classifier.stages import STAGES
from model.families.classifier.weights import HEAD

MOBILENET_ALPHA = 0.75


class ClassifierNetwork:
    """A network from pictures to scores.

    Attributes:
        config: describes it.
        model: float32 (B, S, S, 3), RGB, 0 to 255 → logits, float32 (B, K).
    """

    def __init__(self, config: ClassifierConfig, classes: int) -> None:
        """A network with random weights for so many classes."""
        self.config = config
        picture = keras.Input((config.size, config.size, 3), dtype="float32", name="picture")
        features = _features(picture, config)
        pooled = layers.GlobalAveragePooling2D(name="pooled")(features)
        # The scores stay in 32 bits: losses suffer from 16.
        kept = layers.Dropout(config.dropout, name="dropout")(pooled)
        logits = layers.Dense(classes, dtype="float32", name=HEAD)(kept)
        self.model = keras.Model(picture, logits, name="classifier")

    @property
    def base(self) -> Sequence[keras.Layer]:
        """The layers with weights from the picture to the features, in that order."""
        return [layer for layer in self.model.layers if layer.weights and layer.name != HEAD]

    def runner(self) -> TensorFlowRunner:
        """The network with its probabilities, run by TensorFlow."""
        probabilities = layers.Softmax(dtype="float32", name="probabilities")(self.model.output)
        return TensorFlowRunner(STAGES, [keras.Model(self.model.input, probabilities, name=STAGES[0].name)])


def _features(picture: KerasTensor, config: ClassifierConfig) -> KerasTensor:
    if config.network == "squeezenet":
        return squeezenet_features(picture)
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scaled")(picture)
    whole = keras.applications.MobileNet(
        input_tensor=scaled, alpha=MOBILENET_ALPHA, include_top=False, weights=None
    )
    return whole.get_layer(f"conv_pw_{config.blocks}_relu").output
