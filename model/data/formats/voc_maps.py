"""VOC's maps: the numbers of classes and objects in PNGs with a palette, in grey or in colours."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.data.class_names import BACKGROUND_NAMES
from model.data.files import read_numbered_names, read_pixels, short
from model.data.sample import DataError, check_classes
from model.files.text_files import text_of

BORDER = 255
"""The number of pixels around objects, and of unclear areas."""
_BORDER_COLOUR = 224 << 16 | 224 << 8 | 192
OWN = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable"),
    *("dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The classes of VOC itself, numbered from 1."""
XMLS_LOOKED_AT = 20
_LINE = re.compile(r"\s*(?P<name>[^:#]+?)\s*:\s*(?:(?P<colour>\d+\s*,\s*\d+\s*,\s*\d+)\s*)?(?::.*)?")

Numbers = npt.NDArray[np.int32]


def palette() -> list[int]:
    """VOC's 256 colours as r << 16 | g << 8 | b: the bits of the number, spread over the channels."""
    colours = []
    for number in range(256):
        red = green = blue = 0
        for bit in range(8):
            red |= (number >> 3 * bit & 1) << 7 - bit
            green |= (number >> 3 * bit + 1 & 1) << 7 - bit
            blue |= (number >> 3 * bit + 2 & 1) << 7 - bit
        colours.append(red << 16 | green << 8 | blue)
    return colours


def numbers_in(path: Path) -> Numbers:
    """int32 (H, W): the number of the object in each pixel, 0 background, or BORDER; a colour is a number.

    Raises:
        DataError: the file cannot be read.
    """
    pixels = read_pixels(path)
    if pixels.ndim == 2:
        return pixels.astype(np.int32)
    colours = _coded(pixels)
    # Not the places in VOC's palette, since tools choose other colours; beyond 255, which is the border.
    numbers = np.where(colours == 0, 0, colours + BORDER + 1)
    return np.where(colours == _BORDER_COLOUR, BORDER, numbers).astype(np.int32)


class ClassNumbers:
    """The class names of a VOC folder, and the numbers for which they stand in its class maps.

    They are those of labelmap.txt, in which each name has a colour, of classes.txt, whose line numbers are
    the numbers, else VOC's own.

    Attributes:
        named: name by number, from 1, without the background.
        are_assumed: whether no file has the names.
    """

    def __init__(self, folder: Path) -> None:
        """Raises DataError: a file of names is invalid, or the objects' names are not VOC's own."""
        self._file = folder / "labelmap.txt"
        self._number_of_colour = {colour: number for number, colour in enumerate(palette())}
        self.named: dict[int, str] = {}
        self.are_assumed = False
        if self._file.is_file():
            self._read_label_map()
        elif names := read_numbered_names(folder / "classes.txt"):
            self._file = folder / "classes.txt"
            self.named = dict(enumerate(names, start=1))
        else:
            self.named = dict(enumerate(OWN, start=1))
            self.are_assumed = True
            _check_own(folder)

    @cached_property
    def names(self) -> list[str]:
        """The names in the order of their numbers."""
        return [self.named[number] for number in sorted(self.named)]

    def read(self, path: Path) -> Numbers:
        """int32 (H, W): a class map, in which each number is 0, one of `named` or BORDER.

        Raises:
            DataError: the file cannot be read, or has a number or colour without a name.
        """
        pixels = read_pixels(path)
        if (
            pixels.ndim == 2
            and self._file.name == "labelmap.txt"
            and (colours := _palette_of(path)) is not None
        ):
            # Tools that write a labelmap.txt number its colours in any order.
            known = np.array([self._number_of_colour.get(int(colour), -1) for colour in colours], np.int32)
            known[BORDER] = BORDER
            numbers = known[pixels]
        elif pixels.ndim == 2:
            numbers = pixels.astype(np.int32)
        else:
            colours, places = np.unique(_coded(pixels), return_inverse=True)
            known = np.array([self._number_of(int(colour)) for colour in colours], np.int32)
            numbers = known[places].reshape(pixels.shape[:2])
        unnamed = set(np.unique(numbers).tolist()) - set(self.named) - {0, BORDER}
        if unnamed:
            what = "a colour" if min(unnamed) < 0 else f"the class {min(unnamed)}"
            raise DataError(
                f"{short(path)} has {what} that {self._told()} not name: add it there, the background first"
            )
        return numbers

    def _number_of(self, colour: int) -> int:
        return BORDER if colour == _BORDER_COLOUR else self._number_of_colour.get(colour, -1)

    def _told(self) -> str:
        if self.are_assumed:
            return "VOC's own 20 classes, which are assumed without a labelmap.txt or classes.txt, do"
        return f"{self._file.name} does"

    def _read_label_map(self) -> None:
        """Lines of "name:r,g,b:parts:actions"; without a colour the line's number counts."""
        try:
            text, _ = text_of(self._file)
        except ValueError as error:
            raise DataError(f"{error} (in {self._file.parent})") from error
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        colours = {}
        for number, line in enumerate(lines):
            if not (found := _LINE.fullmatch(line)):
                raise DataError(f"{self._file}: the line {line!r} is not name:red,green,blue::")
            name = found["name"]
            is_background = name.lower() in BACKGROUND_NAMES
            key = 0 if is_background else number or len(lines)
            if found["colour"]:
                red, green, blue = (int(value) for value in found["colour"].split(","))
                colours[red << 16 | green << 8 | blue] = key
            if not is_background and name.lower() not in ("ignored", "void", "border"):
                self.named[key] = name
            elif not is_background and found["colour"]:
                colours[red << 16 | green << 8 | blue] = BORDER
        if colours:
            self._number_of_colour = {0: 0, **colours}
        check_classes(self.names, f"the lines of {self._file}")


def _check_own(folder: Path) -> None:
    """Check that the objects in Annotations/ have VOC's names; DataError if not."""
    found: set[str] = set()
    for path in sorted((folder / "Annotations").glob("*.xml"))[:XMLS_LOOKED_AT]:
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ValueError, ElementTree.ParseError):
            continue  # only the maps are needed
        found |= {(one.findtext("name") or "").strip() for one in root.iter("object")}
    others = sorted(found - set(OWN) - {""})
    if others:
        raise DataError(
            f"{folder} has objects of the classes {', '.join(others)} in Annotations/, which are not VOC's "
            "own: write a classes.txt with the classes in the order of their numbers in SegmentationClass/, "
            "the first one is 1"
        )


def _coded(pixels: npt.NDArray) -> npt.NDArray[np.int64]:
    """int64 (H, W): colours as r << 16 | g << 8 | b, black where an alpha is 0."""
    channels = pixels.astype(np.int64)
    if channels.shape[2] == 2:  # grey with alpha
        return channels[..., 0] * 0x10101 * (channels[..., 1] > 0)
    colours = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
    return colours * (channels[..., 3] > 0) if channels.shape[2] == 4 else colours


def _palette_of(path: Path) -> npt.NDArray[np.int64] | None:
    """int64 (256,): the colours of a PNG's palette; None if it has none."""
    with Image.open(path) as picture:
        if picture.mode != "P":
            return None
        entries = np.zeros((256, 3), np.uint8)
        colours = np.reshape(picture.getpalette("RGB") or [], (-1, 3))
    entries[: len(colours)] = colours
    return _coded(entries[None])[0]
