"""Samples with drawn objects, each of its own grey level, and the configuration of a tiny network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from model.data import Sample
from model.mrcnn import Config
from model.results.masks import from_label_map

TINY = Config(
    backbone="resnet_small",
    num_classes=2,
    top_down_pyramid_size=16,
    fpn_classif_fc_layers_size=16,
    rpn_width=16,
    mask_width=8,
    image_resize_mode="fit64",
    image_min_dim=64,
    image_max_dim=128,
    rpn_anchor_scales=(8, 16, 32, 64, 128),
    pre_nms_limit=200,
    post_nms_rois_training=50,
    post_nms_rois_inference=50,
    train_rois_per_image=12,
    max_gt_instances=8,
    detection_max_instances=10,
    detection_min_confidence=0.0,
)

# A foot to the right at the bottom: no turn or flip leaves it as it was.
BOOT = np.zeros((24, 16), np.uint8)
BOOT[:, :6] = 1
BOOT[18:, :] = 1


def grey_level_of(class_id: int) -> int:
    """What `sample_of` fills objects of this class with, so that pixels say whose they are."""
    return 20 + 10 * class_id


def sample_of(labels: np.ndarray, kind: str | None = None) -> Sample:
    """A sample in which object n of a label map is of class n; the background is black."""
    boxes, masks = from_label_map(labels.astype(np.uint16))
    class_ids = np.unique(labels[labels > 0]).astype(np.int32)
    grey = np.where(labels > 0, grey_level_of(labels), 0).astype(np.uint8)
    return Sample("drawn", np.repeat(grey[..., None], 3, axis=2), boxes, class_ids, masks, kind)


def labels_with(shape_hw: tuple[int, int], objects: Sequence[tuple[int, int, np.ndarray]]) -> np.ndarray:
    """A label map with masks at (y, x), numbered from 1."""
    labels = np.zeros(shape_hw, np.uint16)
    for number, (y, x, mask) in enumerate(objects, start=1):
        labels[y : y + mask.shape[0], x : x + mask.shape[1]][mask > 0] = number
    return labels


class Drawn:
    """Samples in memory; a DataSet."""

    def __init__(self, samples: Sequence[Sample], class_count: int = 2) -> None:
        self.samples = list(samples)
        self.classes = ["background", *(f"thing {index}" for index in range(1, class_count))]
        self.ids = [f"{index}" for index in range(len(samples))]
        self.kinds = [sample.kind for sample in samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def write_folder(folder: Path, discs_in_pictures: Sequence[int]) -> None:
    """images/ and labels/ of discs on a dark, noisy ground."""
    rng = np.random.default_rng(3)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number, discs in enumerate(discs_in_pictures):
        labels = np.zeros((80, 96), np.uint16)
        for disc in range(1, discs + 1):
            center = rng.integers(12, 68, 2).tolist()
            cv2.circle(labels, center, int(rng.integers(6, 12)), disc, -1)
        grey = np.where(labels > 0, 170, 30) + rng.integers(-15, 15, labels.shape)
        Image.fromarray(grey.astype(np.uint8)).save(folder / f"images/{number}.png")
        Image.fromarray(labels).save(folder / f"labels/{number}.png")
