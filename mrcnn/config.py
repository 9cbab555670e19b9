"""Config: the settings of a Mask R-CNN under Matterport's names, for subclasses to override."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt


class Config:
    """Settings as class attributes. Subclass it, override what differs, and make an instance.

    The values derived from others, `BATCH_SIZE`, `IMAGE_SHAPE` and `IMAGE_META_SIZE`, are computed when the
    instance is made, as in the library: an attribute changed afterwards leaves them as they are.
    """

    NAME: str | None = None
    """Of the experiment; begins the names of its log folder and weight files."""

    # Amount of work
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 1000
    VALIDATION_STEPS = 50

    # Network
    BACKBONE: str | Callable[..., Any] = "resnet101"
    """One of "resnet50", "resnet101", or a function with the arguments of `mrcnn.model.resnet_graph`."""
    COMPUTE_BACKBONE_SHAPE: Callable[..., Any] | None = None
    """Goes with a BACKBONE that is a function: takes an image shape, returns the shape of each level."""
    BACKBONE_STRIDES: ClassVar[list[int]] = [4, 8, 16, 32, 64]
    """Pixels between the cells of each pyramid level."""
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    TOP_DOWN_PYRAMID_SIZE = 256
    NUM_CLASSES = 1
    """Including the background."""
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    MASK_SHAPE: ClassVar[list[int]] = [28, 28]
    TRAIN_BN: bool | None = False
    """False freezes the batch normalization; None and True train it, and detection uses its averages."""

    # Anchors and proposals
    RPN_ANCHOR_SCALES: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Side of a square anchor in pixels, for each level."""
    RPN_ANCHOR_RATIOS: ClassVar[list[float]] = [0.5, 1, 2]
    """Width by height."""
    RPN_ANCHOR_STRIDE = 1
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    RPN_BBOX_STD_DEV: npt.NDArray[np.float64] = np.array([0.1, 0.1, 0.2, 0.2])
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    # Images
    IMAGE_RESIZE_MODE = "square"
    """One of "square", "pad64", "crop", "none": see `mrcnn.utils.resize_image`."""
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE: float = 0
    """Lowest scale; 0: no lower limit. In mode "square", IMAGE_MAX_DIM takes precedence."""
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL: npt.NDArray[np.float64] = np.array([123.7, 116.8, 103.9])
    """Grey level that is subtracted from each channel; RGB."""

    # Targets of training
    USE_MINI_MASK = True
    """Train on masks cut to their boxes and resized to MINI_MASK_SHAPE, which takes far less memory."""
    MINI_MASK_SHAPE: tuple[int, int] = (56, 56)
    """Height, width."""
    MAX_GT_INSTANCES = 100
    USE_RPN_ROIS = True
    """False: train the heads on proposals that the data generator makes rather than on the RPN's."""
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    BBOX_STD_DEV: npt.NDArray[np.float64] = np.array([0.1, 0.1, 0.2, 0.2])

    # Detections
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3

    # Optimization
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    GRADIENT_CLIP_NORM = 5.0
    LOSS_WEIGHTS: ClassVar[dict[str, float]] = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }

    # Derived
    BATCH_SIZE: int
    IMAGE_SHAPE: npt.NDArray[np.int_]
    """Height, width, channels of the network's input."""
    IMAGE_META_SIZE: int
    """Numbers that `mrcnn.model.compose_image_meta` gives."""

    def __init__(self) -> None:
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        # image id, shape before, shape after, window, scale, and one flag a class
        self.IMAGE_META_SIZE = 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES

    def to_dict(self) -> dict[str, Any]:
        """Every setting with its value, sorted by name."""
        public = (name for name in sorted(dir(self)) if not name.startswith("_"))
        values = {name: getattr(self, name) for name in public}
        return {name: value for name, value in values.items() if name.isupper() or not callable(value)}

    def display(self) -> None:
        """Print every setting, one a line."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print("\n")
