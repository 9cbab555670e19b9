"""COCO: an instances JSON and the images that it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.data.class_names import BACKGROUND_NAMES
from model.data.files import shown
from model.data.findings import Finding, counted, number_of
from model.data.formats.coco_json import check_coco
from model.data.formats.data_format import DataFormat
from model.data.formats.place import Place
from model.data.gathering import Problems, gathering
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError, check_classes
from model.data.shapes import Drawing, DrawnShapes, Shape
from model.data.sources import PictureFile


class CocoFolder(DrawnShapes):
    """Images with COCO annotations: polygons, run lengths as a list, or compressed run lengths.

    Category ids are renumbered to 1…K in their order, so COCO's 80, numbered with gaps up to 90, become 1…80.
    The root category that Roboflow adds, which no object has, is ignored; so is a background category, as
    LabelMe's converter adds, with its annotations.
    """

    format_name = "COCO"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the JSON and checks it; decodes no image and no mask.

        Args:
            place: the instances JSON, or a folder with exactly one, in annotations/ or at its top level.
            reading: how to read photos that fit their annotations in both orientations.

        Raises:
            DataError: there is no JSON or more than one, the JSON is not COCO's, a category has no unique
                name, an annotation has no mask, or images are missing.
        """
        place = Place.at(place)
        self.json_path = place.the_one(_jsons(place) or place.jsons, "COCO")
        with gathering(self) as problems:
            coco = check_coco(place.document(self.json_path), self.json_path, problems)
            categories = sorted(coco["categories"], key=lambda category: category["id"])
            root = _root_of_roboflow(categories, coco["annotations"])
            categories = [category for category in categories if category is not root]
            background = [category for category in categories if category["name"].lower() in BACKGROUND_NAMES]
            categories = [category for category in categories if category not in background]
            names = [category["name"] for category in categories]
            check_classes(names, f"the categories of {self.json_path.name}")
            class_id_of = {category["id"]: i for i, category in enumerate(categories, start=1)}
            shapes_of: dict[object, list[Shape]] = defaultdict(list)
            for annotation in coco["annotations"]:
                if annotation["category_id"] in class_id_of:  # else it is background
                    shapes_of[annotation["image_id"]].append(_shape(annotation, class_id_of))
            file_names = [_file_name(image) for image in coco["images"]]
            self.image_folder = _image_folder(self.json_path, file_names)
            images = _images(coco["images"], self.image_folder, self.json_path.name, problems)
            drawings = [
                Drawing(PictureFile(path), (image["width"], image["height"]), shapes_of[image["id"]])
                for path, image in images
            ]
            super().__init__(
                place.path,
                ["background", *names],
                [str(image["id"]) for _, image in images],
                drawings,
                reading,
                described_in=self.json_path.name,
                notes=[
                    *_about_root(root),
                    *_about_background(background, coco["annotations"]),
                    *_about_crowds(coco["annotations"], self.json_path),
                    *_about_spare_images(self.image_folder, file_names),
                ],
            )


def is_coco(document: Any) -> bool:
    """Whether a JSON's content has the sections of a COCO JSON, and is not panoptic."""
    has_all = isinstance(document, dict) and {"images", "annotations", "categories"} <= set(document)
    return has_all and not is_panoptic(document)


def is_panoptic(document: Any) -> bool:
    """Whether a JSON's content is in COCO's panoptic format, whose masks are separate picture files."""
    annotations = document.get("annotations") if isinstance(document, dict) else None
    first = annotations[0] if isinstance(annotations, list) and annotations else None
    return isinstance(first, dict) and "segments_info" in first


def _jsons(place: Place) -> list[Path]:
    """The COCO JSONs at a place. Several with COCO's file names are not read, since that takes seconds."""
    named = [
        path
        for path in place.jsons
        if path.parent.name == "annotations" and path.stem.startswith("instances")
    ]
    return named if len(named) > 1 else place.of_kind(is_coco)


def _shape(annotation: dict[str, Any], class_id_of: dict[int, int]) -> Shape:
    segmentation = annotation["segmentation"]
    return Shape(
        class_id_of[annotation["category_id"]],
        segmentation if isinstance(segmentation, list) else [segmentation],
        f"annotation {annotation['id']}",
        bool(annotation.get("iscrowd")),
    )


def _root_of_roboflow(
    categories: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """The category that Roboflow adds for the project: without objects, the supercategory of the others."""
    used = {annotation["category_id"] for annotation in annotations}
    parents = {category.get("supercategory") for category in categories}
    for category in categories:
        is_root = category.get("supercategory") == "none" and category["name"] in parents
        if is_root and category["id"] not in used and len(categories) > 1:
            return category
    return None


def _about_root(root: dict[str, Any] | None) -> list[Finding]:
    if root is None:
        return []
    text = f"the category {root['name']!r} (id {root['id']}) is ignored"
    return [Finding(f"{text}: it is the root category that Roboflow adds, and no object has it")]


def _about_background(
    background: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]
) -> list[Finding]:
    findings = []
    for category in background:
        count = sum(annotation["category_id"] == category["id"] for annotation in annotations)
        of_it = f", with its {number_of(count, 'annotation', 'annotations')}" if count else ""
        text = f"the category {category['name']!r} (id {category['id']}) is ignored{of_it}"
        findings.append(Finding(f"{text}: background is everything that is not an object"))
    return findings


def _about_crowds(annotations: Sequence[dict[str, Any]], json_path: Path) -> list[Finding]:
    if not annotations or not all(annotation.get("iscrowd") for annotation in annotations):
        return []
    return [
        Finding(
            "every annotation is marked as a crowd, which training ignores. Datumaro and other tools mark "
            "all masks that are not polygons as crowds: if each is one object, set 'iscrowd' to 0 in "
            f"{json_path.name}, or export polygons"
        )
    ]


def _about_spare_images(folder: Path, file_names: Sequence[str]) -> list[Finding]:
    """Findings about pictures in the JSON's folder that the JSON does not list."""
    known = {Path(name).name for name in file_names}
    suffixes = {Path(name).suffix for name in file_names}
    spare = [
        path.name for path in sorted(folder.iterdir()) if path.suffix in suffixes and path.name not in known
    ]
    return counted(
        spare,
        "picture in the folder is not in the JSON and is ignored",
        "pictures in the folder are not in the JSON and are ignored",
    )


def _file_name(image: Mapping[str, Any]) -> str:
    name: str = image["file_name"].replace("\\", "/")
    return name


def _image_folder(json_path: Path, file_names: Sequence[str]) -> Path:
    """The first of the usual folders that has the first image; all other images must be there too."""
    split = json_path.stem.removeprefix("instances_")
    root = json_path.parent.parent if json_path.parent.name == "annotations" else json_path.parent
    customary = [root / split, root / "images" / split, root / "images", root]
    for name in file_names:  # the first one, unless it is missing
        for folder in customary:
            if (folder / name).is_file():
                return folder
    looked = ", ".join(str(folder) for folder in customary)
    raise DataError(f"{json_path.name} lists {file_names[0]}, which is in none of {looked}")


def _images(
    images: Sequence[dict[str, Any]], folder: Path, json_name: str, problems: Problems
) -> list[tuple[Path, dict[str, Any]]]:
    """The images that are in the folder, each with its path."""
    there, missing = [], []
    for image in images:
        path = folder / _file_name(image)
        if path.is_file():
            there.append((path, image))
        else:
            missing.append(_file_name(image))
    if missing:
        count = f"{len(missing):,} of {len(images):,}"
        problems.add(DataError(f"{folder} lacks {count} images of {json_name}: {shown(missing)}"))
    return there


FORMAT = DataFormat(
    CocoFolder.format_name,
    "a COCO JSON in annotations/ or next to the images",
    lambda place: bool(_jsons(place)),
    CocoFolder,
)
