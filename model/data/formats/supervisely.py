"""Supervisely: a project, or one data set of it, with a JSON for each picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from model.data.files import is_left_by_system, short, shown
from model.data.findings import counted
from model.data.formats.data_format import DataFormat
from model.data.formats.place import Place
from model.data.formats.supervisely_json import classes_in, is_supervisely, read_supervisely
from model.data.gathering import Problems, gathering
from model.data.labelled import LabelledPicture, LabelledShapes
from model.data.pictures import SUFFIXES
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile
from model.data.splits import is_split

ANNOTATIONS, PICTURES = "ann", "img"
NESTED = ("ann", "*/ann", "*/datasets/*/ann", "*/datasets/*/datasets/*/ann")
"""Where a project has its data sets; those in data sets are in a folder datasets/."""


class SuperviselyFolder(LabelledShapes):
    """Pictures with shapes of Supervisely: polygons with holes, rectangles and bitmaps.

    A project has a meta.json, and for each data set a folder with img/ and ann/; its data sets are read as
    one. Points, lines and graphs have no area and are left out. Classes are in the order of meta.json.
    """

    format_name = "Supervisely"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the JSONs and checks them; decodes no picture.

        Args:
            place: the project, or the folder of one data set in it.
            reading: the order of the classes, and how to read photos that fit their shapes in both
                orientations.

        Raises:
            DataError: the data sets are splits such as train/ and val/, a JSON is not Supervisely's, a shape
                is invalid, or pictures are missing.
        """
        path = Place.at(place).path
        folders = _data_sets(path)
        splits = [folder for folder in folders if is_split(folder.name)]
        if len(folders) > 1 and splits:
            raise DataError(
                f"{path} has the data sets {', '.join(folder.name for folder in folders)}, of which some are "
                f"splits: name one of {', '.join(map(str, folders))}"
            )
        jsons = [json for folder in folders for json in _jsons(folder)]
        if not jsons:
            raise DataError(f"{path} has no JSON in {ANNOTATIONS}/")
        meta = _meta(path.absolute())
        with gathering(self) as problems:
            source_of = _sources(jsons, problems)
            read = problems.each(lambda json: (json, *read_supervisely(json, problems)), jsons)
            super().__init__(
                path,
                [
                    LabelledPicture(_id(json, path), source_of[json], size, shapes)
                    for json, size, shapes in read
                    if json in source_of
                ],
                reading,
                folder=path,
                described_in="its JSON",
                listed=classes_in(meta) if meta else [],
                notes=counted(
                    _bare(folders, source_of.values()),
                    "picture has no JSON and is ignored, as not annotated yet",
                    "pictures have no JSON and are ignored, as not annotated yet",
                ),
            )


def _data_sets(path: Path) -> list[Path]:
    """The folders with an ann/: the folder itself, or those in it."""
    found = list(chain.from_iterable(sorted(path.glob(pattern)) for pattern in NESTED))
    return [folder.parent for folder in found if folder.is_dir()]


def _meta(path: Path) -> Path | None:
    """The meta.json of a project, also if the path is one of its data sets."""
    above = path.parents[1] if path.parent.name == "datasets" else path.parent
    return next((near / "meta.json" for near in (path, above) if (near / "meta.json").is_file()), None)


def _jsons(folder: Path) -> list[Path]:
    return sorted(file for file in (folder / ANNOTATIONS).glob("*.json") if not is_left_by_system(file))


def _id(json: Path, path: Path) -> str:
    """The picture's name, after that of its data set unless `path` is the data set."""
    return (json.parent.parent / json.stem).relative_to(path).as_posix()


def _sources(jsons: Sequence[Path], problems: Problems) -> dict[Path, PictureFile]:
    """The picture of each JSON that has one, `img/NAME` of `ann/NAME.json`."""
    source_of, missing = {}, []
    for json in jsons:
        named = json.parent.parent / PICTURES / json.stem
        candidates = [named, *(named.parent / f"{json.stem}{suffix}" for suffix in SUFFIXES)]
        if path := next((path for path in candidates if path.is_file()), None):
            source_of[json] = PictureFile(path)
        else:
            missing.append(named)
    if missing:
        problems.add(
            DataError(
                f"{missing[0].parent} lacks the pictures of {len(missing)} of {len(jsons)} JSONs, "
                f"{shown([path.name for path in missing])}: in Supervisely, export with images"
            )
        )
    return source_of


def _bare(folders: Sequence[Path], sources: Iterable[PictureFile]) -> list[str]:
    """The pictures without a JSON."""
    used = {source.path for source in sources}
    pictures = chain.from_iterable(sorted((folder / PICTURES).glob("[!.]*")) for folder in folders)
    return [short(path) for path in pictures if path.suffix.lower() in SUFFIXES and path not in used]


def _recognises(place: Place) -> bool:
    if not place.path.is_dir():
        return False
    for folder in _data_sets(place.path):
        if jsons := _jsons(folder):
            try:
                return is_supervisely(place.document(jsons[0]))
            except DataError:
                return False
    return False


FORMAT = DataFormat(
    SuperviselyFolder.format_name,
    "a project of Supervisely (meta.json, and img/ and ann/ in a folder for each data set)",
    _recognises,
    SuperviselyFolder,
)
