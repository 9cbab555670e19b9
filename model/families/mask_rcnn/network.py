"""MaskRCNN: the three stages as Keras models, and Matterport's `detect`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from model.families.mask_rcnn.backbones import build_backbone
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import fit_of
from model.families.mask_rcnn.fpn import build_fpn
from model.families.mask_rcnn.heads import build_box_head, build_mask_head
from model.families.mask_rcnn.inference import Features, Stages, infer, unmold
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.roi_align import cells_of
from model.families.mask_rcnn.rpn import build_rpn
from model.families.mask_rcnn.sampling import sampling_points
from model.families.mask_rcnn.stages import STAGES
from model.families.mask_rcnn.weights import load_weights
from model.pictures import check_rgb

if TYPE_CHECKING:
    from model.engines.tensorflow import TensorFlowRunner

Backbone = Callable[[str, keras.KerasTensor, bool], list[keras.KerasTensor]]
"""Called as `build_backbone` is."""


class MaskRCNN:
    """The network of a Config; itself the plainest engine, which runs its stages on any Keras backend.

    >>> network = MaskRCNN(Config(backbone="resnet_small", num_classes=2, image_min_dim=64, image_max_dim=64))
    >>> found = network.detect([np.zeros((48, 64, 3), np.uint8)])[0]  # weights are random until loaded
    >>> sorted(found), found["masks"].shape[:2]
    (['class_ids', 'masks', 'rois', 'scores'], (48, 64))

    Attributes:
        config: the Config it was built from.
        trunk_model: picture (B, H, W, channels) → [cells of P2…P5, objectness (B, A), deltas (B, A, 4)].
        box_model: [cells, *SamplingPoints of R RoIs] → [class logits (B, R, classes), their deltas (…, 4)].
        mask_model: [cells, *SamplingPoints of D RoIs, class ids (B, D)] → mask probabilities (B, D, 28, 28).
    """

    few_shapes = False

    def __init__(self, config: Config, backbone: Backbone = build_backbone) -> None:
        """Build the network for pictures with a channel for each value of the config's `mean_pixel`."""
        self.config = config
        self.trunk_model = _build_trunk(config, backbone)
        self.box_model = _build_box_model(config)
        self.mask_model = _build_mask_model(config)

    @property
    def layers(self) -> list[keras.Layer]:
        """Every layer that has weights, by stage."""
        models = (self.trunk_model, self.box_model, self.mask_model)
        return [layer for model in models for layer in model.layers if layer.weights]

    def load_weights(self, path: str | Path, exclude: Sequence[str] = ()) -> None:
        """Read Matterport's `.h5` or one of this project's, by layer name.

        Args:
            path: the file.
            exclude: names of layers to leave as they are, such as the heads of another class list, or of a
                model within the file, such as "rpn_model".

        Raises:
            WeightsError: for any layer missing, left over or of another shape, or unknown in `exclude`.
        """
        load_weights(self.layers, path, exclude)

    def detect(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[dict[str, npt.NDArray]]:
        """Find the objects in each RGB image (H, W, 3), as Matterport's `detect` answers.

        Returns:
            A dict an image: `rois` int32 (N, 4) y1 x1 y2 x2 in pixels, `class_ids` int32 (N,),
            `scores` float32 (N,), `masks` bool (H, W, N). For large images with many objects prefer
            `model.segmenter`, whose masks stay inside their boxes.
        """
        return [detect(self, image, self.config) for image in images]

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """See `inference.Stages`."""
        cells, objectness, deltas = self.trunk_model(ops.convert_to_tensor(picture), training=False)
        features = Features(cells, picture.shape[1:3])
        return features, ops.convert_to_numpy(objectness), ops.convert_to_numpy(deltas)

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        points = sampling_points(rois, features.picture_shape, self.config.pool_size)
        inputs = [ops.convert_to_tensor(part) for part in (features.cells, *points)]
        logits, deltas = self.box_model(inputs, training=False)
        return ops.convert_to_numpy(logits), ops.convert_to_numpy(deltas)

    def mask_head(self, features: Features, rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        points = sampling_points(rois, features.picture_shape, self.config.mask_pool_size)
        inputs = [ops.convert_to_tensor(part) for part in (features.cells, *points, class_ids)]
        return ops.convert_to_numpy(self.mask_model(inputs, training=False))


def detect(stages: Stages, image: npt.NDArray[np.uint8], config: Config) -> dict[str, npt.NDArray]:
    """One image's answer in the form of `MaskRCNN.detect`, whatever runs the stages."""
    check_rgb(image)
    fit = fit_of((image.shape[1], image.shape[0]), config, stages.few_shapes)
    molded = mold(image, config, fit)
    detections, probabilities = infer(stages, molded, config)
    return unmold(molded, detections, probabilities)


def runner_of(network: MaskRCNN) -> TensorFlowRunner:
    """The network run by TensorFlow: the reference for other engines."""
    from model.engines.tensorflow import TensorFlowRunner  # a network may also be trained by other backends

    return TensorFlowRunner(STAGES, (network.trunk_model, network.box_model, network.mask_model))


def _build_trunk(config: Config, backbone: Backbone) -> keras.Model:
    picture = keras.Input((None, None, len(config.mean_pixel)), name="picture")
    pyramid = build_fpn(backbone(config.backbone, picture, config.train_bn), config.top_down_pyramid_size)
    objectness, deltas = build_rpn(pyramid, config)
    return keras.Model(picture, [cells_of(pyramid[:-1]), objectness, deltas], name="trunk")


def _build_box_model(config: Config) -> keras.Model:
    cells, points = _cells(config), _points(config.pool_size)
    return keras.Model([cells, *points], build_box_head(cells, points, config), name="box_head")


def _build_mask_model(config: Config) -> keras.Model:
    cells, points = _cells(config), _points(config.mask_pool_size)
    class_ids = keras.Input((None,), dtype="int32", name="class_ids")
    masks = build_mask_head(cells, points, class_ids, config)
    return keras.Model([cells, *points, class_ids], masks, name="mask_head")


def _cells(config: Config) -> keras.KerasTensor:
    return keras.Input((None, config.top_down_pyramid_size), name="cells")


def _points(size: int) -> list[keras.KerasTensor]:
    shape = (None, size, size, 4)
    return [keras.Input(shape, dtype="int32", name="corners"), keras.Input(shape, name="weights")]
