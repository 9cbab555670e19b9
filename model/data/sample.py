"""Sample and DataSet: the interface of all data sets, used by training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt


class DataError(ValueError):
    """A data set's files are invalid; the message names the file."""


def no_boxes() -> npt.NDArray[np.int32]:
    """int32 (0, 4)."""
    return np.zeros((0, 4), np.int32)


def no_class_ids() -> npt.NDArray[np.int32]:
    """int32 (0,)."""
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Sample:
    """One image and its N true objects.

    Attributes:
        id: identifies the image within its data set.
        image: uint8 (H, W, 3), RGB.
        boxes: int32 (N, 4), x1 y1 x2 y2 in pixels, half-open, tight around the mask.
        class_ids: int32 (N,), index into the data set's classes; 0 is background and never occurs.
        masks: N arrays uint8 of 0 and 1, mask i of shape (y2 - y1, x2 - x1) of box i.
        kind: the kind of the image ("fluorescence"), if the data have it.
        crowd_boxes: int32 (M, 4), regions of many objects that are not annotated singly (COCO's `iscrowd`).
            Training does not use them as background; evaluation does not count predictions inside as false.
        crowd_class_ids: int32 (M,), the classes of the crowds.
        crowd_masks: M arrays uint8 of 0 and 1, as `masks`.
        unknown: uint8 (H, W) of 0 and 1: pixels without a known class (VOC's 255), which evaluation of class
            maps ignores; None if there are none.
    """

    id: str
    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    masks: Sequence[npt.NDArray[np.uint8]]
    kind: str | None = None
    crowd_boxes: npt.NDArray[np.int32] = field(default_factory=no_boxes)
    crowd_class_ids: npt.NDArray[np.int32] = field(default_factory=no_class_ids)
    crowd_masks: Sequence[npt.NDArray[np.uint8]] = ()
    unknown: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


def check_classes(names: Sequence[str], source: str) -> None:
    """Check the objects' class names, without the background.

    Raises:
        DataError: there is no name, or one is empty, occurs twice or is "background"; the message starts
            with `source`.
    """
    if not names:
        raise DataError(f"{source} have no class: name at least one")
    if not all(name.strip() for name in names):
        raise DataError(f"{source} have an empty class name: name every class")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source} have {', '.join(twice)} more than once: give each class a unique name")
    if "background" in map(str.casefold, names):
        raise DataError(f"{source} have the class 'background', which no object can have: remove it")


class DataSet(Protocol):
    """Images with their objects. Each is decoded when it is accessed."""

    @property
    def classes(self) -> list[str]:
        """Class names by class id; the first is "background"."""

    @property
    def ids(self) -> list[str]:
        """The samples' ids, in order."""

    @property
    def kinds(self) -> list[str | None]:
        """The samples' kinds, in order."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
