"""TrainingNetwork: a Mask R-CNN with its losses, as a Keras model to train."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from model.families.mask_rcnn import losses
from model.families.mask_rcnn.anchors import level_sizes, pyramid_anchors
from model.families.mask_rcnn.batches import Batch
from model.families.mask_rcnn.host import call_on_host
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.proposals import propose
from model.families.mask_rcnn.sampling import sampling_points
from model.families.mask_rcnn.targets import Truth, roi_targets
from model.training.losses_model import LossesModel


class TrainingNetwork(LossesModel):
    """A MaskRCNN whose outputs are its five losses on a `BatchSource` batch.

    A batch may also have `labelled` (see `losses.mrcnn_class_loss`), and pictures that are not square.
    """

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__(network.config.loss_weights)
        self.config = network.config
        self.trunk_model = network.trunk_model
        self.box_model = network.box_model
        self.mask_model = network.mask_model
        self.built = True  # its parts are

    def call(self, batch: Batch, training: bool = False) -> dict[str, Any]:
        cells, objectness, rpn_deltas = self.trunk_model(batch["picture"], training=training)
        class_ids, deltas, masks, *points = self._roi_targets(batch, objectness, rpn_deltas)
        logits, box_deltas = self.box_model([cells, *points[:2]], training=training)
        positives = self.config.positive_rois_per_image
        positive_ids = class_ids[:, :positives]
        answered_masks = self.mask_model(
            [cells, *points[2:], ops.maximum(positive_ids, 0)], training=training
        )
        return {
            "rpn_class_loss": losses.rpn_class_loss(batch["rpn_match"], objectness),
            "rpn_bbox_loss": losses.rpn_bbox_loss(batch["rpn_match"], batch["rpn_deltas"], rpn_deltas),
            "mrcnn_class_loss": losses.mrcnn_class_loss(class_ids, logits, batch.get("labelled")),
            "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(class_ids, deltas, box_deltas),
            "mrcnn_mask_loss": losses.mrcnn_mask_loss(positive_ids, masks, answered_masks),
        }

    def _roi_targets(self, batch: Batch, objectness: Any, rpn_deltas: Any) -> list[Any]:
        """The heads' targets, chosen on the host, through which no gradient flows.

        Class ids, deltas and masks, then the `SamplingPoints` of the box head and of the mask head.
        """
        config = self.config
        count, *sides = ops.shape(batch["picture"])[:3]
        rois, positives = config.train_rois_per_image, config.positive_rois_per_image

        def choose(
            size: npt.NDArray,
            objectness: npt.NDArray,
            deltas: npt.NDArray,
            boxes: npt.NDArray,
            class_ids: npt.NDArray,
            mini_masks: npt.NDArray,
            crowd_boxes: npt.NDArray,
            seeds: npt.NDArray,
        ) -> list[npt.NDArray]:
            height, width = size.tolist()
            anchors = pyramid_anchors(config, height, width)
            of_pictures = []
            for index, seed in enumerate(seeds):
                proposals = propose(
                    objectness[index],
                    deltas[index],
                    anchors,
                    config,
                    config.post_nms_rois_training,
                    level_sizes(config, height, width),
                )
                there, crowded = class_ids[index] > 0, crowd_boxes[index].any(axis=1)  # the rest is padding
                truth = Truth(
                    boxes[index][there],
                    class_ids[index][there],
                    mini_masks[index][there],
                    crowd_boxes[index][crowded],
                )
                of_pictures.append(roi_targets(proposals, truth, config, np.random.default_rng(seed)))
            chosen, *targets = (
                np.stack([getattr(targets, name) for targets in of_pictures])
                for name in ("rois", "class_ids", "deltas", "masks")
            )
            of_boxes = sampling_points(chosen, (height, width), config.pool_size)
            of_masks = sampling_points(chosen[:, :positives], (height, width), config.mask_pool_size)
            return [*targets, *of_boxes, *of_masks]

        from_batch = ("boxes", "class_ids", "mini_masks", "crowd_boxes", "seed")
        return call_on_host(
            choose,
            [ops.stack(sides), objectness, rpn_deltas, *(batch[name] for name in from_batch)],
            [
                ((count, rois), "int32"),
                ((count, rois, 4), "float32"),
                ((count, positives, *config.mask_shape), "float32"),
                *_points(count, rois, config.pool_size),
                *_points(count, positives, config.mask_pool_size),
            ],
        )


def _points(count: int, rois: int, size: int) -> list[tuple[tuple[int, ...], str]]:
    shape = (count, rois, size, size, 4)
    return [(shape, "int32"), (shape, "float32")]
