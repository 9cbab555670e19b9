"""Pictures of drawn discs with a class for each pixel, as a folder of class maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

COLOURS = {1: (230, 60, 40), 2: (40, 70, 230)}


def write_class_maps(
    folder: Path,
    names: Sequence[str],
    count: int = 4,
    size: tuple[int, int] = (48, 40),
    *,
    unknown: bool = False,
) -> Path:
    """Write `count` pictures of `size` (width, height), each with one disc of every class; deterministic."""
    rng = np.random.default_rng(len(names))
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        image = np.full((size[1], size[0], 3), 128, np.uint8)
        class_map = np.zeros(size[::-1], np.uint8)
        for class_id in range(1, len(names) + 1):
            place = tuple(int(rng.integers(10, side - 10)) for side in size)
            cv2.circle(image, place, 8, COLOURS[class_id], -1)
            cv2.circle(class_map, place, 8, class_id, -1)
        if unknown:
            class_map[:4] = 255
        image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index}.png"), image[:, :, ::-1])
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), class_map)
    (folder / "classes.txt").write_text("\n".join(["background", *names]) + "\n")
    return folder
