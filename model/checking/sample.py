"""The sample: a small picture for the self-test of every model, which shows what most models are made for."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.storage.manifest import SHIPPED

SIDE = 256  # pixels, the usual height
LEAST_SIDE = 64


def sample_picture(side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Return uint8 (side, 2 · side, 3), RGB: cell nuclei beside a portrait, from the shipped self-tests.

    Args:
        side: the height in pixels, at most `SIDE`. The nuclei are cropped to it, the portrait is scaled.

    Raises:
        FileNotFoundError: a self-test is missing.
    """
    nuclei, portrait = (_self_test_image(name) for name in ("nuclei", "people"))
    scaled = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.hstack([nuclei[:side, :side], np.asarray(scaled, np.uint8)])


def _self_test_image(name: str) -> npt.NDArray[np.uint8]:
    path = SHIPPED / name / "selftest.npz"
    if not path.exists():
        raise FileNotFoundError(
            f"model/bundles/{name}/selftest.npz, which contains part of the sample picture, is missing: give "
            "a picture of your own with --sample IMAGE"
        )
    with np.load(path) as recorded:
        image: npt.NDArray[np.uint8] = recorded["image"]
    return image
