"""Class maps: a folder with images/ID.*, masks/ID.png, and optionally classes.txt and kind.json."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data.annotated import Annotated, Truth
from model.data.files import (
    is_left_by_system,
    listed,
    map_header,
    read_kinds,
    read_numbered_names,
    read_numbers,
    short,
    values_in,
)
from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.label_maps import assumed_class, spare_maps
from model.data.formats.map_beside import with_maps
from model.data.formats.place import Place
from model.data.gathering import gathering
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile
from model.pictures.tiles import Tile

ONLY_CLASS = "foreground"
"""The class name if none is given."""
WHITE = 255
HALF_WHITE = 128
UNKNOWN = 255
"""VOC's number for pixels without a class: borders and unclear areas."""
SAME_SHAPE = 0.02
"""Largest relative difference between the aspect ratios of an image and its scaled mask, due to rounding."""

Numbers = npt.NDArray[np.uint16]


class ClassMapFolder(Annotated):
    """Images with a class for each pixel.

    `images/ID.*` is any picture, `masks/ID.png` (or .tif, .bmp) a grey picture of 8 or 16 bits: 0 is
    background, any other number the line of `classes.txt` that names the class. 255 is unknown, as in VOC,
    unless it is the number of a class. If there is one class, its pixels may also be white (255); grey pixels
    along its edges are then rounded to black or white. A mask of another size than its image, but of the same
    aspect ratio, is scaled by nearest neighbour. Samples are in the order of ID; each class that occurs is
    one object.
    """

    format_name = "class maps"
    has_objects = False

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Lists the folder; decodes nothing. `reading.classes` is used if classes.txt is missing.

        Raises:
            DataError: there are no images, an image has no mask, classes.txt is not a list of names, or
                kind.json is not a JSON object.
        """
        path = Place.at(place).path
        images = listed(path / "images")
        with gathering(self) as problems:
            pairs = with_maps(images, path / "masks", "class map", problems)
            self._maps = [class_map for _, class_map in pairs]
            named = read_numbered_names(path / "classes.txt")
            names = named or list(reading.classes or ())[1:]
            super().__init__(
                path,
                ["background", *(names or [ONLY_CLASS])],
                [image.stem for image, _ in pairs],
                [PictureFile(image) for image, _ in pairs],
                reading,
            )
            self.has_names = bool(names)
            self._values_of: dict[int, list[int]] = {}
            kind_by_id = read_kinds(path / "kind.json")
            self.kinds = [kind_by_id.get(id) for id in self.ids]

    def truth(self, index: int, size: tuple[int, int]) -> Truth:
        numbers = read_numbers(self._maps[index], "class", "classes")
        class_map, unknown = self._told(numbers, self._maps[index])
        if class_map.shape != size[::-1]:
            class_map, unknown = _scaled(class_map, size), _scaled(unknown, size)
        boxes, class_ids, masks = [], [], []
        for class_id in range(1, len(self.classes)):
            mask = (class_map == class_id).view(np.uint8)
            x, y, width, height = cv2.boundingRect(mask)
            if not width:
                continue
            box = Tile(x, y, x + width, y + height)
            boxes.append((box.x1, box.y1, box.x2, box.y2))
            class_ids.append(class_id)
            masks.append(box.of(mask))
        return Truth(
            np.array(boxes, np.int32).reshape(-1, 4),
            np.array(class_ids, np.int32),
            masks,
            unknown=unknown if unknown.any() else None,
        )

    def class_ids(self, index: int) -> list[int]:
        values = self._values(index)
        if self._is_white(values):
            return [1]
        return [value for value in values if 0 < value < len(self.classes)]

    def _label_findings(self) -> Iterator[Finding]:
        if not self.has_names:
            yield assumed_class(ONLY_CLASS, "classes.txt")
        yield from spare_maps(self.path / "masks", self._maps)
        unusable, bordered, white, grey, told = [], [], [], [], 0
        for index in tqdm(range(len(self)), desc="class maps", unit="map", delay=3, leave=False):
            path = self._maps[index]
            try:
                values = self._values(index)
                self._check(values, path)
            except DataError as error:
                unusable.append(str(error))
                continue
            told += bool(self.class_ids(index))
            if self._is_white(values):
                white.append(short(path))
                if not set(values) <= {0, WHITE}:
                    grey.append(short(path))
            elif UNKNOWN in values and len(self.classes) <= UNKNOWN:
                bordered.append(short(path))
        yield from counted(unusable, "class map cannot be used", "class maps cannot be used", refused=True)
        yield from self._about_255(bordered, white, told)
        rounded = f"grey pixels, which are rounded: from {HALF_WHITE} to white (the class), else to black"
        yield from counted(grey, f"white class map has {rounded}", f"white class maps have {rounded}")
        yield from counted(
            self._of_other_size(),
            "mask has another size than its picture and is scaled",
            "masks have another size than their picture and are scaled",
        )

    def _of_other_size(self) -> list[str]:
        """The masks that are scaled: those of the same aspect ratio; others are found with the pictures."""
        scaled = []
        for index, path in enumerate(self._maps):
            try:
                mask, size = map_header(path).upright, self.size(index)
            except DataError:  # found with the pictures and the labels
                continue
            if mask != size and _are_alike(mask, size):
                scaled.append(
                    f"{short(path)} is {mask[0]} x {mask[1]} pixels, its picture {size[0]} x {size[1]}"
                )
        return scaled

    def _about_255(self, bordered: list[str], white: list[str], told: int) -> Iterator[Finding]:
        """Findings about the meaning of 255; `told` counts the maps that have a class."""
        if bordered and not told:
            text = f"no class map has any of the {len(self.classes) - 1} classes, only 255"
            numbers = f"Number each class by its line in {self.path / 'classes.txt'}"
            yield Finding(text, bordered, refused=True, advice=numbers)
        elif bordered and white:
            has = f"255 is the class in {len(white):,} class maps, but"
            text = f"{has} VOC's border, beside a class 1, in {len(bordered):,}"
            yield Finding(
                text, [white[0], bordered[0]], refused=True, advice="Use 1 for the class in all class maps"
            )
        else:
            border = "pixels of 255, VOC's border: they are ignored, neither a class nor background"
            yield from counted(bordered, f"class map has {border}", f"class maps have {border}")

    def _is_empty(self, index: int) -> bool:
        return self._values(index) == [0]

    def _is_turned_too(self, index: int) -> bool:
        return map_header(self._maps[index]).orientation != 1

    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        return _are_alike(map_header(self._maps[index]).upright, size)

    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        """A message only for another aspect ratio; other sizes are scaled."""
        mask = map_header(self._maps[index]).upright
        if _are_alike(mask, size):
            return None
        hint = "a class map must have the size of its picture, or at least its aspect ratio"
        if _are_alike(mask, size[::-1]):
            hint = "one of them seems to be rotated by 90°"
        return (
            f"{short(self._maps[index])} is {mask[0]} x {mask[1]} pixels, {self.sources[index].name} is "
            f"{size[0]} x {size[1]}: {hint}"
        )

    def _values(self, index: int) -> list[int]:
        """The numbers in the class map at `index`; cached, since reading it takes 10 ms."""
        if index not in self._values_of:
            self._values_of[index] = values_in(read_numbers(self._maps[index], "class", "classes"))
        return self._values_of[index]

    def _told(self, numbers: Numbers, path: Path) -> tuple[Numbers, npt.NDArray[np.uint8]]:
        """Two arrays (H, W): uint16 class numbers, 0 if unknown; uint8, 1 if unknown."""
        values = values_in(numbers)
        self._check(values, path)
        if self._is_white(values):
            return (numbers >= HALF_WHITE).astype(np.uint16), np.zeros(numbers.shape, np.uint8)
        unknown = (numbers >= len(self.classes)).view(np.uint8)  # all of these are 255
        return np.where(unknown, 0, numbers).astype(np.uint16), unknown

    def _is_white(self, values: list[int]) -> bool:
        """Whether 255 is the only class; not if the class is 1, since 255 is then VOC's unknown."""
        is_voc = 1 in values and set(values) <= {0, 1, UNKNOWN}
        return len(self.classes) == 2 and values[-1] == WHITE and not is_voc

    def _check(self, values: list[int], path: Path) -> None:
        """Check that every number is a class or VOC's unknown; DataError if not."""
        known = len(self.classes) - 1
        unnamed = [value for value in values if value > known and value != UNKNOWN]
        if unnamed and not self._is_white(values):
            raise DataError(
                f"masks/{path.name} has the class {unnamed[-1]}, but only {known} are named: name each "
                f"class on its own line in {self.path / 'classes.txt'}, class 1 first"
            )


def _scaled(plane: npt.NDArray, size: tuple[int, int]) -> npt.NDArray:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST_EXACT), plane.dtype)


def _are_alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two (width, height) have the same aspect ratio, up to rounding."""
    return abs(math.log(one[0] * other[1] / (one[1] * other[0]))) < SAME_SHAPE


def _recognises(place: Place) -> bool:
    return place.has_folders("images", "masks") and any(
        path.is_file() and not is_left_by_system(path) for path in (place.path / "images").iterdir()
    )


FORMAT = DataFormat(
    ClassMapFolder.format_name, "images/ and masks/ (a class for each pixel)", _recognises, ClassMapFolder
)
