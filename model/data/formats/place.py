"""Place: a folder or file that may hold a data set, looked at once for all formats."""

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
"""Of a folder's JSONs, to tell its format; each of LabelMe's may hold a whole picture."""


class Place:
    """A path, and what formats ask of it.

    Attributes:
        path: the folder, or the file that describes the data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._documents: dict[Path, Any] = {}

    @classmethod
    def at(cls, place: Place | str | Path) -> Place:
        """The place at a path; a place stays itself, with what it has read."""
        return place if isinstance(place, Place) else cls(Path(place))

    def has_folders(self, *names: str) -> bool:
        return all((self.path / name).is_dir() for name in names)

    @cached_property
    def jsons(self) -> list[Path]:
        """The files that may describe the data: the path itself; or in annotations/ by COCO's naming, at the
        folder's top, or in the folders where tools put them.
        """
        if not self.path.is_dir():
            return [self.path]
        patterns = ("annotations/instances*.json", "*.json", "annotations/*.json", "labels/*.json")
        for pattern in patterns:
            files = sorted(file for file in self.path.glob(pattern) if not is_left_by_system(file))
            # A kind.json belongs to folders of label maps and describes nothing by itself.
            if files := [file for file in files if file.name != "kind.json"]:
                return files
        return []

    def document(self, path: Path) -> Any:
        """The content of a JSON; kept, since one of COCO takes seconds to read.

        Raises:
            DataError: it is not JSON.
        """
        if path not in self._documents:
            try:
                self._documents[path] = json.loads(path.read_bytes())
            except (OSError, ValueError) as error:
                raise DataError(f"{path} cannot be read as JSON: {reason(error)}") from error
        return self._documents[path]

    def of_kind(self, is_one: Callable[[Any], bool]) -> list[Path]:
        """Those of the first JSONs that a format knows as its own."""
        return [path for path, document in self._first() if is_one(document)]

    def the_one(self, files: Sequence[Path], name: str) -> Path:
        """The only one of the JSONs of a format that keeps all pictures in one.

        Raises:
            DataError: there are several, or none.
        """
        if len(files) == 1:
            return files[0]
        if not files:
            raise DataError(
                f"{self.path} holds no {name} JSON, in annotations/instances*.json or beside the images"
            )
        names = ", ".join(str(file.relative_to(self.path)) for file in files)
        raise DataError(f"{self.path} holds {len(files)} {name} JSONs: name one of {names}")

    def _first(self) -> Iterator[tuple[Path, Any]]:
        for path in self.jsons[:JSONS_LOOKED_AT]:
            if path.suffix.lower() != ".json":
                continue
            try:
                yield path, self.document(path)
            except DataError:
                continue
