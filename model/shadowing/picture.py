"""Picture: a picture with the answer that it got, as it is passed to the process of a shadow."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.results.result import Result, Wishes


@dataclass(frozen=True)
class AnsweredPicture:
    """A picture with its answer.

    Attributes:
        image: uint8 (H, W, 3), RGB; may be a reduced copy.
        wishes: the options of the request.
        result: what was answered, in pixels of the whole picture.
        classes: the class names by class id of the model that answered.
    """

    image: npt.NDArray[np.uint8]
    wishes: Wishes
    result: Result
    classes: Sequence[str]

    @property
    def size(self) -> int:
        """The bytes of memory that it takes: for its pixels, masks and class map."""
        masks = sum(mask.nbytes for mask in self.result.segments.masks)
        class_map = self.result.class_map
        return self.image.nbytes + masks + (class_map.labels.nbytes if class_map else 0)

    def packed(self) -> bytes:
        """Return it as bytes, for `unpacked`."""
        class_map = self.result.class_map and replace(self.result.class_map, probability=None)
        lean = replace(
            self,
            wishes=replace(self.wishes, probability_of=None),
            result=replace(self.result, class_map=class_map),
        )
        return pickle.dumps(lean, protocol=pickle.HIGHEST_PROTOCOL)


def unpacked(packed: bytes) -> AnsweredPicture:
    """Return the picture in `packed`, which must come from a trusted process."""
    picture: AnsweredPicture = pickle.loads(packed)
    return picture
