"""Any pictures: opens labelled data or a plain folder of pictures, for uses that need no labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.data import DataSet, PictureFolder, Reading, Sample, check_data, is_data, open_data, open_data_for
from model.data.classified import ClassifiedFolder, is_classified, open_classified


def open_any_pictures(path: Path, reading: Reading, classes: Sequence[str] | None = None) -> DataSet:
    """The pictures at `path`, with objects if they are labelled.

    Args:
        path: labelled data, or a folder of pictures.
        reading: how to read labelled data.
        classes: the classes that labelled data must have; None: any.

    Raises:
        DataError: there are no pictures, or their labels cannot be read.
    """
    if is_classified(path):
        return _OfClasses(open_classified(path))
    if path.is_dir() and not is_data(path):
        return PictureFolder(path, list(classes or ()))
    data = open_data(path, reading) if classes is None else open_data_for(path, list(classes), reading)
    check_data(data)
    return data


class _OfClasses:
    """The pictures of class folders, as a data set without objects."""

    kinds: list[str | None]

    def __init__(self, data: ClassifiedFolder) -> None:
        self._data = data
        self.classes, self.ids, self.kinds = data.classes, data.ids, [None] * len(data)

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Sample:
        picture = self._data[index]
        return Sample(picture.id, picture.image, np.zeros((0, 4), np.int32), np.zeros(0, np.int32), [])
