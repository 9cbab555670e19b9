"""Pascal VOC: pictures with a class map, and a map of the objects, both in VOC's colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data.annotated import Annotated, Truth
from model.data.files import is_left_by_system, listed, map_header, short, shown
from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.label_maps import turned_hint
from model.data.formats.place import Place
from model.data.formats.voc_maps import BORDER, ClassNumbers, numbers_in
from model.data.gathering import Problems, gathering
from model.data.naming import classes_of
from model.data.pictures import SUFFIXES
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile

PICTURES, CLASSES, OBJECTS = "JPEGImages", "SegmentationClass", "SegmentationObject"
LISTS = Path("ImageSets/Segmentation")


class VocFolder(Annotated):
    """Pictures with the class of each pixel, and, if there is a SegmentationObject/, with the objects.

    `JPEGImages/ID.jpg`, `SegmentationClass/ID.png` and `SegmentationObject/ID.png`; the maps have a palette,
    are grey, or are in colours of VOC's palette or of a labelmap.txt. VOC's border (255) is unknown: neither
    a class nor background. Without SegmentationObject/, each class that occurs is one object.
    """

    format_name = "Pascal VOC"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Lists the folder; decodes nothing.

        Args:
            place: the folder, or one of its lists of pictures, `ImageSets/Segmentation/train.txt`.
            reading: the order of the classes, and how to read photos.

        Raises:
            DataError: there are several lists, pictures or maps are missing, or classes have no name.
        """
        place = Place.at(place)
        path = _root(place.path)
        self._numbers = ClassNumbers(path)
        names = self._numbers.names
        classes = classes_of(names, path, reading, f"the classes of {path.name}", names)
        self._class_id_of = {number: classes.index(name) for number, name in self._numbers.named.items()}
        ids = _ids(place.path, path)
        self.has_objects = (path / OBJECTS).is_dir()
        with gathering(self) as problems:
            source_of = _sources(path, ids, problems)
            folders = [path / CLASSES, path / OBJECTS] if self.has_objects else [path / CLASSES]
            incomplete = _without_map(folders, ids, problems)
            ids = [id_ for id_ in ids if id_ in source_of and id_ not in incomplete]
            self._class_maps = [path / CLASSES / f"{id_}.png" for id_ in ids]
            self._object_maps = [path / OBJECTS / f"{id_}.png" for id_ in ids]
            super().__init__(place.path, classes, ids, [source_of[id_] for id_ in ids], reading)
            self._class_ids: dict[int, list[int]] = {}

    def truth(self, index: int, size: tuple[int, int]) -> Truth:
        if misfit := self._misfit(index, size):
            raise DataError(misfit)
        class_map, objects = self._maps(index)
        boxes, class_ids, masks = [], [], []
        for class_id, mask in self._objects(index, class_map, objects):
            x, y, width, height = cv2.boundingRect(mask)
            boxes.append((x, y, x + width, y + height))
            class_ids.append(class_id)
            masks.append(mask[y : y + height, x : x + width].copy())
        unknown = (class_map == BORDER).view(np.uint8)
        return Truth(
            np.array(boxes, np.int32).reshape(-1, 4),
            np.array(class_ids, np.int32),
            masks,
            unknown=unknown if unknown.any() else None,
        )

    def class_ids(self, index: int) -> list[int]:
        if index not in self._class_ids:
            found = self._objects(index, *self._maps(index))
            self._class_ids[index] = [class_id for class_id, _ in found]
        return self._class_ids[index]

    def _maps(self, index: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Two maps int32 (H, W): class numbers, and objects; these are the classes if none are drawn."""
        class_map = self._numbers.read(self._class_maps[index])
        if not self.has_objects:
            return class_map, np.where(class_map == BORDER, 0, class_map)
        objects = numbers_in(self._object_maps[index])
        if objects.shape != class_map.shape:
            raise DataError(
                f"{short(self._object_maps[index])} is {objects.shape[1]} x {objects.shape[0]} pixels, its "
                f"{CLASSES} {class_map.shape[1]} x {class_map.shape[0]}: the sizes must be equal"
            )
        return class_map, np.where((objects == BORDER) | (class_map == BORDER), 0, objects)

    def _objects(
        self, index: int, class_map: npt.NDArray[np.int32], objects: npt.NDArray[np.int32]
    ) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """The class and the mask uint8 (H, W) of each object; the class is that of most of its pixels."""
        for number in np.unique(objects[objects > 0]).tolist():
            mask = (objects == number).view(np.uint8)
            values, counts = np.unique(class_map[mask.view(bool)], return_counts=True)
            class_number = int(values[counts.argmax()])
            if class_number == 0:
                raise DataError(
                    f"{short(self._object_maps[index])}: most pixels of an object are background in "
                    f"{CLASSES}: draw both maps alike"
                )
            yield self._class_id_of[class_number], mask

    def _label_findings(self) -> Iterator[Finding]:
        if self._numbers.are_assumed:
            yield Finding("there is no labelmap.txt or classes.txt: VOC's own 20 classes are assumed")
        unusable, empty = [], []
        for index in tqdm(range(len(self)), desc="maps", unit="map", delay=3, leave=False):
            try:
                if not self.class_ids(index):
                    empty.append(short(self._class_maps[index]))
            except DataError as error:
                unusable.append(str(error))
        yield from counted(unusable, "map cannot be used", "maps cannot be used", refused=True)
        yield from counted(empty, "picture has no object", "pictures have no object")

    def _is_turned_too(self, index: int) -> bool:
        return map_header(self._class_maps[index]).orientation != 1

    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        return map_header(self._class_maps[index]).upright == size

    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        width, height = map_header(self._class_maps[index]).upright
        if (width, height) == size:
            return None
        return (
            f"{short(self._class_maps[index])} is {width} x {height} pixels, {self.sources[index].name} is "
            f"{size[0]} x {size[1]}: the sizes must be equal{turned_hint((width, height), size)}"
        )


def _root(path: Path) -> Path:
    """The folder with JPEGImages/, also of one of its lists."""
    return path.absolute().parents[2] if path.is_file() else path


def _lists(root: Path) -> list[Path]:
    folder = root / LISTS
    return (
        sorted(file for file in folder.glob("*.txt") if not is_left_by_system(file))
        if folder.is_dir()
        else []
    )


def _ids(path: Path, root: Path) -> list[str]:
    """The pictures in the list, in the only list, or, without a list, those that have a map."""
    lists = [path] if path.is_file() else _lists(root)
    if len(lists) > 1:
        names = ", ".join(str(file) for file in lists)
        raise DataError(f"{root} has several lists of pictures: name one of {names}")
    if not lists:
        return [file.stem for file in listed(root / CLASSES) if file.suffix.lower() == ".png"]
    lines = lists[0].read_text(encoding="utf-8-sig", errors="replace").splitlines()
    ids = list(dict.fromkeys(line.split("\t")[0].strip() for line in lines if line.strip()))
    if not ids:
        raise DataError(f"{lists[0]} is empty: expected the name of a picture on each line, without .jpg")
    return ids


def _without_map(folders: Sequence[Path], ids: Sequence[str], problems: Problems) -> set[str]:
    """The ids that have no map in one of the folders."""
    incomplete: set[str] = set()
    for folder in folders:
        missing = [id_ for id_ in ids if not (folder / f"{id_}.png").is_file()]
        if missing:
            names = shown([f"{folder.name}/{id_}.png" for id_ in missing])
            problems.add(
                DataError(f"{folder.parent} lacks {names}: expected a map for each of {len(ids)} pictures")
            )
        incomplete |= set(missing)
    return incomplete


def _sources(root: Path, ids: Sequence[str], problems: Problems) -> dict[str, PictureFile]:
    """The pictures that are there, by id."""
    source_of, missing = {}, []
    for id_ in ids:
        candidates = [
            root / PICTURES / f"{id_}{suffix}" for suffix in (".jpg", *SUFFIXES, ".JPG", ".JPEG", ".PNG")
        ]
        if path := next((path for path in candidates if path.is_file()), None):
            source_of[id_] = PictureFile(path)
        else:
            missing.append(id_)
    if missing:
        problems.add(
            DataError(
                f"{root / PICTURES} lacks {len(missing)} of {len(ids)} pictures, "
                f"{shown([f'{id_}.jpg' for id_ in missing])}: put them there"
            )
        )
    return source_of


def _recognises(place: Place) -> bool:
    if place.path.is_file():
        is_list = place.path.suffix == ".txt" and place.path.absolute().parent.name == LISTS.name
        return is_list and (_root(place.path) / CLASSES).is_dir()
    return place.has_folders(PICTURES, CLASSES)


FORMAT = DataFormat(
    VocFolder.format_name,
    "JPEGImages/, SegmentationClass/ and SegmentationObject/ of Pascal VOC",
    _recognises,
    VocFolder,
)
