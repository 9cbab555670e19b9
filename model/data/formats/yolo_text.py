"""YOLO's text files: labels with one object per line, and the files of class names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from model.data.class_names import BACKGROUND_NAMES
from model.data.files import short
from model.data.formats.looking import head_of
from model.data.gathering import Problems
from model.data.sample import DataError, check_classes
from model.files.system_errors import reason
from model.files.text_files import text_of

NUMBERS_OF_A_BOX = 5
FARTHEST_FRACTION = 2.0
"""The largest coordinate that can be a fraction; a larger one is in pixels."""


@dataclass(frozen=True, slots=True)
class YoloShape:
    """One line of a label file.

    Attributes:
        number: the class, from 0.
        outline: x, y, x, y, … in fractions of the picture's width and height; of a box its centre and size.
        line: the number of the line, from 1.
        where: file and line, for messages.
    """

    number: int
    outline: list[float]
    line: int
    where: str

    @property
    def is_box(self) -> bool:
        return len(self.outline) == NUMBERS_OF_A_BOX - 1


def is_label_text(path: Path) -> bool:
    """Whether a file is empty, or its first line begins with a whole number and has more numbers."""
    lines = head_of(path).lstrip("\ufeff").split("\n")
    words = next((line.split() for line in lines if line.strip()), None)
    if words is None:
        return True
    try:
        numbers = [float(word) for word in words[:NUMBERS_OF_A_BOX]]
    except ValueError:
        return False
    return len(numbers) > 1 and numbers[0].is_integer()


def shapes_in(path: Path, problems: Problems) -> list[YoloShape]:
    """The objects of a label file, without lines that are not a class and coordinates.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        text, _ = text_of(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{short(path)} cannot be read: {error}") from error
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    return problems.each(_shape, lines, repeat(path))


def _shape(numbered: tuple[int, list[str]], path: Path) -> YoloShape:
    line, words = numbered
    where = f"{short(path)}, line {line},"
    try:
        number, outline = float(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise DataError(
            f"{where} is not YOLO's ({error}): expected the number of the class and coordinates, "
            "separated by spaces"
        ) from error
    if not number.is_integer() or number < 0:
        raise DataError(f"{where} begins with {words[0]}: expected the number of a class, from 0")
    if not outline or len(outline) % 2:
        raise DataError(
            f"{where} has {len(words)} numbers: expected the class and pairs x y; key points and confidences "
            "are not read"
        )
    if not math.isfinite(sum(outline)):
        raise DataError(f"{where} has coordinates that are not finite numbers")
    if max(map(abs, outline)) > FARTHEST_FRACTION:
        raise DataError(
            f"{where} has the coordinate {max(outline, key=abs):g}: expected fractions of the picture's "
            "width and height, from 0 to 1; divide pixels by them"
        )
    return YoloShape(int(number), outline, line, where.rstrip(","))


def names_in(path: Path) -> dict[int, str]:
    """The class names by number, from 0, in a data.yaml or a file with one name per line.

    Raises:
        DataError: the file cannot be read, or a name is missing or occurs twice.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        try:
            lines = [line.strip() for line in text_of(path)[0].splitlines()]
        except ValueError as error:
            raise DataError(f"{error} (in {path.parent})") from error
        while lines and not lines[-1]:
            lines.pop()
        return _checked(dict(enumerate(lines)), path)
    document = yaml_in(path)
    if document.get("kpt_shape"):
        raise DataError(f"{path} describes key points (kpt_shape), which have no area: export outlines")
    names = document.get("names")
    entries = (
        names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [])
    )
    numbered = {}
    for number, name in entries:
        if isinstance(name, bool) or not isinstance(name, str | int | float):
            raise DataError(
                f"{path} names the class {number} {name!r}, which is not text: write it in quotes"
            )
        try:
            numbered[int(number)] = str(name).strip()
        except (TypeError, ValueError):
            raise DataError(f"{path} numbers a class {number!r}: expected a whole number from 0") from None
    return _checked(numbered, path)


def _checked(names: dict[int, str], path: Path) -> dict[int, str]:
    if not names:
        raise DataError(f"{path} has no class names: expected names: [cat, dog] or names: {{0: cat, 1: dog}}")
    foreground = [name for name in names.values() if name.lower() not in BACKGROUND_NAMES]
    check_classes(foreground or list(names.values()), f"the names in {path}")
    return names


def yaml_in(path: Path) -> dict[str, Any]:
    """The content of a YAML.

    Raises:
        DataError: the file cannot be read, or has no keys.
    """
    try:
        import yaml  # not installed where models are only served
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path} cannot be read without PyYAML: install what requirements-train.txt lists"
        ) from error
    try:
        text, _ = text_of(path)
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError:
            document = yaml.safe_load(text.replace("\\", "/"))  # a path of Windows in double quotes
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from error
    except yaml.YAMLError as error:
        raise DataError(f"{path} cannot be read as YAML: {str(error).partition(chr(10))[0]}") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} has no keys: expected names, and train and val")
    return document
