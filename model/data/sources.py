"""Sources: where the bytes of a data set's picture are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from model.data.files import short


class Source(Protocol):
    """An image file, wherever it is kept."""

    @property
    def name(self) -> str:
        """For messages."""

    def open(self) -> IO[bytes]:
        """Its bytes; OSError if they cannot be had."""


@dataclass(frozen=True)
class PictureFile:
    """An image file on disk."""

    path: Path

    @property
    def name(self) -> str:
        return short(self.path)

    def open(self) -> IO[bytes]:
        return self.path.open("rb")
