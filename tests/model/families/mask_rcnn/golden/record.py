"""Record the golden that ships: draw its picture, make its weights, and save what every stage answers.

    python -m tests.model.families.mask_rcnn.golden.record

This takes a minute or two, and is not part of any build. What it writes is only as right as the code that
runs: do this only if that very code passes `test_golden.py` with ../shared/golden, and say so in the commit.
"""

from __future__ import annotations

import lzma
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.fit import scale_of
from model.families.mask_rcnn.inference import infer
from model.families.mask_rcnn.molding import Molded, mold
from model.families.mask_rcnn.proposals import propose
from model.mrcnn import Config, MaskRCNN
from tests.model.families.mask_rcnn.golden.draw_picture import draw_picture
from tests.model.families.mask_rcnn.golden.make_weights import make_network, save_as_keras_2
from tests.model.families.mask_rcnn.goldens import DRAWN, Arrays


def answers_of(network: MaskRCNN, image: npt.NDArray[np.uint8]) -> Arrays:
    """What `Golden` says is recorded of a picture."""
    molded = mold(image, network.config)
    return {
        "image": image,
        "molded": molded.picture,
        "meta": _meta(molded, network.config),
        "window": np.array([molded.fit.window]),
        **_answers_of_stages(network, molded),
        **_answers_of_detect(network, image),
    }


def _meta(molded: Molded, config: Config) -> npt.NDArray[np.float64]:
    """Matterport's `compose_image_meta`: id, original shape, molded shape, window, scale, active classes."""
    width, height = molded.fit.size
    scale = scale_of(height, width, config)
    inactive = np.zeros(config.num_classes)
    return np.array([[0, height, width, 3, *molded.shape, 3, *molded.fit.window, scale, *inactive]])


def _answers_of_stages(network: MaskRCNN, molded: Molded) -> Arrays:
    config = network.config
    features, objectness, deltas = network.trunk(molded.picture)
    cells = np.asarray(features.cells)
    p2, p5 = cells[:, : 80 * 80].reshape(1, 80, 80, -1), cells[:, -10 * 10 :].reshape(1, 10, 10, -1)
    anchors = pyramid_anchors(config, *molded.shape)
    rois = propose(objectness[0], deltas[0], anchors, config, config.post_nms_rois_inference)[None]
    logits, _ = network.box_head(features, rois[:, :200])
    found, _ = infer(network, molded, config)
    first = found.boxes[None, :8]
    masks = [
        network.mask_head(features, first, np.full(first.shape[:2], class_id, np.int32))
        for class_id in range(config.num_classes)
    ]
    return {
        "p2": p2[:, ::4, ::4, ::8],
        "p5": p5[..., ::4],
        "p6": p5[:, ::2, ::2, ::4],
        "rpn_class": _softmax(np.stack([np.zeros_like(objectness), objectness], axis=-1))[:, ::7],
        "rpn_bbox": deltas[:, ::7],
        "rpn_rois": rois,
        "mrcnn_class": _softmax(logits),
        "mrcnn_mask": np.stack(masks, axis=-1).astype(np.float16),
        "detections": np.column_stack([found.boxes, found.class_ids, found.scores])[None].astype(np.float32),
    }


def _answers_of_detect(network: MaskRCNN, image: npt.NDArray[np.uint8]) -> Arrays:
    found = network.detect([image])[0]
    masks = found.pop("masks")
    return {**found, "masks": np.packbits(masks), "masks_shape": np.array(masks.shape)}


def _softmax(logits: npt.NDArray) -> npt.NDArray:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def main() -> None:
    """Write the files of `DRAWN`."""
    image = draw_picture()
    made = make_network(DRAWN.config, mold(image, DRAWN.config))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask_rcnn.h5"
        save_as_keras_2(made, path)
        (DRAWN.folder / DRAWN.weights).write_bytes(lzma.compress(path.read_bytes(), preset=9))
    (name,) = DRAWN.pictures
    answers = answers_of(DRAWN.network, image)  # as loaded from the file
    np.savez_compressed(DRAWN.folder / f"{name}.npz", **answers)


if __name__ == "__main__":
    main()
