"""The sample: a small picture for every model's first self-test, with what models are mostly made for."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.storage.manifest import SHIPPED

SIDE = 256  # pixels, the usual height
LEAST_SIDE = 64


def sample_picture(side: int = SIDE) -> npt.NDArray[np.uint8]:
    """uint8 (side, 2 · side, 3), RGB: cell nuclei beside a portrait, the self-tests of the models that ship.

    Args:
        side: in pixels, at most `SIDE`: of the nuclei so many are cut out, the portrait is scaled.

    Raises:
        FileNotFoundError: they are not there.
    """
    nuclei, portrait = (_self_test_image(name) for name in ("nuclei", "people"))
    scaled = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.hstack([nuclei[:side, :side], np.asarray(scaled, np.uint8)])


def _self_test_image(name: str) -> npt.NDArray[np.uint8]:
    path = SHIPPED / name / "selftest.npz"
    if not path.exists():
        raise FileNotFoundError(
            f"model/bundles/{name}/selftest.npz is missing, a part of the sample picture: name a picture of "
            "your own, --sample IMAGE"
        )
    with np.load(path) as recorded:
        image: npt.NDArray[np.uint8] = recorded["image"]
    return image
