"""Place: a folder or file that may be a data set, read once for all formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from model.data.files import is_left_by_system
from model.data.sample import DataError
from model.files.system_errors import reason

JSONS_LOOKED_AT = 5
"""JSONs of a folder read to recognise its format. Few, since each of LabelMe's may contain a picture."""


class Place:
    """A path, with cached content for recognising formats.

    Attributes:
        path: the folder, or the file that describes the data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._documents: dict[Path, Any] = {}

    @classmethod
    def at(cls, place: Place | str | Path) -> Place:
        """The place at a path; a Place is returned as it is, with its cache."""
        return place if isinstance(place, Place) else cls(Path(place))

    def has_folders(self, *names: str) -> bool:
        return all((self.path / name).is_dir() for name in names)

    @cached_property
    def jsons(self) -> list[Path]:
        """The files that may describe the data: the path itself if it is a file; else the JSONs of the first
        of these that has any: annotations/ (with COCO's file names), the folder, annotations/, labels/.
        """
        if not self.path.is_dir():
            return [self.path]
        patterns = ("annotations/instances*.json", "*.json", "annotations/*.json", "labels/*.json")
        for pattern in patterns:
            files = sorted(file for file in self.path.glob(pattern) if not is_left_by_system(file))
            # A kind.json belongs to folders of label maps and does not describe a data set.
            if files := [file for file in files if file.name != "kind.json"]:
                return files
        return []

    def document(self, path: Path) -> Any:
        """The content of a JSON; cached, since COCO's take seconds to read.

        Raises:
            DataError: the file is not JSON.
        """
        if path not in self._documents:
            try:
                self._documents[path] = json.loads(path.read_bytes())
            except (OSError, ValueError) as error:
                raise DataError(f"{path} cannot be read as JSON: {reason(error)}") from error
        return self._documents[path]

    def of_kind(self, is_one: Callable[[Any], bool]) -> list[Path]:
        """Those of the first JSONs whose content `is_one` accepts."""
        return [path for path, document in self._first() if is_one(document)]

    def the_one(self, files: Sequence[Path], name: str) -> Path:
        """The only JSON in `files`, for a format with one JSON for all pictures.

        Raises:
            DataError: there is none, or more than one.
        """
        if len(files) == 1:
            return files[0]
        if not files:
            raise DataError(
                f"{self.path} has no {name} JSON in annotations/instances*.json or next to the images"
            )
        names = ", ".join(str(file.relative_to(self.path)) for file in files)
        raise DataError(f"{self.path} has {len(files)} {name} JSONs: name one of {names}")

    def _first(self) -> Iterator[tuple[Path, Any]]:
        for path in self.jsons[:JSONS_LOOKED_AT]:
            if path.suffix.lower() != ".json":
                continue
            try:
                yield path, self.document(path)
            except DataError:
                continue
