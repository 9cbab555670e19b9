"""Argument types and options that several commands share."""

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
    """A finite number above 0."""
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
    """--engine and --precision, for `segmenter.load`; they default to the service's settings."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=os.environ.get("MASKSERVE_ENGINE") or None,
        help="engine that runs the model (default: openvino if the model is compiled)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=os.environ.get("MASKSERVE_PRECISION") or None,
        help="numerical precision (default: the fastest that is accurate enough)",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """--exif and --class-attribute, for commands that read labelled data; see `reading_of`."""
    parser.add_argument(
        "--exif",
        choices=EXIF_CHOICES,
        help="for photos that fit their labels both rotated and as stored: whether the annotation tool "
        "applied or ignored their EXIF orientation (default: as for the other photos of the data, whose "
        "sizes decide; if none does, such photos are refused)",
    )
    parser.add_argument(
        "--class-attribute",
        metavar="NAME",
        help="for VIA data with several region attributes: the one that is the class",
    )


def reading_of(arguments: argparse.Namespace) -> Reading:
    """The choices for reading labelled data, from the options of `add_reading`."""
    return Reading(exif=arguments.exif, class_attribute=arguments.class_attribute)
