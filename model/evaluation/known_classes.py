"""KnownClasses: a data set with the class ids of a model, which may have more classes or another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.data import DataError, DataSet, Sample


class KnownClasses:
    """The samples of `data` with the class ids of a model; itself a DataSet.

    Attributes:
        classes: the model's class names, the background first.
        asked: names of the classes to request from the model; None: all.
    """

    def __init__(self, data: DataSet, classes: Sequence[str], wanted: Sequence[str] | None = None) -> None:
        """Check that the model has the classes of the data.

        Args:
            data: the images and their true objects.
            classes: the model's class names, the background first.
            wanted: names of the classes to compare; objects of others are left out. None: all classes of the
                data.

        Raises:
            DataError: the model or the data lacks one of the classes; the message lists the classes.
        """
        there = data.classes[1:]
        for name in wanted or ():
            if name not in there:
                raise DataError(
                    f"--classes names {name}, which the data does not have: choose from {', '.join(there)}"
                )
        chosen = there if wanted is None else list(wanted)
        unknown = [name for name in chosen if name not in classes[1:]]
        if unknown:
            common = [name for name in chosen if name not in unknown]
            remedy = f", or compare only some: --classes {','.join(common)}" if common else ""
            raise DataError(
                f"the model has the classes {', '.join(classes[1:])}, the data {', '.join(there)}: use the "
                f"same names in both{remedy}"
            )
        self.classes = list(classes)
        self.asked = None if set(chosen) == set(classes[1:]) else [n for n in classes[1:] if n in chosen]
        self._data = data
        self._id_of = np.array(
            [classes.index(name) if name in chosen else 0 for name in data.classes], np.int32
        )

    @property
    def ids(self) -> list[str]:
        return self._data.ids

    @property
    def kinds(self) -> list[str | None]:
        return self._data.kinds

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Sample:
        sample = self._data[index]
        boxes, class_ids, masks = self._known(sample.boxes, sample.class_ids, sample.masks)
        crowds = self._known(sample.crowd_boxes, sample.crowd_class_ids, sample.crowd_masks)
        return Sample(
            sample.id, sample.image, boxes, class_ids, masks, sample.kind, *crowds, unknown=sample.unknown
        )

    def _known(
        self,
        boxes: npt.NDArray[np.int32],
        class_ids: npt.NDArray[np.int32],
        masks: Sequence[npt.NDArray[np.uint8]],
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], list[npt.NDArray[np.uint8]]]:
        """The boxes, class ids and masks of the compared classes, with the model's ids."""
        ids = self._id_of[class_ids]
        kept = np.flatnonzero(ids)
        return boxes[kept], ids[kept], [masks[index] for index in kept.tolist()]
