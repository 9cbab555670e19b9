"""The sample: a small picture for the self-test of every model, which shows what most models are made for."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.storage.manifest import SHIPPED

SIDE = 256  # pixels


def sample_picture() -> npt.NDArray[np.uint8]:
    """Return uint8 (256, 512, 3), RGB: cell nuclei beside a portrait, from the self-tests of shipped models.

    Raises:
        FileNotFoundError: a self-test is missing.
    """
    nuclei, portrait = (_self_test_image(name) for name in ("nuclei", "people"))
    scaled = cv2.resize(portrait, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.hstack([nuclei[:SIDE, :SIDE], np.asarray(scaled, np.uint8)])


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
