"""Kinds of argument that several commands take."""

from __future__ import annotations

import argparse
import math
import os

from model.data.reading import EXIF_CHOICES, Reading
from model.engines.choice import ENGINES, PRECISIONS


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None


def share(word: str) -> float:
    """A number from 0 to 1."""
    value = _number(word)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{word} is outside 0…1")
    return value


def above_zero(word: str) -> float:
    """A number above 0, and no infinite one."""
    value = _number(word)
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"{word} is not above 0")
    return value


def at_least_one(word: str) -> int:
    """A whole number, 1 or more."""
    if not (word.isascii() and word.isdecimal() and int(word) >= 1):
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least 1")
    return int(word)


def at_least_zero(word: str) -> int:
    """A whole number, 0 or more."""
    if not (word.isascii() and word.isdecimal()):
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least 0")
    return int(word)


def add_way_to_run(parser: argparse.ArgumentParser) -> None:
    """--engine and --precision, for `segmenter.load`; by default what the service's settings say."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=os.environ.get("MASKSERVE_ENGINE") or None,
        help="what runs the model (default: openvino where it is compiled)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=os.environ.get("MASKSERVE_PRECISION") or None,
        help="of its arithmetic (default: the fastest that is close enough)",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """--exif and --class-attribute, for commands that read labelled data; see `reading_of`."""
    parser.add_argument(
        "--exif",
        choices=EXIF_CHOICES,
        help="of photos that fit their labels either way up: whether the annotation tool applied their EXIF "
        "orientation, or ignored it (default: sizes tell; such photos are refused where none does)",
    )
    parser.add_argument(
        "--class-attribute",
        metavar="NAME",
        help="of VIA data with several region attributes: the one that is the class",
    )


def reading_of(arguments: argparse.Namespace) -> Reading:
    """How labelled data are to be read, as `add_reading` asked."""
    return Reading(exif=arguments.exif, class_attribute=arguments.class_attribute)
