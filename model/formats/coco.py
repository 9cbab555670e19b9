"""COCO: a data set of one image, for pycocotools and tools that are built on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model.formats.json import MaskFormat
from model.measures import Measures
from model.results.masks import Mask, RunLengths, to_rle
from model.results.polygons import to_parts
from model.results.segments import Segments

_IMAGE_ID = 1


def segments_to_coco(
    segments: Segments,
    class_names: Sequence[str],
    *,
    mask_format: MaskFormat = "rle",
    measures: Measures | None = None,
) -> dict[str, Any]:
    """A COCO data set of plain Python values, with an annotation for each segment, best score first.

    Args:
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.
        mask_format: the form of `segmentation`:
            "rle": compressed run lengths;
            "polygon": a polygon for each part, but run lengths for a mask with holes, which COCO's tools
                would fill, or without pixels;
            "png": run lengths, since COCO has no PNG masks;
            "none": absent.
        measures: those of the segments, which become a member `measures` of each annotation.

    Returns:
        The members info, licenses, images, annotations and categories. The image has id 1 and the file name
        "image". Annotations are numbered from 1, have a score like COCO's results, and are not crowds; areas
        are those of the masks. Those that a person has edited have the attribute "edited", in the member in
        which labelling tools keep attributes. Categories are all classes with a name except the background,
        with their class ids.
    """
    width, height = segments.size
    areas = segments.areas().tolist()
    scores = segments.written_scores()
    edited = segments.are_edited()
    ids = segments.ids()
    annotations: list[dict[str, Any]] = []
    for index, (x1, y1, x2, y2) in enumerate(segments.boxes.tolist()):
        annotation: dict[str, Any] = {
            "id": ids[index],
            "image_id": _IMAGE_ID,
            "category_id": int(segments.class_ids[index]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": areas[index],
            "iscrowd": 0,
            "score": scores[index],
        }
        if edited[index]:
            annotation["attributes"] = {"edited": True}
        if measures is not None:
            annotation["measures"] = measures.values[index]
        if mask_format != "none":
            annotation["segmentation"] = _segmentation(segments, index, polygons=mask_format == "polygon")
        annotations.append(annotation)
    return {
        "info": {},
        "licenses": [],
        "images": [{"id": _IMAGE_ID, "file_name": "image", "width": width, "height": height}],
        "annotations": annotations,
        "categories": [
            {"id": class_id, "name": name}
            for class_id, name in enumerate(class_names)
            if class_id > 0 and name
        ],
    }


def _segmentation(segments: Segments, index: int, *, polygons: bool) -> list[list[int]] | RunLengths:
    mask: Mask = segments.masks[index]
    box = segments.boxes[index]
    parts = to_parts(mask, box) if polygons else []
    if parts and all(len(rings) == 1 for rings in parts):
        return [ring.ravel().tolist() for (ring,) in parts]
    return to_rle(mask, box, segments.size)
