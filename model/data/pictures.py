"""Pictures without labels, as a data set in which nothing is known to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.data.files import is_left_by_system
from model.data.sample import DataError, Sample
from model.files.system_errors import reason
from model.pictures import read

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".gif")


class PictureFolder:
    """The image files of a folder, by name; for what needs pictures and no truth, such as calibration.

    Raises:
        DataError: there is no picture in the folder.
    """

    kinds: list[str | None]

    def __init__(self, folder: Path, classes: list[str]) -> None:
        self.classes = classes
        files = (path for path in folder.iterdir() if not is_left_by_system(path))
        self._paths = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
        if not self._paths:
            raise DataError(f"{folder} holds no pictures: expected {', '.join(SUFFIXES)}")
        self.ids = [path.stem for path in self._paths]
        self.kinds = [None] * len(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Sample:
        """The picture; DataError if it cannot be read."""
        path = self._paths[index]
        try:
            image = read(path)
        except (ValueError, OSError) as error:
            raise DataError(f"{path}: {reason(error)}") from None
        return Sample(self.ids[index], image, np.zeros((0, 4), np.int32), np.zeros(0, np.int32), [])
