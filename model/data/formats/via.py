"""VGG Image Annotator (VIA): an export or a project of version 1 or 2, and its images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.place import Place
from model.data.formats.via_json import (
    OUTLINES,
    Region,
    default_folder,
    is_via,
    outline_of,
    regions_of_pictures,
)
from model.data.gathering import Problems, gathering
from model.data.locating import located
from model.data.naming import classes_of, only_class
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.shapes import Drawing, DrawnShapes, Shape, left_out
from model.data.sources import PictureFile

VALUES_SHOWN = 4


class ViaFolder(DrawnShapes):
    """Images with regions of VIA: polygons, rectangles, circles and ellipses.

    The class of a region is the value of its region attribute, which may have any name; if there are several,
    `reading.class_attribute` selects one. If there is none, all regions have the same class. Points and lines
    have no area and are left out. Pictures without a region are considered not annotated yet and ignored, as
    in Matterport's tutorials.
    """

    format_name = "VIA"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the JSON and checks it; decodes no image.

        Args:
            place: the JSON, or a folder with exactly one of VIA next to the images.
            reading: the attribute that is the class, the order of the classes, and how to read photos that
                fit their regions in both orientations.

        Raises:
            DataError: there is no JSON or more than one, regions are not in VIA's format, there are several
                attributes but no choice, or images are missing.
        """
        place = Place.at(place)
        json_path = place.the_one(place.of_kind(is_via), "VIA")
        document = place.document(json_path)
        with gathering(self) as problems:
            pictures = regions_of_pictures(document, json_path, problems)
            annotated = [name for name, regions in pictures.items() if regions]
            if not annotated:
                raise DataError(
                    f"{json_path} has no region in any of its {len(pictures)} pictures: annotate some first"
                )
            regions = [region for name in annotated for region in pictures[name]]
            with_area = [region for region in regions if region.kind in OUTLINES]
            attribute = _class_attribute(with_area, reading.class_attribute, json_path)
            only, assumed = only_class(json_path.parent, reading) if attribute is None else ("", [])
            named = [(region, only or region.value(attribute or "")) for region in with_area]
            found = {name for _, name in named if name}
            classes = classes_of(found, json_path.parent, reading, f"the regions of {json_path.name}")
            shapes_of: dict[str, list[Shape]] = defaultdict(list)
            for region, name in named:
                for outline in problems.each(outline_of, [region] if name else [], [json_path]):
                    shapes_of[region.picture].append(Shape(classes.index(name), [outline], region.name))
            paths = _picture_paths(annotated, json_path, document, problems)
            there = [name for name in annotated if name in paths]
            super().__init__(
                place.path,
                classes,
                there,
                [Drawing(PictureFile(paths[name]), None, shapes_of[name]) for name in there],
                reading,
                described_in=json_path.name,
                notes=[
                    *assumed,
                    *counted(
                        [name for name, regions in pictures.items() if not regions],
                        "picture has no region and is ignored, as not annotated yet",
                        "pictures have no region and are ignored, as not annotated yet",
                    ),
                    *_about_left_out(regions, [region for region, name in named if not name], attribute),
                ],
            )
            self.has_names = not assumed or bool(reading.classes)


def _class_attribute(regions: Sequence[Region], wanted: str | None, path: Path) -> str | None:
    """The region attribute that has the class; None if no attribute has any value.

    Raises:
        DataError: several attributes have values, or `wanted` has none.
    """
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for region in regions:
        for attribute in region.attributes:
            if value := region.value(attribute):
                values[attribute][value] += 1
    if wanted is not None and wanted not in values:
        has = f"has {_described(values)}" if values else "has none"
        raise DataError(f"{path.name} has no region attribute {wanted!r} with a value: it {has}")
    if wanted is None and len(values) > 1:
        example = next(iter(values))
        raise DataError(
            f"{path.name} has several region attributes, {_described(values)}: choose the one that is the "
            f"class, for example --class-attribute {example}"
        )
    return wanted if wanted is not None else next(iter(values), None)


def _described(values: dict[str, Counter[str]]) -> str:
    """Each attribute with its most frequent values."""
    told = []
    for attribute, counts in values.items():
        most = ", ".join(value for value, _ in counts.most_common(VALUES_SHOWN))
        told.append(f"{attribute} ({most}{', …' if len(counts) > VALUES_SHOWN else ''})")
    return " and ".join(told)


def _about_left_out(
    regions: Sequence[Region], without_class: Sequence[Region], attribute: str | None
) -> Iterator[Finding]:
    for kind in sorted({region.kind for region in regions} - set(OUTLINES)):
        where = [(region.picture, region.name) for region in regions if region.kind == kind]
        yield from left_out(where, f"{kind} (it has no area)", f"{kind}s (they have no area)")
    yield from left_out(
        [(region.picture, region.name) for region in without_class],
        f"region without a single value of {attribute!r}",
        f"regions without a single value of {attribute!r}",
        advice="Training uses them as background: give them a class in VIA",
    )


def _picture_paths(
    names: Sequence[str], json_path: Path, document: Any, problems: Problems
) -> dict[str, Path]:
    """The path of each picture: next to the JSON, in images/ there, or in the folder that a project names."""
    root = json_path.parent
    named = root / default_folder(document).replace("\\", "/")
    return located(names, [root, named, root / "images", root.parent / "images"], json_path.name, problems)


FORMAT = DataFormat(
    ViaFolder.format_name,
    "a JSON of VIA next to the images",
    lambda place: bool(place.of_kind(is_via)),
    ViaFolder,
    has_class_attribute=True,
)
