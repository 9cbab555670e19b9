"""Building: the network of the library's settings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from keras import KerasTensor

from model.families.mask_rcnn.network import MaskRCNN as Network
from mrcnn.config import Config
from mrcnn.network.translating import typed


def network_of(config: Config) -> Network:
    """The network, with random weights. A BACKBONE that is a function is called to build its part.

    Raises:
        ValueError: a setting is impossible; the message says what would be right.
    """
    values = typed(config)
    if not callable(config.BACKBONE):
        return Network(values)
    build = config.BACKBONE

    def backbone(_: str, picture: KerasTensor, train_bn: bool) -> list[KerasTensor]:
        stages = build(picture, stage5=True, train_bn=None if train_bn else False)
        if len(stages) != 5:
            raise ValueError(f"BACKBONE returned {len(stages)} tensors: it must return five, C1 to C5")
        return list(stages[1:])

    return Network(values, backbone)


def compute_backbone_shapes(config: Config, image_shape: Sequence[int]) -> npt.NDArray[np.int_]:
    """Height and width of each pyramid level, (levels, 2), for a picture of that shape.

    Raises:
        ValueError: COMPUTE_BACKBONE_SHAPE gives others than a backbone with BACKBONE_STRIDES.
    """
    sides = [[math.ceil(side / stride) for side in image_shape[:2]] for stride in config.BACKBONE_STRIDES]
    shapes = np.array(sides)
    if not callable(config.BACKBONE):
        return shapes
    if config.COMPUTE_BACKBONE_SHAPE is None:
        raise ValueError(
            "BACKBONE is a function: set COMPUTE_BACKBONE_SHAPE to the function that goes with it"
        )
    own = np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    if not np.array_equal(own, shapes):
        raise ValueError(
            f"COMPUTE_BACKBONE_SHAPE gives {own.tolist()} for a picture of {tuple(image_shape[:2])}, but "
            f"BACKBONE_STRIDES {list(config.BACKBONE_STRIDES)} means {shapes.tolist()}: only backbones with "
            "these strides are supported"
        )
    return shapes
