"""Formats that are not read, each with what makes a format of it that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from model.data.formats.coco import is_panoptic
from model.data.formats.place import Place

FILES_LOOKED_AT = 20
HEAD_BYTES = 2000


@dataclass(frozen=True)
class UnreadFormat:
    """A format that people have and that is not read.

    Attributes:
        name: as its users call it.
        recognises: the first file by which it is known; None if the place holds something else.
        conversion: what makes COCO, or another format that is read, of it.
    """

    name: str
    recognises: Callable[[Place], Path | None]
    conversion: str


def _files(place: Place, *patterns: str) -> Iterator[Path]:
    """The first files of these patterns, or the place itself where it is one of them."""
    if place.path.is_file():
        is_one = any(place.path.match(pattern) for pattern in patterns if "/" not in pattern)
        return iter([place.path] if is_one else [])
    return islice(chain.from_iterable(place.path.glob(pattern) for pattern in patterns), FILES_LOOKED_AT)


def _with_text(*texts: str, among: tuple[str, ...]) -> Callable[[Place], Path | None]:
    """Files of these patterns that have all of the texts near their beginning."""

    def find(place: Place) -> Path | None:
        for path in _files(place, *among):
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES).decode(errors="replace")
            if all(text in head for text in texts):
                return path
        return None

    return find


def _with_name(*patterns: str) -> Callable[[Place], Path | None]:
    return lambda place: next(_files(place, *patterns), None)


def _json(is_one: Callable[[Any], bool]) -> Callable[[Place], Path | None]:
    return lambda place: next(iter(place.of_kind(is_one)), None)


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda document: isinstance(document, dict) and set(names) <= set(document)


def _is_label_studio(document: Any) -> bool:
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and "data" in first and ("annotations" in first or "completions" in first)


# Not as run lengths: those it marks as crowds. Not "-f coco", which writes other JSONs beside the instances.
_DATUMARO = (
    'with Datumaro (pip install "datumaro[cli]"): datum convert -if {} -i FOLDER -f coco_instances -o OUT -- '
    "--save-media --segmentation-mode polygons"
)

UNREAD = (
    UnreadFormat(
        "COCO's panoptic format",
        _json(is_panoptic),
        "panopticapi makes COCO instances of it (from github.com/cocodataset/panopticapi, run in its "
        "folder): python converters/panoptic2detection_coco_format.py --things_only --input_json_file FILE "
        "--output_json_file instances.json",
    ),
    UnreadFormat(
        "COCO without categories (captions)",
        _json(lambda document: _has("images", "annotations")(document) and "categories" not in document),
        "it has no masks; name the instances JSON",
    ),
    UnreadFormat("Datumaro's JSON", _json(_has("items", "categories")), _DATUMARO.format("datumaro")),
    UnreadFormat(
        "VIA 3",
        _json(_has("project", "config", "metadata")),
        "exports and projects of VIA 2 are read; a project cannot be carried over by VIA itself",
    ),
    UnreadFormat("Label Studio's JSON", _json(_is_label_studio), "in Label Studio, Export as COCO"),
    UnreadFormat(
        "Supervisely",
        lambda place: (
            _json(_has("objects", "size"))(place) or _with_name("ann/*.json", "*/ann/*.json")(place)
        ),
        "in Supervisely, run the app Export to COCO",
    ),
    UnreadFormat(
        "Cityscapes",
        _with_name(
            "gtFine/*/*/*_gtFine_polygons.json", "*/*/*_gtFine_polygons.json", "*_gtFine_polygons.json"
        ),
        # Datumaro reads what each pixel is, and no objects.
        "MMDetection makes COCO of it (from github.com/open-mmlab/mmdetection): python "
        "tools/dataset_converters/cityscapes.py FOLDER; then put each JSON into its leftImg8bit/SPLIT/",
    ),
    UnreadFormat(
        "VIA's CSV",
        _with_text("region_shape_attributes", among=("*.csv",)),
        "in VIA, Annotation > Export Annotations (as json)",
    ),
    UnreadFormat(
        "CVAT's XML",
        _with_text("<annotations", "<version>", among=("*.xml", "annotations/*.xml")),
        "in CVAT, export as COCO 1.0; or " + _DATUMARO.format("cvat"),
    ),
    UnreadFormat(
        "Pascal VOC",
        _with_text("<annotation", among=("*.xml", "Annotations/*.xml", "*/*.xml")),
        "its boxes teach no masks. Where SegmentationObject/ is there, "
        + _DATUMARO.format("voc_segmentation")
        + "; or copy SegmentationClass/ to masks/, the pictures that it has maps for to images/, and write a "
        "classes.txt, to measure models of classes",
    ),
    UnreadFormat(
        "YOLO",
        lambda place: (
            _with_name("labels/*.txt", "labels/*/*.txt", "*/labels/*.txt")(place)
            or _with_text("names:", among=("*.yaml", "*.yml"))(place)
        ),
        "where its lines are polygons, supervision makes COCO of them (pip install supervision): "
        'sv.DetectionDataset.from_yolo("images", "labels", "data.yaml", force_masks=True)'
        '.as_coco(annotations_path="annotations.json"); boxes teach no masks',
    ),
    UnreadFormat(
        "TFRecord",
        _with_name("*.tfrecord", "*.record"),
        _DATUMARO.format("tf_detection_api").replace("[cli]", "[cli,tf]"),
    ),
)
"""In the order in which they are asked."""


def what_it_is(place: Place) -> str | None:
    """What to say of a place in a format that is not read; None if it is none of these."""
    for unread in UNREAD:
        if path := unread.recognises(place):
            named = path.name if path == place.path else path.relative_to(place.path)
            return f"is {unread.name} ({named}), which is not read: {unread.conversion}"
    return None
