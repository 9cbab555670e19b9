"""LabelMe: a folder with a JSON for each picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

from model.data.files import short, shown
from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.labelme_json import (
    BACKGROUND,
    IGNORED,
    EmbeddedPicture,
    LabelMeFile,
    LabelMeShape,
    has_area,
    is_labelme,
    part_of,
    read_labelme,
)
from model.data.formats.place import Place
from model.data.gathering import Problems, gathering
from model.data.naming import classes_of
from model.data.pictures import SUFFIXES
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.shapes import Drawing, DrawnShapes, Shape, left_out
from model.data.sources import PictureFile, Source


class LabelMeFolder(DrawnShapes):
    """Pictures with shapes of LabelMe: polygons, rectangles, circles and masks.

    Shapes with the same label and group_id are parts of one object. Points and lines have no area and are
    left out; so is `_background_`. Areas with the label `__ignore__` are neither object nor background. The
    picture in the JSON, if there is one, takes precedence over the file that the JSON names, as in LabelMe.
    """

    format_name = "LabelMe"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the JSONs and checks them; decodes no image.

        Args:
            place: the folder, or one JSON of LabelMe.
            reading: the order of the classes, and how to read photos that fit their shapes in both
                orientations.

        Raises:
            DataError: a JSON or a shape is not in LabelMe's format, no shape has an area, or pictures are
                missing.
        """
        place = Place.at(place)
        paths = place.jsons
        folder = paths[0].parent if paths else place.path
        with gathering(self) as problems:
            read = problems.each(lambda path: (path, read_labelme(path, problems)), paths)
            files = [file for _, file in read if file is not None]
            if not files:
                raise DataError(f"{place.path} has no JSON of LabelMe")
            objects = [shape for file in files for shape in file.shapes if _is_object(shape)]
            found = {shape.label for shape in objects}
            classes = classes_of(found, folder, reading, f"the shapes in {folder.name}")
            notes = [
                *counted(
                    [path.name for path, file in read if file is None],
                    "JSON is not LabelMe's and is ignored",
                    "JSONs are not LabelMe's and are ignored",
                ),
                *_about_left_out(files),
            ]
            located = _sources(files, folder, problems)
            sources = [source for _, source in located]
            super().__init__(
                place.path,
                classes,
                [file.path.stem for file, _ in located],
                [_drawing(file, source, classes, problems) for file, source in located],
                reading,
                described_in="its JSON",
                notes=[*notes, *_about_bare_pictures(files, sources)],
            )


def _is_object(shape: LabelMeShape) -> bool:
    return has_area(shape) and shape.label not in (IGNORED, BACKGROUND)


def _drawing(file: LabelMeFile, source: Source, classes: list[str], problems: Problems) -> Drawing:
    """The picture's objects without invalid parts; a group is at the place of its first part."""
    parts_of: dict[tuple[str, object], list[LabelMeShape]] = defaultdict(list)
    for shape in file.shapes:
        if has_area(shape) and shape.label != BACKGROUND:
            whole = ("shape", shape.number) if shape.group is None else ("group", str(shape.group))
            parts_of[shape.label, whole].append(shape)
    shapes, ignored = [], []
    for (label, _), parts in parts_of.items():
        numbers = " and ".join(str(part.number) for part in parts)
        name = f"shape{'s' * (len(parts) > 1)} {numbers}"
        pixels = problems.each(part_of, parts, repeat(file.path))
        if label == IGNORED:
            ignored.append(Shape(0, pixels, name, is_crowd=True))
        else:
            shapes.append(Shape(classes.index(label), pixels, name))
    return Drawing(source, file.size, shapes, ignored)


def _sources(
    files: Sequence[LabelMeFile], folder: Path, problems: Problems
) -> list[tuple[LabelMeFile, Source]]:
    """The files whose picture is there, with its location."""
    sources: list[tuple[LabelMeFile, Source]] = []
    missing = []
    for file in files:
        if file.has_picture:
            sources.append((file, EmbeddedPicture(file.path)))
        elif path := _picture_path(file):
            sources.append((file, PictureFile(path)))
        else:
            missing.append(f"{file.picture or f'{file.path.stem}.*'} of {file.path.name}")
    if missing:
        problems.add(
            DataError(
                f"{folder} lacks the pictures of {len(missing)} of {len(files)} JSONs, {shown(missing)}: put "
                "each next to its JSON"
            )
        )
    return sources


def _picture_path(file: LabelMeFile) -> Path | None:
    """The picture that a JSON names, or one with the JSON's name next to it or in images/."""
    folder = file.path.parent
    name = Path(file.picture).name
    folders = [folder, folder / "images", folder.parent / "images", folder.parent]
    candidates = [folder / file.picture, *(near / name for near in folders)] if name else []
    candidates += [near / f"{file.path.stem}{suffix}" for near in folders for suffix in SUFFIXES]
    return next((path for path in candidates if path.is_file()), None)


def _about_bare_pictures(files: Sequence[LabelMeFile], sources: Sequence[Source]) -> list[Finding]:
    """A finding about pictures without a JSON."""
    used = {source.path.resolve() for source in sources if isinstance(source, PictureFile)}
    stems = {file.path.stem for file in files}
    folders = {path.parent for path in used} or {files[0].path.parent}
    bare = [
        short(path)
        for folder in sorted(folders)
        for path in sorted(folder.glob("[!.]*"))
        if path.suffix.lower() in SUFFIXES and path.resolve() not in used and path.stem not in stems
    ]
    return counted(
        bare,
        "picture has no JSON and is ignored, as not annotated yet",
        "pictures have no JSON and are ignored, as not annotated yet",
    )


def _about_left_out(files: Sequence[LabelMeFile]) -> Iterator[Finding]:
    shapes = [(file.path.name, shape) for file in files for shape in file.shapes]
    for kind in sorted({shape.kind for _, shape in shapes if not has_area(shape)}):
        where = [(name, f"shape {shape.number}") for name, shape in shapes if shape.kind == kind]
        yield from left_out(where, f"{kind} (it has no area)", f"{kind}s (they have no area)")
    named = [(name, shape) for name, shape in shapes if has_area(shape) and shape.label == BACKGROUND]
    where = [(name, f"shape {shape.number}") for name, shape in named]
    yield from left_out(where, f"shape labelled {BACKGROUND}", f"shapes labelled {BACKGROUND}")


FORMAT = DataFormat(
    LabelMeFolder.format_name,
    "a JSON of LabelMe for each image",
    lambda place: bool(place.of_kind(is_labelme)),
    LabelMeFolder,
)
