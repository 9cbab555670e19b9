"""Published models: the weight files on the web from which `python -m model fetch` makes bundles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PublishedWeights:
    """A weight file on the web, and the content of its bundle's manifest."""

    name: str
    url: str
    size: int  # bytes
    family: str
    classes: list[str]
    config: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


PUBLISHED = {
    "coco": PublishedWeights(
        name="coco",
        url="https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5",
        size=257_557_808,
        family="mask_rcnn",
        classes=["background", *Path(__file__).with_name("coco.txt").read_text().splitlines()],
        about={
            "licence": "MIT",
            "source": "https://github.com/matterport/Mask_RCNN/releases/tag/v2.0",
            "description": "Everyday photos: people, animals, vehicles, food, furniture and more (COCO).",
        },
    )
}

FOR_PHOTOS = "coco"
"""The model to recommend for everyday photos."""
