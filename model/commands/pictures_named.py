"""Pictures named on the command line: files, folders, and `-` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.pictures import SUFFIXES

STANDARD = Path("-")
"""Standard input or output on the command line."""


@dataclass(frozen=True)
class NamedPicture:
    """A picture to read.

    Attributes:
        path: the path of its file; None: standard input.
        stem: the path of its answer relative to the output folder, without suffix.
    """

    path: Path | None
    stem: Path

    def read(self) -> bytes:
        """The whole file. Raises OSError."""
        return sys.stdin.buffer.read() if self.path is None else self.path.read_bytes()

    def __str__(self) -> str:
        return "standard input" if self.path is None else str(self.path)


def pictures_named(words: Sequence[Path], out: Path | None) -> list[NamedPicture]:
    """The pictures that the words name, each once.

    A folder stands for all pictures in it and its subfolders; their answers are in the same subfolders.
    Hidden files, other files and the folder `out` are ignored.

    Raises:
        ValueError: a folder has no pictures.
    """
    pictures: dict[Path | None, NamedPicture] = {}
    for word in words:
        if word == STANDARD:
            pictures.setdefault(None, NamedPicture(None, Path("stdin")))
        elif word.is_dir():
            for path in _pictures_in(word, out):
                stem = path.relative_to(word).with_name(path.stem)
                pictures.setdefault(path.resolve(), NamedPicture(path, stem))
        else:
            pictures.setdefault(word.resolve(), NamedPicture(word, Path(word.stem)))
    return list(pictures.values())


def _pictures_in(folder: Path, out: Path | None) -> Iterator[Path]:
    answers = None if out is None or out.resolve() == folder.resolve() else out.resolve()
    found = False
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in within.parts)
        is_answer = answers is not None and path.resolve().is_relative_to(answers)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not is_hidden and not is_answer:
            found = True
            yield path
    if not found:
        raise ValueError(f"the folder {folder} has no pictures: expected files in {', '.join(SUFFIXES)}")
