"""Checks that every family makes of what it is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.results.result import UnknownClass


def ids_of(names: Sequence[str], classes: Sequence[str]) -> set[int]:
    """The class ids of `names` among a model's `classes`, of which the first is the background.

    Raises:
        UnknownClass: the model does not know one of them; says which it knows.
    """
    known = list(classes[1:])
    for name in names:
        if name not in known:
            raise UnknownClass(f"there is no class {name!r}; there are: {', '.join(known)}")
    return {known.index(name) + 1 for name in names}


def check_copy(image: npt.NDArray[np.uint8], size: Size, enough: Size, model: str) -> None:
    """Raise ValueError unless `image` is a picture of `size`, or a copy of it with `enough` pixels."""
    height, width = image.shape[:2]
    if not (enough[0] <= width <= size[0] and enough[1] <= height <= size[1]):
        raise ValueError(
            f"a copy of a picture of {size[0]} x {size[1]} pixels has {enough[0]} x {enough[1]} of them at "
            f"least for the model {model}, not {width} x {height}"
        )
