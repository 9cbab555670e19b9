"""The Keras models behind `MaskRCNN.keras_model`, with the library's layers and weight files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy.typing as npt
from keras import ops

from model.families.mask_rcnn.network import MaskRCNN as Network
from model.families.mask_rcnn.training_network import TrainingNetwork
from mrcnn.config import Config
from mrcnn.network.named import LAYERS, OUTPUTS, NamedLayer, NamedValue
from mrcnn.network.translating import typed
from mrcnn.network.values import Values
from mrcnn.weights import layout, loading


class LibraryModel:
    """What both models have: the layers of the network by the library's names, and its weight files.

    Attributes:
        network: whose layers they are.
    """

    network: Network

    @property
    def layers(self) -> list[keras.Layer]:
        """Every layer, from the picture to the masks."""
        parts = (self.network.trunk_model, self.network.box_model, self.network.mask_model)
        return [layer for part in parts for layer in part.layers]

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.Layer | NamedLayer:
        """The layer of that name, or at that place among `layers`.

        Raises:
            ValueError: there is none.
        """
        if index is not None:
            return self.layers[index]
        # "mrcnn_mask" is both: a layer with weights, whose output the stage has without a batch axis.
        found = [layer for layer in self.layers if layer.name == name]
        if found:
            return found[0]
        if name in LAYERS:
            return NamedLayer(name)
        if name == layout.RPN_MODEL:
            raise ValueError(
                f"{name} is no model of its own here: its layers are {', '.join(layout.RPN_LAYERS)}"
            )
        raise ValueError(
            f"there is no layer {name!r}: [layer.name for layer in keras_model.layers] lists them"
        )

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True, **_: Any) -> None:
        """Write the weights in the library's own layout, which the library can read too.

        Raises:
            FileExistsError: the file exists, and `overwrite` is false.
        """
        path = Path(filepath)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: give another path, or overwrite=True")
        layout.save(self.network.layers, path, self.network.config.pool_size)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        by_name: bool = False,
        exclude: Iterable[str] | None = None,
        **_: Any,
    ) -> None:
        """See `weights.loading.load`."""
        exclude = exclude or ()
        loading.load(self.network.layers, filepath, by_name or bool(exclude), exclude)

    def save(self, *_: Any, **__: Any) -> NoReturn:
        """Raise NotImplementedError: there is no single graph to save."""
        raise NotImplementedError(
            "a Mask R-CNN here is three graphs with NumPy between them, not one model: keep its weights with "
            "save_weights, and make a model to serve of them with python -m model import"
        )

    def to_json(self, **_: Any) -> NoReturn:
        """Raise NotImplementedError, see `save`."""
        self.save()

    def _make_predict_function(self) -> None:
        """Do nothing: scripts for TensorFlow 1 call it to let other threads predict, which all may here."""

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print the layers of each stage; see `keras.Model.summary`."""
        for stage in (self.network.trunk_model, self.network.box_model, self.network.mask_model):
            stage.summary(*args, **kwargs)


class InferenceModel(LibraryModel, keras.Model):
    """Finds objects in molded pictures."""

    def __init__(self, network: Network, settings: Config) -> None:
        keras.Model.__init__(self, name="mask_rcnn")
        self.network = network
        self.settings = settings
        self.parts = [network.trunk_model, network.box_model, network.mask_model]
        self.built = True

    @property
    def inputs(self) -> list[NamedValue]:
        return [NamedLayer(name).output for name in ("input_image", "input_image_meta", "input_anchors")]

    @property
    def outputs(self) -> list[NamedValue]:
        return [NamedLayer(name).output for name in OUTPUTS]

    def call(self, inputs: Any, training: bool = False) -> NoReturn:
        """Raise NotImplementedError: there is no single graph."""
        raise NotImplementedError("call keras_model.predict, or MaskRCNN.detect")

    def predict(self, inputs: Sequence[npt.NDArray], *_: Any, **__: Any) -> list[npt.NDArray]:
        """What the library's model answers: detections, class probabilities, deltas, masks, proposals, …

        Args:
            inputs: pictures (B, H, W, channels), their meta rows, and anchors, which are computed anew.
        """
        values = Values(self.network, typed(self.settings), inputs[0], inputs[1])
        return [LAYERS[name](values) for name in OUTPUTS]


class TrainingModel(LibraryModel, TrainingNetwork):
    """Computes the losses of a batch; Keras' `fit` trains it."""

    def __init__(self, network: Network, settings: Config) -> None:
        TrainingNetwork.__init__(self, network)
        self.name = "mask_rcnn"
        self.network = network
        self.settings = settings

    def penalty(self) -> Any:
        """The library's L2 regularization: the mean square of each kernel and bias that learns."""
        learned = [one for one in self.trainable_variables if one.name not in ("gamma", "beta")]
        return self.config.weight_decay * sum(ops.mean(ops.square(variable)) for variable in learned)

    def predict(self, *_: Any, **__: Any) -> NoReturn:
        """Raise RuntimeError: a model to train has no detections."""
        raise RuntimeError('this model was made to train: use MaskRCNN(mode="inference", …) to detect')
