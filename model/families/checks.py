"""Checks of a prediction's arguments that all families share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.results.result import UnknownClass


def ids_of(names: Sequence[str], classes: Sequence[str]) -> set[int]:
    """The class ids of `names`; the first of a model's `classes` is the background.

    Raises:
        UnknownClass: the model does not have one of the names; the message lists those it has.
    """
    known = list(classes[1:])
    for name in names:
        if name not in known:
            raise UnknownClass(f"there is no class {name!r}; there are: {', '.join(known)}")
    return {known.index(name) + 1 for name in names}


def check_copy(image: npt.NDArray[np.uint8], size: Size, enough: Size, model: str) -> None:
    """Raise ValueError unless `image` has a size from `enough` to `size`: the picture or a reduced copy."""
    height, width = image.shape[:2]
    if not (enough[0] <= width <= size[0] and enough[1] <= height <= size[1]):
        raise ValueError(
            f"the image has {width} x {height} pixels: the model {model} needs the picture of {size[0]} x "
            f"{size[1]}, or a copy of at least {enough[0]} x {enough[1]}"
        )
