"""Label maps: a folder with images/ID.png, labels/ID.png, and optionally class.txt and kind.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data.annotated import Annotated, Truth
from model.data.files import (
    MAP_SUFFIXES,
    is_left_by_system,
    listed,
    map_header,
    read_kinds,
    read_names,
    read_numbers,
    short,
    values_in,
)
from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.map_beside import with_maps
from model.data.formats.place import Place
from model.data.gathering import gathering
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile
from model.results import masks

DEFAULT_CLASS = "nucleus"
OTHERS_SUFFIXES = (".txt", ".json", ".xml")
"""Suffixes of the files that other formats have in labels/."""
VOC_BORDER = 255
MOST_OBJECTS_OF_VOC = 100
"""In a picture with VOC's border. With more, 255 may be an object before which others were deleted."""


class LabelMapFolder(Annotated):
    """Images with objects of one class, numbered in a label map of the image's size.

    `images/ID.*` is any picture, `labels/ID.png` (or .tif, .bmp) a grey picture (0 background, 1…n objects;
    gaps are allowed), `kind.json` maps an ID to the kind of the image, `class.txt` names the class.
    Samples are in the order of ID.
    """

    format_name = "label maps"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Lists the folder; decodes nothing.

        Raises:
            DataError: there are no images, an image has no label map, class.txt has more than one name, or
                kind.json is not a JSON object.
        """
        path = Place.at(place).path
        images = listed(path / "images")
        with gathering(self) as problems:
            pairs = with_maps(images, path / "labels", "label map", problems)
            self._maps = [label_map for _, label_map in pairs]
            self._class_is_assumed, name = class_of(path, reading)
            sources = [PictureFile(image) for image, _ in pairs]
            super().__init__(path, ["background", name], [image.stem for image, _ in pairs], sources, reading)
            self.has_names = not self._class_is_assumed or len(reading.classes or ()) == 2
            self._values_of: dict[int, list[int]] = {}
            kind_by_id = read_kinds(path / "kind.json")
            self.kinds = [kind_by_id.get(id) for id in self.ids]

    def objects(self, index: int) -> tuple[npt.NDArray[np.int32], list[masks.Mask]]:
        """Boxes int32 (N, 4) and box-local masks of the label map at `index`; DataError if it is invalid."""
        numbers = read_numbers(self._maps[index], "object", "objects")
        if has_voc_border(values_in(numbers)):
            numbers[numbers == VOC_BORDER] = 0
        return masks.from_label_map(numbers)

    def truth(self, index: int, size: tuple[int, int]) -> Truth:
        boxes, instance_masks = self.objects(index)
        return Truth(boxes, np.ones(len(boxes), np.int32), instance_masks)

    def class_ids(self, index: int) -> list[int]:
        values = self._values(index)
        return [1] * (sum(value > 0 for value in values) - has_voc_border(values))

    def _label_findings(self) -> Iterator[Finding]:
        if self._class_is_assumed:
            yield assumed_class(self.classes[1], "class.txt")
        yield from spare_maps(self.path / "labels", self._maps)
        unreadable, bordered = [], []
        border = "255 beside objects numbered 1, 2, 3, …: it is read as VOC's border, not as an object"
        for index in tqdm(range(len(self)), desc="label maps", unit="map", delay=3, leave=False):
            try:
                if has_voc_border(self._values(index)):
                    bordered.append(short(self._maps[index]))
            except DataError as error:
                unreadable.append(str(error))
        yield from counted(unreadable, "label map cannot be used", "label maps cannot be used", refused=True)
        yield from counted(bordered, f"label map has {border}", f"label maps have {border}")

    def _values(self, index: int) -> list[int]:
        """The numbers in the label map at `index`; cached, since reading it takes 10 ms."""
        if index not in self._values_of:
            self._values_of[index] = values_in(read_numbers(self._maps[index], "object", "objects"))
        return self._values_of[index]

    def _is_turned_too(self, index: int) -> bool:
        return map_header(self._maps[index]).orientation != 1

    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        return map_header(self._maps[index]).upright == size

    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        width, height = map_header(self._maps[index]).upright
        image = self.sources[index].name
        return (
            f"{short(self._maps[index])} is {width} x {height} pixels, {image} is {size[0]} x {size[1]}: "
            f"the sizes must be equal{turned_hint((width, height), size)}"
        )


def class_of(path: Path, reading: Reading) -> tuple[bool, str]:
    """Whether the class name is assumed, and the name: from class.txt, else the only one of `reading`.

    Raises:
        DataError: class.txt has more than one name.
    """
    names = read_names(path / "class.txt")
    if len(names) > 1:
        raise DataError(
            f"{path / 'class.txt'} has {len(names)} names: label maps have only one class; leave one name"
        )
    if names:
        return False, names[0]
    wanted = list(reading.classes or ())[1:]
    return True, wanted[0] if len(wanted) == 1 else DEFAULT_CLASS


def assumed_class(name: str, file: str) -> Finding:
    """The finding for a class name that is missing in the data."""
    return Finding(f"there is no {file} with the class name: the class {name!r} is assumed")


def spare_maps(folder: Path, used: list[Path]) -> list[Finding]:
    """A finding about maps without an image."""
    known = set(used)
    spare = [
        short(path)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in MAP_SUFFIXES and path not in known and not is_left_by_system(path)
    ]
    return counted(spare, "map has no image and is ignored", "maps have no image and are ignored")


def has_voc_border(values: list[int]) -> bool:
    """Whether 255, among the values of a label map, is VOC's border around objects numbered 1…n."""
    objects = [value for value in values if 0 < value < VOC_BORDER]
    is_counted = 0 < len(objects) <= MOST_OBJECTS_OF_VOC and objects[-1] == len(objects)
    return values[-1] == VOC_BORDER and is_counted


def turned_hint(labels: tuple[int, int], image: tuple[int, int]) -> str:
    """A hint for a message about different sizes, if width and height are swapped."""
    return "; one of them seems to be rotated by 90°" if labels == image[::-1] else ""


def _recognises(place: Place) -> bool:
    if not place.has_folders("images", "labels"):
        return False
    entries = [path for path in (place.path / "labels").iterdir() if not is_left_by_system(path)]
    maps = [path for path in entries if path.is_file() and path.suffix.lower() not in OTHERS_SUFFIXES]
    return bool(maps) or not entries


FORMAT = DataFormat(
    LabelMapFolder.format_name,
    "images/ and labels/ (a 16-bit label map for each image)",
    _recognises,
    LabelMapFolder,
)
