"""Mask files, as in the Data Science Bowl 2018: ID/images/ has the image, ID/masks/ one file per object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from model.data.annotated import Annotated, Truth
from model.data.files import is_left_by_system, map_header, read_kinds, read_pixels, short
from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.label_maps import assumed_class, class_of, turned_hint
from model.data.formats.place import Place
from model.data.gathering import gathering
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile
from model.results.masks import Mask

FOLDERS_LOOKED_AT = 5


class MaskFilesFolder(Annotated):
    """Images with objects of one class, each object in a separate mask file.

    `ID/images/` has one picture, `ID/masks/` one picture for each object, in which all pixels of the object
    are not black; masks may overlap. `class.txt` and `kind.json` are next to the folders, as for label maps.
    Folders without masks/, as in a test set, are ignored.
    """

    format_name = "mask files"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Lists the folders; decodes nothing.

        Raises:
            DataError: no folder has masks, or a folder does not have exactly one picture.
        """
        path = Place.at(place).path
        folders = sorted(entry for entry in path.iterdir() if (entry / "images").is_dir())
        self._without_masks = [folder.name for folder in folders if not (folder / "masks").is_dir()]
        folders = [folder for folder in folders if (folder / "masks").is_dir()]
        if not folders:
            raise DataError(f"{path} has no folder with images/ and masks/")
        with gathering(self) as problems:
            pairs = problems.each(lambda folder: (folder, PictureFile(_the_picture(folder))), folders)
            self._masks = [_files(folder / "masks") for folder, _ in pairs]
            self._class_is_assumed, name = class_of(path, reading)
            sources = [source for _, source in pairs]
            super().__init__(
                path, ["background", name], [folder.name for folder, _ in pairs], sources, reading
            )
            self.has_names = not self._class_is_assumed or len(reading.classes or ()) == 2
            self._black: dict[Path, bool] = {}
            kind_by_id = read_kinds(path / "kind.json")
            self.kinds = [kind_by_id.get(id) for id in self.ids]

    def truth(self, index: int, size: tuple[int, int]) -> Truth:
        boxes, masks = [], []
        for path in self._masks[index]:
            mask = _read_mask(path)
            if mask.shape != size[::-1]:
                raise DataError(_of_other_size(path, mask.shape[::-1], self.sources[index].name, size))
            x, y, width, height = cv2.boundingRect(mask)
            if width:
                boxes.append((x, y, x + width, y + height))
                masks.append(mask[y : y + height, x : x + width].copy())
        return Truth(np.array(boxes, np.int32).reshape(-1, 4), np.ones(len(boxes), np.int32), masks)

    def class_ids(self, index: int) -> list[int]:
        return [1 for path in self._masks[index] if not self._is_black(path)]

    def _label_findings(self) -> Iterator[Finding]:
        if self._class_is_assumed:
            yield assumed_class(self.classes[1], "class.txt")
        yield from counted(
            self._without_masks,
            "folder has no masks/ and is ignored",
            "folders have no masks/ and are ignored",
        )
        unreadable, empty = [], []
        paths = [path for paths in self._masks for path in paths]
        for path in tqdm(paths, desc="masks", unit="mask", delay=3, leave=False):
            try:
                if self._is_black(path):
                    empty.append(_named(path))
            except DataError as error:
                unreadable.append(str(error))
        yield from counted(unreadable, "mask cannot be read", "masks cannot be read", refused=True)
        yield from counted(empty, "mask is black and is left out", "masks are black and are left out")

    def _is_black(self, path: Path) -> bool:
        """Whether a mask has no object; cached, since a picture may have hundreds of masks."""
        if path not in self._black:
            self._black[path] = not _read_mask(path).any()
        return self._black[path]

    def _is_turned_too(self, index: int) -> bool:
        return any(map_header(path).orientation != 1 for path in self._masks[index])

    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        return all(map_header(path).upright == size for path in self._masks[index])

    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        for path in self._masks[index]:
            if (found := map_header(path).upright) != size:
                return _of_other_size(path, found, self.sources[index].name, size)
        return None


def _read_mask(path: Path) -> Mask:
    """uint8 (H, W) of 0 and 1."""
    pixels = read_pixels(path)
    if pixels.ndim == 3:
        pixels = pixels[..., : 3 if pixels.shape[2] > 2 else 1].max(axis=2)  # without alpha
    return (pixels > 0).view(np.uint8)


def _of_other_size(path: Path, mask: tuple[int, ...], picture: str, size: tuple[int, int]) -> str:
    hint = turned_hint((mask[0], mask[1]), size)
    return (
        f"{_named(path)} is {mask[0]} x {mask[1]} pixels, {picture} is {size[0]} x {size[1]}: "
        f"the sizes must be equal{hint}"
    )


def _named(path: Path) -> str:
    return f"{path.parent.parent.name}/{short(path)}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not is_left_by_system(path))


def _the_picture(folder: Path) -> Path:
    files = _files(folder / "images")
    if len(files) != 1:
        raise DataError(
            f"{folder / 'images'} has {len(files)} pictures: expected one, and its masks in masks/"
        )
    return files[0]


def _recognises(place: Place) -> bool:
    if not place.path.is_dir():
        return False
    folders = [entry for entry in sorted(place.path.iterdir()) if (entry / "masks").is_dir()]
    looked_at = [entry for entry in folders if (entry / "images").is_dir()][:FOLDERS_LOOKED_AT]
    return any(not _has_mask_of_same_name(entry) for entry in looked_at) and all(
        len(_files(entry / "images")) == 1 for entry in looked_at
    )


def _has_mask_of_same_name(folder: Path) -> bool:
    """Whether each image has a mask of the same name, as class maps in train/ and val/ have."""
    images, masks = ({path.stem for path in _files(folder / name)} for name in ("images", "masks"))
    return bool(images) and images <= masks


FORMAT = DataFormat(
    MaskFilesFolder.format_name,
    "a folder for each image with images/ and masks/ (a mask file for each object)",
    _recognises,
    MaskFilesFolder,
)
