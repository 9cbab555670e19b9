"""Pictures of three colours, a class each, and a network of one block that learns them in a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 70), "red": (210, 50, 40)}
TINY: dict[str, Any] = {"network": "mobilenet", "size": 32, "blocks": 1}


def write_classes(folder: Path, pictures: int, seed: int = 0) -> None:
    """A folder for each colour, with noisy pictures of it."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(pictures):
            noise = rng.normal(0, 25, (40, 30, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
