"""Goldens: weight files in Matterport's layout, and what was computed with each of some pictures."""

from __future__ import annotations

import functools
import lzma
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.mrcnn import Config, MaskRCNN

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Golden:
    """One weight file with its settings.

    Attributes:
        folder: where its files are.
        weights: the weight file's name, packed by xz.
        pictures: names of the `.npz` files, without the suffix. Each has, for one picture:
            `image` uint8 (H, W, 3); `molded` float32 (1, 320, 320, 3), `meta` and `window`, of the picture
            that the network saw; `p2` `[:, ::4, ::4, ::8]`, `p5` and `p6` `[..., ::4]`; of every 7th anchor
            `rpn_class` (background, object) and `rpn_bbox`; `rpn_rois`; of the first 200 RoIs `mrcnn_class`;
            `detections` (1, N, 6), normalised y1 x1 y2 x2, class and score; of the first 8 `mrcnn_mask` for
            every class; what `detect` answers: `rois`, `class_ids`, `scores`, `masks` (packed bits) and
            `masks_shape`.
        config: what they were computed with.
    """

    folder: Path
    weights: str
    pictures: tuple[str, ...]
    config: Config

    def unpack(self, path: Path) -> None:
        """Write the weight file as people have it."""
        with lzma.open(self.folder / self.weights) as packed, path.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)

    @functools.cached_property
    def network(self) -> MaskRCNN:
        """The network with these weights; shared, so that no test may change them."""
        network = MaskRCNN(self.config)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mask_rcnn.h5"
            self.unpack(path)
            network.load_weights(path)
        return network

    def recorded(self, picture: str) -> Arrays:
        """What was computed of a picture."""
        with np.load(self.folder / f"{picture}.npz") as stored:
            return dict(stored)


MATTERPORT = Golden(
    folder=Path(__file__).resolve().parents[5] / "shared" / "golden",
    weights="matterport_resnet50.h5.xz",
    pictures=(
        "resnet50_2383514521_1fc8d7b0de_z",
        "resnet50_8829708882_48f263491e_z",
        "resnet50_9247489789_132c0d534a_z",
    ),
    config=Config(
        backbone="resnet50",
        num_classes=81,
        image_min_dim=240,
        image_max_dim=320,
        detection_min_confidence=0.0,
    ),
)
"""What Matterport's library wrote and computed: too large for the repository."""

DRAWN = Golden(
    folder=Path(__file__).parent / "golden",
    weights="narrow_resnet50.h5.xz",
    pictures=("drawn",),
    config=Config(
        backbone="resnet50",
        num_classes=5,
        top_down_pyramid_size=16,
        fpn_classif_fc_layers_size=32,
        rpn_width=16,
        mask_width=8,
        image_min_dim=240,
        image_max_dim=320,
    ),
)
"""What `golden/record.py` made, with the code that answered as Matterport's library does."""
