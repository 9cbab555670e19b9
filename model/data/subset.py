"""A few samples of a data set, spread over the whole of it."""

from __future__ import annotations

import numpy as np

from model.data.sample import DataSet, Sample


class EvenlySpaced:
    """At most `count` samples of `data`, at equal distances; itself a DataSet."""

    def __init__(self, data: DataSet, count: int) -> None:
        self._data = data
        spread = np.linspace(0, len(data) - 1, min(count, len(data)))
        self._indices = [int(index) for index in spread.round()]

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
