"""Values: what the network computes for a batch on its way, under the library's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from model.families.mask_rcnn.anchors import level_sizes, pyramid_anchors
from model.families.mask_rcnn.boxes import Floats, normalize
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.detections import refine
from model.families.mask_rcnn.network import MaskRCNN as Network
from model.families.mask_rcnn.proposals import Proposing, proposing
from model.families.mask_rcnn.sampling import sampling_points
from mrcnn.detecting.picture_meta import parse_image_meta


class Values:
    """The values of one batch; each is computed when it is first needed.

    Lists of boxes have the library's lengths: what is missing is padded with zeros.
    """

    def __init__(self, network: Network, config: Config, pictures: Floats, metas: npt.NDArray) -> None:
        """Take pictures (B, H, W, channels) and their rows (B, 12 + classes); the weights as they are now."""
        self.network = network
        self.config = config
        self.pictures = np.asarray(pictures, np.float32)
        self.metas = np.asarray(metas, np.float32)
        self.shape = self.pictures.shape[1:3]

    def of(self, tensor: keras.KerasTensor) -> npt.NDArray:
        """The value of a layer's output, in whichever of the three stages it lies."""
        network = self.network
        stages: Mapping[Any, Callable[[], list[Any]]] = {
            network.trunk_model: lambda: [self.pictures],
            network.box_model: lambda: self._inputs(self.rois, network.config.pool_size),
            network.mask_model: lambda: [
                *self._inputs(self.detections[..., :4], network.config.mask_pool_size),
                self.detections[..., 4].astype(np.int32),
            ],
        }
        for stage, inputs in stages.items():
            if any(tensor is output for layer in stage.layers for output in _outputs_of(layer)):
                part = keras.Model(stage.inputs, tensor)
                given = [ops.convert_to_tensor(one) for one in inputs()]
                array = ops.convert_to_numpy(part(given if len(given) > 1 else given[0], training=False))
                # Inside the mask head, the objects of all pictures are one axis.
                together = stage is network.mask_model and tensor.shape[1] is not None
                return array.reshape(len(self.pictures), -1, *array.shape[1:]) if together else array
        raise ValueError(
            f"{tensor} is not an output of a layer of this model: use keras_model.get_layer(…).output"
        )

    @cached_property
    def anchors(self) -> Floats:
        """(B, A, 4), normalised."""
        anchors = pyramid_anchors(self.config, *self.shape)
        return np.broadcast_to(anchors, (len(self.pictures), *anchors.shape))

    @cached_property
    def rpn_class_logits(self) -> Floats:
        """(B, A, 2): background, object."""
        trunk = self.network.trunk_model
        levels = keras.Model(trunk.inputs, [trunk.get_layer(f"fpn_p{level}").output for level in range(2, 7)])
        shared, raw = (trunk.get_layer(name) for name in ("rpn_conv_shared", "rpn_class_raw"))
        pyramid = levels(ops.convert_to_tensor(self.pictures), training=False)
        logits = [ops.convert_to_numpy(raw(shared(level))) for level in pyramid]
        return np.concatenate([level.reshape(len(level), -1, 2) for level in logits], axis=1)

    @cached_property
    def rpn_class(self) -> Floats:
        """(B, A, 2): probabilities of background and object."""
        return _softmax(self.rpn_class_logits)

    @property
    def rpn_bbox(self) -> Floats:
        """(B, A, 4), in units of RPN_BBOX_STD_DEV."""
        return self._trunk[2]

    @property
    def pre_nms_anchors(self) -> Floats:
        """(B, N, 4): the anchors with the best scores, best first."""
        return np.stack([steps.anchors for steps in self._proposing])

    @property
    def refined_anchors(self) -> Floats:
        """(B, N, 4): the same by their deltas."""
        return np.stack([steps.moved for steps in self._proposing])

    @property
    def refined_anchors_clipped(self) -> Floats:
        """(B, N, 4): the same, cut to the picture."""
        return np.stack([steps.clipped for steps in self._proposing])

    @property
    def post_nms_anchor_ix(self) -> npt.NDArray[np.int64]:
        """(R,): which of these the first picture keeps, as the library's node for one picture."""
        return self._proposing[0].kept

    @cached_property
    def rois(self) -> Floats:
        """(B, POST_NMS_ROIS_INFERENCE, 4)."""
        return np.stack(
            [
                _padded(steps.clipped[steps.kept], self.config.post_nms_rois_inference)
                for steps in self._proposing
            ]
        )

    @property
    def mrcnn_class(self) -> Floats:
        """(B, R, classes): probabilities."""
        return _softmax(self._heads[0])

    @property
    def mrcnn_bbox(self) -> Floats:
        """(B, R, classes, 4), in units of BBOX_STD_DEV."""
        return self._heads[1]

    @cached_property
    def detections(self) -> Floats:
        """(B, DETECTION_MAX_INSTANCES, 6): y1 x1 y2 x2, class id, score."""
        windows = parse_image_meta(self.metas)["window"]
        logits, deltas = self._heads
        rows = []
        for index, window in enumerate(windows):
            rois = self.rois[index]
            there = rois.any(axis=1)
            inside = normalize(window, *self.shape)
            found = refine(rois[there], logits[index][there], deltas[index][there], inside, self.config)
            row = np.concatenate([found.boxes, found.class_ids[:, None], found.scores[:, None]], axis=1)
            rows.append(_padded(row.astype(np.float32), self.config.detection_max_instances))
        return np.stack(rows)

    @property
    def mrcnn_mask(self) -> Floats:
        """(B, DETECTION_MAX_INSTANCES, 28, 28, classes): probabilities."""
        return self.of(self.network.mask_model.get_layer("mrcnn_mask").output)

    @cached_property
    def _trunk(self) -> tuple[Any, Floats, Floats]:
        cells, objectness, deltas = self.network.trunk_model(
            ops.convert_to_tensor(self.pictures), training=False
        )
        return cells, ops.convert_to_numpy(objectness), ops.convert_to_numpy(deltas)

    @cached_property
    def _proposing(self) -> list[Proposing]:
        _, objectness, deltas = self._trunk
        sizes = level_sizes(self.config, *self.shape)
        limit = self.config.post_nms_rois_inference
        return [
            proposing(objectness[index], deltas[index], anchors, self.config, limit, sizes)
            for index, anchors in enumerate(self.anchors)
        ]

    @cached_property
    def _heads(self) -> tuple[Floats, Floats]:
        inputs = self._inputs(self.rois, self.network.config.pool_size)
        logits, deltas = self.network.box_model(
            [ops.convert_to_tensor(one) for one in inputs], training=False
        )
        return ops.convert_to_numpy(logits), ops.convert_to_numpy(deltas)

    def _inputs(self, rois: Floats, size: int) -> list[Any]:
        return [self._trunk[0], *sampling_points(rois, self.shape, size)]


def _outputs_of(layer: keras.Layer) -> list[Any]:
    try:
        return keras.tree.flatten(layer.output)
    except AttributeError:  # the layer is used several times
        return []


def _padded(rows: Floats, length: int) -> Floats:
    return np.pad(rows, ((0, length - len(rows)), (0, 0)))


def _softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
