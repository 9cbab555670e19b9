"""Sources: the locations of a data set's picture files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from model.data.files import short


class Source(Protocol):
    """An image file, on disk or inside another file."""

    @property
    def name(self) -> str:
        """The file's name, for messages."""

    def open(self) -> IO[bytes]:
        """The file's bytes; OSError if they cannot be read."""


@dataclass(frozen=True)
class PictureFile:
    """An image file on disk."""

    path: Path

    @property
    def name(self) -> str:
        return short(self.path)

    def open(self) -> IO[bytes]:
        return self.path.open("rb")
