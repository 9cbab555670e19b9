"""Sample and DataSet: what every data set, whatever its files, hands to training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt


class DataError(ValueError):
    """A data set's files are not as they must be; the message names the file."""


def no_boxes() -> npt.NDArray[np.int32]:
    """int32 (0, 4)."""
    return np.zeros((0, 4), np.int32)


def no_class_ids() -> npt.NDArray[np.int32]:
    """int32 (0,)."""
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Sample:
    """One image and the N objects that are really in it.

    Attributes:
        id: names the image within its data set.
        image: uint8 (H, W, 3), RGB.
        boxes: int32 (N, 4), x1 y1 x2 y2 in pixels, half-open, tight around the mask.
        class_ids: int32 (N,), index into the data set's classes; 0 is background and never occurs.
        masks: N arrays uint8 of 0 and 1, mask i of shape (y2 - y1, x2 - x1) of box i.
        kind: the sort of image it is ("fluorescence"), where the data says.
        crowd_boxes: int32 (M, 4), regions of many objects that nobody told apart (COCO's `iscrowd`).
            Training takes nothing there for background; evaluation counts nothing found inside one as false.
        crowd_class_ids: int32 (M,), what the crowds are crowds of.
        crowd_masks: M arrays uint8 of 0 and 1, as `masks`.
        unknown: uint8 (H, W) of 0 and 1: pixels of which nobody says what they are (VOC's 255), which count
            neither for nor against a class map; None where there are none.
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
    """See to it that the objects' class names, without the background, can be told apart.

    Raises:
        DataError: there is none, or one is empty, occurs twice or is "background"; `source` says where.
    """
    if not names:
        raise DataError(f"{source} name no class: name at least one kind of object")
    if not all(name.strip() for name in names):
        raise DataError(f"{source} have an empty class name: name every kind of object")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source} name {', '.join(twice)} more than once: give each class its own name")
    if "background" in map(str.casefold, names):
        raise DataError(f"{source} name 'background', which is never an object's class: take it out")


class DataSet(Protocol):
    """Images with their objects, read one at a time: nothing is decoded before it is asked for."""

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
