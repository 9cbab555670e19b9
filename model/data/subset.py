"""Subset: some of the samples of a data set, as a DataSet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.data.sample import DataSet, Sample


class Subset:
    """The samples of `data` at these indices."""

    def __init__(self, data: DataSet, indices: Sequence[int]) -> None:
        self._data = data
        self._indices = indices

    @property
    def classes(self) -> list[str]:
        return self._data.classes

    @property
    def ids(self) -> list[str]:
        return [self._data.ids[index] for index in self._indices]

    @property
    def kinds(self) -> list[str | None]:
        return [self._data.kinds[index] for index in self._indices]

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._data[self._indices[index]]


def evenly_spaced(data: DataSet, count: int) -> Subset:
    """At most `count` samples, evenly spaced."""
    spread = np.linspace(0, len(data) - 1, min(count, len(data)))
    return Subset(data, [int(index) for index in spread.round()])
