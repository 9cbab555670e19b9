"""Translating: the library's settings as a `Config` of this project, which checks them."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from model.families.mask_rcnn.config import LOSSES
from model.families.mask_rcnn.config import Config as Typed
from mrcnn.config import Config

FIELDS = tuple(field.name for field in dataclasses.fields(Typed))


def typed(config: Config) -> Typed:
    """The settings that define the network, its detections and its targets.

    Every field of `Typed` whose name in capitals is an attribute of `config` gets that value. So a subclass
    may also set what the library has fixed, such as RPN_WIDTH.

    Raises:
        ValueError: a value is impossible; the message has the library's names.
    """
    values = {name: getattr(config, name.upper()) for name in FIELDS if hasattr(config, name.upper())}
    values["mean_pixel"] = _mean_pixel(config)
    values["train_bn"] = config.TRAIN_BN is not False  # None: as in Keras, learned in training only
    values["loss_weights"] = {**dict.fromkeys(LOSSES, 1.0), **config.LOSS_WEIGHTS}
    if callable(config.BACKBONE):
        del values["backbone"]  # `building` passes it to the network
    try:
        return Typed(**values)
    except ValueError as error:
        raise ValueError(_in_capitals(str(error))) from None


def _mean_pixel(config: Config) -> tuple[float, ...]:
    """A grey level for each channel; a single one counts for all."""
    levels: Any = np.asarray(config.MEAN_PIXEL, float).reshape(-1)
    channels = int(config.IMAGE_CHANNEL_COUNT)
    if len(levels) not in (1, channels):
        raise ValueError(
            f"MEAN_PIXEL has {len(levels)} values, but IMAGE_CHANNEL_COUNT is {channels}: give one for each "
            "channel"
        )
    return tuple(np.broadcast_to(levels, channels).tolist())


def _in_capitals(message: str) -> str:
    names = "|".join(sorted(FIELDS, key=len, reverse=True))
    return re.sub(rf"\b({names})\b", lambda found: found[0].upper(), message)
