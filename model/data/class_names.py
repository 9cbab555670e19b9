"""Class names: reads a text file with one name per line, in any common encoding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from model.files.text_files import text_of

BACKGROUND_NAMES = {"bg", "background", "_background_", "__background__"}
SHOWN_AT_MOST = 5
_LIST = re.compile(r"\s*(\w+\s*=\s*)?(\[.*\]|\{.*\})\s*", re.DOTALL)


@dataclass(frozen=True)
class ClassFile:
    """The content of a file of class names.

    Attributes:
        names: without the background, in order.
        background: the number of names before that of the background; None if the file does not name it.
        sentence: a message for the user if the encoding had to be guessed; else empty.
    """

    names: list[str]
    background: int | None
    sentence: str

    @property
    def classes(self) -> list[str]:
        """The names with "background" first, as Mask R-CNN numbers them."""
        return ["background", *self.names]


def read_class_file(path: Path) -> ClassFile:
    """The class names in a file.

    Raises:
        ValueError: the path is a folder or does not exist, the file is not text, or a name occurs twice.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give a text file with one class name per line")
    if not path.exists():
        raise ValueError(f"{path}: there is no such file; give a text file with one class name per line")
    text, guessed = text_of(path)
    if _LIST.fullmatch(text):
        raise ValueError(
            f"{path.name} is a list in JSON or Python, but a text file is expected: write one name per line, "
            "without brackets, quotes and commas"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not all(line.replace("\t", " ").isprintable() for line in lines):
        raise ValueError(f"{path.name} is not a text file: give one with one class name per line, in UTF-8")
    places = [place for place, line in enumerate(lines) if line.lower() in BACKGROUND_NAMES]
    names = [line for line in lines if line.lower() not in BACKGROUND_NAMES]
    repeated = sorted({name for name in names if names.count(name) > 1})
    repeated += [lines[place] for place in places[1:]]
    if repeated:
        raise ValueError(f"{path.name} names {', '.join(repeated)} twice: give each class a unique name")
    sentence = ""
    if guessed:
        foreign = [name for name in names if not name.isascii()]
        sentence = (
            f"{path.name} is not in UTF-8 and was read as {guessed}, with names such as "
            f"{', '.join((foreign or names)[:SHOWN_AT_MOST])}: if they look wrong, save the file in UTF-8."
        )
    return ClassFile(names, places[0] if places else None, sentence)
