"""Layouts of YOLO: where tools put the pictures, the labels and the class names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from model.data.files import is_left_by_system
from model.data.formats.yolo_text import yaml_in
from model.data.pictures import SUFFIXES
from model.data.sample import DataError
from model.data.splits import is_split

IMAGES, LABELS = "images", "labels"
YAML_SUFFIXES = (".yaml", ".yml")
NAMES = ("classes.txt", "obj.names")
"""Files with one class name per line, the first of class 0."""
SPLITS = ("train", "val", "valid", "test")
"""The keys of a data.yaml that name folders of pictures."""


def image_folders(path: Path) -> list[Path]:
    """The folders with pictures at a place that have their labels beside them, one for each split.

    They are `images/`, `images/SPLIT/` or `SPLIT/images/` in a folder, or next to a data.yaml; or the folder
    itself, if it is or is in a folder `images/`.
    """
    path = path.parent if path.is_file() else path
    if (path / IMAGES).is_dir():
        splits = [folder for folder in _folders(path / IMAGES) if is_split(folder.name)]
        found = splits if splits and not _has_picture(path / IMAGES) else [path / IMAGES]
    else:
        found = [folder / IMAGES for folder in _folders(path) if (folder / IMAGES).is_dir()]
        if not found and IMAGES in path.parts and path.is_dir():
            found = [path]
    return [folder for folder in found if label_folder(folder).is_dir()]


def label_folder(images: Path) -> Path:
    """The folder of the labels: the last `images` in the path becomes `labels`, as in Ultralytics."""
    parts = list(images.parts)
    place = len(parts) - 1 - parts[::-1].index(IMAGES) if IMAGES in parts else len(parts)
    return Path(*parts[:place], LABELS, *parts[place + 1 :]) if IMAGES in parts else images


def label_files(images: Path) -> list[Path]:
    """The text files with the labels of the pictures in a folder, by path."""
    return sorted(
        path
        for path in label_folder(images).rglob("*.txt")
        if path.name not in NAMES and not is_left_by_system(path)
    )


def named_folders(path: Path) -> list[Path]:
    """The existing folders of pictures that a data.yaml names, if they are in no usual place.

    Its paths are often those of another machine, so they are sought below its folder.
    """
    file = _yaml_at(path)
    document = _content(file) if file else {}
    named: list[Any] = []
    for split in SPLITS:
        value = document.get(split)
        named += value if isinstance(value, list) else [value]
    found = [_below(file.parent, value) for value in named if file and isinstance(value, str)]
    return list(dict.fromkeys(folder for folder in found if folder))


def names_file(path: Path, folder: Path | None = None) -> Path | None:
    """The nearest data.yaml or classes.txt: at the place, or above the pictures; None if none is."""
    top = path.parent if path.is_file() else path
    if yaml := _yaml_at(path):
        return yaml
    # DIR/train/images, DIR/images/train and DIR/images/train/part have theirs in DIR.
    above = [top, *(folder.absolute().parents[:3] if folder else ())]
    for near in above:
        if yaml := _yaml_at(near):
            return yaml
        for name in NAMES:
            for place in (near / name, near / LABELS / name):
                if place.is_file():
                    return place
    return None


def _yaml_at(path: Path) -> Path | None:
    """The path if it is a YAML that names classes, or the first such YAML in the folder."""
    if path.is_file():
        return path if path.suffix.lower() in YAML_SUFFIXES and "names" in _content(path) else None
    files = [*path.glob("data.y*ml"), *sorted(path.glob("*.yaml")), *sorted(path.glob("*.yml"))]
    return next((file for file in files if not is_left_by_system(file) and "names" in _content(file)), None)


def _content(file: Path) -> dict[str, Any]:
    """The content of a YAML; if it cannot be read, as if it named classes, so that `names_in` says why."""
    try:
        return yaml_in(file)
    except DataError:
        return {"names": None}


def _below(root: Path, value: str) -> Path | None:
    """The folder that a path in a data.yaml means, by as much of its end as exists below `root`."""
    parts = [part for part in PurePosixPath(value.replace("\\", "/")).parts if part not in ("..", ".", "/")]
    for start in range(len(parts)):
        folder = root.joinpath(*parts[start:])
        if folder.is_dir():
            return folder
    return None


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not is_left_by_system(entry))


def _has_picture(path: Path) -> bool:
    return any(entry.suffix.lower() in SUFFIXES and entry.is_file() for entry in path.iterdir())
