"""Unsupported formats, each with a way to convert it to a supported one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model.data.formats.coco import is_panoptic
from model.data.formats.looking import Look, with_name, with_text
from model.data.formats.place import Place


@dataclass(frozen=True)
class UnreadFormat:
    """A common format that is not supported.

    Attributes:
        name: its common name.
        recognises: the first file that identifies the format; None if the place is not in this format.
        conversion: how to convert it to COCO or another supported format.
    """

    name: str
    recognises: Look
    conversion: str


def _json(is_one: Callable[[Any], bool]) -> Look:
    return lambda place: next(iter(place.of_kind(is_one)), None)


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda document: isinstance(document, dict) and set(names) <= set(document)


def _with_voc(text: str) -> Look:
    return with_text(text, among=("*.xml", "Annotations/*.xml", "*/*.xml"))


def _is_label_studio_min(document: Any) -> bool:
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and {"id", "annotation_id", "annotator"} <= set(first)


# Polygons, since it marks run lengths as crowds. Not "-f coco", which also writes JSONs other than instances.
_DATUMARO = (
    'with Datumaro (pip install "datumaro[cli]"): datum convert -if {} -i FOLDER -f coco_instances -o OUT -- '
    "--save-media --segmentation-mode polygons"
)

UNREAD = (
    UnreadFormat(
        "COCO's panoptic format",
        _json(is_panoptic),
        "convert it to COCO instances with panopticapi (from github.com/cocodataset/panopticapi, run in its "
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
        "only exports and projects of VIA 1 and 2 are; VIA itself cannot convert a project of VIA 3",
    ),
    UnreadFormat(
        "Label Studio's JSON-MIN",
        _json(_is_label_studio_min),
        "in Label Studio, export as JSON, not JSON-MIN",
    ),
    UnreadFormat(
        "Cityscapes",
        with_name(
            "gtFine/*/*/*_gtFine_polygons.json", "*/*/*_gtFine_polygons.json", "*_gtFine_polygons.json"
        ),
        # Datumaro reads only the class of each pixel, no objects.
        "convert it to COCO with MMDetection (from github.com/open-mmlab/mmdetection): python "
        "tools/dataset_converters/cityscapes.py FOLDER; then put each JSON into its leftImg8bit/SPLIT/",
    ),
    UnreadFormat(
        "VIA's CSV",
        with_text("region_shape_attributes", among=("*.csv",)),
        "in VIA, use Annotation > Export Annotations (as json)",
    ),
    UnreadFormat(
        "Pascal VOC without masks",
        lambda place: _with_voc("<annotation>")(place) or _with_voc("<annotation ")(place),
        "its boxes are not enough to learn masks: it needs a SegmentationClass/ and, to learn objects, a "
        "SegmentationObject/, beside its JPEGImages/",
    ),
    UnreadFormat(
        "YOLO of Darknet",
        with_name("obj.names", "obj.data"),
        "it holds boxes, which are not enough to learn masks: export as YOLO segmentation, whose lines are "
        "polygons",
    ),
    UnreadFormat(
        "TFRecord",
        with_name("*.tfrecord", "*.record"),
        _DATUMARO.format("tf_detection_api").replace("[cli]", "[cli,tf]"),
    ),
)
"""In the order in which they are tried."""


def what_it_is(place: Place) -> str | None:
    """The message for a place in an unsupported format; None if the format is not known."""
    for unread in UNREAD:
        if path := unread.recognises(place):
            named = path.name if path == place.path else path.relative_to(place.path)
            return f"is {unread.name} ({named}), which is not supported: {unread.conversion}"
    return None
