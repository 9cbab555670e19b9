"""The picture of the golden that ships: shapes with hard edges, slow gradients, and fine stripes.

It is 1.8 times as large as what the network sees, so that a resize with anti-aliasing shows. Its sides are
odd, so that the padding above and below differs.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 577, 423


def draw_picture() -> npt.NDArray[np.uint8]:
    """uint8 (423, 577, 3), RGB; the same each time."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ground = np.stack([40 + rows // 4, 90 - columns // 8, 30 + (rows + columns) // 8], axis=2)
    picture = ground.astype(np.uint8)
    rng = np.random.default_rng(7)
    for number in range(32):
        x, y = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        size = int(rng.integers(10, 76))
        colour = rng.integers(0, 256, 3).tolist()
        if number % 3 == 0:
            cv2.circle(picture, (x, y), size // 2, colour, -1)
        elif number % 3 == 1:
            cv2.rectangle(picture, (x, y), (x + size, y + int(rng.integers(10, 76))), colour, -1)
        else:
            angle = float(rng.integers(180))
            cv2.ellipse(picture, (x, y), (size, size // 3 + 2), angle, 0, 360, colour, -1)
    stripes = (columns // 2 + rows // 3) % 2 == 1
    for x, y in ((70, 50), (380, 270)):
        cut = (slice(y, y + 80), slice(x, x + 120))
        picture[cut][stripes[cut]] = (235, 225, 200)
    return picture
