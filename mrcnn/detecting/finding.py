"""Finding: the objects in molded pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.inference import infer, unmold
from mrcnn.config import Config
from mrcnn.detecting.molding import placed
from mrcnn.detecting.picture_meta import parse_image_meta
from mrcnn.detecting.stages import EngineChoice
from mrcnn.network.translating import typed

Answer = dict[str, npt.NDArray]
"""One image's objects: `rois` int32 (N, 4) y1 x1 y2 x2 in pixels, `class_ids` int32 (N,), `scores` float32
(N,), `masks` bool (H, W, N)."""


def find(
    engines: EngineChoice,
    config: Config,
    pictures: Floats,
    image_metas: npt.NDArray,
    windows: Sequence[Sequence[int]] | npt.NDArray,
    shapes: Sequence[tuple[int, ...]],
) -> list[Answer]:
    """The objects in each picture (B, h, w, channels).

    Args:
        engines: run the network.
        config: the settings.
        pictures: molded.
        image_metas: say where the image lies inside its padding; objects are cut to that.
        windows: y1 x1 y2 x2 of what the answer is about, in the picture.
        shapes: its height and width in the pixels of the answer.
    """
    settings = typed(config)
    answers = []
    rows = parse_image_meta(image_metas)["window"]
    for picture, inside, window, shape in zip(pictures, rows, windows, shapes, strict=True):
        found, masks = infer(engines.next(), placed(picture, shape, inside), settings)
        answers.append(unmold(placed(picture, shape, window), found, masks))
    return answers
