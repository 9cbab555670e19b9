"""A data set of drawn discs, and the settings of a network small enough to train in seconds."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mrcnn.config import Config
from mrcnn.utils import Dataset

SIDE = 64


class DiscsConfig(Config):
    NAME = "Discs"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    BACKBONE = "resnet_small"
    NUM_CLASSES = 3
    FPN_CLASSIF_FC_LAYERS_SIZE = 16
    TOP_DOWN_PYRAMID_SIZE = 16
    RPN_WIDTH = 16  # these two are fixed in the library
    MASK_WIDTH = 8
    IMAGE_MIN_DIM = SIDE
    IMAGE_MAX_DIM = SIDE
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_BN = None  # random weights
    MAX_GT_INSTANCES = 6
    TRAIN_ROIS_PER_IMAGE = 12
    PRE_NMS_LIMIT = 200
    POST_NMS_ROIS_TRAINING = 50
    POST_NMS_ROIS_INFERENCE = 50
    DETECTION_MAX_INSTANCES = 10
    DETECTION_MIN_CONFIDENCE = 0


class ToDetect(DiscsConfig):
    IMAGES_PER_GPU = 1


class Discs(Dataset):
    """Bright and dark discs on grey, two classes."""

    def draw(self, count: int, shape: tuple[int, int] = (SIDE, SIDE), channels: int = 3) -> None:
        self.add_class("discs", 1, "bright")
        self.add_class("discs", 2, "dark")
        for number in range(count):
            self.add_image("discs", number, path=None, shape=shape, channels=channels)
        self.prepare()

    def load_image(self, image_id: int) -> npt.NDArray[np.uint8]:
        info = self.image_info[image_id]
        image = np.full((*info["shape"], info["channels"]), 128, np.uint8)
        mask, class_ids = self.load_mask(image_id)
        for index, class_id in enumerate(class_ids):
            image[mask[:, :, index]] = 230 if class_id == 1 else 30
        return image

    def load_mask(self, image_id: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
        height, width = self.image_info[image_id]["shape"]
        rng = np.random.default_rng(image_id)
        masks = []
        for third in (1, 2):  # apart, so that none hides another
            mask = np.zeros((height, width), np.uint8)
            center = (int(third * width / 3), int(rng.integers(height // 4, 3 * height // 4)))
            cv2.circle(mask, center, int(rng.integers(6, 10)), 1, -1)
            masks.append(mask.astype(bool))
        return np.stack(masks, axis=-1), rng.permutation([1, 2]).astype(np.int32)


def discs(count: int = 4, **how: object) -> Discs:
    dataset = Discs()
    dataset.draw(count, **how)
    return dataset
